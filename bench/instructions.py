#!/usr/bin/env python3
"""Counts the instructions that a server executes in user space for one echo.

    instructions.py [--build FOLDER] [--only CASE,...] [--peers PEER,...] [--json FILE]
    instructions.py [--build FOLDER] --check FILE

callgrind counts all threads from start to end.  Two runs of 150 rounds in lock-step (lockstep.py)
differ in that 50 rounds of the one have messages and all of the other: what start, connections,
waiting and end take cancels out.  The kernel's part is not in it, which is much the larger one; but
these figures do not vary with the machine's mood, so that a change of one per cent can be seen.

--check counts echod's alone and compares them with a budget, a line "CASE INSTRUCTIONS" for each
case.  Who is 2 % above it has to save, who is 2 % below it has to lower the budget: what is not
written down is spent again.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import time

from lockstep import Rounds
from servers import KINDS, Server, Unavailable

ROUNDS = 150
FEW = 50  # of them, with messages
WARMUP = 20  # rounds: buffers grow, priorities are found
SETTLE = 0.3  # seconds: what is looked at but now and then after that
TOLERANCE = 0.02
TRIES = 3  # of a figure off its budget: what one of the two runs has once more, as a timer, is in it

Case = collections.namedtuple("Case", "title protocol sockets size options")

CASES = {
    "pingpong": Case("64 B x 1 connection", "tcp", 1, 64, ()),
    "stream-64": Case("64 B x 64 connections", "tcp", 64, 64, ()),
    "stream-16k": Case("16 KiB x 16 connections", "tcp", 16, 16384, ()),
    "tls-64": Case("64 B x 64, TLS", "tls", 64, 64, ()),
    "tls-16k": Case("16 KiB x 16, TLS", "tls", 16, 16384, ()),
    "udp-64": Case("datagrams of 64 B, 128 at once", "udp", 128, 64, ()),
    "udp-64-8": Case("datagrams of 64 B, 8 at once", "udp", 8, 64, ()),
    "udp-64-limited": Case(
        "the same 128 with the default limit for a source",
        *("udp", 128, 64),
        ("limits.datagram_rate_per_source=1000",),
    ),
}
PEERS = ["epoll", "libevent", "libuv", "recvfrom", "recvmsg", "recvmmsg", "tls_epoll", "tls_libevent"]
PARTS = ("echod", "libevent", "libssl", "libcrypto", "libc")  # a name begins with the first that fits


def options():
    parser = argparse.ArgumentParser(description="counts user-space instructions per echo")
    parser.add_argument("--build", default=".", help="the build folder (.)")
    parser.add_argument("--only", default=",".join(CASES), help=", ".join(CASES))
    parser.add_argument("--peers", default=",".join(PEERS), help="which of them; may be empty")
    parser.add_argument("--json", help="where the figures go")
    parser.add_argument("--check", metavar="FILE", help="compare echod's with this budget")
    chosen = parser.parse_args()
    unknown = [word for word in chosen.only.split(",") if word not in CASES]
    if unknown:
        parser.error(f"--only: no {', '.join(unknown)}; there is {', '.join(CASES)}")
    return chosen


# --- counting ----------------------------------------------------------------------------------


def part_of(path):
    """What a program or library that callgrind names counts as."""
    name = os.path.basename(path)
    return next((part for part in PARTS if name.startswith(part)), "other")


def parts(path):
    """The instructions in a file of callgrind, by part: what a call took is the callee's own."""
    names, counts = {}, collections.Counter()
    part, is_call = "other", False
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("ob="):
                number, _, name = line[3:].rstrip("\n").partition(" ")
                part = names.setdefault(number, part_of(name))
            elif line.startswith("cob="):
                number, _, name = line[4:].rstrip("\n").partition(" ")
                names.setdefault(number, part_of(name))
            elif line.startswith("calls="):
                is_call = True
            elif line[0] in "+-*0123456789":
                if not is_call:
                    counts[part] += int(line.split()[1])
                is_call = False
    return counts


def total(path):
    with open(path, encoding="utf-8") as file:
        found = re.search(r"^totals: (\d+)", file.read(), re.MULTILINE)
    return int(found.group(1)) if found else None


def executed(build, name, case, rounds):
    """All that a server executes from start to end, by part, with so many rounds of messages."""
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as folder:
        out = os.path.join(folder, "callgrind.out")
        prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        used = case.options if name == "echod" else ()
        with Server(build, name, case.protocol, prefix=prefix, options=used) as server:
            with Rounds(server, case.sockets, case.size) as all_rounds:
                all_rounds.run(WARMUP)
                time.sleep(SETTLE)
                all_rounds.run_empty(ROUNDS - rounds)
                all_rounds.run(rounds)
        counts = parts(out)
        if sum(counts.values()) != total(out):
            raise Unavailable(f"{name}: callgrind's file was not understood")
        return counts


def per_echo(build, name, case):
    """Instructions for one echo, by part."""
    few, all_ = (executed(build, name, case, rounds) for rounds in (FEW, ROUNDS))
    echoes = (ROUNDS - FEW) * case.sockets
    return {part: (all_[part] - few[part]) / echoes for part in (*PARTS, "other")}


# --- a table -----------------------------------------------------------------------------------


def try_peer(chosen, name, case):
    """Returns the figure, or None where it cannot be had, and what to say of it."""
    try:
        return sum(per_echo(chosen.build, name, case).values()), ""
    except (Unavailable, OSError, ValueError) as why:
        return None, f"  ({why})"


def print_case(chosen, case):
    """Prints one table; returns its figures."""
    ours = per_echo(chosen.build, "echod", case)
    whole = sum(ours.values())
    figures = {"echod": whole, "parts": ours}
    of_it = ", ".join(f"{part} {count:.0f}" for part, count in ours.items() if count >= 0.5)
    print(f"\n{case.title}\n  {'echod':<12}{whole:>10.0f}  ({of_it})", flush=True)
    for name in filter(None, chosen.peers.split(",")):
        if case.protocol not in KINDS[name].protocols or case.options:
            continue
        theirs, why = try_peer(chosen, name, case)
        shown = f"{'-':>10}{'-':>14}" if theirs is None else f"{theirs:>10.0f}{whole / theirs:>14.2f}"
        print(f"  {name:<12}{shown}{why}", flush=True)
        figures[name] = theirs
    return figures


def print_all(chosen):
    print("User-space instructions per echo, and the ratio echod / peer.")
    figures = {name: print_case(chosen, CASES[name]) for name in chosen.only.split(",")}
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    return 0


# --- the budget ----------------------------------------------------------------------------------


def read_budget(path):
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {name: int(count) for name, count in rows}


def within(build, name, budget):
    """Says what a case takes; returns whether that is what was written down."""
    for _ in range(TRIES):
        taken = sum(per_echo(build, "echod", CASES[name]).values())
        off = taken / budget - 1
        if abs(off) <= TOLERANCE:
            break
    verdict = "as it should be"
    if off > TOLERANCE:
        verdict = "MORE THAN THE BUDGET: save, or say in the commit what it is worth"
    elif off < -TOLERANCE:
        verdict = f"LESS THAN THE BUDGET: lower it to {taken:.0f}"
    print(f"{name:<16}{taken:>8.0f} of {budget:>5}, {off * 100:+.1f} %: {verdict}", flush=True)
    return abs(off) <= TOLERANCE


def check(chosen):
    budget = read_budget(chosen.check)
    verdicts = [within(chosen.build, name, count) for name, count in budget.items()]
    return 0 if verdicts and all(verdicts) else 1


def main():
    chosen = options()
    try:
        subprocess.run(["valgrind", "--version"], stdout=subprocess.DEVNULL, check=True)
    except FileNotFoundError:
        print("instructions.py: left out, there is no valgrind here")
        return 1 if chosen.check else 0
    return check(chosen) if chosen.check else print_all(chosen)


if __name__ == "__main__":
    sys.exit(main())
