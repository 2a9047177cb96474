#!/usr/bin/env python3
"""What comparing every byte costs the client: "echod-client bench" and the bare client (bare.c),
which compares nothing, in pairs that run one after the other, against the same server.

    overhead.py [--build FOLDER] [--pairs N] [--seconds S] [--server NAME]

For each of two loads it prints the CPU time for an echo of both, and the ratio: the median of
the pairs, and the middle half of them.
"""

import argparse
import json
import os
import statistics
import subprocess

from servers import KINDS, LOAD_CPU, Server, pin

LOADS = {"64 B x 64 connections": (64, 64), "16 KiB x 16 connections": (16, 16384)}
WARMUP = 0.1  # seconds


def options():
    parser = argparse.ArgumentParser(description="compares bench with a client that does not verify")
    parser.add_argument("--build", default=".", help="the build folder (.)")
    parser.add_argument("--pairs", type=int, default=15, help="runs of each, in turn (15)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of one run (0.5)")
    parser.add_argument("--server", default="echod", help=", ".join(KINDS))
    return parser.parse_args()


def run(*command):
    """The object that a client prints."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=pin(LOAD_CPU)
    )
    return json.loads(done.stdout)


def bare(chosen, port, connections, size):
    """Nanoseconds of CPU time for an echo, as those below."""
    program = os.path.join(chosen.build, "bench/bare")
    found = run(program, str(port), str(connections), str(size), str(chosen.seconds))
    return found["cpu_seconds"] / found["echoes"] * 1e9


def verified(chosen, port, connections, size):
    found = run(
        *(os.path.join(chosen.build, "echod-client"), "bench", "--json"),
        *("-n", str(connections), "-s", str(size), "-d", str(chosen.seconds)),
        *("--warm-up", str(WARMUP), f"tcp://127.0.0.1:{port}"),
    )
    return found["cpu_seconds"] / found["counts"]["echoed"] * 1e9


def pairs(chosen, port, load):
    """(bench's, the bare client's); the order changes, so that neither is always the second."""
    for i in range(chosen.pairs):
        both = {each: each(chosen, port, *load) for each in (verified, bare)[:: 1 - i % 2 * 2]}
        yield both[verified], both[bare]


def main():
    chosen = options()
    with Server(chosen.build, chosen.server) as server:
        for title, load in LOADS.items():
            found = list(pairs(chosen, server.port, load))
            ratios = [ours / theirs for ours, theirs in found]
            ours, theirs = (statistics.median(values) for values in zip(*found))
            low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
            print(
                f"{title:<24} bench {ours:5.0f} ns, bare {theirs:5.0f} ns an echo: "
                f"{statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})"
            )


if __name__ == "__main__":
    main()
