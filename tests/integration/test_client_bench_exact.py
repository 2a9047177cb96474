"""What bench measures, against the stamps that the kernel puts on packets."""

import heapq
import json
import math
import os
import random
import socket
import struct
import subprocess
import threading
import time

import pytest

from client import command, json_of
from patience import PATIENCE, eventually

CLIENTS, CONNECTIONS, RATE, SECONDS = 4, 3, 300, 2
HEAD = struct.Struct(">QQ")  # of a message: its number, and the run's token with the connection
FACTOR = 0x9E3779B97F4A7C15
STEP = 1 << 16
EXACT = 0.004  # the part by which a percentile may be off
CLOCK = 0.0001  # seconds between a reading of the clock and the packet
QUANTILES = {"min": 0, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1}
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33
STAMP = struct.Struct("qq")
HOST, OUTGOING = 0, 4  # kinds of packets: see packet(7)
ALL = 3  # protocols
TRIES = 3


# --- percentiles ---------------------------------------------------------------------------------


class Thread(threading.Thread):
    """What it does until its socket is shut down."""

    def __init__(self, listened):
        super().__init__(daemon=True)
        self.socket = listened
        self._stopping = False
        self.start()

    def run(self):
        while not self._stopping:
            self.turn()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stopping = True
        self.join(PATIENCE)
        self.socket.close()


class Delaying(Thread):
    """An echo of datagrams, each of which takes its time: most of them 20 ms, few 200."""

    def __init__(self):
        listened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listened.bind(("127.0.0.1", 0))
        self.port = listened.getsockname()[1]
        self._random = random.Random(1)
        self._held = []
        super().__init__(listened)

    def _delay(self):
        base = self._random.choices((0.02, 0.06, 0.2), (90, 8, 2))[0]
        return base * self._random.uniform(1, 1.5)

    def turn(self):
        now = time.monotonic()
        while self._held and self._held[0][0] <= now:
            _, address, data = heapq.heappop(self._held)
            self.socket.sendto(data, address)
        wait = self._held[0][0] - now if self._held else 0.1
        self.socket.settimeout(max(min(wait, 0.1), 0.0001))
        try:
            data, address = self.socket.recvfrom(STEP)
        except TimeoutError:
            return
        heapq.heappush(self._held, (time.monotonic() + self._delay(), address, data))


class Capture(Thread):
    """The packets of the loopback with their stamps, as tcpdump(8) has them."""

    def __init__(self, port):
        listened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL))
        listened.bind(("lo", 0))
        listened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        listened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        listened.settimeout(0.1)
        self._port = port
        self.sent, self.replied = {}, {}  # by head: seconds
        super().__init__(listened)

    def turn(self):
        try:
            data, stamps, _, address = self.socket.recvmsg(STEP, 64)
        except TimeoutError:
            return
        kind, source, target = address[2], *struct.unpack_from(">HH", data, 20)
        message = data[28 : 28 + HEAD.size]  # behind the headers of IPv4 and UDP
        seconds, nanoseconds = STAMP.unpack(stamps[0][2])
        if kind == OUTGOING and target == self._port:
            self.sent[message] = seconds * 10**9 + nanoseconds
        elif kind == HOST and source == self._port:
            self.replied[message] = seconds * 10**9 + nanoseconds

    def times(self, runs):
        """Of the messages of these runs, in seconds and in order."""
        words = {(int(run, 16) + i * FACTOR) % 2**64 for run in runs for i in range(CONNECTIONS)}
        return sorted(
            (self.replied[message] - sent) / 1e9
            for message, sent in self.sent.items()
            if HEAD.unpack(message)[1] in words
        )


def inexact(found, capture):
    """The percentiles that are not those of the packets."""
    times = capture.times(found["runs"])
    told = found["latency"]["uncorrected"]
    assert len(times) == found["counts"]["echoed"] == told["count"]
    faults = []
    for name, quantile in QUANTILES.items():
        exact = times[max(math.ceil(quantile * len(times)) - 1, 0)]
        line = f"{name}: {told[name]:.6f}, by the packets' stamps {exact:.6f}"
        print(line)
        if abs(told[name] - exact) > EXACT * exact + CLOCK:
            faults.append(line)
    return faults


def inexact_of_several(workdir):
    """Of each of several clients, and of all of them merged."""
    with Delaying() as server, Capture(server.port) as capture:
        arguments = command("bench", "--json", "--kernel-time", "-n", CONNECTIONS, "-r", RATE,
                            "-d", SECONDS, "--warm-up", 0, "-W", PATIENCE,
                            f"udp://127.0.0.1:{server.port}")  # fmt: skip
        clients = [subprocess.Popen(arguments, stdout=subprocess.PIPE) for _ in range(CLIENTS)]
        results = [client.communicate(timeout=PATIENCE)[0] for client in clients]
        assert [client.returncode for client in clients] == CLIENTS * [0]
        expected = CLIENTS * RATE * SECONDS
        eventually(lambda: len(capture.replied) == expected, "all packets are seen")
    files, faults = [], []
    for number, result in enumerate(results):
        faults += inexact(json.loads(result), capture)
        files.append(os.path.join(workdir, f"{number}.json"))
        with open(files[-1], "wb") as file:
            file.write(result)
    merged = json_of("bench", "--merge", *files)
    assert merged["counts"]["echoed"] == expected
    return faults + inexact(merged, capture)


def test_percentiles_are_those_of_the_packets(apart, workdir):
    """Where others leave a client the CPU: a packet's stamp does not wait for it."""
    for _ in range(TRIES):
        faults = inexact_of_several(workdir)
        if not faults:
            return
    pytest.fail("\n".join(faults))
