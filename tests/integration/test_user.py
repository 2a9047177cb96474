"""Started as root: who echod is once it serves, and that it cannot be root again."""

import grp
import os
import pwd
import signal
import subprocess

import pytest

import kernel
from echod import listener, run, without_capabilities

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

NOBODY = pwd.getpwnam("nobody")
SERVING = {"user": "nobody"}
UNBOXED = {"sandbox": "false"}  # which would set no_new_privs for itself
NET_BIND_SERVICE = 1 << 10
LEAST = {
    "CapInh": 0,
    "CapPrm": NET_BIND_SERVICE,
    "CapEff": NET_BIND_SERVICE,
    "CapBnd": NET_BIND_SERVICE,
    "CapAmb": 0,
}
UNPRIVILEGED = ["setpriv", "--reuid", "nobody", "--regid", str(NOBODY.pw_gid), "--clear-groups"]
needs_privileged_ports = pytest.mark.skipif(
    kernel.first_unprivileged_port() < 1024, reason="this machine lets everybody have those ports"
)


@pytest.fixture
def readable_workdir(workdir):
    """The configuration can be read by the user that echod becomes."""
    os.chmod(workdir, 0o755)
    return workdir


def test_it_becomes_the_user_for_good(start, readable_workdir):
    daemon = start(options=SERVING, prefix=["setpriv", "--groups", "0,4"])
    daemon.wait_log(f"^notice: running as user nobody \\(uid {NOBODY.pw_uid}, gid {NOBODY.pw_gid}\\)")
    daemon.assert_echoes()
    threads = kernel.thread_ids(daemon.pid)
    assert len(threads) > 2
    for thread in threads:
        assert kernel.user_ids(thread) == [NOBODY.pw_uid] * 4
        assert kernel.group_ids(thread) == [NOBODY.pw_gid] * 4
        assert kernel.supplementary_groups(thread) == os.getgrouplist("nobody", NOBODY.pw_gid)


def test_of_roots_rights_it_keeps_one(start, readable_workdir):
    daemon = start(options={**SERVING, **UNBOXED})
    threads = kernel.thread_ids(daemon.pid)
    assert len(threads) > 2
    for thread in threads:
        assert kernel.capabilities(thread) == LEAST
        assert not kernel.can_gain_privileges(thread)


def test_to_be_root_without_roots_rights(start):
    daemon = start(options={"user": "root"})
    for thread in kernel.thread_ids(daemon.pid):
        assert kernel.user_ids(thread) == [0] * 4
        assert kernel.capabilities(thread) == LEAST


@needs_privileged_ports
def test_a_reload_binds_a_port_below_1024(start, readable_workdir):
    daemon = start(options=SERVING)
    port = kernel.free_privileged_port()
    daemon.configure([listener(), listener("low", port=port)], SERVING)
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    daemon.assert_echoes("low")


@needs_privileged_ports
def test_without_the_right_in_the_first_place_it_binds_none(start, readable_workdir):
    daemon = start(options=SERVING, prefix=without_capabilities("net_bind_service"))
    assert kernel.capabilities(daemon.pid) == dict.fromkeys(kernel.CAPABILITY_SETS, 0)
    daemon.configure([listener(port=kernel.free_privileged_port())], SERVING)
    assert "needs root or CAP_NET_BIND_SERVICE" in daemon.reload()[-2]


def test_it_still_reloads(start, readable_workdir):
    daemon = start(options=SERVING)
    daemon.configure(options={**SERVING, "drain_timeout": 7})
    assert daemon.reload()[-1].startswith("notice: reloaded ")


def test_a_file_that_the_user_cannot_read_is_told(start, readable_workdir):
    daemon = start(options=SERVING)
    os.chmod(daemon.file, 0o600)
    fault, verdict = daemon.reload()[-2:]
    assert fault == (
        f"err: {daemon.file}: Permission denied: uid {NOBODY.pw_uid} (nobody) must be able to read"
        " it, but it has mode 0600 and belongs to 0:0"
    )
    assert verdict == "err: reload failed: the running configuration stays in force"
    daemon.assert_echoes()


def test_a_file_that_the_user_cannot_read_is_told_at_start(start, workdir):
    daemon = start(options=SERVING)
    assert daemon.log.matching(
        f"^warning: {daemon.file}: a reload will fail: uid {NOBODY.pw_uid} \\(nobody\\) must be able"
        " to read it, and to search the folders that it is in$"
    )
    os.chmod(workdir, 0o755)
    os.chmod(daemon.file, 0o640)
    fault = daemon.reload()[-2]
    assert fault.endswith("must be able to read it, but it has mode 0640 and belongs to 0:0")
    os.chown(daemon.file, 0, NOBODY.pw_gid)
    assert daemon.reload()[-1].startswith("notice: reloaded ")


def test_a_reload_takes_an_address_from_itself(start, readable_workdir):
    """The kernel shares an address only between sockets of one user: root bound the old one."""
    port = kernel.free_port()
    daemon = start([listener("first", port=port)], options=SERVING)
    for name, address in ("second", "127.0.0.1"), ("third", "*"), ("fourth", "127.0.0.1"):
        daemon.configure([listener(name, address, port=port)], SERVING)
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        daemon.assert_echoes(name, host="127.0.0.1")


def can_mount():
    return subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="no user database of its own here")
def test_a_reload_does_not_ask_for_its_user_again(start, readable_workdir):
    """The user database may be a service that does not answer."""
    database = os.path.join(readable_workdir, "passwd")
    with open("/etc/passwd", encoding="utf-8") as file:
        everybody = file.read()

    def write_database(text):
        with open(database, "w", encoding="utf-8") as file:
            file.write(text)

    write_database(f"{everybody}for-a-test:x:54321:54321::/:/bin/false\n")
    mounting = ["sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', database]
    options = {"user": "for-a-test"}
    path = os.path.join(readable_workdir, "socket")
    file = f'listen of-a-test {{ protocol = "unix" path = "{path}" owner = "for-a-test" }}\n'
    listeners = (listener(), file)
    daemon = start(listeners, options, prefix=["unshare", "--mount", *mounting])
    assert kernel.user_ids(daemon.pid) == [54321] * 4
    write_database(everybody)
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    daemon.configure(listeners, {"user": "for-another-test"})
    assert 'user = "for-another-test": no user of this name' in daemon.reload()[-2]


def test_a_group_of_its_own(start):
    daemon = start(options={**SERVING, "group": "daemon"})
    assert kernel.group_ids(daemon.pid) == [grp.getgrnam("daemon").gr_gid] * 4
    assert kernel.user_ids(daemon.pid) == [NOBODY.pw_uid] * 4


def test_root_without_a_user_is_warned_once(start):
    daemon = start()
    daemon.reload()
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    assert len(daemon.log.matching("name a user")) == 1
    assert daemon.log.matching("^warning: running as root: name a user to switch to")


def test_not_root_the_user_has_no_effect(start, readable_workdir):
    daemon = start(options={"user": "daemon", **UNBOXED}, prefix=UNPRIVILEGED)
    daemon.wait_log('^notice: user = "daemon" has no effect: echod was not started as root')
    for thread in kernel.thread_ids(daemon.pid):
        assert kernel.user_ids(thread) == [NOBODY.pw_uid] * 4
        assert not kernel.can_gain_privileges(thread)


@needs_privileged_ports
def test_not_root_it_binds_low_ports_by_an_ambient_capability(start, readable_workdir):
    """So systemd starts it."""
    given = ["--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service"]
    port = kernel.free_privileged_port()
    daemon = start([listener("first", port=port)], prefix=[*UNPRIVILEGED, *given])
    daemon.assert_echoes("first")
    daemon.configure([listener("second", "127.0.0.2", port)])
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    daemon.assert_echoes("second")


@pytest.mark.parametrize("lacking", ["setuid", "setgid", "setpcap"])
def test_each_right_that_the_switch_needs(workdir, lacking):
    path = os.path.join(workdir, "echod.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write('user = "nobody"\nlisten a { port = 0 }\n')
    result = run("-f", "-c", path, prefix=without_capabilities(lacking))
    assert result.returncode == 1
    assert "Operation not permitted" in result.stderr
    assert "serving" not in result.stderr


def test_without_the_right_to_switch_it_does_not_start(workdir):
    path = os.path.join(workdir, "echod.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write('user = "nobody"\nlisten a { port = 0 }\n')
    taken = ["setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-all"]
    result = run("-f", "-c", path, prefix=taken)
    assert result.returncode == 1
    assert 'cannot become user "nobody": Operation not permitted' in result.stderr
