"""The workloads, and one measurement: a server, a load, and what both said of it."""

import json
import os
import subprocess
import time

from servers import LOAD_CPU, Unavailable, pin

SETTLE = 0.002  # seconds, for a server to go to sleep after its last echo


class Workload:
    """arguments    of the load generator
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


class Load:
    """The load generator, which waits at the beginning and the end of what is measured."""

    def __init__(self, build, mode, server, **arguments):
        program = "bench/load_tls" if server.protocol == "tls" else "bench/load"
        command = [os.path.join(build, program), mode, "--sync", f"--port={server.port}"]
        command += ["--unix"] if server.protocol == "unix" else []
        command += [f"--{name}={value}" for name, value in arguments.items()]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=pin(LOAD_CPU),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def _fail(self):
        _, errors = self._process.communicate()
        said = errors.strip().splitlines() or [f"status {self._process.returncode}"]
        raise Unavailable("the load generator gave up: " + said[-1])

    def wait(self, where):
        """Waits until it is at "begin" or "end"; go() lets it go on."""
        if self._process.stdout.readline() != where + "\n":
            self._fail()
        time.sleep(SETTLE)

    def go(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def result(self):
        line = self._process.stdout.readline()
        if not line:
            self._fail()
        return json.loads(line)


def measure(build, server, mode, **arguments):
    """Runs one load; returns its figures, with those of the server for the same time."""
    with Load(build, mode, server, **arguments) as load:
        load.wait("begin")
        memory, cpu = server.anonymous_bytes(), server.cpu_ns()
        load.go()
        load.wait("end")
        cpu, memory = server.cpu_ns() - cpu, server.anonymous_bytes() - memory
        peak = server.peak_bytes()
        load.go()
        figures = load.result()
    if figures["errors"]:
        raise Unavailable(f"{figures['errors']} errors of connections")
    figures.update(server_cpu_ns=cpu, anonymous_growth_bytes=memory, peak_bytes=peak)
    return figures
