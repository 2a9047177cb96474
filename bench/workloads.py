"""The workloads, and one measurement: a server, a load, and what both said of it.

The load is made by "echod-client bench"; connections that are only held are Python's, since it
has no use for those: all of its own are in use.
"""

import bisect
import datetime
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import tempfile
import time

from servers import LOAD_CPU, PATIENCE, Unavailable, pin

WARMUP = 0.15  # seconds, at most
SAMPLE = 0.01  # seconds from one look at the server's CPU time to the next
SAMPLE_OF_MANY = 0.05  # the same where many processes are looked at
SETTLE = 0.002  # seconds, for a server to go to sleep after its last echo
RAMP = 100000  # connections a second: they are few
SOURCES = 16  # addresses of the loopback that short connections come from: each has 28,232 ports
LOST_AFTER = 0.2  # seconds
GROUPS, GROUP_MOST = 50, 1000  # that connections to be held are opened in
HELD_SIZE = 64  # bytes that go once over a connection that is then held
RESET = struct.pack("ii", 1, 0)  # SO_LINGER


class Workload:
    """mode         stream: messages over connections that stay; cycle: each over one of its own;
                 datagram; idle: connections that are held, after an echo on each; silent: without
    arguments    of the load
    protocol     tcp, udp, unix or tls
    idle         its figure is the memory for each idle connection, of which there are so many at
                 most
    """

    def __init__(self, title, mode, protocol="tcp", idle=0, **arguments):
        self.title = title
        self.mode = mode
        self.protocol = protocol
        self.idle = idle
        self.arguments = arguments


WORKLOADS = {
    "stream-64": Workload("64 B x 64 connections", "stream", connections=64, size=64),
    "stream-16k": Workload("16 KiB x 16 connections", "stream", connections=16, size=16384),
    "stream-64k": Workload("64 KiB x 8 connections", "stream", connections=8, size=65536),
    "stream-1m": Workload("1 MiB x 8 connections", "stream", connections=8, size=1048576),
    "unix-64": Workload("64 B x 64, Unix", "stream", "unix", connections=64, size=64),
    "unix-64k": Workload("64 KiB x 8, Unix", "stream", "unix", connections=8, size=65536),
    "pingpong": Workload("64 B x 1 connection", "stream", connections=1, size=64),
    "cycles": Workload("connect, 64 B, close: 16 at once", "cycle", connections=16, size=64),
    "tls-64": Workload("64 B x 64, TLS", "stream", "tls", connections=64, size=64),
    "tls-16k": Workload("16 KiB x 16, TLS", "stream", "tls", connections=16, size=16384),
    "tls-64k": Workload("64 KiB x 8, TLS", "stream", "tls", connections=8, size=65536),
    "tls-1m": Workload("1 MiB x 8, TLS", "stream", "tls", connections=8, size=1048576),
    "tls-handshake": Workload(
        "handshake, 64 B, close: 16 at once, TLS", "cycle", "tls", connections=16, size=64
    ),
    "udp-64": Workload(
        "datagrams of 64 B, 128 in flight", "datagram", "udp", connections=8, size=64, flying=128
    ),
    "udp-1400": Workload(
        "datagrams of 1,400 B, 128 in flight",
        *("datagram", "udp"),
        **{"connections": 8, "size": 1400, "flying": 128},
    ),
    "idle": Workload("idle connections, one echo each", "idle", idle=15000),
    "tls-idle": Workload("idle connections, one echo each, TLS", "idle", "tls", idle=5000),
    "tls-silent": Workload("connections that sent nothing, TLS", "silent", "tls", idle=5000),
}


# --- load --------------------------------------------------------------------------------------


def address_of(server):
    if server.protocol == "unix":
        return f"unix:@echod-bench-{server.port}"
    return f"{server.protocol}://127.0.0.1:{server.port}"


def arguments_of(mode, connections, size, flying=0):
    """Those of "echod-client bench"."""
    common = ["-n", str(connections), "-s", str(size)]
    if mode == "cycle":
        sources = ",".join(f"127.0.0.{host + 2}" for host in range(SOURCES))
        return [*common, "--churn", "--source", sources]
    if mode == "datagram":
        return [*common, "-p", str(flying // connections), "-W", str(LOST_AFTER)]
    return common


def run_load(build, server, mode, seconds, **arguments):
    """Runs it once; returns what it printed, and Unix times with the server's CPU time in ns."""
    command = [os.path.join(build, "echod-client"), "bench", "--json", "-d", str(seconds)]
    command += ["--warm-up", str(min(WARMUP, seconds)), "--ramp", str(RAMP)]
    command += arguments_of(mode, **arguments)
    command += ["--insecure"] if server.protocol == "tls" else []
    interval = SAMPLE_OF_MANY if server.kind.forks else SAMPLE
    samples = [(time.time(), server.cpu_ns())]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*command, address_of(server)], stdout=out, stderr=errors, preexec_fn=pin(LOAD_CPU)
        )
        while process.poll() is None:
            time.sleep(interval)
            samples.append((time.time(), server.cpu_ns()))
        out.seek(0)
        errors.seek(0)
        return check_load(process.returncode, mode, out.read(), errors.read()), samples


def check_load(status, mode, text, said):
    try:
        found = json.loads(text)
    except ValueError:
        last = (said.strip().splitlines() or [f"status {status}"])[-1]
        raise Unavailable("the load gave up: " + last) from None
    errors = {name: count for name, count in found.get("errors", {}).items() if count}
    if mode == "datagram":
        errors = {name: errors[name] for name in errors if name not in ("missing", "late")}
    if errors or "counts" not in found:
        raise Unavailable(f"the load gave up: {found['reason']}")
    return found


def cpu_at(samples, when):
    """What it was then, by the samples around that."""
    after = min(max(bisect.bisect(samples, (when,)), 1), len(samples) - 1)
    (before, least), (behind, most) = samples[after - 1 : after + 1]
    return least + (most - least) * min(max((when - before) / (behind - before), 0), 1)


def cpu_of(found, samples):
    """The server's CPU time while messages were counted."""
    began = datetime.datetime.fromisoformat(found["started"].replace("Z", "+00:00")).timestamp()
    return cpu_at(samples, began + found["seconds"]) - cpu_at(samples, began)


def figures_of(found):
    times = found["latency"]["uncorrected"] or dict.fromkeys(("p50", "p99", "p99.9"), 0)
    return {
        "echoes": found["counts"]["echoed"],
        "seconds": found["seconds"],
        "lost": found["errors"]["missing"],
        "load_cpu_seconds": found["cpu_seconds"],
        **{name: times[time] * 1e6 for name, time in (
            ("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9"))},
    }  # fmt: skip


# --- connections that are held -----------------------------------------------------------------


class Held:
    """Connections that are open, with one echo on each or none, and silent.  A context manager."""

    def __init__(self, server):
        self._port = server.port
        self._secure = self._context() if server.protocol == "tls" else None
        self._opened = 0
        self._sockets = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for held in self._sockets:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            held.close()

    @staticmethod
    def _context():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def _open(self):
        held = socket.socket()
        held.settimeout(PATIENCE)
        held.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        held.bind((f"127.0.0.{self._opened % SOURCES + 2}", 0))
        held.connect(("127.0.0.1", self._port))
        self._opened += 1
        return held

    def _echo(self, group):
        message = random.randbytes(HELD_SIZE)
        group = [self._secure.wrap_socket(held) if self._secure else held for held in group]
        self._sockets += group
        for held in group:
            held.sendall(message)
        for held in group:
            answer = b""
            while len(answer) < HELD_SIZE and (piece := held.recv(HELD_SIZE)):
                answer += piece
            if answer != message:
                raise Unavailable("a connection to be held got something else than its echo")

    def hold(self, count):
        """In groups: one by one, a server that looks at all connections each time would need
        minutes for thousands.  Their size keeps within a short backlog where there are few."""
        size = min(max(count // GROUPS, 1), GROUP_MOST)
        try:
            for first in range(0, count, size):
                self._echo([self._open() for _ in range(min(size, count - first))])
        except OSError as why:
            raise Unavailable(f"a connection to be held: {why}") from None

    def hold_silent(self, count):
        """Who comes last has its echo: by then the server has taken those before it."""
        try:
            self._sockets += [self._open() for _ in range(count)]
        except OSError as why:
            raise Unavailable(f"a connection to be held: {why}") from None
        self.hold(1)


# --- measurements ------------------------------------------------------------------------------


def measure_idle(server, mode, idle):
    """Memory for connections; with the first one a server gets what it needs but once."""
    with Held(server) as held:
        held.hold(1)
        time.sleep(SETTLE)
        memory = server.anonymous_bytes()
        (held.hold if mode == "idle" else held.hold_silent)(idle)
        time.sleep(SETTLE)
        growth = server.anonymous_bytes() - memory
    return {"idle": idle, "anonymous_growth_bytes": growth, "lost": 0}


def measure(build, server, mode, **arguments):
    """Runs one load; returns its figures, with those of the server for the same time."""
    if mode in ("idle", "silent"):
        return measure_idle(server, mode, **arguments)
    found, samples = run_load(build, server, mode, **arguments)
    return {
        **figures_of(found),
        "server_cpu_ns": cpu_of(found, samples),
        "peak_bytes": server.peak_bytes(),
    }
