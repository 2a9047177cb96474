#!/usr/bin/env python3
"""Measures what select, poll and epoll cost echod where most connections are idle.

    backends.py [--build FOLDER] [--rounds N] [--seconds S] [--idle N,...] [--plot]

Ten connections are active, in a closed loop with 64 bytes each; the others are open and
silent. The figure is echod's CPU time for one echo, divided by that of level-triggered
epoll without idle connections in the same round. The medians go into backends.dat; --plot
has gnuplot draw backends.svg and backends.png from it.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys

from servers import HERE, LOAD_CPU, Server, Unavailable, pin, raise_descriptors
from workloads import Held, measure

ACTIVE = 10
SPARE = 200  # descriptors of a process that are no connections
SELECT_MOST = 900  # idle connections: select(2) cannot watch descriptors from 1024 on
REFERENCE = ("epoll", 0)

BACKENDS = {
    "select": ['event_method="select"'],
    "poll": ['event_method="poll"'],
    "epoll": ['event_method="epoll"'],
    "epoll-et": ['event_method="epoll"', "edge_triggered=true"],
}


def options():
    parser = argparse.ArgumentParser(description="compares echod's back ends")
    parser.add_argument("--build", default=".", help="the build folder (.)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turn (5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of one run (0.5)")
    parser.add_argument("--idle", default="0,100,900,5000,15000", help="how many are idle")
    parser.add_argument("--plot", action="store_true", help="have gnuplot draw it")
    return parser.parse_args()


def cost(chosen, backend, idle):
    """Nanoseconds of echod's CPU time for one echo."""
    with Server(chosen.build, "echod", options=BACKENDS[backend]) as server, Held(server) as held:
        held.hold(idle)
        run = measure(
            chosen.build, server, "stream", seconds=chosen.seconds, connections=ACTIVE, size=64
        )
    return run["server_cpu_ns"] / run["echoes"]


def one_round(chosen, points):
    """The cost at each point, as a multiple of the reference's."""
    costs = {}
    for backend, idle in points:
        try:
            costs[backend, idle] = cost(chosen, backend, idle)
        except Unavailable as why:
            print(f"  {backend} with {idle} idle connections: {why}", file=sys.stderr)
    return {point: value / costs[REFERENCE] for point, value in costs.items()}


def table(counts, medians):
    """Lines for people and for gnuplot alike; "?" is what could not be had."""
    yield f"{'# connections':<14}" + "".join(f"{backend:>10}" for backend in BACKENDS)
    for idle in counts:
        values = (medians.get((backend, idle)) for backend in BACKENDS)
        cells = (f"{'?' if value is None else format(value, '.3f'):>10}" for value in values)
        yield f"{idle + ACTIVE:<14}" + "".join(cells)


def draw():
    gnuplot = shutil.which("gnuplot")
    if gnuplot is None:
        print("not drawn: there is no gnuplot here")
        return
    subprocess.run([gnuplot, os.path.join(HERE, "backends.gp")], check=True)
    print("drawn: backends.svg, backends.png")


def main():
    chosen = options()
    most = raise_descriptors() - SPARE - ACTIVE
    pin(LOAD_CPU)()
    counts = sorted({0} | {min(int(count), most) for count in chosen.idle.split(",")})
    points = [
        (backend, idle)
        for idle in counts
        for backend in BACKENDS
        if backend != "select" or idle <= SELECT_MOST
    ]
    rounds = [one_round(chosen, points) for _ in range(chosen.rounds)]
    medians = {
        point: statistics.median(values)
        for point in points
        if (values := [costs[point] for costs in rounds if point in costs])
    }
    print(f"echod's CPU time per echo, {ACTIVE} active connections among idle ones; 1 is epoll")
    print(f"without idle ones. Medians of {chosen.rounds} rounds. ? is what cannot be had.\n")
    with open("backends.dat", "w", encoding="ascii") as file:
        for line in table(counts, medians):
            print(line)
            print(line, file=file)
    if chosen.plot:
        draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
