"""Whoever fails while a successor takes over: the other one serves, and no byte is lost."""

import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time

import pytest

import peers
import successors
from echod import listener
from patience import PATIENCE, eventually, lasting, within
from successors import HELLO, NAMES, PARCEL, READY, SOCKETS
from traffic import Comers, Datagrams

MIB = 1 << 20
BOTH = (listener(), listener("udp", protocol="udp"))
FAILURES = 'echod_hand_overs_total{result="failure"}'
SUCCESSES = 'echod_hand_overs_total{result="success"}'

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes other users")


@pytest.fixture
def serve(start, workdir):
    def of(listeners=BOTH, options=None, **named):
        return start(listeners, successors.options(workdir, **(options or {})), **named)

    return of


@pytest.fixture
def follow(launch, workdir):
    """Starts a successor, and does not wait for it."""

    def of(listeners=BOTH, options=None, **named):
        options = successors.options(workdir, **(options or {}))
        return launch(listeners, options, arguments=["--take-over"], **named)

    return of


def streaming(daemon, count=3):
    streams = [peers.Stream(daemon.connect()) for _ in range(count)]
    for stream in streams:
        stream.start()
        stream.wait_moved(MIB)
    return streams


def go_on(streams):
    for stream in streams:
        stream.wait_moved(MIB)


def finish(streams):
    go_on(streams)
    for stream in streams:
        stream.finish()


def failed(process):
    """A successor that ends with status 1 and has said why; returns that."""
    assert process.wait_exit() == 1, "\n".join(process.log.lines)
    process.kill()
    return process.wait_log("^err: .*").group()


# --- a successor that fails ----------------------------------------------------------------------


def test_more_than_select_has_room_for(serve, follow):
    """A successor that could not watch all there is takes nothing."""
    limits = {"limits.connections": 3000, "limits.connections_per_source": 0}
    daemon = serve(options=limits)
    crowd = [daemon.connect() for _ in range(1100)]
    why = failed(follow(options={**limits, "event_method": "select"}))
    assert why.endswith("too few descriptors are allowed for it: raise LimitNOFILE; select has 1,024")
    daemon.wait_counter(FAILURES, 1)
    for peer in crowd[:: len(crowd) // 10]:
        peers.echo(peer, b"as ever")


@pytest.mark.parametrize("word", [HELLO, SOCKETS, READY, PARCEL], ids=NAMES.__getitem__)
def test_five_successors_that_crash(serve, follow, workdir, back_end, word):
    """At the same step, one after the other, and then one that does not."""
    daemon = serve(options=back_end)
    streams = streaming(daemon)
    with Comers(daemon.at()) as comers, Datagrams(daemon.at("udp")) as datagrams:
        for _ in range(5):
            with successors.Successor(workdir) as successor:
                successor.go_to(word)
            go_on(streams)
            comers.wait_rounds(2)
            datagrams.wait_rounds(2)
        daemon.wait_counter(FAILURES, 5)
        successor = follow(options=back_end)
        successor.wait_serving()
        assert successors.handed_over(daemon) >= len(streams)
        successor.go_on_from(daemon)
        comers.wait_rounds(2)
    finish(streams)
    assert successor.counter(FAILURES) == 5 and successor.counter(SUCCESSES) == 1


@pytest.mark.parametrize("word", [HELLO, SOCKETS, READY, PARCEL], ids=NAMES.__getitem__)
def test_a_real_one_that_is_killed(serve, follow, workdir, word):
    """When the word is on its way."""
    daemon = serve()
    streams = streaming(daemon)
    following = []

    def kill(heard):
        if heard == word:
            eventually(lambda: following, "it is started")
            following[0].kill()

    with successors.Between(workdir, kill):
        following.append(follow())
        following[0].process.wait(PATIENCE)
        daemon.wait_counter(FAILURES, 1)
    go_on(streams)
    successor = follow()
    successor.wait_serving()
    assert successors.handed_over(daemon) == len(streams)
    finish(streams)


@pytest.mark.parametrize("word", [READY, PARCEL], ids=NAMES.__getitem__)
def test_a_real_one_that_is_told_to_end(serve, follow, workdir, word):
    """It ends alone, and takes nothing to end that as well.  Once it serves it drains as any does."""
    daemon = serve()
    streams = streaming(daemon)
    following = []

    def end(heard):
        if heard == word:
            eventually(lambda: following, "it is started")
            following[0].signal(signal.SIGTERM)
            following[0].process.wait(PATIENCE)

    with successors.Between(workdir, end):
        following.append(follow())
        assert following[0].process.wait(PATIENCE) == -signal.SIGTERM
        following[0].kill()
        daemon.wait_counter(FAILURES, 1)
    go_on(streams)
    successor = follow()
    successor.wait_serving()
    assert successors.handed_over(daemon) == len(streams)
    successor.signal(signal.SIGTERM)
    successor.wait_log("^notice: SIGTERM: ")
    finish(streams)
    assert successor.wait_exit() == 0


def test_one_that_stands_still(serve, workdir):
    """While it has all: for five seconds, and then it has nothing."""
    daemon = serve()
    streams = streaming(daemon)
    with successors.Successor(workdir) as successor:
        successor.go_to(PARCEL)
        begun = time.monotonic()
        assert successor.hear_end() == "the successor takes too long"
        assert 4 < time.monotonic() - begun < within(5)
        assert not successor.flights[1].take()
    go_on(streams)
    daemon.assert_echoes()
    finish(streams)


def test_one_that_hears_of_it_too_late(serve, follow, workdir):
    """It finds nothing any more, and ends."""
    daemon = serve()
    streams = streaming(daemon)

    def hold(word):
        if word == PARCEL:
            daemon.wait_log("^err: hand-over failed: the successor takes too long; ")

    with successors.Between(workdir, hold):
        assert "its parcel: there is none" in failed(follow())
    finish(streams)


def test_one_that_takes_it_and_says_nothing(serve, workdir):
    """Whoever has taken it serves, whatever he says: the other one must not."""
    daemon = serve()
    peer = daemon.connect()
    peers.echo(peer, b"before")
    with successors.Successor(workdir) as successor:
        successor.go_to(PARCEL)
        assert successor.flights[1].take()
    assert successors.handed_over(daemon) == 1


def test_one_that_says_it_and_takes_nothing(serve, workdir):
    daemon = serve()
    streams = streaming(daemon)
    with successors.Successor(workdir) as successor:
        successor.go_to(PARCEL)
        successors.say(successor.end, successors.TAKEN)
        successor.hear_end()
    finish(streams)
    daemon.assert_echoes()


def test_nonsense(serve, workdir):
    daemon = serve()
    streams = streaming(daemon, 1)
    for said in b"", b"x", b"x" * 128, b"x" * 5000, successors.FRAME.pack(b"echod", 2, HELLO, b""):
        with successors.Successor(workdir) as successor:
            successor.end.send(said)
            if said:
                assert successor.hear_end() == "the successor is of another version"
    for word in SOCKETS, READY, PARCEL, successors.TAKEN, successors.NO:
        with successors.Successor(workdir) as successor:
            successors.say(successor.end, word)
            successor.hear_end()
    with successors.Successor(workdir) as successor:
        successors.say(successor.end, HELLO)
        assert successor.hear_end() == "the successor lacks what a parcel needs"
    with successors.Successor(workdir) as successor:
        successors.say(successor.end, HELLO, "", 7 * [0])
        assert successor.hear_end() == "the successor is of another version"
    with successors.Successor(workdir) as successor:
        successor.go_to(SOCKETS)
        successor.hello()
        assert successor.hear_end() == "the successor said what it should not have"
    finish(streams)


def test_a_second_one(serve, workdir):
    """It is refused, and not in the way."""
    daemon = serve()
    with successors.Successor(workdir) as first:
        first.go_to(SOCKETS)
        for _ in range(20):
            with successors.Successor(workdir) as second:
                assert second.hear_end() == "another successor makes ready"
        daemon.assert_echoes()
        successors.say(first.end, READY)
        first.expect(PARCEL)
        assert first.flights[1].take()
    successors.handed_over(daemon)


def test_a_real_one_hears_why(serve, follow, workdir):
    """Whether it has said anything by then or not."""
    serve()
    with successors.Successor(workdir) as first:
        first.go_to(SOCKETS)
        for _ in range(5):
            assert "another successor makes ready" in failed(follow())


def test_a_real_one_hears_why_after_it_was_ready(serve, follow, workdir):
    """Its word crosses the other one's, which closes without having heard it: only one serves."""
    daemon = serve()
    streams = streaming(daemon)

    def refuse(word):
        if word != SOCKETS:
            return False
        successors.say(between.successor, SOCKETS, str(daemon.pid))
        select.select([between.successor], [], [], PATIENCE)
        successors.say(between.successor, successors.NO, "it was told to reload")
        return True

    with successors.Between(workdir, refuse) as between:
        assert "it was told to reload" in failed(follow())
    go_on(streams)
    daemon.assert_echoes()
    finish(streams)


def test_silence_is_no_end(serve, follow, workdir):
    """One that says no more, and lives, serves on: alone."""
    daemon = serve()
    streams = streaming(daemon)
    with successors.Between(workdir, lambda word: word == READY):
        assert "may serve" in failed(follow())
    go_on(streams)
    daemon.assert_echoes()
    finish(streams)


def test_the_next_one_need_not_wait(serve, workdir):
    """That the one before has ended is known at once, and nothing of it is left."""
    daemon = serve()

    def descriptors():
        return len(os.listdir(f"/proc/{daemon.pid}/fd"))

    before = descriptors()
    for _ in range(30):
        with successors.Successor(workdir) as successor:
            successor.go_to(PARCEL)
    eventually(lambda: descriptors() == before, "its descriptors are closed")


def test_a_signal_hurts_no_successor(serve, follow, workdir):
    """SIGUSR2, again and again, while it makes ready and takes over."""
    daemon = serve()
    streams = streaming(daemon)
    following = []

    def disturb(_):
        eventually(lambda: following, "it is started")
        for _ in range(3):
            following[0].signal(signal.SIGUSR2)

    with successors.Between(workdir, disturb):
        following.append(follow())
        following[0].wait_serving()
    successors.handed_over(daemon)
    following[0].go_on_from(daemon)
    following[0].wait_log("^warning: SIGUSR2: there is no successor")
    finish(streams)


def test_what_comes_while_all_stands_still(serve, follow, workdir):
    """It is the successor's: a connection, bytes, a header that becomes whole, an end."""
    proxied = listener("proxied", proxy_protocol=True, trusted_proxies=["127.0.0.1"])
    daemon = serve((*BOTH, proxied))
    header = daemon.connect("proxied")
    header.sendall(b"PROXY TCP4 192.0.2.7 192")
    daemon.wait_counter('echod_connections_preamble{listener="proxied"}', 1)
    busy, ending = daemon.connect(), daemon.connect()
    peers.echo(busy, b"before")
    peers.echo(ending, b"before")
    new = []

    def come(word):
        if word == PARCEL:
            new.append(daemon.connect())
            new[0].sendall(b"new")
            header.sendall(b".0.2.1 4711 7\r\nwhole")
            busy.sendall(b"bytes")
            ending.sendall(b"the end")
            ending.shutdown(socket.SHUT_WR)
            time.sleep(lasting(0.1))  # for the one that must not touch any of it

    with successors.Between(workdir, come):
        successor = follow((*BOTH, proxied))
        successor.wait_serving()
    assert successors.handed_over(daemon) == 3
    successor.go_on_from(daemon)
    assert peers.receive(new[0], 3) == b"new"
    assert peers.receive(header, 5) == b"whole"
    assert peers.receive(busy, 5) == b"bytes"
    assert peers.receive_to_eof(ending) == b"the end"
    for peer in new[0], header, busy:
        peers.echo(peer, b"and on")


_AS_USER = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
end.connect(sys.argv[2])
print(end.recv(1000)[16:].rstrip(b"\\0").decode())
"""


@root_only
def test_only_root_and_its_own_user(serve, workdir):
    """Whatever the mode of the file has become."""
    daemon = serve()
    assert os.stat(successors.place(workdir)).st_mode & 0o777 == 0o600
    os.chmod(successors.place(workdir), 0o666)
    os.chmod(workdir, 0o755)
    command = [sys.executable, "-ISc", _AS_USER, "65534", successors.place(workdir)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said == "only root and the user that runs it may take over"
    daemon.wait_log("^warning: no successor: only root and the user .*: uid=65534 pid=")
    daemon.assert_echoes()


# --- a configuration that cannot be -----------------------------------------------------------------


def test_a_faulty_configuration(serve, workdir, launch):
    daemon = serve()
    streams = streaming(daemon)
    faulty = launch(BOTH, successors.options(workdir, **{"limits.connections": 0}),
                    arguments=["--take-over"])  # fmt: skip
    assert faulty.process.wait(PATIENCE) == 78
    faulty.kill()
    go_on(streams)
    finish(streams)


def test_a_port_that_is_busy(serve, follow, busy_port):
    daemon = serve()
    streams = streaming(daemon)
    assert "Address already in use" in failed(follow((*BOTH, listener("busy", port=busy_port))))
    daemon.wait_counter(FAILURES, 1)
    go_on(streams)
    daemon.assert_echoes()
    successor = follow()
    successor.wait_serving()
    successors.handed_over(daemon)
    finish(streams)


@pytest.mark.parametrize("room", [1, 3, 6])
def test_too_few_descriptors_for_what_it_brings(serve, workdir, room):
    """One of them is for the successor itself, and six more would be needed."""
    daemon = serve()
    limits = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    taken = {int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd")}
    limit = next(i for i in range(1024) if i - len(taken & set(range(i))) == room)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (limit, limits[1]))
    with successors.Successor(workdir) as successor:
        successor.hello()
        assert "raise LimitNOFILE" in successor.hear_end()
    assert daemon.counter(FAILURES) == 1
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, limits)
    with successors.Successor(workdir) as successor:
        successor.go_to(SOCKETS)


def test_too_few_descriptors(serve, follow):
    daemon = serve()
    crowd = [daemon.connect() for _ in range(60)]
    for peer in crowd:
        peers.echo(peer, b"before")
    why = failed(follow(prefix=["prlimit", "--nofile=50:50"]))
    assert "LimitNOFILE" in why or "Too many open files" in why
    for peer in crowd:
        peers.echo(peer, b"after")
    successor = follow()
    successor.wait_serving()
    assert successors.handed_over(daemon) == 60
    successor.go_on_from(daemon)
    for peer in crowd:
        peers.echo(peer, b"and on")


def test_descriptors_that_may_be_had(serve, follow):
    """Whatever the successor has use for itself: its soft limit is no fault."""
    daemon = serve()
    crowd = [daemon.connect() for _ in range(300)]
    for peer in crowd:
        peers.echo(peer, b"before")
    successor = follow(options={"limits.connections": 10}, prefix=["prlimit", "--nofile=60:1000"])
    successor.wait_serving()
    assert successors.handed_over(daemon) == len(crowd)
    successor.go_on_from(daemon)
    for peer in crowd:
        peers.echo(peer, b"and on")


# --- the one that serves is told something else ------------------------------------------------------


def test_a_reload_comes_first(serve, workdir):
    daemon = serve()
    streams = streaming(daemon)
    with successors.Successor(workdir) as successor:
        successor.go_to(SOCKETS)
        daemon.reload()
        assert successor.hear_end() == "it was told to reload"
    with successors.Successor(workdir) as successor:
        successor.go_to(PARCEL)
        daemon.reload()
        successor.hear_end()
    finish(streams)
    daemon.assert_echoes()


def test_a_stop_comes_first(serve, workdir):
    daemon = serve()
    streams = streaming(daemon)
    with successors.Successor(workdir) as successor:
        successor.go_to(PARCEL)
        daemon.drain(connections=len(streams))
        assert successor.hear_end() == "it was told to stop"
    with successors.Successor(workdir) as successor:
        assert successor.hear_end() == "it is stopping"
    finish(streams)
    assert daemon.wait_exit() == 0


# --- the one that serves is gone -----------------------------------------------------------------------


@pytest.mark.parametrize("word", [READY, PARCEL], ids=NAMES.__getitem__)
def test_who_serves_is_killed(serve, follow, workdir, word):
    """When the word is on its way: what was packed goes on, and who comes is served in any case."""
    daemon = serve()
    streams = streaming(daemon) if word == PARCEL else []
    peer = daemon.connect()
    peers.echo(peer, b"before")

    def kill(heard):
        if heard == word:
            daemon.crash()

    with successors.Between(workdir, kill):
        successor = follow()
        successor.wait_serving()
    successor.go_on_from(daemon)
    successor.assert_echoes()
    if word == PARCEL:
        peers.echo(peer, b"after")
        finish(streams)
    else:
        assert peers.ends(peer) in ("eof", "reset")
        successor.wait_log("^warning: pid .* ended before it handed over: what listens is served on$")


def test_it_is_killed_before(serve, follow, workdir):
    daemon = serve()

    def kill(heard):
        if heard == HELLO:
            daemon.crash()

    with successors.Between(workdir, kill):
        assert "it ended" in failed(follow())
