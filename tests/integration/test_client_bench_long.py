"""The large numbers of bench, which take a machine of their own: see tools/check-long."""

import json
import signal
import subprocess
import time

import pytest

from client import command, json_of
from patience import PATIENCE, eventually


@pytest.mark.parametrize("rate", [1000, 20000])
def test_the_pace(start, rate):
    """Half of the messages leave within 50 us of their time; a busy machine is asked again."""
    uri = f"tcp://127.0.0.1:{start().port()}"
    best = 1
    for _ in range(5):
        found = json_of("bench", "-r", rate, "-d", 5, "-n", 64, "-W", PATIENCE, uri)
        assert abs(found["counts"]["sent"] / found["seconds"] / rate - 1) < 0.001
        best = min(best, found["latency"]["slip"]["p50"])
        if best <= 50e-6:
            break
    print(f"{rate} messages a second: half of them within {best * 1e6:.0f} us")
    assert best <= 50e-6


@pytest.mark.parametrize("count, options", [(10000, ()), (15000, ("--ramp", 3000))])
def test_many_connections(start, count, options):
    daemon = start(options={"limits.connections": 16000, "limits.connections_per_source": 16000})
    uri = f"tcp://127.0.0.1:{daemon.port()}"
    found = json_of("bench", "-n", count, "-N", 3 * count, "-r", count, "-W", PATIENCE, *options,
                    uri, timeout=3 * PATIENCE)  # fmt: skip
    assert not any(found["errors"].values())
    assert found["counts"]["opened"] == count
    assert found["counts"]["echoed"] == 3 * count
    connect = found["latency"]["connect"]["p99"]
    print(f"{count} connections, all echoed: connect p99 {connect * 1e3:.1f} ms")


def test_a_second_that_the_server_stops(start):
    daemon = start()
    client = subprocess.Popen(
        command("bench", "--json", "-r", 20000, "-d", 30, "-n", 64, "-W", PATIENCE,
                f"tcp://127.0.0.1:{daemon.port()}"),  # fmt: skip
        stdout=subprocess.PIPE,
    )
    eventually(lambda: daemon.counter('echod_received_bytes_total{listener="echo-tcp"}') > 1e7,
               "it is under way")  # fmt: skip
    daemon.signal(signal.SIGSTOP)
    time.sleep(1)
    daemon.signal(signal.SIGCONT)
    found = json.loads(client.communicate(timeout=3 * PATIENCE)[0])
    assert found["counts"]["echoed"] == 600000
    corrected, uncorrected = (found["latency"][name] for name in ("corrected", "uncorrected"))
    print(f"p99: corrected {corrected['p99']:.3f} s, uncorrected {uncorrected['p99']:.6f} s")
    assert corrected["p99"] >= 0.5
    assert uncorrected["p99"] < 0.5
