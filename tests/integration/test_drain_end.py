"""A drain has an end, in order for who is silent, by force for who would hold it."""

import signal

import pytest

import peers
from patience import within

MIB = 1 << 20
SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_without_connections_it_stops_at_once(start, number):
    daemon = start()
    daemon.signal(number)
    assert daemon.seconds_to_exit() < within(1)
    assert daemon.process.returncode == 0
    said = f"notice: {number.name}: stopping, no connection is open"
    assert daemon.log.lines[-2:] == [said, "notice: stopped"]
    assert not daemon.log.matching("draining")


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_silent_connection_is_ended_well_before_the_limit(start, number):
    daemon = start(options={"drain_timeout": 300})
    peer = daemon.connect()
    peers.echo(peer, b"the last word")
    daemon.drain(number)
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
    daemon.drain()
    assert peers.ends(peer) == "eof"
    assert daemon.seconds_to_exit() < 5 + within(3)


def test_a_never_reader_cannot_hold_it(start, back_end):
    daemon = start(options={**back_end, "drain_timeout": 2})
    peer = daemon.connect(receive_buffer=65536)
    data = peers.payload(48 * MIB)
    assert peers.fill(peer, data) < len(data)
    daemon.drain()
    assert daemon.seconds_to_exit() < 2 + within(1)
    assert peers.ends(peer) == "reset"
    assert daemon.process.returncode == 0


def test_an_endless_stream_cannot_hold_it(start):
    daemon = start(options={"drain_timeout": 2})
    stream = peers.Stream(daemon.connect())
    stream.start()
    stream.wait_moved(MIB)
    daemon.drain()
    assert daemon.seconds_to_exit() < 2 + within(1)
    with pytest.raises((AssertionError, OSError)):
        stream.finish()
    assert daemon.process.returncode == 0


def test_an_endless_stream_is_ended_in_order_where_there_is_time(start):
    """Five seconds before the limit: it gets all that was read of it, and an end of stream."""
    daemon = start(options={"drain_timeout": 6})
    peer = daemon.connect()
    daemon.drain()
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
    daemon.drain(first)
    daemon.signal(second)
    assert daemon.seconds_to_exit() < within(2)
    assert daemon.process.returncode == 0
    assert daemon.log.matching(
        rf"^notice: {second.name}: stopping now, 1 connection aborted$"
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
    daemon.drain()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit(within(2)) == 0
    assert peers.ends(peer) == "reset"


def test_signals_to_the_very_end_change_nothing(start):
    """There is no moment on the way out at which a signal kills, and the status stays 0."""
    # Each SIGUSR1 has it write all statistics, and the log's end is waited for a second alone.
    often, seldom = (signal.SIGTERM, signal.SIGHUP), (signal.SIGUSR1,)
    for _ in range(10):
        daemon = start()
        while daemon.process.poll() is None:
            for number in (*often * 16, *seldom):
                daemon.signal(number)
        assert daemon.wait_exit() == 0
