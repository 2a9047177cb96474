"""The wall clock is stepped by an hour, either way: it is for the log alone."""

import datetime
import glob
import os
import time

import pytest

import peers
from patience import SLOWNESS, eventually, within

HOUR = 3600
MIB = 1 << 20
# At its end the library makes system calls of its own.
OPEN = {"sandbox": "false"}
LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)

pytestmark = [
    pytest.mark.skipif(not LIBRARY, reason="libfaketime is not installed"),
    pytest.mark.skipif(SLOWNESS > 1, reason="libfaketime does not go with sanitizers"),
    pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forwards", "back"]),
]


class Clock:
    """What a daemon takes for CLOCK_REALTIME; its CLOCK_MONOTONIC stays right."""

    def __init__(self, workdir):
        self._path = os.path.join(workdir, "clock")
        self._set(0)
        self.environment = {
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # a mend for an older libc, which has waits with a limit end too early
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_TIMESTAMP_FILE": self._path,
        }

    def _set(self, offset):
        with open(self._path + ".new", "w", encoding="ascii") as file:
            file.write(f"{offset:+d}\n")
        os.replace(self._path + ".new", self._path)

    def step(self, daemon, offset):
        """Sets it off by so many seconds; the daemon's next line shows that it saw it."""
        self._set(offset)
        after = daemon.log.mark()
        daemon.connect().close()
        daemon.wait_log("^info: connection closed: ", after)
        shown = datetime.datetime.fromisoformat(daemon.log.time.replace("Z", "+00:00"))
        assert abs(shown.timestamp() - time.time() - offset) < HOUR / 2


@pytest.fixture
def clock(workdir):
    return Clock(workdir)


def stall(daemon):
    """A peer that sends until it is blocked, and reads nothing."""
    peer = daemon.connect(receive_buffer=16384, send_buffer=16384)
    data = peers.payload(2 * MIB)
    assert peers.fill(peer, data) < len(data)
    return peer


def test_it_ends_nobody_and_stops_no_bandwidth(start, clock, step):
    rate = 200000
    limits = {"idle_timeout": 1800, "write_timeout": 1800, "lifetime": 1800}
    daemon = start(
        options={
            **OPEN,
            **{f"limits.{name}": value for name, value in limits.items()},
            "limits.bandwidth_per_connection": rate,
            "limits.socket_buffer": 16384,
        },
        environment=clock.environment,
    )
    idle, blocked, paced = daemon.connect(), stall(daemon), daemon.connect()
    data = peers.payload(3 * rate)
    peers.echo(idle, b"one word")
    peers.echo(paced, data[: rate // 2])
    clock.step(daemon, step)
    # for seconds, in which each worker has looked after its connections
    peers.assert_same(peers.exchange(paced, data), data)
    peers.echo(idle, b"and another")
    assert peers.receive(blocked, MIB // 16) == peers.payload(2 * MIB)[: MIB // 16]
    assert len(daemon.log.matching("^info: connection closed: ")) == 1


def test_each_timeout_fires_in_its_time(start, clock, step):
    limits = {"idle_timeout": 2, "write_timeout": 2, "lifetime": 6}
    daemon = start(
        options={
            **OPEN,
            **{f"limits.{name}": value for name, value in limits.items()},
            "limits.socket_buffer": 16384,
        },
        environment=clock.environment,
    )
    found = {"lifetime": daemon.connect(), "idle_timeout": daemon.connect()}
    found["write_timeout"] = stall(daemon)
    clock.step(daemon, step)
    names = {reason: peers.name_of(peer) for reason, peer in found.items()}
    for reason in "idle_timeout", "lifetime":
        while peers.is_quiet(found[reason], 0.1):
            if not peers.echo_or_end(found["lifetime"], b"busy"):
                break
        found[reason].close()
    for reason, name in names.items():
        closed = daemon.wait_closed(name)
        assert closed["reason"] == reason
        assert limits[reason] - 0.1 < float(closed["seconds"]) < limits[reason] + within(3)


def test_a_source_gets_its_rate(start, clock, step):
    daemon = start(
        options={**OPEN, "limits.connection_rate_per_source": 2}, environment=clock.environment
    )

    def is_served():
        try:
            peers.echo(daemon.connect(source="127.0.0.2"), b"?")
            return True
        except ConnectionError:
            return False

    while is_served():
        pass
    clock.step(daemon, step)
    eventually(is_served, "the source may connect again", timeout=within(3))
