#!/usr/bin/env python3
"""Compares echod with its peers, in pairs that run one after the other, and prints ratios.

    run.py [--build FOLDER] [--pairs N] [--seconds S] [--only WORKLOAD,...]
           [--peers PEER,...] [--json FILE]

README.md says what the figures mean.  The exit status is 0 where echod has echoed every
byte; a peer that has not is left out, and a line says why.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import textwrap
import time

from servers import KINDS, LOAD_CPU, SERVER_CPU, Server, Unavailable, pin, raise_descriptors
from workloads import WORKLOADS, measure

SPARE = 200  # descriptors of a process that are no connections
IDLE_PAIRS = 3  # memory does not vary as time does
TRIES = 5  # of a run without an echo: a short one may fall into a moment without a CPU

# Of one run: what it is in the table, and how it is had from the raw data.
FIGURES = {
    "CPU/echo": lambda run: run["server_cpu_ns"] / run["echoes"],
    "echoes/s": lambda run: run["echoes"] / run["seconds"],
    "p50": lambda run: run["p50_us"],
    "p99": lambda run: run["p99_us"],
    "p99.9": lambda run: run["p999_us"],
    "peak": lambda run: run["peak_bytes"],
}
WIDTHS = {"echoes/s": 10, "p50": 7, "p99": 7, "p99.9": 7, "peak": 7}
MEMORY = {"memory": lambda run: run["anonymous_growth_bytes"] / run["idle"]}


def options():
    parser = argparse.ArgumentParser(description="compares echod with its peers")
    parser.add_argument("--build", default=".", help="the build folder (.)")
    parser.add_argument("--pairs", type=int, default=9, help="runs of each, in turn (9)")
    parser.add_argument("--seconds", type=float, default=0.6, help="of one run (0.6)")
    parser.add_argument("--only", default=",".join(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--peers", default=",".join(list(KINDS)[1:]), help="which of them")
    parser.add_argument("--json", help="where the raw data of each run goes")
    chosen = parser.parse_args()
    for name, known in (("only", WORKLOADS), ("peers", KINDS)):
        unknown = [word for word in getattr(chosen, name).split(",") if word not in known]
        if unknown:
            parser.error(f"--{name}: no {', '.join(unknown)}; there is {', '.join(known)}")
    return chosen


# --- running -----------------------------------------------------------------------------------


class Comparison:
    """All runs of one workload with one peer."""

    def __init__(self, workload, peer):
        self.workload = workload
        self.peer = peer
        self.pairs = []  # (echod's figures, the peer's)
        self.reason = None  # why there is none, or no more

    def run(self, chosen, most):
        """Takes a pair.  The order changes from pair to pair: neither is always the second."""
        both = ("echod", self.peer)
        order = both if len(self.pairs) % 2 == 0 else both[::-1]
        try:
            runs = {name: self._run_one(name, chosen, most) for name in order}
        except Unavailable as why:
            self.reason = f"{self.workload.title}, {self.peer}: {why}"
            return
        self.pairs.append((runs["echod"], runs[self.peer]))

    def _run_one(self, name, chosen, most):
        arguments = dict(self.workload.arguments, seconds=chosen.seconds)
        if self.workload.idle:
            arguments = {"idle": min(most, self.workload.idle, KINDS[self.peer].most or most)}
        for _ in range(TRIES):
            with Server(chosen.build, name, self.workload.protocol) as server:
                try:
                    figures = measure(chosen.build, server, self.workload.mode, **arguments)
                except Unavailable as why:
                    raise Unavailable(f"with {name}, {why}") from None
            if self.workload.idle or figures["echoes"] > 0:
                return figures
        raise Unavailable(f"with {name}, not one echo in {chosen.seconds} s, {TRIES} times")

    def is_echods(self):
        """True where it was echod that did not echo; what a peer lacks is told, and no more."""
        return self.reason is not None and "with echod, " in self.reason

    def wanted_pairs(self, pairs):
        if self.workload.idle:
            return min(pairs, IDLE_PAIRS)
        return -(-pairs // 3) if KINDS[self.peer].slow else pairs


def compare(name, chosen, most):
    """All comparisons of one workload, their pairs interleaved."""
    workload = WORKLOADS[name]
    peers = [
        peer
        for peer in chosen.peers.split(",")
        if workload.protocol in KINDS[peer].protocols and peer != "echod"
    ]
    comparisons = [Comparison(workload, peer) for peer in peers]
    for i in range(chosen.pairs):
        for comparison in comparisons:
            if comparison.reason is None and i < comparison.wanted_pairs(chosen.pairs):
                comparison.run(chosen, most)
    return comparisons


# --- output ------------------------------------------------------------------------------------


def ratios(comparison, figure):
    """echod / peer, pair by pair; none where a figure could not be had."""
    both = [tuple(figure(run) for run in pair) for pair in comparison.pairs]
    return [ours / theirs for ours, theirs in both if ours is not None and theirs]


def shown(value):
    return f"{value:.2f}" if 0.1 <= value < 100 else f"{value:.2g}" if value < 1 else f"{value:.0f}"


def median(values):
    return shown(statistics.median(values)) if values else "-"


def spread(values):
    """The middle half of them."""
    if len(values) < 2:
        return ""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{shown(low)}-{shown(high)}"


def busy(runs):
    """How much of the time the server and the load worked, in per cent."""
    server = statistics.median(run["server_cpu_ns"] / 1e9 / run["seconds"] for run in runs)
    load = statistics.median(run["load_cpu_seconds"] / run["seconds"] for run in runs)
    return f"{server * 100:.0f}/{load * 100:.0f}"


def print_times(comparisons):
    print(f"{'':11}{'CPU/echo':>9} {'middle half':>12}", end="")
    print("".join(f"{name:>{width}}" for name, width in WIDTHS.items()), f"{'busy':>8}")
    for comparison in comparisons:
        if not comparison.pairs:
            print(f"{comparison.peer:<11}{'-':>9}")
            continue
        cpu = ratios(comparison, FIGURES["CPU/echo"])
        print(f"{comparison.peer:<11}{median(cpu):>9} {spread(cpu):>12}", end="")
        for name, width in WIDTHS.items():
            print(f"{median(ratios(comparison, FIGURES[name])):>{width}}", end="")
        print(f" {busy([theirs for _, theirs in comparison.pairs]):>8}")


def print_memory(comparisons):
    print(f"{'':11}{'memory/connection':>18} {'connections':>12}")
    for comparison in comparisons:
        values = ratios(comparison, MEMORY["memory"])
        count = comparison.pairs[0][1]["idle"] if comparison.pairs else "-"
        print(f"{comparison.peer:<11}{median(values):>18} {count:>12}")


def print_echod(comparisons):
    """What echod itself had, so that one can tell what the ratios are of."""
    runs = [ours for comparison in comparisons for ours, _ in comparison.pairs]
    if not runs:
        return
    if comparisons[0].workload.idle:
        most = max(run["idle"] for run in runs)
        value = statistics.median(
            MEMORY["memory"](run) for run in runs if run["idle"] == most
        )
        print(f"  echod here: {value:.0f} B of user memory for each of {most} connections")
        return
    cpu, rate, p50 = (
        statistics.median(FIGURES[name](run) for run in runs)
        for name in ("CPU/echo", "echoes/s", "p50")
    )
    print(f"  echod here: {cpu / 1000:.3g} us CPU/echo, {rate:.0f} echoes/s, p50 {p50:.0f} us, "
          f"busy {busy(runs)}")


def print_workload(comparisons):
    """One table, and below it the reasons for what is not in it."""
    if not comparisons:
        return
    workload = comparisons[0].workload
    counts = sorted({len(comparison.pairs) for comparison in comparisons} - {0})
    print(f"\n{workload.title}; pairs: {', '.join(map(str, counts)) or 'none'}")
    print_echod(comparisons)
    (print_memory if workload.idle else print_times)(comparisons)
    lost = {
        name: sum(run["lost"] for c in comparisons for run in (pair[i] for pair in c.pairs))
        for i, name in enumerate(("echod", "the peers"))
    }
    for name, count in lost.items():
        if count:
            print_note(f"did not come back within 0.2 s: {count} datagrams to {name}")
    for comparison in comparisons:
        if comparison.reason is not None:
            print_note(comparison.reason)
    forking = [c.peer for c in comparisons if KINDS[c.peer].forks and c.pairs]
    if forking and not workload.idle:
        print_note(f"peak of {', '.join(forking)}: many processes, which share pages")
    sys.stdout.flush()


def machine():
    return {
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "load_cpu": LOAD_CPU,
        "server_cpu": SERVER_CPU,
    }


def print_heading(chosen):
    print("Ratios echod / peer, medians over pairs of runs. Below 1 echod needs less CPU")
    print("time (user and system), waits less, has less memory; above 1 it echoes more.")
    print("busy: CPU time of server/load, in per cent of the time that passed.")
    print(f"{platform.platform()}, runs of {chosen.seconds} s,")
    if SERVER_CPU is None:
        print("ONE CPU for both sides: no throughput or latency here means anything.")
    else:
        print(f"server on CPU {SERVER_CPU}, load on CPU {LOAD_CPU}.")


def print_note(text):
    print(textwrap.fill(text, 79, initial_indent="  - ", subsequent_indent="    "))


def write_json(path, chosen, results):
    runs = [
        {"workload": name, "pair": i, "server": server, "compared_with": c.peer, **figures}
        for name, comparisons in results.items()
        for c in comparisons
        for i, pair in enumerate(c.pairs)
        for server, figures in zip(("echod", c.peer), pair)
    ]
    reasons = [c.reason for comparisons in results.values() for c in comparisons if c.reason]
    whole = {"machine": machine(), "options": vars(chosen), "left_out": reasons, "runs": runs}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(whole, file, indent=1)


def main():
    chosen = options()
    most = raise_descriptors() - SPARE  # connections
    pin(LOAD_CPU)()
    print_heading(chosen)
    start = time.monotonic()
    results = {}
    for name in chosen.only.split(","):
        results[name] = compare(name, chosen, most)
        print_workload(results[name])
    print(f"\n{time.monotonic() - start:.0f} s in all.")
    if chosen.json:
        write_json(chosen.json, chosen, results)
    return 1 if any(c.is_echods() for cs in results.values() for c in cs) else 0


if __name__ == "__main__":
    sys.exit(main())
