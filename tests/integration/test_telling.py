"""What has no line of its own in the log is told together: how often, and who had most of it."""

import os
import signal
import socket
import time

import pytest

from echod import listener
from patience import PATIENCE, within

PERIOD = 10  # seconds in which a reason has one line
UDP = listener("echo-udp", protocol="udp")
GREEDY, OTHER = "127.0.0.66", "127.0.0.2"


def fields(line):
    return dict(field.split("=", 1) for field in line.split(": ", 2)[2].split())


def told(daemon, what, **wanted):
    """The lines so far that tell of many at once."""
    lines = map(fields, daemon.log.matching(rf"^notice: {what}: .*\bcount="))
    return [line for line in lines if wanted.items() <= line.items()]


def wait_told(daemon, what, count, timeout=PATIENCE, **wanted):
    """Waits until lines have told of `count`; returns them."""
    pattern = rf"^notice: {what}: .*\bcount="
    after = 0
    while sum(int(line["count"]) for line in told(daemon, what, **wanted)) < count:
        after = daemon.log.lines.index(daemon.wait_log(pattern, after, timeout).string, after) + 1
    return told(daemon, what, **wanted)


# --- connections ---------------------------------------------------------------------------------


def test_refusals_are_told_when_their_time_is_over(start):
    """Nobody comes any more: what was suppressed is told all the same."""
    daemon = start(options={"access.deny": [OTHER, GREEDY]})
    assert daemon.resets(source=OTHER)
    for source in [GREEDY] * 7 + [OTHER] * 3:
        assert daemon.resets(source=source)
    daemon.wait_log("^notice: connection refused: ")
    assert len(daemon.log.matching("^notice: connection refused: ")) == 1
    assert not told(daemon, "connections refused")
    lines = wait_told(daemon, "connections refused", 10, PERIOD + within(1))
    assert lines == [
        {"listener": "echo-tcp", "reason": "denied", "count": "10", "source": GREEDY}
    ]
    # that was a line, too: the next one waits for the next period
    assert daemon.resets(source=OTHER)
    assert len(daemon.log.matching("^notice: connections? refused: ")) == 2


def test_a_stop_tells_of_the_refusals_that_are_left(start):
    daemon = start(options={"access.deny": ["127.0.0.0/8"]})
    for source in [OTHER] + [GREEDY] * 4:
        assert daemon.resets(source=source)
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    assert told(daemon, "connections refused") == [
        {"listener": "echo-tcp", "reason": "denied", "count": "4", "source": GREEDY}
    ]
    assert daemon.log.lines[-1] == "notice: stopped"


# --- datagrams -------------------------------------------------------------------------------------


@pytest.fixture
def send(request):
    """Sends so many datagrams to a daemon from a source, which has one socket."""
    opened = {}

    def send_from(daemon, source, count=1, payload=b"?"):
        if source not in opened:
            opened[source] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            request.addfinalizer(opened[source].close)
            # Not from a port that the kernel may have given a listener: that has a reason of its own.
            opened[source].bind((source, 61000 + os.getpid() % 4096))
        for _ in range(count):
            opened[source].sendto(payload, ("127.0.0.1", daemon.port("echo-udp")))

    return send_from


def dropped(reason):
    return f'echod_datagrams_dropped_total{{listener="echo-udp",reason="{reason}"}}'


def test_drops_are_told_at_once_and_then_when_their_time_is_over(start, send):
    """Each worker has a part of them; the lines and the statistics agree."""
    daemon = start([UDP], {"access.deny": [OTHER, GREEDY], "udp.max_datagram": 100})
    send(daemon, OTHER)
    first = wait_told(daemon, "datagrams dropped", 1, within(1))
    assert first == [
        {"listener": "echo-udp", "reason": "denied", "count": "1", "source": OTHER}
    ]
    for _ in range(50):
        send(daemon, GREEDY, 4)
        send(daemon, OTHER)
    send(daemon, "127.0.0.3", payload=b"l" * 101)
    daemon.wait_counter(dropped("denied"), 251)
    # one reason does not wait for another
    wait_told(daemon, "datagrams dropped", 1, within(2), reason="size")
    lines = wait_told(daemon, "datagrams dropped", 251, PERIOD + within(2), reason="denied")
    assert [line["source"] for line in lines] == [OTHER, GREEDY]
    assert sum(int(line["count"]) for line in lines) == 251


def test_a_flood_has_a_line_in_ten_seconds(start, send):
    daemon = start([UDP], {"access.deny": ["127.0.0.0/8"], "limits.socket_buffer": 1 << 20})
    begun = time.monotonic()
    for _ in range(200):
        send(daemon, GREEDY, 100)
    wait_told(daemon, "datagrams dropped", 1)
    lines = told(daemon, "datagrams dropped")
    assert len(lines) <= 1 + (time.monotonic() - begun) / PERIOD


def test_a_stop_tells_of_the_drops_that_are_left(start, send):
    daemon = start([UDP], {"access.deny": ["127.0.0.0/8"]})
    send(daemon, GREEDY)
    wait_told(daemon, "datagrams dropped", 1)
    send(daemon, OTHER, 25)
    daemon.wait_counter(dropped("denied"), 26)
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    lines = told(daemon, "datagrams dropped")
    assert [(line["count"], line["source"]) for line in lines] == [("1", GREEDY), ("25", OTHER)]


def test_what_a_listener_dropped_is_told_once_it_has_left(start, back_end, send):
    daemon = start([UDP, listener()], {**back_end, "access.deny": ["127.0.0.0/8"]})
    send(daemon, GREEDY)
    wait_told(daemon, "datagrams dropped", 1)
    send(daemon, OTHER, 25)
    daemon.wait_counter(dropped("denied"), 26)
    daemon.configure(options=back_end)
    assert "1 removed" in daemon.reload()[-1]
    daemon.stop()
    wait_told(daemon, "datagrams dropped", 26)


def test_what_names_dropped_that_are_not_remembered_is_told_together(start, send):
    """Those beyond 256 that were removed: as the statistics have them."""
    names = [f"l{number}" for number in range(256)]
    others = [listener(name, protocol="udp") for name in names]
    options = {"access.deny": ["127.0.0.0/8"], "workers": 1}
    daemon = start([UDP, *others], options)
    send(daemon, GREEDY)
    wait_told(daemon, "datagrams dropped", 1)
    send(daemon, OTHER, 25)
    daemon.wait_counter(dropped("denied"), 26)
    daemon.configure(others, options)
    assert "1 removed" in daemon.reload()[-1]
    daemon.configure([listener()], options)
    assert "256 removed" in daemon.reload()[-1]
    daemon.stop()
    lines = wait_told(daemon, "datagrams dropped", 25, listener="(gone)")
    assert [(line["count"], line["source"]) for line in lines] == [("25", OTHER)]


def test_debug_has_a_line_for_each(start, send):
    daemon = start([UDP], {"access.deny": ["127.0.0.0/8"], "log.level": "debug"})
    send(daemon, GREEDY, 3, b"secret")
    lines = daemon.log.wait_count("^debug: datagram dropped: ", 3, PATIENCE)
    for line in lines:
        named = fields(line.string)
        assert named.pop("peer").startswith(f"{GREEDY}:")
        assert named == {"listener": "echo-udp", "reason": "denied", "bytes": "6"}


def test_no_line_where_nothing_is_dropped(start):
    daemon = start([UDP])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        peer.connect(("127.0.0.1", daemon.port("echo-udp")))
        peer.send(b"one")
        assert peer.recv(10) == b"one"
    daemon.stop()
    assert not daemon.log.matching("dropped|refused")
