"""Peers that are gone, whatever the connection waited for: noticed at once, and forgotten.

No limit that could end them is set, so nothing but the socket itself can tell.
"""

import signal
import socket
import time

import pytest

import kernel
import peers
from patience import eventually, lasting, within

MIB = 1 << 20
UNLIMITED = {
    "limits.idle_timeout": 0,
    "limits.write_timeout": 0,
    "limits.stalled_connections": 0,
    "limits.blocked_memory": 0,
}
OPEN = 'echod_connections_open{listener="echo-tcp"}'


def half_closed_crowd(daemon, count):
    """Peers that have ended their side and take little of what comes back."""
    crowd = [daemon.connect(receive_buffer=1152) for _ in range(count)]
    for peer in crowd:
        peer.sendall(peers.payload(6000))
        peer.shutdown(socket.SHUT_WR)
    ports = {peer.getsockname()[1] for peer in crowd}
    eventually(lambda: ports <= kernel.in_last_ack(daemon.port()), "both sides are shut down")
    return crowd


def half_closed(daemon):
    return half_closed_crowd(daemon, 1)[0]


def blocked(daemon):
    peer = daemon.connect(receive_buffer=16384)
    peers.fill(peer, peers.payload(8 * MIB))
    return peer


def paced(daemon):
    """It has sent the bytes of some seconds."""
    peer = daemon.connect()
    peer.sendall(b"1234")
    assert peers.receive(peer, 1) == b"1"
    return peer


def reading(daemon):
    peer = daemon.connect()
    peers.echo(peer, b"x")
    return peer


STATES = {
    "reading": (reading, {}),
    "paced": (paced, {"limits.bandwidth_per_connection": 1}),
    "blocked": (blocked, {}),
    "closing": (half_closed, {}),
}


@pytest.mark.parametrize("state", STATES)
def test_a_reset_is_noticed_at_once(start, back_end, state):
    be, options = STATES[state]
    daemon = start(options={**back_end, **UNLIMITED, **options})
    took = []
    for _ in range(5):
        peer = be(daemon)
        name = peers.name_of(peer)
        begun = time.monotonic()
        peers.reset(peer)
        assert daemon.wait_closed(name)["reason"] == "reset"
        took.append(time.monotonic() - begun)
    # one of them at least is not late by the machine's doing
    assert min(took) < lasting(0.2), took


def test_the_dead_keep_nobody_out_and_hold_up_no_stop(start, back_end):
    daemon = start(options={**back_end, **UNLIMITED, "limits.connections": 50})
    for peer in half_closed_crowd(daemon, 50):
        peers.reset(peer)
    daemon.assert_echoes()
    daemon.wait_counter(OPEN, 0)
    for peer in half_closed_crowd(daemon, 10):
        peers.reset(peer)
    daemon.signal(signal.SIGTERM)
    assert daemon.seconds_to_exit() < within(2)
