#!/usr/bin/env python3
"""What a user of a fleet sees when one of its nodes is stopped, started anew or cut off.

    run.py --build FOLDER [--proxies FOLDER] [--seconds 20] [--rate 400] [NAME...]

Prints a table for doc/fleet.md, and fails where a promise of it does not hold. Needs root.
"""

import argparse
import collections
import os
import sys
import tempfile
import time

import fleet

TCP, PASSED, TERMINATED = (
    {"port": 7},
    {"port": 4007, "ca": "fleet.crt"},
    {"port": 4008, "ca": "fleet.crt"},
)
TALKERS = 60
CUT_SEEN = (
    10  # seconds in which who talks to a node that is cut off must know: tcp-ut, and patience
)


def nothing(_, seconds):
    time.sleep(seconds)


def stop(hosts, seconds):
    time.sleep(seconds * 0.25)
    hosts.stop(2)
    time.sleep(seconds * 0.75)


def restart(hosts, seconds):
    """Again and again: it is started once it has ended."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds - 2:
        time.sleep(1)
        hosts.stop(2)
        assert hosts.wait(2) == 0
        hosts.start(2)


def cut(hosts, seconds):
    time.sleep(seconds * 0.25)
    hosts.cut(2)
    time.sleep(seconds * 0.75)


# name: what is done to node 2, how the crowd comes, its share of the rate, and how many stay
STREAMS = {
    "left alone": (nothing, TCP, 1, TALKERS),
    "stopped": (stop, TCP, 1, TALKERS),
    "restarted again and again": (restart, TCP, 1, 0),
    "cut off": (cut, TCP, 1, TALKERS),
    "stopped, TLS passed through": (stop, PASSED, 0.25, TALKERS),
    "stopped, TLS terminated": (stop, TERMINATED, 0.25, TALKERS),
    "cut off, TLS passed through": (cut, PASSED, 0.25, TALKERS),
}


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0


def milliseconds(seconds):
    return f"{seconds * 1000:,.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"


class Faults(list):
    def unless(self, holds, what):
        if not holds:
            self.append(what)


def stream_row(name, found, faults):
    """A line of the table; a node that is stopped costs nobody anything."""
    outcomes = collections.Counter(outcome for _, _, outcome in found["connections"])
    echoed = outcomes.pop("echoed", 0)
    took = [each[1] for each in found["connections"] if each[2] == "echoed"]
    talkers = found["talkers"]
    ended = sum(each["outcome"] != "echoed" for each in talkers)
    lost = sum(each["lost"] for each in talkers)
    pause = max((each["longest"] for each in talkers), default=0)
    if not name.startswith("cut off"):
        faults.unless(not outcomes, f"{name}: {dict(outcomes)}")
        faults.unless(ended == 0 and lost == 0, f"{name}: {talkers}")
    faults.unless(pause < CUT_SEEN, f"{name}: {pause} s without a word")
    faults.unless("wrong bytes" not in outcomes, f"{name}: wrong bytes")
    faults.unless(echoed > 0.95 * len(found["connections"]), f"{name}: {echoed} echoed")
    failed = ", ".join(f"{count} × {what}" for what, count in outcomes.most_common()) or "0"
    slow = sum(each > 0.5 for each in took)
    print(
        f"| {name} | {echoed:,} | {failed} | {milliseconds(percentile(took, 0.5))} "
        f"| {milliseconds(percentile(took, 0.99))} | {milliseconds(max(took, default=0))} | {slow} "
        f"| {len(talkers)} | {ended} | {lost:,} | {milliseconds(pause)} |",
        flush=True,
    )


def streams(make, asked, faults):
    print(
        "| node 2 is | echoed | failed | p50 ms | p99 ms | longest ms | above 0.5 s "
        "| talkers | ended early | bytes lost | longest pause ms |"
    )
    print("|" + "---|" * 11)
    for name, (act, how, share, talkers) in STREAMS.items():
        if asked.names and name not in asked.names:
            continue
        with make() as hosts:
            coming = {"seconds": asked.seconds, "rate": asked.rate * share, "talkers": talkers}
            with hosts.crowd(**coming, **how) as found:
                act(hosts, asked.seconds)
            stream_row(name, found, faults)
            if act is stop:
                faults.unless(hosts.wait(2) == 0, f"{name}: node 2 failed")


def flow_row(name, found, faults, may_lose):
    flows = found["flows"]
    sent, lost = sum(each["sent"] for each in flows), sum(each["lost"] for each in flows)
    hurt = [each for each in flows if each["lost"]]
    faults.unless(sum(each["faults"] for each in flows) == 0, f"{name}: wrong or twice")
    faults.unless(may_lose or lost == 0, f"{name}: {lost} lost")
    longest = max((each["longest"] for each in flows), default=0)
    print(
        f"| {name} | {sent:,} | {lost:,} | {len(hurt)} of {len(flows)} | {milliseconds(longest)} |",
        flush=True,
    )


def take_out(hosts, number):
    for kind in "by_source", "in_turn":
        place = number - 1
        hosts.balancer.run(
            f"nft 'delete element ip fleet {kind} {{ {place} }}; "
            f"add element ip fleet {kind} {{ {place} : {fleet.NODES[1]} }}'"
        )


def stop_after_taken_out(hosts, seconds):
    time.sleep(seconds * 0.25)
    take_out(hosts, 2)
    time.sleep(0.2)
    hosts.stop(2)
    time.sleep(seconds * 0.6)


def wait_taken_out(hosts, number):
    """By watch-nodes, which says who has which place."""

    def is_out():
        text = (hosts.folder / "watch.log").read_text(encoding="utf-8")
        return "places: " in text and fleet.NODES[number] not in text.rpartition("places: ")[2]

    fleet.eventually(is_out, f"watch-nodes takes node {number} out")


def stop_and_watch(hosts, seconds):
    hosts.watch()
    stop(hosts, seconds)
    wait_taken_out(hosts, 2)


def cut_and_watch(hosts, seconds):
    hosts.watch()
    cut(hosts, seconds)
    wait_taken_out(hosts, 2)


# name: what is done to node 2, the port, and whether any may be lost
DATAGRAMS = {
    "left alone; a source stays": (nothing, 10007, False),
    "left alone; in turn": (nothing, 10008, False),
    "taken out, then stopped; a source stays": (stop_after_taken_out, 10007, False),
    "taken out, then stopped; in turn": (stop_after_taken_out, 10008, False),
    "stopped, seen by watch-nodes; a source stays": (stop_and_watch, 10007, True),
    "cut off, seen by watch-nodes; a source stays": (cut_and_watch, 10007, True),
    "cut off, seen by watch-nodes; in turn": (cut_and_watch, 10008, True),
}


def datagrams(make, asked, faults):
    print("\n| node 2 is | datagrams | lost | flows that lost any | longest gap ms |")
    print("|" + "---|" * 5)
    for name, (act, port, may_lose) in DATAGRAMS.items():
        if asked.names and name not in asked.names:
            continue
        with make() as hosts:
            with hosts.crowd(seconds=asked.seconds, port=port, flows=40, flow_rate=50) as found:
                act(hosts, asked.seconds)
            flow_row(name, found, faults, may_lose)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--proxies", default="/")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=400)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    if unknown := set(asked.names) - STREAMS.keys() - DATAGRAMS.keys():
        parser.error(f"no such row: {', '.join(unknown)}")
    return asked


def main():
    asked, faults = arguments(), Faults()
    haproxy = fleet.haproxy_below(asked.proxies)
    with tempfile.TemporaryDirectory() as folder:
        number = iter(range(100))

        def make():
            own = os.path.join(folder, str(next(number)))
            os.mkdir(own)
            return fleet.Fleet(os.path.realpath(asked.build), haproxy, own)

        streams(make, asked, faults)
        datagrams(make, asked, faults)
    for each in faults:
        print(f"not as promised: {each}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
