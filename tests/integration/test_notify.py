"""What echod tells its supervisor by sd_notify(3): the right words at the right moments."""

import os
import re
import signal
import socket
import time

import pytest

import echod
import peers
from patience import PATIENCE

pytestmark = pytest.mark.skipif(
    "+systemd" not in echod.run("-V").stdout, reason="this echod was built without libsystemd"
)


@pytest.fixture
def supervisor(workdir):
    """The socket that the daemon's NOTIFY_SOCKET names."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.settimeout(PATIENCE)
        server.bind(os.path.join(workdir, "notify"))
        yield server


@pytest.fixture
def start_supervised(start, supervisor):
    def start_daemon(**named):
        return start(environment={"NOTIFY_SOCKET": supervisor.getsockname()}, **named)

    return start_daemon


def next_with(supervisor, word):
    """The fields of the next message that has `word`, by name."""
    while True:
        message = supervisor.recv(65536).decode()
        fields = dict(line.split("=", 1) for line in message.splitlines())
        if word in fields:
            return fields


def test_ready_once_it_serves(start_supervised, supervisor):
    daemon = start_supervised()
    ready = next_with(supervisor, "READY")
    assert ready["READY"] == "1"
    assert ready["STATUS"]
    daemon.assert_echoes()


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_a_reload_is_bracketed(start_supervised, supervisor, good):
    daemon = start_supervised()
    before_all = next_with(supervisor, "READY")["STATUS"]
    if not good:
        daemon.write_file("nonsense")
    earliest = time.monotonic()
    daemon.reload()
    latest = time.monotonic()
    reloading = next_with(supervisor, "RELOADING")
    assert reloading["RELOADING"] == "1"
    assert earliest <= int(reloading["MONOTONIC_USEC"]) / 1e6 <= latest
    ready = next_with(supervisor, "READY")
    assert ready["READY"] == "1"
    assert bool(re.search("reload failed", ready["STATUS"])) == (not good), before_all


def test_stopping_when_the_drain_begins(start_supervised, supervisor):
    daemon = start_supervised()
    peer = daemon.connect()
    peers.echo(peer, b"hold on")
    daemon.signal(signal.SIGTERM)
    stopping = next_with(supervisor, "STOPPING")
    assert stopping["STOPPING"] == "1"
    # The default drain_timeout, and what the threads and the log may take after it.
    assert stopping["EXTEND_TIMEOUT_USEC"] == "35000000"
    peers.echo(peer, b"still served")


def test_no_supervisor_is_no_fault(start):
    daemon = start(environment={"NOTIFY_SOCKET": "/nowhere/at/all"})
    daemon.assert_echoes()
