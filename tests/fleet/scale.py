#!/usr/bin/env python3
"""What connections cost one node: memory of echod and of the kernel, descriptors, time of CPUs; the
measured figures of doc/scale.md.

    scale.py --build FOLDER [--most 19500] [--nodes 5] [one|tls|many|going...]

The kernel's memory is that of echod's own control group, so that of the peers is not in it, and for
each connection a TCP socket, which the kernel makes on nobody's account.
Needs root and the memory controller of cgroup v1.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

GROUPS = pathlib.Path("/sys/fs/cgroup/memory")
PER_PEER = 6000  # connections of one process of ours
SPARE = 100  # descriptors that echod needs besides


class Node:
    """An echod in a control group of its own."""

    def __init__(self, build, stack, most, tls=None):
        self.group = GROUPS / f"echod-scale-{os.getpid()}-{id(self)}"
        self.group.mkdir()
        stack.callback(self.group.rmdir)
        kind = "tls" if tls else "tcp"
        command = [f"{build}/echod", "-f", "-l", f"{kind}://127.0.0.1:0", "--ready-fd", "1"]
        for option in (
            f"limits.connections={most}",
            "limits.idle_timeout=0",
            "drain_timeout=0",
            "log.level=notice",
        ):
            command += ["-o", option.replace("=notice", '="notice"')]
        if tls:
            command += ["-o", f'tls.certificate="{tls}"', "-o", f'tls.key="{tls}"']
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: (self.group / "cgroup.procs").write_text("0"),
        )
        stack.callback(self.stop)
        ready = json.loads(self.process.stdout.readline())
        self.port = int(ready["listeners"][0]["uri"].rpartition(":")[2])
        self.pid = self.process.pid

    def stop(self):
        self.process.terminate()
        self.process.wait()
        time.sleep(0.2)

    def user_memory(self):
        lines = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))

    def kernel_memory(self):
        """Without the sockets themselves."""
        return int((self.group / "memory.kmem.usage_in_bytes").read_text())

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def time_of_cpus(self):
        """{name of a thread: seconds}."""
        found = {}
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            seconds = int((task / "schedstat").read_text().split()[0]) / 1e9
            found[name] = found.get(name, 0) + seconds
        return found


def peers(port, count, source, tls):
    """What a process of peers does: connects, and echoes once where it is told to."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    held = []
    for _ in range(count):
        peer = socket.create_connection(("127.0.0.1", port), 30, (source, 0))
        held.append(context.wrap_socket(peer) if tls else peer)
    print("connected", flush=True)
    for line in sys.stdin:
        for peer in held if line == "echo\n" else ():
            peer.sendall(b"x" * 64)
            got = b""
            while len(got) < 64:
                got += peer.recv(64)
        print("done", flush=True)


class Crowd:
    """Processes of peers."""

    def __init__(self, stack):
        self.stack, self.all = (
            stack,
            [],
        )  # each has an address of its own: for one there are 28,232 ports

    def add(self, port, count, tls=False):
        made = []
        for number in range(0, count, PER_PEER):
            some = min(PER_PEER, count - number)
            arguments = ["--peers", str(port), str(some), self._source(len(made)), str(int(tls))]
            process = subprocess.Popen(
                [sys.executable, "-B", __file__, *arguments],
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            self.stack.callback(process.wait)
            self.stack.callback(process.kill)
            made.append(process)
        for process in made:
            assert process.stdout.readline() == "connected\n"
        self.all += made

    def _source(self, made):
        return f"127.0.1.{1 + len(self.all) + made}"

    def echo(self):
        for process in self.all:
            process.stdin.write("echo\n")
            process.stdin.flush()
        for process in self.all:
            assert process.stdout.readline() == "done\n"


def meminfo(name):
    text = pathlib.Path("/proc/meminfo").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024


def socket_size():
    """Bytes of a TCP socket over IPv4."""
    lines = pathlib.Path("/proc/slabinfo").read_text().splitlines()
    return next(int(line.split()[3]) for line in lines if line.startswith("TCP "))


def settled(node):
    """Memory of both kinds, once it has stopped growing."""
    before = None
    while (now := (node.user_memory() >> 14, node.kernel_memory() >> 14)) != before:
        before = now
        time.sleep(0.5)
    return node.user_memory(), node.kernel_memory()


def row(what, count, node, before):
    user, kernel = settled(node)
    print(
        f"| {what} | {count:,} | {(user - before[0]) / count:,.0f} "
        f"| {(kernel - before[1]) / count + socket_size():,.0f} "
        f"| {node.descriptors():,} |",
        flush=True,
    )


def rest(node, kind, count):
    """The time of CPUs for connections on which nothing happens."""
    before, begin = sum(node.time_of_cpus().values()), time.monotonic()
    time.sleep(10)
    share = (sum(node.time_of_cpus().values()) - before) / (time.monotonic() - begin)
    print(f"{count} {kind} connections at rest: {share * 100:.2f} % of a CPU", file=sys.stderr)


def memory(build, counts, tls=None):
    kind = "TLS" if tls else "TCP"
    for count in counts:
        with contextlib.ExitStack() as stack:
            node, crowd = Node(build, stack, count, tls), Crowd(stack)
            before = settled(node)
            crowd.add(node.port, count, bool(tls))
            row(f"{kind}, nothing sent" if not tls else "TLS, hands shaken", count, node, before)
            crowd.echo()
            row(f"{kind}, echoed once", count, node, before)
            if count == counts[-1]:
                rest(node, kind, count)


def many_nodes(build, nodes, each):
    with contextlib.ExitStack() as stack:
        all_nodes, crowd = [Node(build, stack, each) for _ in range(nodes)], Crowd(stack)
        before, slab = [settled(node) for node in all_nodes], meminfo("Slab")
        for node in all_nodes:
            crowd.add(node.port, each)
        crowd.echo()
        after = [settled(node) for node in all_nodes]
        total = nodes * each
        user, kernel = (sum(a[i] - b[i] for a, b in zip(after, before)) / total for i in (0, 1))
        print(
            f"| {nodes} nodes, echoed once | {total:,} | {user:,.0f} "
            f"| {kernel + socket_size():,.0f} "
            f"| {sum(node.descriptors() for node in all_nodes):,} |",
            flush=True,
        )
        print(
            f"\nBoth ends, by all that the machine's kernel has more: "
            f"{(meminfo('Slab') - slab) / total:,.0f} bytes a connection"
        )


def comings_and_goings(build, count):
    """The time of CPUs for a connection that comes, echoes 64 bytes and goes."""
    with contextlib.ExitStack() as stack:
        node = Node(build, stack, 1000)
        begin, before = time.monotonic(), node.time_of_cpus()
        for number in range(count):
            with socket.create_connection(
                ("127.0.0.1", node.port), 30, (f"127.0.2.{1 + number % 200}", 0)
            ) as peer:
                peer.sendall(b"x" * 64)
                peer.recv(64, socket.MSG_WAITALL)
        took = {name: used - before.get(name, 0) for name, used in node.time_of_cpus().items()}
        print(
            f"\n{count:,} connections one after the other, "
            f"{count / (time.monotonic() - begin):,.0f} a second; "
            "microseconds of a CPU each:"
        )
        for name, seconds in sorted(took.items()):
            print(f"  {name}: {seconds / count * 1e6:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--most", type=int, default=19500)
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("parts", nargs="*", default=["one", "tls", "many", "going"])
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print("| connections | how many | user, bytes each | kernel, bytes each | descriptors |")
    print("|---|---|---|---|---|")
    if "one" in asked.parts:
        memory(asked.build, (1000, 10000, asked.most))
    with tempfile.TemporaryDirectory() as folder:
        pem = f"{folder}/pem"
        subprocess.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x "
            f"-keyout {pem} -out {pem}.crt && cat {pem}.crt >>{pem}",
            shell=True,
            check=True,
            capture_output=True,
        )
        if "tls" in asked.parts:
            memory(asked.build, (1000, 5000), pem)
    if "many" in asked.parts:
        many_nodes(asked.build, asked.nodes, asked.most)
    if "going" in asked.parts:
        comings_and_goings(asked.build, 20000)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peers"]:
        peers(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5] == "1")
    else:
        main()
