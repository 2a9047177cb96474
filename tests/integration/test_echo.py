"""Every byte comes back, in order and unaltered, over each event back end."""

import re
import socket

import kernel
import peers
from echod import listener
from patience import within

MIB = 1 << 20


def test_the_back_end_that_was_asked_for_runs(start, back_end):
    daemon = start(options=back_end)
    name = back_end["event_method"]
    if name == "epoll":
        name += ", edge-triggered" if back_end["edge_triggered"] else ", level-triggered"
    assert daemon.log.matching(rf"^notice: echod \S+ serving: 2 workers, {name}$")


def test_a_random_stream_in_odd_sizes(start, served, back_end):
    daemon = start(served, options=back_end)
    for seed in range(5):
        data = peers.payload(2 * MIB, seed)
        received = peers.exchange(daemon.connect(), data, peers.odd_sizes(seed))
        peers.assert_same(received, data)


def test_64_mib_on_one_connection(start, back_end):
    daemon = start(options=back_end)
    data = peers.payload(64 * MIB)
    peers.assert_same(peers.exchange(daemon.connect(), data), data)


def test_single_bytes(start, back_end):
    daemon = start(options=back_end)
    peer = daemon.connect()
    for byte in range(200):
        peers.echo(peer, bytes([byte]))
    data = peers.payload(2000)
    peers.assert_same(peers.exchange(peer, data, iter(lambda: 1, 0)), data)


def test_urgent_bytes_come_back_in_their_place(start, served, back_end):
    """A read stops at an urgent byte: one that stopped short must not be taken for the last."""
    daemon = start(served, options=back_end)
    peer = daemon.connect()
    for _ in range(100):
        peer.sendall(b"before")
        peer.send(b"U", socket.MSG_OOB)
        peer.sendall(b"after")
        peers.assert_same(peers.receive(peer, 12), b"beforeUafter")


def test_connections_do_not_mix(start, served, back_end):
    daemon = start(served, options=back_end)
    streams = [peers.Stream(daemon.connect()) for _ in range(8)]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.wait_moved(MIB)
    for stream in streams:
        stream.finish()


def test_1000_connections_at_once(start, back_end):
    daemon = start(options=back_end)
    room = daemon.log.matching(r"select\(\) has room for")
    count = min([1000, *(int(re.search(r"at most (\d+)", line).group(1)) for line in room)])
    crowd = [daemon.connect() for _ in range(count)]
    for number, peer in enumerate(crowd):
        peer.sendall(peers.payload(64, number))
    for number, peer in enumerate(crowd):
        peers.assert_same(peers.receive(peer, 64), peers.payload(64, number))
    daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', count)


def test_many_workers(start, back_end):
    daemon = start(options={**back_end, "workers": 64})
    assert kernel.threads(daemon.pid) >= 64
    crowd = [daemon.connect() for _ in range(200)]
    for peer in crowd:
        peers.echo(peer, b"one of many")


def test_several_listeners(start, back_end):
    names = [f"echo-{number}" for number in range(5)]
    daemon = start([listener(name) for name in names], options=back_end)
    assert len({daemon.port(name) for name in names}) == len(names)
    for name in names:
        peer = daemon.connect(name)
        peers.echo(peer, name.encode())
        # another listener may have had a peer with the same port before
        daemon.wait_log(rf"connection opened: peer={peers.name_of(peer)} listener={name}$")


def test_the_closing_line_has_the_right_figures(start, back_end):
    daemon = start(options=back_end)
    peer = daemon.connect()
    peers.assert_same(peers.exchange(peer, peers.payload(123457)), peers.payload(123457))
    name = peers.name_of(peer)
    peer.close()
    closed = daemon.wait_closed(name)
    assert closed["listener"] == "echo-tcp"
    assert closed["reason"] == "peer"
    assert closed["received"] == closed["sent"] == "123457"
    assert 0 <= float(closed["seconds"]) < within(10)
