"""A line a minute says what it amounted to, where there was anything; the last one at the stop."""

import glob
import re
import signal
import socket

import pytest

import kernel
import peers
from echod import listener
from patience import PATIENCE, SLOWNESS, eventually

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
BOTH = [listener(), listener("echo-udp", protocol="udp")]
NOTICE = {"log.level": "notice"}
FASTER = 60  # a minute takes a second
MINUTE = 65  # beats of a worker, one a second or, after one that came late, at once


def summaries(daemon):
    """Those so far, each by its fields."""
    lines = daemon.log.matching("^notice: summary: ")
    return [
        {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)} for line in lines
    ]


def sums(daemon):
    """What all of them told together, but for what is so at a moment."""
    found = {}
    for summary in summaries(daemon):
        for name, value in summary.items():
            if name not in ("seconds", "open"):
                found[name] = found.get(name, 0) + value
    return found


def ask(daemon, payload, source="127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        peer.bind((source, 0))
        peer.sendto(payload, ("127.0.0.1", daemon.port("echo-udp")))
        if source == "127.0.0.1":
            assert peer.recv(100) == payload


def stop(daemon):
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()


def test_a_stop_has_the_last_one(start, back_end):
    daemon = start(BOTH, {**back_end, **NOTICE, "access.deny": ["127.0.0.66"]})
    for _ in range(3):
        daemon.assert_echoes()
    peer = daemon.connect()
    peers.echo(peer, b"12345")
    peers.reset(peer)
    with pytest.raises(ConnectionError):
        peers.echo(daemon.connect(source="127.0.0.66"), b"?")
    for _ in range(2):
        ask(daemon, b"datagram")
    ask(daemon, b"denied", "127.0.0.66")
    dropped = 'echod_datagrams_dropped_total{listener="echo-udp",reason="denied"}'
    daemon.wait_counter(dropped, 1)
    daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', 0)
    stop(daemon)
    (summary,) = summaries(daemon)
    assert summary.pop("seconds") <= PATIENCE
    assert summary == {
        "opened": 4,
        "closed_peer": 3,
        "closed_reset": 1,
        "refused_denied": 1,
        "answered": 2,
        "dropped_denied": 1,
        "received": 3 * 14 + 5 + 2 * 8 + 6,
        "sent": 3 * 14 + 5 + 2 * 8,
    }
    assert daemon.log.lines[-1] == "notice: stopped"
    assert not daemon.log.matching("^info: ")


def test_who_did_nothing_has_none(start):
    daemon = start(BOTH, NOTICE)
    stop(daemon)
    assert not summaries(daemon)


@pytest.fixture
def start_hurried(start):
    """Starts a daemon whose clocks run faster."""
    if not LIBRARY:
        pytest.skip("libfaketime is not installed")
    if SLOWNESS > 1:
        pytest.skip("libfaketime does not go with sanitizers")

    def start_daemon(listeners, options):
        environment = {"LD_PRELOAD": LIBRARY, "FAKETIME": f"+0 x{FASTER}"}
        # At its end the library makes system calls of its own.
        return start(listeners, {**options, "sandbox": "false"}, environment=environment)

    return start_daemon


def wait_sums(daemon, **wanted):
    eventually(lambda: wanted.items() <= sums(daemon).items(), f"summaries of {wanted}")


def test_each_minute_with_traffic_has_one(start_hurried, back_end):
    """Be it of connections that come and go, of one that stays, or of datagrams alone."""
    limits = {"limits.idle_timeout": 0, "limits.write_timeout": 0}
    daemon = start_hurried(BOTH, {**back_end, **NOTICE, **limits})
    peer = daemon.connect()
    peers.echo(peer, b"here")
    wait_sums(daemon, opened=1, received=4, sent=4)
    assert summaries(daemon)[0]["open"] == 1
    assert summaries(daemon)[0]["seconds"] >= 60
    peers.echo(peer, b"still here")
    wait_sums(daemon, opened=1, received=14, sent=14)
    ask(daemon, b"datagram")
    wait_sums(daemon, opened=1, answered=1, received=22, sent=22)


def test_a_minute_without_traffic_has_none_and_wakes_nobody(start_hurried):
    """Nor does what was refused and dropped before, once it was told."""
    daemon = start_hurried(BOTH, {**NOTICE, "workers": 1, "access.deny": ["127.0.0.66"]})
    daemon.assert_echoes()
    assert daemon.resets(source="127.0.0.66")
    ask(daemon, b"denied", "127.0.0.66")
    wait_sums(daemon, opened=1, closed_peer=1, refused_denied=1, dropped_denied=1)
    eventually(lambda: kernel.sleeps(daemon.pid), "the control thread waits")
    count = len(summaries(daemon))
    before = kernel.wake_ups(daemon.pid, "echod")
    beats = kernel.wake_ups(daemon.pid, "worker-0") + 2 * MINUTE
    eventually(lambda: kernel.wake_ups(daemon.pid, "worker-0") >= beats, "minutes go by")
    assert kernel.wake_ups(daemon.pid, "echod") == before
    assert len(summaries(daemon)) == count
