"""As many connections as a process may hold, all at once: each echoed, or silent and ended."""

import math
import resource
import time

import kernel
import peers
from patience import SLOWNESS, eventually, within

CROWD = 15000
SILENT = 10000
SPARE = 200  # descriptors of the test and of the daemon that are no connections
OPEN = 'echod_connections_open{listener="echo-tcp"}'
LINGER = 5  # seconds that echod gives a peer to shut down its side too


def room():
    """How many connections both sides have descriptors for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CROWD if hard == resource.RLIM_INFINITY else min(CROWD, hard - SPARE)


def admitted(daemon, wanted):
    """How many the daemon says it has room for."""
    said = daemon.log.matching(r"^warning: select\(\) has room for \d+ descriptors: at most \d+ ")
    return int(said[0].split("at most ")[1].split()[0]) if said else wanted


def test_a_crowd_is_held_and_echoed(start, back_end):
    wanted = room()
    daemon = start(options={**back_end, "limits.connections": wanted, "log.level": "notice"})
    count = admitted(daemon, wanted)
    crowd = [daemon.connect() for _ in range(count)]
    for number, peer in enumerate(crowd):
        peer.sendall(b"%d" % number)
    for number, peer in enumerate(crowd):
        expected = b"%d" % number
        assert peers.receive(peer, len(expected)) == expected
    daemon.wait_counter(OPEN, count)
    for peer in crowd:
        peers.reset(peer)  # leaves no TIME_WAIT to the tests that follow
    daemon.wait_counter(OPEN, 0)


def test_a_silent_crowd_is_ended_without_a_storm(start):
    """None of these peers ever does anything, not even when it is told the end."""
    wanted = min(room(), SILENT)
    options = {"limits.connections": wanted, "log.level": "notice"}
    daemon = start(options=options)
    begun = time.monotonic()
    crowd = [daemon.connect() for _ in range(wanted)]
    daemon.wait_counter(OPEN, wanted)
    # nobody is idle for so long yet, and they end in the time in which they came
    limit = math.ceil(time.monotonic() - begun) + 1
    daemon.configure(options={**options, "limits.idle_timeout": limit})
    daemon.reload()
    before, spent = kernel.wake_ups(daemon.pid, "worker-"), kernel.cpu_seconds(daemon.pid)
    ended = 'echod_connections_closed_total{listener="echo-tcp",reason="idle_timeout"}'
    patience = limit + LINGER + within(4)
    eventually(lambda: daemon.counter(ended) == wanted, "all are ended", timeout=patience)
    assert kernel.wake_ups(daemon.pid, "worker-") - before < wanted / 10
    assert kernel.cpu_seconds(daemon.pid) - spent < 2 * SLOWNESS
    daemon.assert_echoes()
    for peer in crowd:
        peers.reset(peer)
