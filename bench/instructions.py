#!/usr/bin/env python3
"""Counts the instructions that a server executes in user space for one echo.

    instructions.py [--build FOLDER] [--echoes N]

callgrind counts all threads from start to end. Two runs, of N and of 2 N echoes, differ by
those of N echoes: what start, connections and end take cancels out. The kernel's part is
not in it, which is much the larger one; but these figures do not vary with the machine's
mood, so that a change of one per cent can be seen.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

from servers import KINDS, Server, Unavailable
from workloads import Load

WORKLOADS = {
    "64 B x 1 connection": ("tcp", "stream", {"size": 64, "connections": 1}),
    "64 B x 64 connections": ("tcp", "stream", {"size": 64, "connections": 64}),
    "16 KiB x 16 connections": ("tcp", "stream", {"size": 16384, "connections": 16}),
    "datagrams of 64 B": ("udp", "datagram", {"size": 64, "connections": 1, "flying": 8}),
}
PEERS = ["epoll", "libevent", "libuv", "recvfrom", "recvmsg", "recvmmsg"]


def options():
    parser = argparse.ArgumentParser(description="counts user-space instructions per echo")
    parser.add_argument("--build", default=".", help="the build folder (.)")
    parser.add_argument("--echoes", type=int, default=2000, help="of the shorter run (2000)")
    return parser.parse_args()


def instructions(build, name, workload, count):
    """All that a server executes from start to end, with `count` echoes in between."""
    protocol, mode, arguments = workload
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as folder:
        out = os.path.join(folder, "callgrind.out")
        prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        with Server(build, name, protocol, prefix=prefix) as server:
            with Load(build, mode, server.port, count=count, **arguments) as load:
                for where in ("begin", "end"):
                    load.wait(where)
                    load.go()
                figures = load.result()
        if figures["echoes"] != count:
            raise Unavailable(f"{name}: {figures['echoes']} echoes of {count}")
        with open(out, encoding="utf-8") as file:
            totals = re.search(r"^(?:totals|summary): (\d+)", file.read(), re.MULTILINE)
        if totals is None:
            raise Unavailable(f"{name}: callgrind wrote no totals")
        return int(totals.group(1))


def per_echo(chosen, name, workload):
    once, twice = (
        instructions(chosen.build, name, workload, chosen.echoes * times) for times in (1, 2)
    )
    return (twice - once) / chosen.echoes


def print_row(chosen, name, workload, ours):
    try:
        theirs = per_echo(chosen, name, workload)
        print(f"  {name:<12}{theirs:>10.0f}{ours / theirs:>14.2f}", flush=True)
    except Unavailable as why:
        print(f"  {name:<12}{'-':>10}{'-':>14}  ({why})", flush=True)


def main():
    chosen = options()
    try:
        subprocess.run(["valgrind", "--version"], stdout=subprocess.DEVNULL, check=True)
    except FileNotFoundError:
        print("instructions.py: left out, there is no valgrind here")
        return 0
    print("User-space instructions per echo, and the ratio echod / peer.")
    for title, workload in WORKLOADS.items():
        ours = per_echo(chosen, "echod", workload)
        print(f"\n{title}\n  {'echod':<12}{ours:>10.0f}", flush=True)
        for name in PEERS:
            if workload[0] in KINDS[name].protocols:
                print_row(chosen, name, workload, ours)
    return 0


if __name__ == "__main__":
    sys.exit(main())
