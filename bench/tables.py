#!/usr/bin/env python3
"""Prints the tables of README.md's results in Markdown, from what the other programs have found.

    tables.py [FOLDER]      where run.json, instructions.json and backends.dat are (.)

"make bench" calls it last.  What has not been measured is left out, or "-" in its table.
"""

import json
import os
import platform
import statistics
import subprocess
import sys

from instructions import CASES, PARTS, PEERS
from run import FIGURES, MEMORY, shown
from servers import KINDS
from workloads import WORKLOADS

PROGRAMS = {"gcc": ["gcc", "-dumpfullversion"], "valgrind": ["valgrind", "--version"]}
PACKAGES = [
    *("libevent-core-2.1-7", "libuv1", "liburing2", "golang-go", "nodejs"),
    *("openbsd-inetd", "socat", "ncat"),
]


def table(heading, rows):
    """`heading` and each row begin with a name; a cell is text."""
    yield "| " + " | ".join(("", *heading)) + " |"
    yield "|" + "---|" * (len(heading) + 1)
    for name, cells in rows:
        yield "| " + " | ".join((name, *cells)) + " |"


# --- what was compared ---------------------------------------------------------------------------


class Runs:
    """What run.py found."""

    def __init__(self, whole):
        self.machine = whole["machine"]
        self.left_out = whole["left_out"]
        self._pairs = {}
        for run in whole["runs"]:
            pairs = self._pairs.setdefault((run["workload"], run["compared_with"]), {})
            pairs.setdefault(run["pair"], {})[run["server"]] = run

    def ratio(self, workload, peer, figure):
        """The median of echod / peer, as text."""
        values = []
        for pair in self._pairs.get((workload, peer), {}).values():
            ours, theirs = (figure(pair[server]) for server in ("echod", peer))
            if ours is not None and theirs:
                values.append(ours / theirs)
        return shown(statistics.median(values)) if values else "-"

    def echods(self, workload):
        return [
            pair["echod"]
            for (name, _), pairs in self._pairs.items()
            if name == workload
            for pair in pairs.values()
        ]

    def table(self, protocol, figure):
        names = [
            name
            for name, workload in WORKLOADS.items()
            if workload.protocol == protocol and not workload.idle and self.echods(name)
        ]
        peers = [peer for peer in list(KINDS)[1:] if protocol in KINDS[peer].protocols]
        rows = (
            (WORKLOADS[name].title, [self.ratio(name, peer, figure) for peer in peers])
            for name in names
        )
        return table(peers, rows)

    def memory(self, name):
        """Lines on idle connections: echod's own bytes with as many as it ever had, and ratios."""
        runs = self.echods(name)
        if not runs:
            return
        most = max(run["idle"] for run in runs)
        own = statistics.median(MEMORY["memory"](run) for run in runs if run["idle"] == most)
        protocol = WORKLOADS[name].protocol
        peers = [peer for peer in list(KINDS)[1:] if protocol in KINDS[peer].protocols]
        yield f"{own:,.0f} bytes for each of {most:,} connections; echod / peer:"
        yield ""
        cells = [self.ratio(name, peer, MEMORY["memory"]) for peer in peers]
        yield from table(peers, [(WORKLOADS[name].title, cells)])
        yield ""


def compared(runs):
    titles = {"CPU/echo": "CPU time of the server for one echo", "peak": "The most memory at once"}
    for name, figure in FIGURES.items():
        yield f"### {titles.get(name, name)}, echod / peer"
        for protocol in ("tcp", "unix", "tls", "udp"):
            yield ""
            yield from runs.table(protocol, figure)
        yield ""
    yield "### Memory"
    yield ""
    for name in (name for name, workload in WORKLOADS.items() if workload.idle):
        yield from runs.memory(name)
    yield from (f"- {reason}" for reason in runs.left_out)


# --- the others ------------------------------------------------------------------------------------


def counted(figures):
    def cell(value):
        return "" if value is None else f"{value:,.0f}"

    rows = []
    for name, row in figures.items():
        parts = [cell(row["parts"][part]) for part in PARTS]
        rows.append((CASES[name].title, [cell(row["echod"]), *parts, *map(cell, map(row.get, PEERS))]))
    yield "### Instructions in user space for one echo"
    yield ""
    yield from table(["echod", "its own", *(f"{part}'s" for part in PARTS[1:]), *PEERS], rows)


def drawn(lines):
    heading, *rows = (line.split() for line in lines)
    yield "### Back ends: CPU time for one echo; 1 is epoll without idle connections"
    yield ""
    cells = ((row[0], ["" if cell == "?" else shown(float(cell)) for cell in row[1:]]) for row in rows)
    yield from table(heading[2:], cells)


def version_of(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "-"


def versions():
    found = {name: version_of(command) for name, command in PROGRAMS.items()}
    for package in PACKAGES:
        found[package] = version_of(["dpkg-query", "-W", "-f", "${Version}", package])
    yield f"On {platform.platform()}: " + ", ".join(f"{k} {v}" for k, v in found.items() if v != "-")


def read(folder, name, how):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return how(file)
    except FileNotFoundError:
        return None


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    parts = [versions()]
    for name, how, told in (
        ("run.json", lambda file: Runs(json.load(file)), compared),
        ("instructions.json", json.load, counted),
        ("backends.dat", lambda file: file.read().splitlines(), drawn),
    ):
        found = read(folder, name, how)
        if found is not None:
            parts.append(told(found))
    for part in parts:
        print("\n".join(part), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
