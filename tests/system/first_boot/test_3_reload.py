"""systemctl reload: good and bad, once and many times under load."""

import gzip
import itertools
import os
import pathlib
import socket

import pytest

import machine
import users
from machine import eventually, run, show, systemctl

pytestmark = pytest.mark.usefixtures("service")

COUNT = int(os.environ["RELOADS"])
MANUAL = pathlib.Path("/usr/share/man/man8/echod.8.gz")


def test_a_reload_takes_an_edit(journal):
    pid = machine.main_pid()
    with users.connect() as peer:
        machine.add('listen more { address = "localhost" port = 10007 }\n')
        systemctl("reload", "echod")
        journal.next("^reloaded ")
        with users.connect(10007) as another:
            users.echo(another)
        users.echo(peer)
    assert machine.main_pid() == pid


def test_a_broken_edit_changes_nothing_and_status_says_why(journal):
    with users.connect() as peer:
        machine.add("limits { idle_timeout = never }\n")
        line = next(
            number
            for number, text in enumerate(machine.CONFIGURATION.read_text().splitlines(), 1)
            if "never" in text
        )
        systemctl("reload", "echod", status=1)
        journal.next("^reload failed")
        users.echo(peer)
        users.prove()
    status = eventually(
        lambda: [text for text in run("systemctl", "status", "echod").splitlines() if "reload failed" in text],
        "the status tells of the fault",
    )
    assert "Status:" in status[0]
    assert f"/etc/echod.conf:{line}: " in status[0]
    assert show("ActiveState") == "active"
    run("echod", "-t", status=78)


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 10008)):
        yield


@pytest.mark.parametrize("fault", machine.FAULTS.values(), ids=machine.FAULTS)
def test_whoever_reloads_a_fault_is_told(another_file, fault):
    pid = machine.main_pid()
    fault(another_file)
    systemctl("reload", "echod", status=1)
    eventually(lambda: "reload failed" in show("StatusText"), "the status tells of the fault")
    assert (show("ActiveState"), machine.main_pid()) == ("active", pid)
    machine.mend()
    systemctl("reload", "echod")
    eventually(lambda: "reload failed" not in show("StatusText"), "the status tells of the cure")


def test_what_only_the_daemon_finds_is_told_by_its_status(taken_port):
    machine.add('listen taken { address = "127.0.0.1" port = 10008 }\n')
    systemctl("reload", "echod")
    eventually(lambda: "Address already in use" in show("StatusText"), "the status tells why")


def test_a_drop_in_as_the_manual_has_it_looks_with_its_own_options(service):
    """Without its option the file has no listener: the look with other ones would fail."""
    manual = gzip.decompress(MANUAL.read_bytes()).decode()
    text = manual.split("changes this look as well:")[1].split(".Ed")[0].partition("\n[")[2]
    assert text.count("-o workers=1") == 2
    machine.drop_in("[" + text.replace("-o workers=1", "-l tcp://localhost:10007"))
    machine.CONFIGURATION.write_text("")
    systemctl("restart", "echod")
    systemctl("reload", "echod")
    with users.connect(10007) as peer:
        users.echo(peer)
    machine.add("nonsense\n")
    systemctl("reload", "echod", status=1)


def test_with_least_privileges_too(socket_unit):
    machine.drop_in(machine.LEAST_PRIVILEGE.read_text())
    systemctl("restart", "echod")
    systemctl("reload", "echod")
    machine.add("nonsense\n")
    systemctl("reload", "echod", status=1)
    users.prove()


def test_many_reloads_under_load_lose_nothing(journal, taken_port):
    """Every second one is bad. 200 peers a second connect, and a stream is compared."""
    machine.add('log { level = "notice" }\n')  # or journald suppresses lines
    plain = machine.CONFIGURATION.read_text()
    good = (
        plain + "limits { idle_timeout = 60 }\n",
        plain + 'listen more { address = "localhost" port = 10007 }\n',
        plain + "limits { connections = 9999 }\n",
        plain,
    )
    bad = (
        plain + "nonsense\n",
        plain + "limits { idle_timeout = never }\n",
        plain + 'listen taken { address = "127.0.0.1" port = 10008 }\n',
        plain[: len(plain) // 2],
    )
    # The port that is taken is no fault of the file: of that one only the daemon knows.
    statuses = itertools.cycle(int(i % 2 == 1 and i != 5) for i in range(8))
    texts = itertools.cycle(text for pair in zip(good, bad) for text in pair)
    pid = machine.main_pid()
    with users.Stream() as stream, users.Crowd() as crowd:
        for number in range(COUNT):
            machine.CONFIGURATION.write_text(next(texts))
            systemctl("reload", "echod", status=next(statuses))
            # Each is done before the next begins: by the status, which every one changes.
            eventually(
                lambda: ("reload failed" in show("StatusText")) == (number % 2 == 1),
                f"reload {number} has come to its end",
            )
    assert set(crowd.outcomes) == {"echoed"}, crowd.outcomes
    assert stream.report["received"] == stream.report["sent"] == stream.sent > 0
    assert machine.main_pid() == pid
    systemctl("kill", "-s", "USR1", "echod")
    for result in ("success", "failure"):
        line = journal.next(f'^echod_reloads_total{{result="{result}"}} ')["MESSAGE"]
        assert int(line.split()[-1]) == COUNT // 2
    print(f"{COUNT} reloads, {stream.sent} bytes, {crowd.outcomes}")
