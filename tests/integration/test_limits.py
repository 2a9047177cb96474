"""The limits that an operator sets: each is kept, and nobody suffers who is within it."""

import time

import peers
from patience import PATIENCE, within

MIB = 1 << 20
PACE = 0.2  # seconds between the bytes of a connection that is not idle


def test_further_connections_wait_in_the_backlog(start, back_end):
    daemon = start(options={**back_end, "limits.connections": 2})
    inside = [daemon.connect(), daemon.connect()]
    for peer in inside:
        peers.echo(peer, b"inside")
    waiting = [daemon.connect() for _ in range(3)]
    for peer in waiting:
        peer.sendall(b"outside")
    assert not peers.readable(waiting, peers.QUIET)
    assert len(daemon.log.matching("^info: connection opened: ")) == 2
    for peer in inside:
        peers.echo(peer, b"undisturbed")

    for _ in waiting[:]:
        inside.pop(0).close()
        served = peers.readable(waiting, within(1))
        assert len(served) == 1
        assert peers.receive(served[0], 7) == b"outside"
        waiting.remove(served[0])
        inside.append(served[0])


def drip(peer, data, sent):
    """Keeps every buffer full and takes a little; returns (bytes sent, what was read)."""
    peer.setblocking(False)
    try:
        while sent < len(data):
            sent += peer.send(data[sent : sent + 65536])
    except BlockingIOError:
        pass
    peer.settimeout(PATIENCE)
    return sent, peers.receive(peer, min(65536, sent))


def test_idle_timeout_ends_the_idle_alone(start, back_end):
    """One is silent; one says a byte now and then; from one its echo is taken slowly."""
    limit = 3
    daemon = start(
        options={**back_end, "limits.idle_timeout": limit, "limits.socket_buffer": 16384}
    )
    data = memoryview(peers.payload(16 * MIB))
    idle, active, slow = daemon.connect(), daemon.connect(), daemon.connect(receive_buffer=65536)
    received = bytearray()
    sent = 0
    for peer in idle, active, slow:
        daemon.wait_opened(peer)
    start_time = time.monotonic()
    closed = None
    while time.monotonic() - start_time < 1.7 * limit:
        peers.echo(active, b".")
        sent, piece = drip(slow, data, sent)
        received += piece
        if closed:
            peers.is_quiet(active, PACE)
        elif not peers.is_quiet(idle, PACE):
            assert peers.ends(idle) == "eof"
            name = peers.name_of(idle)
            idle.close()
            closed = daemon.wait_closed(name)
    assert closed, "the idle connection is still open"
    assert closed["reason"] == "idle_timeout"
    assert limit - 0.1 < float(closed["seconds"]) < limit + within(1)

    peers.echo(active, b"still here")
    received += peers.receive(slow, sent - len(received))
    peers.assert_same(received, data[:sent])
    assert len(daemon.log.matching("^info: connection closed: ")) == 1


def test_no_idle_timeout(start):
    daemon = start(options={"limits.idle_timeout": 0})
    peer = daemon.connect()
    assert peers.is_quiet(peer, 1.5)
    peers.echo(peer, b"not forgotten")


LEAST = {4096: 0, 0: 98304, MIB: MIB}  # by limits.socket_buffer: bytes that are waited for


def bytes_taken(daemon, size):
    """How much of 2 MiB is taken from a peer that does not read and has small buffers itself."""
    peer = daemon.connect(receive_buffer=16384, send_buffer=16384)
    return peers.fill(peer, peers.payload(2 * MIB), LEAST[size])


def test_socket_buffer_bounds_what_a_stalled_peer_holds(start, back_end):
    small, large, automatic = [
        bytes_taken(start(options={**back_end, "limits.socket_buffer": size}), size)
        for size in (4096, MIB, 0)
    ]
    assert 1.3 * small < automatic < large / 2


def test_a_new_socket_buffer_takes_effect(start):
    daemon = start(options={"limits.socket_buffer": MIB})
    taken = [bytes_taken(daemon, MIB)]
    for size in 4096, 0, MIB:
        daemon.configure(options={"limits.socket_buffer": size})
        daemon.reload()
        taken.append(bytes_taken(daemon, size))
    large, small, automatic, large_again = taken
    assert 1.3 * small < automatic < min(large, large_again) / 2
