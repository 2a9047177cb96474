"""How long a connection may last, and how fast it may be."""

import time

import peers
from patience import PATIENCE, eventually, lasting, within


def test_a_lifetime(start, back_end):
    daemon = start(options={**back_end, "limits.lifetime": 2})
    peer = daemon.connect()
    begun = time.monotonic()
    while peers.is_quiet(peer, 0.05) and peers.echo_or_end(peer, b"busy"):
        assert time.monotonic() - begun < within(6)
    assert peers.ends(peer) == "eof"
    assert time.monotonic() - begun >= 1.5
    name = peers.name_of(peer)
    peer.close()
    assert daemon.wait_closed(name)["reason"] == "lifetime"


def test_a_bandwidth_is_kept_and_smooth(start, back_end):
    rate = 400000
    daemon = start(options={**back_end, "limits.bandwidth_per_connection": rate})
    peer, other = daemon.connect(), daemon.connect()
    data = peers.payload(rate)

    def is_in_time():
        begun = time.monotonic()
        peer.sendall(data)
        received, times = b"", []
        while len(received) < len(data):
            peer.settimeout(PATIENCE)
            piece = peer.recv(65536)
            received += piece
            times.append((time.monotonic() - begun, len(received)))
        peers.echo(other, b"undisturbed")
        assert received == data
        assert times[-1][0] > 0.8
        # A tenth of a second's bytes at once, and what came in 0.1 s more: never a burst.
        assert all(count <= rate * (when + 0.25) for when, count in times)
        return times[-1][0] < lasting(2)

    eventually(is_in_time, "a second's bytes come in two seconds")
