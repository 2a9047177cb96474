"""How long nobody is served while a successor takes over from one that has much to do: for
tools/check-long, which gives numbers and the load (LOAD=bench/load)."""

import json
import os
import subprocess
import time

import pytest

import successors
from echod import listener
from patience import PATIENCE
from traffic import Asking, Comers, Datagrams

LOAD = os.environ.get("LOAD", "")
TAKE_OVERS = int(os.environ.get("TAKE_OVERS", "3"))

pytestmark = pytest.mark.skipif(not LOAD, reason="without LOAD, the path of bench/load")


class Load:
    """So many connections, each of which sends a message as soon as it has the last one back; no
    byte may be another."""

    def __init__(self, daemon, connections, seconds):
        command = [LOAD, "stream", f"--port={daemon.port()}", f"--connections={connections}",
                   f"--seconds={seconds}", "--size=256", "--warmup=1"]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)

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


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def told(values):
    return f"p50 {percentile(values, 0.5):.1f}, p99 {percentile(values, 0.99):.1f}, max {max(values):.1f} ms"


@pytest.mark.parametrize("connections", [1000, 10000])
def test_how_long_nobody_is_served(start, launch, workdir, connections):
    options = successors.options(
        workdir, **{"limits.connections_per_source": 0, "limits.connections": connections + 100,
                    "log.level": "notice"}
    )  # fmt: skip
    listeners = (listener(), listener("udp", protocol="udp"))
    daemon = start(listeners, options)
    stood, seen = [], []
    with Load(daemon, connections, 5 + 0.3 * TAKE_OVERS) as load:
        daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', connections)
        with Asking(daemon.connect()) as asking, Comers(daemon) as comers, \
                Datagrams(daemon) as datagrams:
            for _ in range(TAKE_OVERS):
                asking.longest = 0
                successor = successors.succeed(launch, daemon, listeners, options)
                handed, ms = successors.handed(daemon)
                assert handed >= connections
                asking.wait_rounds(3)
                comers.wait_rounds(1)
                stood.append(ms)
                seen.append(1000 * asking.longest)
                daemon = successor
            assert load.runs()
        result = load.result()
    assert (result["errors"], result["lost"], result["late"]) == (0, 0, 0)
    print(f"{connections} connections, {TAKE_OVERS} take-overs: stood still {told(stood)}; "
          f"seen by one {told(seen)}; {comers.count} new ones, {datagrams.count} datagrams")
