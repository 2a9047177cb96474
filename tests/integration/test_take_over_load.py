"""How long nobody is served while a successor takes over from one that has much to do: for
tools/check-long, which gives numbers."""

import json
import os
import socket
import subprocess

import pytest

import peers
import successors
from client import command
from echod import listener
from patience import PATIENCE
from traffic import Asking, Comers, Datagrams

TAKE_OVERS = int(os.environ.get("TAKE_OVERS", "3"))
PREFIX = os.environ.get("TAKE_OVER_PREFIX", "").split()  # as "chrt -f 1": of a machine that is busy


class Load:
    """So many connections, each of which sends a message as soon as it has the last one back; no
    byte may be another."""

    def __init__(self, daemon, connections, seconds):
        self._process = subprocess.Popen(
            command("bench", "--json", "-n", connections, "-d", seconds, "-s", 256, "-W", PATIENCE,
                    f"tcp://127.0.0.1:{daemon.port()}"),  # fmt: skip
            stdout=subprocess.PIPE,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def runs(self):
        return self._process.poll() is None

    def result(self):
        text = self._process.communicate(timeout=10 * PATIENCE)[0]
        assert self._process.returncode == 0
        return json.loads(text)


class Slow:
    """Peers that send and read nothing before check(); half of them have shut down their side."""

    DATA = peers.payload(1 << 24)

    def __init__(self, daemon, count):
        self._sent = {}
        for i in range(count):
            peer = daemon.connect(receive_buffer=65536)
            self._sent[peer] = peers.fill(peer, self.DATA)
            if i % 2 == 0:
                peer.shutdown(socket.SHUT_WR)

    def check(self):
        for i, (peer, size) in enumerate(self._sent.items()):
            peers.assert_same(peers.receive(peer, size), self.DATA[:size])
            if i % 2 == 0:
                assert peer.recv(1) == b""
            else:
                peers.echo(peer, b"and on")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def told(values):
    return f"p50 {percentile(values, 0.5):.1f}, p99 {percentile(values, 0.99):.1f}, max {max(values):.1f} ms"


@pytest.mark.parametrize("connections", [1000, 10000])
def test_how_long_nobody_is_served(start, launch, workdir, connections):
    limits = dict.fromkeys(("connections_per_source", "write_timeout", "stalled_connections"), 0)
    limits["connections"] = connections + 100
    options = successors.options(
        workdir, **{f"limits.{name}": limit for name, limit in limits.items()},
        **{"log.level": "notice"},
    )  # fmt: skip
    listeners = (listener(), listener("udp", protocol="udp"))
    daemon = start(listeners, options, prefix=PREFIX)
    stood, seen = [], []
    slow = Slow(daemon, 20)
    with Load(daemon, connections, 10 + 0.5 * TAKE_OVERS) as load:
        daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', connections + 20)
        with Asking(daemon.connect()) as asking, Comers(daemon) as comers, \
                Datagrams(daemon) as datagrams:
            for _ in range(TAKE_OVERS):
                asking.longest = 0
                successor = successors.succeed(launch, daemon, listeners, options, prefix=PREFIX)
                handed, ms = successors.handed(daemon)
                assert handed >= connections
                asking.wait_rounds(3)
                comers.wait_rounds(1)
                stood.append(ms)
                seen.append(1000 * asking.longest)
                daemon = successor
            assert load.runs()
        result = load.result()
    slow.check()
    assert not any(result["errors"].values())
    assert result["counts"]["sent"] == result["counts"]["echoed"]
    print(f"{connections} connections, {TAKE_OVERS} take-overs: stood still {told(stood)}; "
          f"seen by one {told(seen)}; {comers.count} new ones, {datagrams.count} datagrams")
