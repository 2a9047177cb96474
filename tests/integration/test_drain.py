"""SIGTERM and SIGINT: what is under way is finished, nothing new begins, and it has an end."""

import signal
import time

import pytest

import peers
from patience import eventually, within

MIB = 1 << 20
PACE = 0.2  # seconds between the bites of a slow reader
SIGNALS = [signal.SIGTERM, signal.SIGINT]


def begin_drain(daemon, number=signal.SIGTERM, connections=1):
    seconds = r"for at most \d+ seconds"
    daemon.signal(number)
    daemon.wait_log(
        rf"^notice: {number.name}: draining {connections} connections, {seconds}$"
    )


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_without_connections_it_stops_at_once(start, number):
    daemon = start()
    daemon.signal(number)
    assert daemon.seconds_to_exit() < within(1)
    assert daemon.process.returncode == 0
    assert daemon.log.lines[-1] == "notice: stopped"


def test_data_in_flight_is_delivered(start, back_end):
    """The signal comes while megabytes wait on the way, with more to come."""
    daemon = start(options=back_end)
    data = peers.payload(32 * MIB)
    peer = daemon.connect(receive_buffer=65536)
    sent = peers.fill(peer, data)
    assert sent < len(data)
    begin_drain(daemon)
    peers.assert_same(peers.receive(peer, sent), data[:sent])
    peers.echo(peer, b"and this")
    assert peers.receive_to_eof(peer) == b""
    peer.close()
    assert daemon.wait_exit(within(10)) == 0


def test_who_reads_late_gets_everything_too(start, back_end):
    """Who has stalled for longer than a silent connection is given has not had its say yet."""
    daemon = start(options=back_end)
    data = peers.payload(32 * MIB)
    crowd = [daemon.connect(receive_buffer=65536) for _ in range(3)]
    sent = [peers.fill(peer, data) for peer in crowd]
    assert max(sent) < len(data)
    begin_drain(daemon, connections=3)
    for peer, count in zip(crowd, sent):
        peers.assert_same(peers.receive(peer, count), data[:count])
        peers.echo(peer, b"and this")
        assert peers.receive_to_eof(peer) == b""
        peer.close()
    assert daemon.wait_exit(within(10)) == 0


def test_who_reads_slowly_what_the_kernel_holds_gets_everything(start):
    """All is sent but lies in the kernel; the peer takes longer than a silent one may linger.

    While it takes some it is not silent: what it sends meanwhile comes back, too.
    """
    daemon = start(options={"drain_timeout": 300})
    peer = daemon.connect(receive_buffer=1152)
    data = peers.payload(12288)  # the kernel takes them all
    assert peers.fill(peer, data) == len(data)
    daemon.wait_counter('echod_sent_bytes_total{listener="echo-tcp"}', len(data))
    begin_drain(daemon)
    received = bytearray()
    more = b"and this"
    while len(received) < len(data) + len(more):
        piece = peers.receive(peer, min(256, len(data) + len(more) - len(received)))
        assert piece, f"EOF after {len(received)} bytes"
        received += piece
        if len(received) == len(data) // 2:
            peer.sendall(more)
        time.sleep(PACE)  # its pace is what is tested: nine seconds for all of it
    peers.assert_same(received, data + more)
    peer.close()
    assert daemon.wait_exit(within(10)) == 0


def test_streams_go_on_until_they_end(start, back_end):
    daemon = start(options=back_end)
    streams = [peers.Stream(daemon.connect()) for _ in range(4)]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.wait_moved(MIB)
    begin_drain(daemon, connections=4)
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
    begin_drain(daemon)
    eventually(lambda: peers.is_refused("127.0.0.1", daemon.port()), "nobody listens")
    held.wait_moved(MIB)
    held.finish()


def test_who_already_waited_is_still_served(start, back_end):
    """Connections that the kernel had taken before the signal are not reset."""
    daemon = start(options=back_end)
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


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_silent_connection_is_ended_well_before_the_limit(start, number):
    daemon = start(options={"drain_timeout": 300})
    peer = daemon.connect()
    peers.echo(peer, b"the last word")
    begin_drain(daemon, number)
    assert peers.ends(peer) == "eof"
    name = peers.name_of(peer)
    peer.close()
    assert daemon.seconds_to_exit() < within(5)
    assert daemon.wait_closed(name)["reason"] == "drain"


def test_a_silent_peer_that_stays_is_left_behind(start):
    """It has its EOF but does not close: lingering has an end, long before the drain's."""
    daemon = start(options={"drain_timeout": 300})
    peer = daemon.connect()
    peers.echo(peer, b"the last word")
    begin_drain(daemon)
    assert peers.ends(peer) == "eof"
    assert daemon.seconds_to_exit() < 5 + within(3)


def test_a_never_reader_cannot_hold_it(start, back_end):
    daemon = start(options={**back_end, "drain_timeout": 2})
    peer = daemon.connect(receive_buffer=65536)
    data = peers.payload(48 * MIB)
    assert peers.fill(peer, data) < len(data)
    begin_drain(daemon)
    assert daemon.seconds_to_exit() < 2 + within(1)
    assert peers.ends(peer) == "reset"
    assert daemon.process.returncode == 0


def test_an_endless_stream_cannot_hold_it(start):
    daemon = start(options={"drain_timeout": 2})
    stream = peers.Stream(daemon.connect())
    stream.start()
    stream.wait_moved(MIB)
    begin_drain(daemon)
    assert daemon.seconds_to_exit() < 2 + within(1)
    with pytest.raises((AssertionError, OSError)):
        stream.finish()
    assert daemon.process.returncode == 0


def test_an_endless_stream_is_ended_in_order_where_there_is_time(start):
    """Five seconds before the limit: it gets all that was read of it, and an end of stream."""
    daemon = start(options={"drain_timeout": 6})
    peer = daemon.connect()
    begin_drain(daemon)
    sent = received = 0
    while True:
        peer.sendall(b"%08d" % sent)
        sent += 1
        data = peers.receive(peer, 8)
        if not data:
            break
        assert data == b"%08d" % received
        received += 1
    name = peers.name_of(peer)
    peer.close()
    assert daemon.seconds_to_exit() < within(4)
    assert daemon.wait_closed(name)["reason"] == "drain"


@pytest.mark.parametrize("second", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("first", SIGNALS, ids=lambda number: number.name)
def test_a_second_signal_stops_at_once(start, first, second):
    daemon = start(options={"drain_timeout": 300})
    peer = daemon.connect(receive_buffer=65536)
    data = peers.payload(48 * MIB)
    assert peers.fill(peer, data) < len(data)
    begin_drain(daemon, first)
    daemon.signal(second)
    assert daemon.seconds_to_exit() < within(2)
    assert daemon.process.returncode == 0
    assert daemon.log.matching(
        rf"^notice: {second.name}: stopping now, 1 connections aborted$"
    )
    assert daemon.wait_closed(peers.name_of(peer))["reason"] == "stop"
    assert daemon.log.lines[-1] == "notice: stopped"
    assert peers.ends(peer) == "reset"


def test_an_abort_leaves_nothing_to_the_kernel(start):
    """All is sent but lies in the kernel: a mere close would keep it there for minutes."""
    daemon = start(options={"drain_timeout": 300})
    peer = daemon.connect(receive_buffer=1152)
    size = 12288
    assert peers.fill(peer, peers.payload(size)) == size
    daemon.wait_counter('echod_sent_bytes_total{listener="echo-tcp"}', size)
    begin_drain(daemon)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit(within(2)) == 0
    assert peers.ends(peer) == "reset"


def test_signals_to_the_very_end_change_nothing(start):
    """There is no moment on the way out at which a signal kills, and the status stays 0."""
    for _ in range(10):
        daemon = start()
        while daemon.process.poll() is None:
            for number in signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1:
                daemon.signal(number)
        assert daemon.wait_exit() == 0


def test_a_reload_during_a_drain_opens_nothing(start):
    daemon = start()
    stream = peers.Stream(daemon.connect())
    stream.start()
    begin_drain(daemon)
    eventually(lambda: peers.is_refused("127.0.0.1", daemon.port()), "nobody listens")
    daemon.signal(signal.SIGHUP)
    stream.wait_moved(4 * MIB)
    assert peers.is_refused("127.0.0.1", daemon.port())
    stream.finish()
    assert daemon.wait_exit(within(10)) == 0
