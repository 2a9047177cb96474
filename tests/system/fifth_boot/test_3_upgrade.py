"""An upgrade hands over what both versions know of; what one of them does not is drained."""

import pathlib
import re
import signal

import pytest

import machine
import meanwhile
import users
from machine import eventually, run, show, systemctl
from packages import NOW, VERSION, install, repack

HERE = ("127.0.0.1", 7)
UNIT = "lib/systemd/system/echod.service"
OF_HAND_OVER = (
    r"(?m)^(RestartKillSignal|FileDescriptorStoreMax|SuccessExitStatus|RestartForceExitStatus|"
    r"StartLimitIntervalSec)=.*\n"
)
PROGRAM = pathlib.Path("/usr/sbin/echod")
DROP_INS = pathlib.Path("/run/systemd/system/echod.service.d")
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")


KNOWS_NO_PARCEL = """#!/bin/sh
case $LISTEN_FDNAMES in *parcel*) exit 78 ;; esac
exec /usr/sbin/echod-itself "$@"
"""


def without_hand_over(tree):
    """As it was before 0.2.0: at a restart the unit has SIGTERM sent, and a socket that is passed
    and that no listener has is a fault."""
    program = tree / "usr/sbin/echod"
    program.rename(tree / "usr/sbin/echod-itself")
    program.write_text(KNOWS_NO_PARCEL)
    program.chmod(0o755)
    unit = tree / UNIT
    text = unit.read_text()
    assert len(re.findall(OF_HAND_OVER, text)) == 5
    unit.write_text(re.sub(OF_HAND_OVER, "", text))
    postinst = tree / "DEBIAN/postinst"
    postinst.write_text(postinst.read_text().replace("! can_take_over", "false"))


class Everything(meanwhile.Everything):
    """In a hurry, as in the tests of restarts."""

    RATE, WAIT = 250, 3


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    return repack(tmp_path_factory.mktemp("earlier"), "0.1.0-9", without_hand_over)


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    return repack(tmp_path_factory.mktemp("later"), "0.2.0-9", lambda _: None)


@pytest.fixture
def now(service):
    """The package under test is there before and after."""
    machine.CONFIGURATION.write_text(machine.SHIPPED.read_text())
    yield
    POLICY.unlink(missing_ok=True)
    installed = run("dpkg-query", "-W", "-f", "${Version}", "echod", status=None)
    if installed != VERSION or not PROGRAM.exists():
        systemctl("stop", "echod.service", status=None)
        install(NOW)
    systemctl("enable", "echod.service")


@pytest.fixture
def with_earlier(now, earlier):
    install(earlier)
    assert show("FileDescriptorStoreMax") == "0"


@pytest.fixture
def peer(now):
    with users.connect() as peer:
        users.echo(peer)
        yield peer


@pytest.fixture
def peer_of_earlier(with_earlier):
    with users.connect() as peer:
        users.echo(peer)
        yield peer


def installs_with_a_drain(package, peer, journal):
    """By SIGTERM, and not by whatever comes of another signal."""
    before = machine.main_pid()
    leaving = users.Leaving(peer)
    install(package)
    journal.next("^SIGTERM: ")
    return leaving.end == "eof" and machine.main_pid() not in (0, before)


def hands_over():
    """A restart does, from now on."""
    assert not DROP_INS.exists()
    assert show("RestartKillSignal") == str(int(signal.SIGUSR2))
    with users.connect() as peer:
        users.echo(peer)
        systemctl("restart", "echod.service")
        users.echo(peer)
    return True


def test_an_upgrade_under_load_ends_nothing(now, later):
    machine.add('log { level = "notice" }\n')
    limits = " ".join(f"{name} = {value}" for name, value in meanwhile.limits(1000).items())
    machine.add(f"limits {{ {limits} }}\n")
    systemctl("restart", "echod.service")
    before = machine.main_pid()
    with Everything(HERE, HERE, rate=2000) as everything:
        everything.see_through(lambda: install(later))
    assert machine.main_pid() not in (0, before)
    print(everything)


def test_the_same_version_again_ends_nothing(peer):
    install(NOW)
    users.echo(peer)


def test_an_upgrade_with_the_socket_unit(socket_unit, now, later):
    with users.connect() as peer, users.Crowd() as crowd:
        users.echo(peer)
        install(later)
        users.echo(peer)
    assert set(crowd.outcomes) == {"echoed"}, crowd.outcomes
    assert systemctl("is-active", "echod.socket") == "active\n"


def test_the_first_upgrade_drains(peer_of_earlier, journal):
    assert installs_with_a_drain(NOW, peer_of_earlier, journal)
    assert hands_over()


def test_the_first_upgrade_of_a_disabled_one_that_runs(peer_of_earlier, journal):
    systemctl("disable", "echod.service")
    assert installs_with_a_drain(NOW, peer_of_earlier, journal)
    assert hands_over()


def test_the_first_upgrade_of_a_disabled_one_that_is_stopped(with_earlier):
    systemctl("disable", "--now", "echod.service")
    install(NOW)
    assert show("ActiveState") == "inactive"
    systemctl("start", "echod.service")
    assert hands_over()


def test_the_first_upgrade_where_nothing_may_be_restarted(peer_of_earlier, journal):
    """The earlier one goes on; the restart that is to come drains it, still."""
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    before = machine.main_pid()
    install(NOW)
    assert machine.main_pid() == before
    users.echo(peer_of_earlier)
    leaving = users.Leaving(peer_of_earlier)
    systemctl("restart", "echod.service")
    journal.next("^SIGTERM: ")
    assert leaving.end == "eof"
    POLICY.unlink()
    install(NOW)
    assert hands_over()


def test_a_downgrade_drains(peer, earlier, journal):
    assert installs_with_a_drain(earlier, peer, journal)
    users.prove()


def test_a_downgrade_among_those_that_hand_over_drains(now, later, journal):
    install(later)
    with users.connect() as peer:
        users.echo(peer)
        assert installs_with_a_drain(NOW, peer, journal)
    assert hands_over()


# --- while all waits ----------------------------------------------------------------------------------


@pytest.fixture
def waiting(peer):
    """The program is missing, which each of the packages brings."""
    PROGRAM.unlink()
    systemctl("restart", "--no-block", "echod.service")
    eventually(lambda: show("NFileDescriptorStore") == "1", "the parcel is with systemd")
    return peer


def test_an_upgrade_while_all_waits_cures(waiting, later):
    install(later)
    users.echo(waiting)


def test_a_downgrade_while_all_waits_serves(waiting, earlier):
    install(earlier)
    assert show("ActiveState") == "active"
    users.prove()


def test_a_downgrade_to_one_that_might_not_know_it_ends_all(now, later):
    install(later)
    with users.connect() as peer:
        users.echo(peer)
        PROGRAM.unlink()
        systemctl("restart", "--no-block", "echod.service")
        eventually(lambda: show("NFileDescriptorStore") == "1", "the parcel is with systemd")
        leaving = users.Leaving(peer)
        install(NOW)
        assert leaving.end in ("eof", "reset")
    assert hands_over()


def test_a_removal_while_all_waits_ends_all(waiting):
    leaving = users.Leaving(waiting)
    run("dpkg", "--remove", "echod")
    assert leaving.end in ("eof", "reset")
    assert ("tcp", "*:7") not in machine.open_ports()
    assert show("LoadState") == "not-found"
