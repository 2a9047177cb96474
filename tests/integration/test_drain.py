"""SIGTERM and SIGINT: what is under way is finished, and nothing new begins."""

import signal

import peers
from patience import eventually, within

MIB = 1 << 20


def test_data_in_flight_is_delivered(start, served, back_end):
    """The signal comes while megabytes wait on the way, with more to come."""
    daemon = start(served, options=back_end)
    data = peers.payload(32 * MIB)
    peer = daemon.connect(receive_buffer=65536)
    sent = peers.fill(peer, data)
    assert sent < len(data)
    daemon.drain()
    peers.assert_same(peers.receive(peer, sent), data[:sent])
    peers.echo(peer, b"and this")
    assert peers.receive_to_eof(peer) == b""
    peer.close()
    assert daemon.wait_exit(within(10)) == 0


def test_streams_go_on_until_they_end(start, served, back_end):
    daemon = start(served, options=back_end)
    streams = [peers.Stream(daemon.connect()) for _ in range(4)]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.wait_moved(MIB)
    daemon.drain(connections=4)
    for stream in streams:
        stream.wait_moved(4 * MIB)
    for stream in streams:
        stream.finish()
    assert daemon.wait_exit(within(10)) == 0


def test_new_connections_are_refused(start):
    daemon = start()
    held = peers.Stream(daemon.connect())
    held.start()
    held.wait_moved(1)
    daemon.drain()
    eventually(lambda: peers.is_refused("127.0.0.1", daemon.port()), "nobody listens")
    held.wait_moved(MIB)
    held.finish()


def test_who_already_waited_is_still_served(start, served, back_end):
    """Connections that the kernel had taken before the signal are not reset."""
    daemon = start(served, options=back_end)
    daemon.signal(signal.SIGSTOP)
    crowd = [daemon.connect() for _ in range(20)]
    for peer in crowd:
        peer.sendall(b"in the queue")
    daemon.signal(signal.SIGTERM)
    daemon.signal(signal.SIGCONT)
    for peer in crowd:
        assert peers.receive_to_eof(peer) == b"in the queue"
        peer.close()
    assert daemon.wait_exit() == 0


def test_a_reload_during_a_drain_opens_nothing(start):
    daemon = start()
    stream = peers.Stream(daemon.connect())
    stream.start()
    daemon.drain()
    eventually(lambda: peers.is_refused("127.0.0.1", daemon.port()), "nobody listens")
    daemon.signal(signal.SIGHUP)
    stream.wait_moved(4 * MIB)
    assert peers.is_refused("127.0.0.1", daemon.port())
    stream.finish()
    assert daemon.wait_exit(within(10)) == 0
