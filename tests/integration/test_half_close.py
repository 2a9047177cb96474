"""A peer that has shut down its side still gets every byte, and then EOF, on each back end."""

import socket

import pytest

import peers

MIB = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 65536, 8 * MIB])
def test_every_byte_and_then_eof(start, served, back_end, size):
    daemon = start(served, options=back_end)
    data = peers.payload(size)
    peer = daemon.connect()
    if data:
        received = peers.exchange(peer, data, peers.odd_sizes(), half_close=True)
    else:
        peer.shutdown(socket.SHUT_WR)
        received = peers.receive_to_eof(peer)
    peers.assert_same(received, data)
    closed = daemon.wait_closed(peers.name_of(peer))
    assert (closed["reason"], closed["sent"]) == ("peer", str(size))


def test_the_end_that_comes_with_the_data(start, served, back_end):
    """Data and FIN may make one event: nothing may be left behind it."""
    daemon = start(served, options=back_end)
    for number in range(100):
        data = peers.payload(1 + number * 61, number)
        peer = daemon.connect()
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        peers.assert_same(peers.receive_to_eof(peer), data)
        peer.close()


def test_a_slow_reader_loses_nothing(start, served, back_end):
    """The end is sent while every buffer on the way is full; only then is anything read."""
    daemon = start(served, options=back_end)
    data = peers.payload(48 * MIB)
    peer = daemon.connect(receive_buffer=65536)
    sent = peers.fill(peer, data)
    assert sent < len(data)
    peer.shutdown(socket.SHUT_WR)
    peers.assert_same(peers.receive_to_eof(peer, step=4099), data[:sent])
    assert daemon.wait_closed(peers.name_of(peer))["reason"] == "peer"
