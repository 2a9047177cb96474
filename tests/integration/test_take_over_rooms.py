"""--take-over, where queues, orders and memory matter: what each part of a daemon hands over."""

import contextlib
import os
import socket
import time

import pytest

import certificates
import memory
import peers
import successors
from echod import listener
from patience import PATIENCE, eventually
from successors import PARCEL, READY, Between

MIB = 1 << 20
TRIES = 8


@pytest.fixture
def serve(start, workdir):
    def of(listeners=(listener(),), options=None, **named):
        return start(listeners, successors.options(workdir, **(options or {})), **named)

    return of


@pytest.fixture
def follow(launch, workdir):
    """Starts a successor, and does not wait for it."""

    def of(listeners=(listener(),), options=None, **named):
        options = successors.options(workdir, **(options or {}))
        return launch(listeners, options, arguments=["--take-over"], **named)

    return of


@pytest.fixture
def succeed(follow):
    """Waits for it, and for the end of the one before."""

    def of(daemon, *arguments, **named):
        successor = follow(*arguments, **named)
        successor.wait_serving()
        successors.handed_over(daemon)
        successor.go_on_from(daemon)
        return successor

    return of


def when(word, act):
    """For Between: once, as that is said, which nobody hears before it is done."""

    def meddle(said):
        if said == word:
            act()

    return meddle


# --- queues ------------------------------------------------------------------------------------


def test_who_waits_at_a_listener_that_goes(serve, succeed, workdir):
    """Served as that listener would have, its greeting first."""
    listeners = (listener(), listener("more", greeting="%n: "))
    daemon = serve(listeners)
    waiting = []

    def come():
        waiting.append(daemon.connect("more"))
        waiting[0].sendall(b"in time")

    with Between(workdir, when(PARCEL, come)):
        daemon = succeed(daemon, listeners[:1])
    assert peers.receive(waiting[0], len("more: in time")) == b"more: in time"
    daemon.wait_counter('echod_connections_accepted_total{listener="more"}', 1)
    waiting[0].close()
    daemon.wait_counter('echod_connections_closed_total{listener="more",reason="peer"}', 1)


@pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")
def test_who_waits_for_what_did_not_travel(serve, succeed, workdir):
    """Who would speak TLS is not echoed in plain text, nor is who would say whose he is."""
    secure = certificates.secure(certificates.one())
    proxied = listener("proxied", proxy_protocol=True, trusted_proxies=["127.0.0.1"])
    daemon = serve((listener(), secure, proxied))
    waiting = []

    def come():
        waiting.extend(daemon.connect(name) for name in ("echo-tls", "proxied"))
        for peer in waiting:
            peer.sendall(b"hello")

    with Between(workdir, when(PARCEL, come)):
        daemon = succeed(daemon)
    assert [peers.ends(peer) for peer in waiting] == ["reset", "reset"]


def test_who_waits_at_a_path_that_vanished(serve, succeed, workdir):
    """There was no room for him before."""
    path = f"{workdir}/echod.sock"
    listeners = (listener(path=path),)
    daemon = serve(listeners, {"limits.connections": 1})
    first, second = daemon.connect(), daemon.connect()
    peers.echo(first, b"there is room for one")
    second.sendall(b"and there is for another")
    assert peers.is_quiet(second)
    os.unlink(path)
    daemon = succeed(daemon, listeners)
    assert peers.receive(second, 24) == b"and there is for another"
    peers.echo(first, b"still there")
    with contextlib.closing(peers.connect(f"unix:{path}", None)) as new:
        peers.echo(new, b"there again")


@pytest.mark.parametrize("dies", [False, True], ids=["takes over", "dies"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_who_comes_to_an_address_of_another_name(serve, follow, workdir, protocol, dies):
    """Whoever makes ready has nothing of its own there: who comes is served by whom there is."""
    daemon = serve((listener("before", protocol=protocol),), {"workers": 2})
    listeners = (listener("after", protocol=protocol, port=daemon.port("before")),)
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    where = (daemon.host("before"), daemon.port("before"))
    crowd = []
    following = []

    def come(word):
        if word not in (READY, PARCEL):
            return
        for _ in range(16):
            crowd.append(socket.socket(socket.AF_INET, kind))
            crowd[-1].settimeout(PATIENCE)
            crowd[-1].connect(where)
            crowd[-1].sendall(b"there?")
        if word == READY:
            assert [peer.recv(100) for peer in crowd] == len(crowd) * [b"there?"]
        elif dies:
            eventually(lambda: following, "it is started")
            following[0].kill()

    with Between(workdir, come):
        following.append(follow(listeners, {"workers": 4}))
        if dies:
            following[0].process.wait(PATIENCE)
        else:
            following[0].wait_serving()
    with contextlib.ExitStack() as stack:
        for peer in crowd:
            stack.enter_context(peer)
        assert [peer.recv(100) for peer in crowd[16:]] == 16 * [b"there?"]
        if not dies:
            successors.handed_over(daemon)
            following[0].go_on_from(daemon)
        for peer in crowd:
            peer.sendall(b"and on")
        assert [peer.recv(100) for peer in crowd] == len(crowd) * [b"and on"]


def test_who_waits_at_one_that_came_later(serve, succeed, workdir):
    """Its descriptor may be one that a listener had which went with the take-over.

    There is no room for whoever waits: he is turned away, but not as if nobody had been there.
    """
    options = {"limits.connections": 1}
    daemon = serve((listener("before"),), options)
    after = listener("after", port=daemon.port("before"))
    daemon = succeed(daemon, (after,), options)
    names = [f"later-{i}" for i in range(32)]
    options = successors.options(workdir, **options)
    daemon.configure([after, *map(listener, names)], options)
    daemon.reload()
    daemon.configure([after], options)
    with contextlib.ExitStack() as stack:
        inside = stack.enter_context(daemon.connect("after"))
        peers.echo(inside, b"there is room for one")
        waiting = [stack.enter_context(daemon.connect(name)) for name in names]
        daemon.reload()
        assert [peers.ends(peer) for peer in waiting] == len(names) * ["eof"]
        peers.echo(inside, b"still there")


# --- the configuration -------------------------------------------------------------------------


def test_the_configuration_goes_with_all_there_is(serve, workdir):
    """For whoever takes over; with what listens nobody needs it.  It is the one in force."""
    daemon = serve(options={"drain_timeout": 77})
    daemon.configure(options=successors.options(workdir, drain_timeout=78))
    for _ in range(2):
        with successors.Successor(workdir) as successor:
            successor.go_to(PARCEL)
            first, last = (os.pread(each.memory, MIB, 0) for each in successor.flights)
        assert b"drain_timeout" not in first
        assert b"drain_timeout = 77" in last
    daemon.reload()
    with successors.Successor(workdir) as successor:
        successor.go_to(PARCEL)
        assert b"drain_timeout = 78" in os.pread(successor.flights[1].memory, MIB, 0)


# --- datagrams ---------------------------------------------------------------------------------


def test_more_workers(serve, succeed, workdir):
    """None makes a socket that would get datagrams before it is read, and lose them if it fails."""
    listeners = (listener("udp", protocol="udp"),)
    daemon = serve(listeners, {"workers": 1})
    crowd = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)]
    asked = []

    def ask():
        for peer in crowd:
            peer.settimeout(PATIENCE)
            peer.sendto(b"there?", (daemon.host("udp"), daemon.port("udp")))
        asked.extend(peer.recv(100) for peer in crowd)

    with contextlib.ExitStack() as stack:
        for peer in crowd:
            stack.enter_context(peer)
        with Between(workdir, when(READY, ask)):
            daemon = succeed(daemon, listeners, {"workers": 4})
        ask()
    assert asked == 2 * len(crowd) * [b"there?"]


# --- orders ------------------------------------------------------------------------------------


def test_all_are_idle_in_their_order(serve, succeed):
    """Whichever worker had them: none hides behind one that has been silent for a shorter time."""
    options = {"limits.idle_timeout": 4}
    daemon = serve(options={**options, "workers": 4})
    crowd = []
    for _ in range(12):
        crowd.append(daemon.connect())
        peers.echo(crowd[-1], b"and now silence")
        time.sleep(0.1)
    names = [peers.name_of(peer) for peer in crowd]
    daemon = succeed(daemon, options={**options, "workers": 1})
    ends = []
    for peer in crowd:
        assert peers.ends(peer) == "eof"
        ends.append(time.monotonic())
        peer.close()
    for name in names:
        daemon.wait_closed(name)
    lines = daemon.log.matching("^info: connection closed: ")
    assert [name for line in lines for name in names if f"peer={name} " in line] == names
    assert ends[-1] - ends[0] > 0.5 * 11 * 0.1  # each at its own time


# --- memory ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("apart")
def test_memory_that_lacks(serve, follow, workdir, back_end):
    """While it is made the successor's own: who serves then has all of it, whichever that is."""
    daemon = serve(options=back_end)
    streams = [peers.Stream(daemon.connect()) for _ in range(4)]
    idle = [daemon.connect() for _ in range(40)]
    data = peers.payload(16 * MIB)
    blocked = daemon.connect(receive_buffer=65536)
    sent = peers.fill(blocked, data)
    for stream in streams:
        stream.start()
    failures = 0
    for seed in range(TRIES):
        orders = memory.Orders(workdir, seed)

        def act(word, orders=orders, share=40 >> seed // 2 * 2):
            orders.fail(share if word == PARCEL else 0)

        with Between(workdir, act):
            successor = follow(options=back_end, environment=orders.environment)
            eventually(lambda: daemon.process.poll() is not None or
                       successor.process.poll() is not None, "one of both ends")
        if successor.process.poll() is None:
            orders.fail(0)
            successor.wait_serving()
            successors.handed_over(daemon)
            successor.go_on_from(daemon)
            daemon = successor
        else:
            assert successor.process.poll() == 1, "\n".join(successor.log.lines)
            successor.kill()
            failures += 1
        for stream in streams:
            stream.wait_moved(MIB)
        for peer in idle:
            peers.echo(peer, b"still there")
    assert failures > 0
    for stream in streams:
        stream.finish()
    peers.assert_same(peers.receive(blocked, sent), data[:sent])
