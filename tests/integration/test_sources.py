"""The limits for each source: one that goes beyond them is refused, and nobody else notices."""

import threading
import time

import pytest

import peers
from echod import listener
from patience import PATIENCE

ANY = (listener(address="*"),)
OPEN = 'echod_connections_open{listener="echo-tcp"}'
HONEST = [f"127.0.1.{host}" for host in range(1, 21)]


def refused(reason):
    return f'echod_connections_refused_total{{listener="echo-tcp",reason="{reason}"}}'


def try_to_enter(daemon, host=None, source=None):
    """The new connection, or None where it was reset: that may be in the middle of connect()."""
    peer = None
    try:
        peer = peers.connect(host or daemon.host(), daemon.port(), source=source)
        peers.echo(peer, b"?")
        return peer
    except (ConnectionResetError, BrokenPipeError):
        if peer:
            peer.close()
        return None


def is_refused(daemon, **where):
    peer = try_to_enter(daemon, **where)
    if peer:
        peer.close()
    return peer is None


def test_connections_at_once(start, back_end):
    daemon = start(options={**back_end, "limits.connections_per_source": 3})
    inside = [daemon.connect() for _ in range(3)]
    for peer in inside:
        peers.echo(peer, b"inside")
    assert is_refused(daemon)
    peers.echo(daemon.connect(source="127.0.0.2"), b"another source")
    inside.pop().close()
    daemon.wait_counter(OPEN, 3)
    peers.echo(daemon.connect(), b"room again")
    assert is_refused(daemon)
    daemon.wait_counter(refused("source_connections"), 2)
    daemon.wait_log(r"^notice: connection refused: peer=127\.0\.0\.1:.* reason=source_connections$")
    for peer in inside:
        peers.echo(peer, b"undisturbed")


def test_connections_a_second(start):
    daemon = start(options={"limits.connection_rate_per_source": 5})
    served = 0
    began = time.monotonic()
    while not is_refused(daemon):
        served += 1
        assert served < 1000
    seconds = time.monotonic() - began
    assert 5 <= served <= 5 + 5 * seconds + 1
    peers.echo(daemon.connect(source="127.0.0.2"), b"another source")
    assert daemon.counter(refused("source_rate")) >= 1
    daemon.wait_log(r"^notice: connection refused: .* reason=source_rate$")


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"limits.connections_per_source": 4}, "source_connections"),
        ({"limits.connection_rate_per_source": 20}, "source_rate"),
    ],
)
def test_a_flood_from_one_source_harms_no_other(start, options, reason):
    daemon = start(options=options)
    stop = threading.Event()
    attempts = []

    def flood():
        while not stop.is_set() and len(attempts) < 5000:
            attempts.append(try_to_enter(daemon, source="127.0.0.66"))

    attacker = threading.Thread(target=flood, daemon=True)
    attacker.start()
    try:
        crowd = [daemon.connect(source=source) for source in HONEST]
        deadline = time.monotonic() + PATIENCE
        while attempts.count(None) < 50:
            assert attacker.is_alive() and time.monotonic() < deadline, "the flood is let in"
            for peer in crowd:
                peers.echo(peer, b"undisturbed")
        for source in HONEST:
            peers.echo(daemon.connect(source=source), b"nor are new ones")
    finally:
        stop.set()
        attacker.join()
    for peer in filter(None, attempts):
        peer.close()
    daemon.wait_counter(refused(reason), attempts.count(None))
    lines = daemon.log.matching("^notice: connection refused: ")
    assert len(lines) <= 2  # one in ten seconds
    assert all("peer=127.0.0.66:" in line and f"reason={reason}" in line for line in lines)


def test_a_peer_of_ipv4_is_one_on_a_listener_of_both(start):
    daemon = start(ANY, {"limits.connections_per_source": 1})
    for source in "127.0.0.1", "127.0.0.2", "127.0.0.3":
        peers.echo(daemon.connect(host="127.0.0.1", source=source), b"each is one")
        assert is_refused(daemon, host="127.0.0.1", source=source)
    peers.echo(daemon.connect(host="::1"), b"so is IPv6")
    assert is_refused(daemon, host="::1")


def test_new_limits_hold_at_once(start):
    daemon = start()
    before = [daemon.connect() for _ in range(5)]
    for peer in before:
        peers.echo(peer, b"unlimited")
    daemon.configure(options={"limits.connections_per_source": 2})
    daemon.reload()
    after = [daemon.connect() for _ in range(2)]
    for peer in after:
        peers.echo(peer, b"the first that are counted")
    assert is_refused(daemon)
    for peer in before:
        peers.echo(peer, b"stays")
        peer.close()
    daemon.wait_counter(OPEN, 2)
    assert is_refused(daemon)  # those that closed were not counted
    daemon.configure()
    daemon.reload()
    daemon.assert_echoes()


def test_those_that_closed_are_no_longer_counted(start):
    daemon = start(options={"limits.connections_per_source": 2})
    for _ in range(50):
        peer = daemon.connect()
        peers.echo(peer, b".")
        name = peers.name_of(peer)
        peer.close()
        daemon.wait_closed(name)
        daemon.wait_counter(OPEN, 0)
