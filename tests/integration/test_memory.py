"""Allocations fail under load: echod lives, ends only who it must, and serves the next."""

import contextlib
import random
import re
import threading

import pytest

import loads
import memory
import peers
from echod import listener
from patience import eventually

FAILURES = 60
DENIED = "127.0.0.66"
USED = "198.18.0.1"
MOST_OF_ONE_SOURCE = 60
OPEN = 'echod_connections_open{listener="echo-tcp"}'


def refused(daemon):
    """Connections that the access list refuses, and more of one source than it may have."""
    source = random.choice([USED, f"198.18.{random.randrange(255)}.{random.randrange(255)}"])
    with contextlib.ExitStack() as stack:
        for host in 5 * [DENIED] + (MOST_OF_ONE_SOURCE + 5) * [source]:
            with contextlib.suppress(ConnectionError):
                stack.enter_context(peers.connect(daemon.host(), daemon.port(), source=host))


class Load(threading.Thread):
    """One kind of load, again and again, until stop()."""

    def __init__(self, load, daemon):
        super().__init__(daemon=True)
        self._load, self._daemon = load, daemon
        self._stopping = False
        self.failure = None

    def run(self):
        try:
            while not self._stopping:
                self._load(self._daemon)
        except Exception as failure:  # told by stop(): a thread's own would fail no test
            self.failure = failure

    def stop(self):
        self._stopping = True
        self.join()
        if self.failure:
            raise self.failure


def is_served(daemon):
    try:
        peer = daemon.connect()
        peers.echo(peer, b"served?")
        peer.close()
        return True
    except (AssertionError, ConnectionError):
        return False


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("per_mille", [10, 50])
def test_under_load(start, workdir, back_end, per_mille):
    orders = memory.Orders(workdir, seed=per_mille)
    daemon = start(
        [listener(), listener("udp", protocol="udp")],
        {
            **back_end,
            "access.deny": [DENIED],
            "limits.connections_per_source": MOST_OF_ONE_SOURCE,
            "limits.connection_rate_per_source": 100000,
            "limits.socket_buffer": 65536,
        },
        environment=orders.environment,
    )
    running = [
        Load(load, daemon) for load in (loads.stream, loads.blocked, loads.burst, refused)
    ]
    orders.fail(per_mille)
    for load in running:
        load.start()
    eventually(
        lambda: orders.failed >= FAILURES or any(load.failure for load in running),
        f"{FAILURES} allocations fail",
    )
    for load in running:
        load.stop()
    eventually(lambda: is_served(daemon), "a new connection is served")
    orders.fail(0)
    assert orders.failed >= FAILURES
    daemon.wait_counter(OPEN, 0)
    for peer in [daemon.connect(source=USED) for _ in range(MOST_OF_ONE_SOURCE)]:
        peers.echo(peer, b"the books of its source are right")
    loads.assert_datagram_echoes(daemon)
    for line in daemon.log.matching("^info: connection closed: .* reason=peer "):
        assert re.search(r" received=(\d+) sent=\1 ", line), line
