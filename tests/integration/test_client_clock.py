"""ping where time does not pass as it should: it is stopped, and the wall clock is set meanwhile."""

import mmap
import os
import re
import socket
import struct
import time

import pytest

import faulty
from client import Client
from patience import PATIENCE, SLOWNESS, eventually, lasting, within
from pinging import UNSENT, stopped

HOUR = 3600
LIBRARY = os.environ.get("STEPPED_CLOCK_LIBRARY", "")


class Clock:
    """What a client takes for CLOCK_REALTIME: tests/preload/stepped_clock.c."""

    def __init__(self, workdir):
        path = os.path.join(workdir, "step")
        with open(path, "wb+") as file:
            file.write(bytes(16))
            file.flush()
            self._map = mmap.mmap(file.fileno(), 16)
        self.environment = {**os.environ, "LD_PRELOAD": LIBRARY, "STEPPED_CLOCK": path}

    def step(self, seconds):
        self._map[:16] = struct.pack("qq", time.time_ns(), int(seconds * 1e9))


@pytest.fixture
def clock(workdir):
    if SLOWNESS > 1:
        pytest.skip("a preloaded library does not go with sanitizers")
    return Clock(workdir)


class Server(socket.socket):
    """Datagrams are answered when the test says so: what it sends is there when it has sent it."""

    def __init__(self):
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.settimeout(PATIENCE)
        self.bind(("127.0.0.1", 0))
        self.uri = f"udp://127.0.0.1:{self.getsockname()[1]}"

    def take(self, count):
        self._held = [self.recvfrom(65536) for _ in range(count)]

    def answer(self):
        for each in self._held:
            self.sendto(*each)


@pytest.mark.parametrize("step", [HOUR, -HOUR, 0.3, -0.3])
@pytest.mark.parametrize("answered", ["before", "after"])
def test_the_clock_is_set_while_a_reply_waits(clock, step, answered):
    """The reply came in time, and the kernel's stamp of it is of the clock before or after."""
    wait = lasting(0.5)
    arguments = ("-O", "-c", 1, "-W", wait)
    with Server() as server, Client(*arguments, server.uri, env=clock.environment) as client:
        server.take(1)
        begun = time.monotonic()
        with stopped(client):
            if answered == "before":
                server.answer()
            clock.step(step)
            if answered == "after":
                server.answer()
            eventually(lambda: time.monotonic() > begun + 1.2 * wait, "the wait is over")
        status = client.wait_exit()
        took = float(client.wait_out(r" time=(\d+\.\d{3}) ms").group(1))
        assert 0 < took <= 1000 * (time.monotonic() - begun)
        # where the step is smaller than the stop, a stamp may be of either clock
        assert (status == 0 and took < 1000 * wait) or abs(step) < HOUR


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_the_clock_is_set_between_replies(clock, step):
    """All that comes then is timed as before."""
    with faulty.datagrams(lambda _, data: [data]) as server:
        arguments = ("-i", 0.05, "-c", 20, "-W", PATIENCE, server.uri)
        with Client(*arguments, env=clock.environment) as client:
            client.wait_out(" seq=5 ")
            clock.step(step)
            assert client.wait_exit() == 0
        times = re.findall(r" time=(\S+) ms$", "\n".join(client.out.lines), re.MULTILINE)
        assert len(times) == 20
        assert all(0 < float(each) < 1000 * within(1) for each in times)


def test_all_that_came_while_it_was_stopped_is_read_before_any_is_missing():
    """However many they are."""
    wait, count = lasting(1), 200
    arguments = ("-O", "-c", count, "-i", 0.001, "-W", wait)
    with Server() as server, Client(*arguments, server.uri) as client:
        server.take(count)
        begun = time.monotonic()
        with stopped(client):
            server.answer()
            eventually(lambda: time.monotonic() > begun + 1.2 * wait, "the wait is over")
        assert client.wait_exit() == 0
        assert not client.out.matching("^no reply yet: ")
        assert client.out.matching(f"^{count} sent, {count} received{UNSENT}, 0% loss")


def test_the_deadline_counts_what_came_before_it():
    """The process was stopped until the deadline was over."""
    deadline, count = lasting(1), 200
    arguments = ("-c", count, "-i", 0.001, "-w", deadline, "-W", PATIENCE)
    begun = time.monotonic()
    with Server() as server, Client(*arguments, server.uri) as client:
        server.take(count)
        with stopped(client):
            server.answer()
            eventually(lambda: time.monotonic() > begun + 1.5 * deadline, "the deadline")
        assert client.wait_exit() == 0
        assert client.out.matching(f"^{count} sent, {count} received{UNSENT}, 0% loss")


def test_a_stop_is_no_silence_of_the_peer():
    """It lasts for longer than silence may, and the reply is there when it ends."""
    limit = lasting(0.5)
    arguments = ("-i", PATIENCE, "-W", limit, "-t", 0.1, "-O")
    with Server() as server, Client(*arguments, server.uri) as client:
        server.take(1)
        begun = time.monotonic()
        with stopped(client):
            server.answer()
            eventually(lambda: time.monotonic() > begun + 2 * limit, "the stop")
        client.wait_out(" seq=1 ")
        assert client.interrupt() == 0
        assert not client.out.matching("^no (answer|reply) ")
