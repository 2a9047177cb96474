"""What echod tells its supervisor as sd_notify(3) does: the right words at the right moments."""

import concurrent.futures
import contextlib
import os
import pwd
import re
import signal
import socket
import struct
import threading
import time

import pytest

import echod
import kernel
import peers
from patience import PATIENCE, SLOWNESS

needs_watchdog = pytest.mark.skipif(
    "+systemd" not in echod.run("-V").stdout, reason="this echod was built without libsystemd"
)
FILLER = "X_FILLER=1"
WATCHED = 2  # seconds


@pytest.fixture
def supervisor(workdir):
    """The socket that the daemon's NOTIFY_SOCKET names."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.settimeout(PATIENCE)
        server.bind(os.path.join(workdir, "notify"))
        yield server


@pytest.fixture
def start_supervised(start, supervisor):
    def start_daemon(environment=None, **named):
        wanted = {"NOTIFY_SOCKET": supervisor.getsockname(), **(environment or {})}
        return start(environment=wanted, **named)

    return start_daemon


def next_of_all(supervisor):
    """The fields of the next message, by name."""
    while (message := supervisor.recv(65536).decode()) == FILLER:
        pass
    return dict(line.split("=", 1) for line in message.splitlines())


def next_with(supervisor, word, pattern=""):
    """The fields of the next message that has `word`, with a value that has `pattern`, by name."""
    while True:
        fields = next_of_all(supervisor)
        if re.search(pattern, fields.get(word, "")) and word in fields:
            return fields


def fill(supervisor):
    """Leaves no room at its socket, as if it did not read; next_of_all() passes over it.

    By several sockets: a kernel may have more room than it lets one of them fill.
    """
    more = True
    while more:
        more = False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while filler.sendto(FILLER.encode(), supervisor.getsockname()):
                    more = True


@contextlib.contextmanager
def kept_busy(peer):
    """A connection that is not silent, which a drain would take for its end."""
    done = threading.Event()

    def echo_on():
        while not done.wait(0.1):
            peers.echo(peer, b"still served")

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        busy = pool.submit(echo_on)
        try:
            yield
        finally:
            done.set()
        busy.result()


def pass_over(supervisor):
    """What was told until now."""
    supervisor.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while supervisor.recv(65536):
            pass
    supervisor.settimeout(PATIENCE)


def test_ready_once_it_serves(start_supervised, supervisor):
    daemon = start_supervised()
    ready = next_with(supervisor, "READY")
    assert ready["READY"] == "1"
    assert ready["STATUS"]
    daemon.assert_echoes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_is_the_main_process_that_tells(start, workdir, abstract):
    """NotifyAccess=main, by what the kernel says; from the sandbox, as the user that serves."""
    os.chmod(workdir, 0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.settimeout(PATIENCE)
        supervisor.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        supervisor.bind("\0" + abstract[1:])
        daemon = start(options={"user": "nobody"}, environment={"NOTIFY_SOCKET": abstract})
        message, ancillary, _, _ = supervisor.recvmsg(65536, 100)
        assert message.startswith(b"READY=1\n")
        credentials = struct.unpack("3i", ancillary[0][2])
        assert credentials[:2] == (daemon.pid, pwd.getpwnam("nobody").pw_uid)


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_a_reload_is_bracketed(start_supervised, supervisor, good):
    daemon = start_supervised()
    before_all = next_with(supervisor, "READY")["STATUS"]
    if not good:
        daemon.write_file("nonsense")
    earliest = time.monotonic()
    daemon.reload()
    latest = time.monotonic()
    reloading = next_with(supervisor, "RELOADING")
    assert reloading["RELOADING"] == "1"
    assert earliest <= int(reloading["MONOTONIC_USEC"]) / 1e6 <= latest
    ready = next_with(supervisor, "READY")
    assert ready["READY"] == "1"
    assert bool(re.search("reload failed", ready["STATUS"])) == (not good), before_all


def test_stopping_when_the_drain_begins(start_supervised, supervisor):
    daemon = start_supervised()
    peer = daemon.connect()
    peers.echo(peer, b"hold on")
    daemon.signal(signal.SIGTERM)
    stopping = next_with(supervisor, "STOPPING")
    assert stopping["STOPPING"] == "1"
    assert stopping["STATUS"] == "draining 1 connection, for at most 30 seconds"
    # As often as it takes, each time for longer than it is to the next.
    with kept_busy(peer):
        for _ in range(2):
            extended = next_with(supervisor, "EXTEND_TIMEOUT_USEC")
            assert extended["EXTEND_TIMEOUT_USEC"] == "15000000"
        next_with(supervisor, "STATUS", r"draining 1 connection, for at most 2\d seconds")


def test_the_status_tells_what_matters(start_supervised, supervisor):
    daemon = start_supervised(listeners=[echod.listener(), echod.listener("b", protocol="udp")])
    ready = next_with(supervisor, "READY")
    assert ready["STATUS"] == "serving 2 listeners, 0 connections; echoed 0 B, 0 datagrams"
    peer = daemon.connect()
    peers.echo(peer, bytes(1234))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(PATIENCE)
        asking.connect(("127.0.0.1", daemon.port("b")))
        asking.send(b"datagram")
        assert asking.recv(100) == b"datagram"
    told = next_with(supervisor, "STATUS", "1 connection;")
    assert told == {"STATUS": "serving 2 listeners, 1 connection; echoed 1.2 kB, 1 datagram"}


def test_the_status_counts_listeners_that_were_removed(start_supervised, supervisor):
    kept = echod.listener()
    daemon = start_supervised(
        listeners=[kept, echod.listener("b"), echod.listener("c", protocol="udp")]
    )
    peers.exchange(daemon.connect("b"), bytes(2_000_000), half_close=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(PATIENCE)
        asking.connect(("127.0.0.1", daemon.port("c")))
        asking.send(b"datagram")
        assert asking.recv(100) == b"datagram"
    next_with(supervisor, "STATUS", "echoed 2.0 MB, 1 datagram$")
    daemon.configure([kept])
    daemon.reload()
    told = next_with(supervisor, "STATUS", "serving 1 listener,")["STATUS"]
    assert told.endswith("; echoed 2.0 MB, 1 datagram")


def test_a_failed_reload_stays_in_the_status_until_a_good_one(start_supervised, supervisor):
    daemon = start_supervised()
    daemon.write_file("workers = 2\nlisten b { port = x }\n")
    daemon.reload()
    failed = (
        rf"; reload failed {time.strftime('%Y-', time.gmtime())}\d\d-\d\d \d\d:\d\d UTC: "
        rf"{re.escape(daemon.file)}:2: .*port"
    )
    next_with(supervisor, "READY", "1")
    peers.echo(daemon.connect(), b"something new to tell")
    next_with(supervisor, "STATUS", f"1 connection; .*{failed}")
    daemon.configure()
    daemon.reload()
    next_with(supervisor, "RELOADING")
    assert "reload failed" not in next_with(supervisor, "READY")["STATUS"]


@needs_watchdog
def test_the_watchdog_is_fed_while_all_workers_live(start_supervised, supervisor):
    period = 2
    daemon = start_supervised(environment={"WATCHDOG_USEC": str(period * 1000000)})
    for _ in range(3):
        next_with(supervisor, "WATCHDOG", "1")
    with kernel.hung_thread(daemon.pid, "worker-1"):
        daemon.wait_log("^warning: worker-1 hangs: the service manager's watchdog is not fed")
        daemon.assert_echoes()
        pass_over(supervisor)
        supervisor.settimeout(period)
        with pytest.raises(TimeoutError):
            next_with(supervisor, "WATCHDOG")
        supervisor.settimeout(PATIENCE)
    next_with(supervisor, "WATCHDOG", "1")


@needs_watchdog
def test_signs_of_life_are_10_ms_apart_at_least(start_supervised, supervisor):
    count, start = 200, time.monotonic()
    start_supervised(environment={"WATCHDOG_USEC": "1000"})
    for _ in range(count):
        next_with(supervisor, "WATCHDOG")
    assert time.monotonic() - start >= count * 0.01


@needs_watchdog
def test_signs_of_life_in_a_drain_do_not_ask_for_time(start_supervised, supervisor):
    daemon = start_supervised(environment={"WATCHDOG_USEC": "1000"})
    peer = daemon.connect()
    peers.echo(peer, b"hold on")
    with kept_busy(peer):
        start, signs, asked = time.monotonic(), 0, 0
        daemon.signal(signal.SIGTERM)
        next_with(supervisor, "STOPPING")
        while signs < 200:
            told = next_of_all(supervisor)
            signs += "WATCHDOG" in told
            asked += "EXTEND_TIMEOUT_USEC" in told
        assert 1 <= asked <= (time.monotonic() - start) / 1.9


@needs_watchdog
def test_a_watchdog_of_another_process_is_not_fed(start_supervised, supervisor):
    start_supervised(environment={"WATCHDOG_USEC": "400000", "WATCHDOG_PID": "1"})
    next_with(supervisor, "READY")
    supervisor.settimeout(peers.QUIET)
    with pytest.raises(TimeoutError):
        next_with(supervisor, "WATCHDOG")


@needs_watchdog
def test_reloads_in_quick_succession_do_not_starve_the_watchdog(start_supervised, supervisor):
    daemon = start_supervised(environment={"WATCHDOG_USEC": "2000000"})
    fed, deadline = 0, time.monotonic() + PATIENCE
    while fed < 2:
        assert time.monotonic() < deadline
        daemon.reload()
        while (told := supervisor.recv(65536).decode()) and "READY=1" not in told:
            fed += told == "WATCHDOG=1"


def test_no_supervisor_is_no_fault(start):
    daemon = start(environment={"NOTIFY_SOCKET": "/nowhere/at/all"})
    daemon.wait_log("^warning: the service manager takes no messages: No such file or directory$")
    daemon.assert_echoes()


def test_a_supervisor_without_a_name(start):
    daemon = start(environment={"NOTIFY_SOCKET": "nowhere"})
    daemon.wait_log("^warning: NOTIFY_SOCKET names no socket: the service manager is told nothing$")
    daemon.assert_echoes()


# --- a supervisor that does not read ---------------------------------------------------------


def test_who_does_not_read_holds_up_nothing(start_supervised, supervisor, back_end):
    fill(supervisor)
    watched = {"WATCHDOG_USEC": "40000"}
    daemon = start_supervised(environment=watched, options=back_end)
    daemon.wait_log(
        "^warning: the service manager takes no messages: Resource temporarily unavailable$"
    )
    before, start = kernel.cpu_seconds(daemon.pid), time.monotonic()
    while time.monotonic() < start + WATCHED:
        daemon.assert_echoes()
        time.sleep(peers.QUIET)
    spent = kernel.cpu_seconds(daemon.pid) - before
    assert spent <= 0.1 * SLOWNESS * (time.monotonic() - start)
    daemon.configure([echod.listener("b")], back_end)
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    daemon.assert_echoes("b")
    peer = daemon.connect("b")
    peers.echo(peer, b"hold on")
    daemon.signal(signal.SIGTERM)
    daemon.wait_log("^notice: SIGTERM: draining ")
    peer.close()
    assert daemon.wait_exit() == 0


def test_who_reads_late_is_told_what_counts(start_supervised, supervisor):
    """One reload, with the time when the last one began, and the status of now."""
    fill(supervisor)
    daemon = start_supervised()
    daemon.write_file("nonsense")
    daemon.reload()
    daemon.configure()
    earliest = time.monotonic()
    daemon.reload()
    latest = time.monotonic()
    reloading = next_of_all(supervisor)
    assert reloading.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert earliest <= int(reloading["MONOTONIC_USEC"]) / 1e6 <= latest
    status = "serving 1 listener, 0 connections; echoed 0 B, 0 datagrams"
    assert next_of_all(supervisor) == {"READY": "1", "STATUS": status}


def test_who_reads_late_is_told_of_the_stop(start_supervised, supervisor):
    fill(supervisor)
    daemon = start_supervised()
    peer = daemon.connect()
    peers.echo(peer, b"hold on")
    with kept_busy(peer):
        daemon.signal(signal.SIGTERM)
        daemon.wait_log("^notice: SIGTERM: draining 1 connection,")
        assert next_of_all(supervisor)["READY"] == "1"
        stopping = next_of_all(supervisor)
        assert stopping["STOPPING"] == "1"
        assert stopping["EXTEND_TIMEOUT_USEC"] == "15000000"
        assert stopping["STATUS"].startswith("draining 1 connection, for at most ")


def test_a_supervisor_that_begins_anew(start_supervised, supervisor):
    daemon = start_supervised()
    next_with(supervisor, "READY")
    path = supervisor.getsockname()
    os.unlink(path)
    daemon.reload()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as successor:
        successor.settimeout(PATIENCE)
        successor.bind(path)
        assert next_of_all(successor)["RELOADING"] == "1"
        assert next_of_all(successor)["READY"] == "1"
