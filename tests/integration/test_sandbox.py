"""The sandbox: every thread is in it, and what a running echod may need still works there."""

import contextlib
import os
import platform
import pwd
import signal
import socket
import socketserver
import threading

import pytest

import kernel
import peers
from echod import Echod, listener, run
from patience import PATIENCE, eventually

BUILT = "+seccomp" in run("-V").stdout
FILTER = 2  # Seccomp of proc_pid_status(5)

needs_sandbox = pytest.mark.skipif(not BUILT, reason="this echod was built without libseccomp")


@needs_sandbox
@pytest.mark.parametrize("mode", ["auto", "true"])
def test_every_thread_is_in_it(start, back_end, mode):
    daemon = start(options={**back_end, "sandbox": mode})
    daemon.wait_log(r"^notice: sandboxed by seccomp\(2\)$")
    assert sorted(kernel.thread_names(daemon.pid)) == ["echod", "log", "worker-0", "worker-1"]
    for thread in kernel.thread_ids(daemon.pid):
        assert kernel.seccomp_mode(thread) == FILTER
        assert not kernel.can_gain_privileges(thread)
    daemon.assert_echoes()


def test_it_can_be_switched_off(start):
    daemon = start(options={"sandbox": "false"})
    daemon.wait_log("^notice: not sandboxed: ")
    assert {kernel.seccomp_mode(thread) for thread in kernel.thread_ids(daemon.pid)} == {0}


@needs_sandbox
def test_a_reload_does_not_open_it(start):
    daemon = start()
    daemon.configure(options={"sandbox": "false"})
    lines = daemon.reload()
    assert 'warning: sandbox = "false" needs a restart: "auto" stays in force' in lines
    assert kernel.seccomp_mode(daemon.pid) == FILTER


@needs_sandbox
def test_users_and_groups_are_looked_up_in_it(start):
    """Also those that are not in the files, for which libraries of nsswitch.conf(5) are asked."""
    daemon = start()
    assert not asks_systemd() or "libnss_systemd.so.2" in kernel.name_service_libraries(daemon.pid)
    for name in "no-such-user", "no-such-user-either":
        daemon.configure(options={"user": name, "group": name})
        lines = daemon.reload()
        assert any(f'user = "{name}": no user of this name' in line for line in lines)
        assert any(f'group = "{name}": no group of this name' in line for line in lines)
    daemon.configure(options={"user": "nobody", "group": "daemon"})
    assert daemon.reload()[-1].startswith("notice: reloaded ")


class UserDatabase(socketserver.ThreadingUnixStreamServer):
    """What systemd's library of nsswitch.conf(5) asks, by varlink: it knows nobody."""

    daemon_threads = True

    class RequestHandlerClass(socketserver.BaseRequestHandler):
        def handle(self):
            while request := self.request.recv(65536):
                self.server.requests.append(request.decode())
                self.request.sendall(b'{"error": "io.systemd.UserDatabase.NoRecordFound"}\0')

    def __init__(self, path):
        self.requests = []
        super().__init__(path, self.RequestHandlerClass)


def asks_systemd():
    with contextlib.suppress(KeyError):
        pwd.getpwnam("no-such-user")
    return "libnss_systemd.so.2" in kernel.name_service_libraries(os.getpid())


@needs_sandbox
@pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.isdir("/run/systemd") or not asks_systemd(),
    reason="no user is looked up by systemd's library here",
)
def test_a_service_for_users_is_asked_in_it(start, workdir):
    folder = os.path.join(workdir, "systemd")
    os.makedirs(os.path.join(folder, "userdb"))
    there = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /run/systemd && exec "$@"']
    with UserDatabase(os.path.join(folder, "userdb", "io.systemd.Test")) as database:
        threading.Thread(target=database.serve_forever, daemon=True).start()
        daemon = start(prefix=[*there, folder])
        daemon.configure(options={"user": "of-the-service"})
        fault = daemon.reload()[-2]
        database.shutdown()
    assert 'user = "of-the-service": no user of this name' in fault
    assert any("of-the-service" in request for request in database.requests)


@needs_sandbox
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have an nsswitch.conf of its own")
def test_a_name_service_is_refused_what_echod_has_no_use_for(start, workdir):
    """Sockets and options that a library of nsswitch.conf(5) tries fail, and end nothing."""
    switch = os.path.join(workdir, "nsswitch.conf")
    with open(switch, "w", encoding="ascii") as file:
        file.write("passwd: files curious\ngroup: files\n")
    bind = 'mount --bind "$0" /etc/nsswitch.conf && exec "$@"'
    daemon = start(
        prefix=["unshare", "--mount", "sh", "-c", bind, switch],
        environment={"LD_LIBRARY_PATH": os.environ["NAME_SERVICE_LIBRARIES"]},
    )
    daemon.configure(options={"user": "curious"})
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    daemon.configure(options={"user": "else"})
    assert 'user = "else": no user of this name' in daemon.reload()[-2]


@needs_sandbox
def test_everything_that_a_reload_changes(start):
    daemon = start([listener(), listener("datagrams", protocol="udp")], {"log.level": "debug"})
    daemon.configure(
        [listener("new"), listener("new-6", "localhost"), listener("all", "*", protocol="udp")],
        {"limits.connections": 12000, "limits.socket_buffer": 65536, "log.level": "debug"},
    )
    assert daemon.reload()[-1].endswith(": 3 listeners added, 2 removed, 0 kept")
    daemon.assert_echoes("new")
    daemon.configure([listener("new")], {"limits.socket_buffer": 0, "log.target": "syslog"})
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    daemon.assert_echoes("new")
    assert not daemon.log.matching(r"^debug: setsockopt\(")


@pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")
def test_a_link_local_peer_has_its_interface_named(start, cable):
    """Only the kernel knows the name, and a reload asks it for the number."""
    daemon = start([listener("all", "*", 10007)], prefix=cable.host.prefix)
    address = cable.host.link_local_address()
    cable.peer.link_local_address()
    with cable.peer.inside():
        there = socket.create_connection((f"{address}%cable", 10007), PATIENCE)
    peers.echo(there, b"are you there?")
    assert daemon.wait_log(r"^info: connection opened: peer=\[fe80::.*%cable\]:")
    there.close()
    daemon.configure([listener("one", f"{address}%cable", 10008)])
    daemon.reload()
    assert daemon.wait_log(r"^notice: listening on tcp://\[fe80::.*%cable\]:10008")


@needs_sandbox
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the test speaks x86_64 alone")
def test_a_breach_ends_the_process(workdir):
    """As if taken over, the daemon opens a file for writing."""
    daemon = Echod(workdir)
    daemon.wait_serving()
    peers.echo(daemon.connect(), b"alive")
    eventually(lambda: kernel.sleeps(daemon.pid), "the first thread waits")
    kernel.make_call(daemon.pid, kernel.SYS_OPENAT, -100, 0, os.O_WRONLY)
    assert daemon.wait_exit() == -signal.SIGSYS
    daemon.close_peers()


@pytest.mark.skipif(BUILT, reason="this echod has a sandbox")
def test_a_build_without_it_says_so():
    result = run("-f", "-l", "tcp://127.0.0.1:0", "-o", "sandbox=true")
    assert result.returncode == 2
    assert "this echod was built without libseccomp" in result.stderr
