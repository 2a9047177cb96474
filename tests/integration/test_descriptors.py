"""Descriptors run out: echod waits without spinning, says so once, and serves as soon as it can."""

import os
import resource
import signal

import pytest

import kernel
import peers
import successors
from echod import configuration, listener, run, without_capabilities
from patience import SLOWNESS, eventually, within

WATCHED = 2  # seconds in which a starved echod's use of the CPU is measured


def limit_descriptors(daemon, room):
    """Leaves the running daemon about `room` descriptors more than it has."""
    limit = kernel.highest_descriptor(daemon.pid) + 1 + room
    _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (limit, hard))


def serve_until_starved(daemon):
    """Connects until one is not served, echod having said why; returns the served and who waits."""
    served = []
    while len(served) < 64:
        peer = daemon.connect()
        peer.sendall(b"served?")
        eventually(
            lambda: daemon.log.matching("Too many open files") or peers.readable([peer], 0),
            "the peer is served or the limit is felt",
        )
        if peers.is_quiet(peer):
            return served, [peer]
        assert peers.receive(peer, 7) == b"served?"
        served.append(peer)
    raise AssertionError("the limit is not felt")


def test_no_spin_and_one_line(start, back_end):
    """64 descriptors, and 500 attempts: whom it has room for is served, the others wait."""
    daemon = start(options=back_end)
    after = daemon.log.mark()
    _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (64, hard))
    served, waiting = serve_until_starved(daemon)
    waiting += [daemon.connect() for _ in range(500 - len(served) - len(waiting))]
    before, woken = kernel.cpu_seconds(daemon.pid), kernel.wake_ups(daemon.pid, "echod")
    assert not peers.readable(waiting, WATCHED)
    assert kernel.cpu_seconds(daemon.pid) - before <= 0.02 * SLOWNESS * WATCHED
    # it looks again four times a second, to see whether others have freed some
    assert kernel.wake_ups(daemon.pid, "echod") - woken <= 10 * SLOWNESS * WATCHED
    assert len(daemon.log.matching("^(err|warning): .*Too many open files", after)) == 1
    assert len(daemon.log.matching("^(err|warning): ", after)) == 1
    waiting[0].sendall(b"served?")
    served[0].close()
    assert peers.readable(waiting, within(1)) == waiting[:1]
    daemon.close_peers()
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    similar = r"^err: [1-9]\d* similar messages suppressed: cannot accept connections to echo-tcp: "
    assert len(daemon.log.matching(similar)) == 1


def test_served_again_when_a_connection_closes(start, back_end):
    daemon = start(options=back_end)
    limit_descriptors(daemon, 4)
    served, waiting = serve_until_starved(daemon)
    served[0].close()
    assert peers.readable(waiting, within(1)) == waiting
    assert peers.receive(waiting[0], 7) == b"served?"


def test_served_again_when_the_system_has_descriptors(start, back_end):
    """No connection of echod's own closes: it must look again by itself."""
    daemon = start(options=back_end)
    soft, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    limit_descriptors(daemon, 4)
    served, waiting = serve_until_starved(daemon)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert peers.readable(waiting, within(1)) == waiting
    for peer in served:
        peers.echo(peer, b"undisturbed")


def test_echoes_while_starved(start, back_end):
    daemon = start(options=back_end)
    limit_descriptors(daemon, 4)
    served, _ = serve_until_starved(daemon)
    for peer in served:
        peers.assert_same(peers.exchange(peer, peers.payload(1 << 20)), peers.payload(1 << 20))


def room_said(daemon, what):
    """The number of connections that echod says it has room for."""
    asked = r"limits\.connections asks for (\d+)"
    line = daemon.wait_log(rf"^warning: {what}: at most (\d+) connections, {asked}$")
    assert line.group(2) == "10000"
    return int(line.group(1))


def connect_and_count(daemon, attempts, room):
    """Connects `attempts` peers; checks that `room` of them are served.

    The others wait, and echod does not spin meanwhile.
    """
    crowd = [daemon.connect() for _ in range(attempts)]
    for peer in crowd:
        peer.sendall(b"?")
    eventually(lambda: len(peers.readable(crowd, 0)) >= room, f"{room} connections are served")
    served = peers.readable(crowd, 0)
    waiting = [peer for peer in crowd if peer not in served]
    before = kernel.cpu_seconds(daemon.pid)
    assert not peers.readable(waiting, peers.QUIET)
    assert kernel.cpu_seconds(daemon.pid) - before < peers.QUIET / 3
    assert len(served) == room
    return served, waiting


def soft_limit(daemon):
    return resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[0]


def test_the_limit_is_raised_to_what_is_needed(start):
    daemon = start(options={"limits.connections": 200}, prefix=["prlimit", "--nofile=64:2000"])
    assert 200 < soft_limit(daemon) < 300
    assert not daemon.log.matching("has room for")
    connect_and_count(daemon, 210, 200)
    daemon.configure(options={"limits.connections": 400})
    daemon.reload()
    assert 400 < soft_limit(daemon) < 500
    assert not daemon.log.matching("has room for")


def test_what_a_reload_cannot_have_is_said(start):
    prefix = ["prlimit", "--nofile=64:300", *without_capabilities("sys_resource")]
    daemon = start(options={"limits.connections": 200}, prefix=prefix)
    assert not daemon.log.matching("has room for")
    daemon.configure()
    daemon.reload()
    assert 200 < room_said(daemon, "RLIMIT_NOFILE has room for 300 descriptors") < 300


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_raise_the_hard_limit_on_a_reload(start, workdir):
    """Root's right to raise it went with root."""
    os.chmod(workdir, 0o755)
    serving = {"user": "nobody", "limits.connections": 200}
    daemon = start(options=serving, prefix=["prlimit", "--nofile=64:300"])
    daemon.configure(options={**serving, "limits.connections": 10000})
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    assert 200 < room_said(daemon, "RLIMIT_NOFILE has room for 300 descriptors") < 300


def test_a_low_hard_limit_is_said_and_lived_within(start):
    prefix = ["prlimit", "--nofile=64:64", *without_capabilities("sys_resource")]
    daemon = start(prefix=prefix)
    room = room_said(daemon, "RLIMIT_NOFILE has room for 64 descriptors")
    assert 0 < room < 64
    served, waiting = connect_and_count(daemon, 500, room)
    assert not daemon.log.matching("Too many open files")
    assert not daemon.log.matching("limits.connections is reached")
    assert daemon.log.matching(f"^warning: too few descriptors, .* open={room} source=127.0.0.1 ")
    # there is still a descriptor left to read the file with
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    served[0].close()
    assert len(peers.readable(waiting, within(1))) == 1


@pytest.mark.parametrize("limit", range(36, 40))  # a worker has four
def test_a_start_without_descriptors_says_so(workdir, limit):
    """Whatever lacks one first: libevent ends the process over some of its own."""
    file = os.path.join(workdir, "echod.conf")
    with open(file, "w", encoding="utf-8") as empty:
        empty.write(listener())
    prefix = ["prlimit", f"--nofile={limit}:{limit}", *without_capabilities("sys_resource")]
    ended = run("-c", file, "-f", "-o", "workers=64", prefix=prefix)
    assert ended.returncode == 1
    assert "Too many open files" in ended.stderr


@pytest.mark.skipif(SLOWNESS > 1, reason="a sanitizer needs descriptors of its own")
@pytest.mark.parametrize("limit", range(4, 25))
def test_each_start_without_descriptors_says_so(workdir, busy_port, back_end, limit):
    """On stderr too where the log is elsewhere.  What has room for all has a port that is busy."""
    file = os.path.join(workdir, "echod.conf")
    with open(file, "w", encoding="utf-8") as text:
        text.write(configuration([listener(port=busy_port)], {"workers": 2, **back_end}))
    prefix = ["prlimit", f"--nofile={limit}:{limit}", *without_capabilities("sys_resource")]
    ended = run("-c", file, prefix=prefix)
    assert ended.returncode == 1
    said = [line for line in ended.stderr.splitlines() if " err: " in line]
    assert "Too many open files" in said[0] or "Address already in use" in said[0]


def test_a_low_limit_is_not_put_down_to_select(start):
    prefix = ["prlimit", "--nofile=64:64", *without_capabilities("sys_resource")]
    daemon = start(options={"event_method": "select"}, prefix=prefix)
    assert 0 < room_said(daemon, "RLIMIT_NOFILE has room for 64 descriptors") < 64


@pytest.mark.skipif(os.geteuid() != 0, reason="a user of its own has no other threads")
@pytest.mark.parametrize("limit", range(1, 4))
def test_a_start_without_threads_says_so(workdir, limit):
    os.chmod(workdir, 0o755)
    file = os.path.join(workdir, "echod.conf")
    with open(file, "w", encoding="utf-8") as text:
        text.write(configuration([listener()], {"workers": 2}))
    user = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
    ended = run("-c", file, prefix=["prlimit", f"--nproc={limit}:{limit}", *user])
    assert ended.returncode == 1
    assert " err: cannot start threads: Resource temporarily unavailable" in ended.stderr


def test_a_log_that_may_not_grow_does_not_end_it(workdir, busy_port):
    file = os.path.join(workdir, "echod.conf")
    with open(file, "w", encoding="utf-8") as text:
        text.write(listener(port=busy_port))
    limit = 1 << 20  # what sanitizers and coverage write has room
    with open(os.path.join(workdir, "log"), "wb") as log:
        log.seek(log.truncate(limit))
        command = ["sh", "-c", 'exec "$@" 2>&1', "sh", "prlimit", f"--fsize={limit}"]
        assert run("-c", file, "-f", prefix=command, stdout=log).returncode == 1
        assert run("-t", "-c", "/dev/null", prefix=command, stdout=log).returncode == 78


def test_a_successor_has_its_descriptors(start, workdir):
    """The place where it asks, itself, and the six that it brings."""
    prefix = ["prlimit", "--nofile=160:160", *without_capabilities("sys_resource")]
    said = "RLIMIT_NOFILE has room for 160 descriptors"
    rooms = [
        room_said(start(options=options, prefix=prefix), said)
        for options in ({}, successors.options(workdir))
    ]
    assert rooms[0] - rooms[1] == 8


def test_the_sockets_of_all_workers_have_their_descriptors(start):
    """With all the connections that there is room for, a reload changes the datagram listener."""
    options = {"workers": 8}
    daemon = start(
        [listener(), listener("old", "localhost", protocol="udp")],
        options,
        prefix=["prlimit", "--nofile=160:160", *without_capabilities("sys_resource")],
    )
    room = room_said(daemon, "RLIMIT_NOFILE has room for 160 descriptors")
    connect_and_count(daemon, room + 1, room)
    daemon.configure([listener(), listener("new", "localhost", protocol="udp")], options)
    assert daemon.reload()[-1].endswith(": 1 listener added, 1 removed, 1 kept")


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1300,
    reason="the test itself needs 1,300 descriptors",
)
def test_select_says_its_ceiling_and_lives_within_it(start):
    daemon = start(options={"event_method": "select"})
    room = room_said(daemon, r"select\(\) has room for 1024 descriptors")
    assert 900 < room < 1024
    served, waiting = connect_and_count(daemon, 1100, room)
    for peer in served[:10]:
        peer.close()
    eventually(
        lambda: len(peers.readable(waiting, 0)) == 10, "ten more are served", timeout=within(5)
    )
    for peer in served[10:]:
        assert peer.recv(1) == b"?"
        peers.echo(peer, b"alive")


def test_select_with_few_connections_says_nothing(start):
    daemon = start(options={"event_method": "select", "limits.connections": 100})
    assert not daemon.log.matching("has room for")


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1300,
    reason="no descriptor of echod can be beyond its sets",
)
def test_select_keeps_its_ceiling_whatever_a_reload_says(start):
    """The back end needs a restart: a descriptor beyond its sets would end the daemon."""
    daemon = start(options={"event_method": "select"})
    assert soft_limit(daemon) <= 1024
    daemon.configure(options={"event_method": "epoll"})
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    assert soft_limit(daemon) <= 1024


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1300,
    reason="echod itself needs 1,300 descriptors",
)
def test_epoll_has_no_ceiling_after_a_reload_that_asks_for_select(start):
    daemon = start(options={"event_method": "epoll", "limits.connections": 1100})
    daemon.configure(options={"event_method": "select", "limits.connections": 1100})
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    assert soft_limit(daemon) > 1100
    assert not daemon.log.matching("has room for")


def test_the_table_has_room_from_the_start(start):
    """It does not grow under threads, which would hold up whoever needs the next descriptor."""
    daemon = start(options={"limits.connections": 3000})
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        size = next(int(line.split()[1]) for line in file if line.startswith("FDSize:"))
    assert size >= 3000
    daemon.assert_echoes()
