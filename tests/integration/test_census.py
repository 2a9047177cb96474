"""No total goes back but by a restart: what becomes of the counters where listeners come and go."""

import socket

import pytest

import kernel
import peers
from echod import listener
from patience import PATIENCE, eventually

SENT = "echod_sent_bytes_total"
OPEN = "echod_connections_open"
GONE = "(gone)"
REMEMBERED = 256


def of(statistics, name, listener_name, reason=None):
    labels = f'listener="{listener_name}"' + (f',reason="{reason}"' if reason else "")
    return statistics.get(f"{name}{{{labels}}}")


def wait_of(daemon, value, *which):
    eventually(lambda: of(daemon.statistics(), *which) == value, f"{which} {value}")


def total(statistics, name):
    return sum(value for series, value in statistics.items() if series.startswith(name + "{"))


def assert_none_goes_back(before, after):
    for series, value in before.items():
        if series.split("{")[0].endswith("_total"):
            assert after.get(series, 0) >= value, series


def reload(daemon, sections, options=None):
    """Returns the statistics of before and after."""
    before = daemon.statistics()
    daemon.configure(sections, options)
    verdict = daemon.reload()[-1]
    assert verdict.startswith("notice: reloaded "), verdict
    after = daemon.statistics()
    assert_none_goes_back(before, after)
    return before, after


def test_a_removed_listener_is_still_counted(start, back_end):
    daemon = start([listener("kept"), listener("two")], back_end)
    data = peers.payload(2_000_000)
    peers.exchange(daemon.connect("two"), data, half_close=True)
    wait_of(daemon, 1, "echod_connections_closed_total", "two", "peer")
    _, after = reload(daemon, [listener("kept")], back_end)
    assert of(after, SENT, "two") == of(after, "echod_received_bytes_total", "two") == len(data)
    assert of(after, "echod_connections_accepted_total", "two") == 1
    assert of(after, "echod_connections_closed_total", "two", "peer") == 1
    assert not of(after, OPEN, "two")


def test_a_connection_outlives_its_listener_in_the_books(start):
    daemon = start([listener("kept"), listener("two")])
    peer = daemon.connect("two")
    peers.echo(peer, b"12345")
    reload(daemon, [listener("kept")])
    peers.echo(peer, b"67890")
    wait_of(daemon, 10, SENT, "two")
    assert of(daemon.statistics(), OPEN, "two") == 1
    peer.close()
    wait_of(daemon, None, OPEN, "two")
    assert of(daemon.statistics(), "echod_connections_closed_total", "two", "peer") == 1


def test_a_listener_that_returns_goes_on(start):
    daemon = start([listener("kept"), listener("two")])
    for number in range(1, 4):
        # its connections stay open over the reloads
        peers.echo(daemon.connect("two"), bytes(1000))
        wait_of(daemon, 1000 * number, SENT, "two")
        reload(daemon, [listener("kept")])
        daemon.listening.pop("two")
        _, after = reload(daemon, [listener("kept"), listener("two")])
        assert of(after, SENT, "two") == 1000 * number
        assert of(after, OPEN, "two") == number


@pytest.mark.parametrize("address", ["127.0.0.1", "*", "127.0.0.2"])
def test_another_address_and_port_of_the_same_name(start, back_end, address):
    """Old connections are counted beside the new ones, whichever worker they are at."""
    daemon = start([listener("echo-tcp")], back_end)
    old = [daemon.connect() for _ in range(3)]
    for peer in old:
        peers.echo(peer, bytes(100))
    wait_of(daemon, 300, SENT, "echo-tcp")
    daemon.listening.clear()
    _, after = reload(daemon, [listener("echo-tcp", address, kernel.free_port())], back_end)
    assert of(after, SENT, "echo-tcp") == 300
    new = [daemon.connect() for _ in range(3)]
    for peer in old + new:
        peers.echo(peer, bytes(10))
    wait_of(daemon, 360, SENT, "echo-tcp")
    assert of(daemon.statistics(), OPEN, "echo-tcp") == 6
    assert of(daemon.statistics(), "echod_connections_accepted_total", "echo-tcp") == 6
    for peer in old:
        peer.close()
    wait_of(daemon, 3, OPEN, "echo-tcp")
    wait_of(daemon, 3, "echod_connections_closed_total", "echo-tcp", "peer")


def test_another_name_of_the_same_address(start):
    port = kernel.free_port()
    daemon = start([listener("before", port=port)])
    old = daemon.connect("before")
    peers.echo(old, bytes(100))
    wait_of(daemon, 100, SENT, "before")
    reload(daemon, [listener("after", port=port)])
    peers.echo(old, bytes(20))
    peers.echo(daemon.connect("after"), bytes(3))
    wait_of(daemon, 120, SENT, "before")
    wait_of(daemon, 3, SENT, "after")


def test_a_reload_that_fails_counts_no_listener(start):
    daemon = start([listener("kept")])
    peers.echo(daemon.connect("kept"), bytes(100))
    wait_of(daemon, 100, SENT, "kept")
    before = daemon.statistics()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        daemon.configure([listener("fine"), listener("kept", port=port)])
        assert daemon.reload()[-1].startswith("err: reload failed")
    after = daemon.statistics()
    assert_none_goes_back(before, after)
    assert of(after, SENT, "fine") is None
    assert of(after, SENT, "kept") == 100


def ask(daemon, name, count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        peer.connect(("127.0.0.1", daemon.port(name)))
        for _ in range(count):
            peer.send(b"datagram")
            assert peer.recv(100) == b"datagram"


def test_datagrams_by_listener(start, back_end):
    options = {**back_end, "udp.max_datagram": 100}
    one, two = listener("one", protocol="udp"), listener("two", protocol="udp")
    daemon = start([one, two], options)
    ask(daemon, "one", 3)
    ask(daemon, "two", 5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(bytes(101), ("127.0.0.1", daemon.port("two")))
    wait_of(daemon, 3, "echod_datagrams_sent_total", "one")
    wait_of(daemon, 6, "echod_datagrams_received_total", "two")
    wait_of(daemon, 1, "echod_datagrams_dropped_total", "two", "size")
    daemon.listening.clear()
    _, after = reload(daemon, [listener("two", port=kernel.free_port(), protocol="udp")], options)
    assert of(after, "echod_datagrams_received_total", "one") == 3
    assert not of(after, "echod_datagrams_dropped_total", "one", "size")
    ask(daemon, "two", 2)
    wait_of(daemon, 7, "echod_datagrams_sent_total", "two")
    assert of(daemon.statistics(), "echod_datagrams_received_total", "two") == 8
    assert of(daemon.statistics(), SENT, "two") == 7 * len(b"datagram")


def test_a_name_of_streams_and_of_datagrams(start):
    daemon = start([listener("turn")])
    peers.echo(daemon.connect("turn"), bytes(100))
    wait_of(daemon, 100, SENT, "turn")
    assert of(daemon.statistics(), "echod_datagrams_sent_total", "turn") is None
    daemon.listening.clear()
    reload(daemon, [listener("turn", protocol="udp")])
    ask(daemon, "turn", 2)
    wait_of(daemon, 2, "echod_datagrams_sent_total", "turn")
    assert of(daemon.statistics(), SENT, "turn") == 116
    assert of(daemon.statistics(), OPEN, "turn") == 1


def test_more_names_than_are_remembered(start):
    """They come and go 64 at a time; one whose connection is open keeps its name."""
    kept = listener("kept")
    daemon = start([kept, listener("held")])
    held = daemon.connect("held")
    for turn in range(6):
        names = [f"l{turn}-{number}" for number in range(64)]
        daemon.configure([kept, *map(listener, names)])
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        for name in names[::16]:
            peer = daemon.connect(name)
            peers.echo(peer, bytes(10))
            own = peers.name_of(peer)
            peer.close()
            daemon.wait_closed(own)
    daemon.configure([kept])
    assert daemon.reload()[-1].endswith(" 0 listeners added, 64 removed, 1 kept")
    after = daemon.statistics()
    assert total(after, SENT) == 10 * 4 * 6
    assert of(after, SENT, GONE) == 10 * 4 * (6 - REMEMBERED // 64)
    assert of(after, SENT, "l1-63") is None
    assert of(after, SENT, "l2-0") == 10
    assert of(after, OPEN, "held") == 1
    peers.echo(held, b"still here")
    held.close()
    wait_of(daemon, len(b"still here"), SENT, "held")
