"""The limits for each source: one that goes beyond them is refused, and nobody else notices."""

import threading
import time

import pytest

import network
import peers
from echod import listener
from patience import PATIENCE, within

pytestmark = pytest.mark.usefixtures("apart")

ONE, ANOTHER, GREEDY = "198.18.0.1", "198.18.0.2", "198.18.0.66"
ANY = (listener(address="*"),)
OPEN = 'echod_connections_open{listener="echo-tcp"}'
HONEST = [f"198.18.1.{host}" for host in range(1, 21)]


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
    inside = [daemon.connect(source=ONE) for _ in range(3)]
    for peer in inside:
        peers.echo(peer, b"inside")
    assert is_refused(daemon, source=ONE)
    peers.echo(daemon.connect(source=ANOTHER), b"another source")
    inside.pop().close()
    daemon.wait_counter(OPEN, 3)
    peers.echo(daemon.connect(source=ONE), b"room again")
    assert is_refused(daemon, source=ONE)
    daemon.wait_counter(refused("source_connections"), 2)
    daemon.wait_log(rf"^notice: connection refused: peer={ONE}:.* reason=source_connections$")
    for peer in inside:
        peers.echo(peer, b"undisturbed")


def test_connections_a_second(start):
    """The host itself is no exception."""
    daemon = start(options={"limits.connection_rate_per_source": 5})
    served = 0
    began = time.monotonic()
    while not is_refused(daemon):
        served += 1
        assert served < 1000
    seconds = time.monotonic() - began
    assert 5 <= served <= 5 + 5 * seconds + 1
    peers.echo(daemon.connect(source=ANOTHER), b"another source")
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
            attempts.append(try_to_enter(daemon, source=GREEDY))

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
    assert all(f"peer={GREEDY}:" in line and f"reason={reason}" in line for line in lines)


def test_a_peer_of_ipv4_is_one_on_a_listener_of_both(start):
    daemon = start(ANY, {"limits.connections_per_source": 1})
    for source in ONE, ANOTHER, GREEDY:
        peers.echo(daemon.connect(host="127.0.0.1", source=source), b"each is one")
        assert is_refused(daemon, host="127.0.0.1", source=source)
    peers.echo(daemon.connect(host="::1", source=network.SOURCES6[0]), b"so is IPv6")
    assert is_refused(daemon, host="::1", source=network.SOURCES6[1])


def test_the_host_itself_has_no_limit(start, back_end):
    """A proxy there stands for many, as a benchmark does."""
    daemon = start(ANY, {**back_end, "limits.connections_per_source": 1})
    for host, source in ("127.0.0.1", None), ("127.0.0.1", "127.9.9.9"), ("::1", None):
        for peer in [daemon.connect(host=host, source=source) for _ in range(20)]:
            peers.echo(peer, b"one of many")
    assert not daemon.log.matching("refused")


def test_new_limits_hold_at_once(start):
    daemon = start(options={"limits.connections_per_source": 0})
    before = [daemon.connect(source=ONE) for _ in range(5)]
    for peer in before:
        peers.echo(peer, b"unlimited")
    daemon.configure(options={"limits.connections_per_source": 2})
    daemon.reload()
    assert is_refused(daemon, source=ONE)
    for peer in before:
        peers.echo(peer, b"stays")
    for peer in before[1:]:
        peer.close()
    daemon.wait_counter(OPEN, 1)
    peers.echo(daemon.connect(source=ONE), b"room again")
    assert is_refused(daemon, source=ONE)
    daemon.configure(options={"limits.connections_per_source": 0})
    daemon.reload()
    peers.echo(daemon.connect(source=ONE), b"unlimited again")


def test_those_that_closed_are_no_longer_counted(start):
    daemon = start(options={"limits.connections_per_source": 2})
    for _ in range(50):
        peer = daemon.connect(source=ONE)
        peers.echo(peer, b".")
        name = peers.name_of(peer)
        peer.close()
        daemon.wait_closed(name)
        daemon.wait_counter(OPEN, 0)


# --- as shipped, with 10,000 connections for all -----------------------------------------------------


def test_a_greedy_source_leaves_room_for_others(start):
    """It opens as many as it can; another one is served at once."""
    daemon = start(options={"log.level": "notice"})
    inside = [try_to_enter(daemon, source=GREEDY) for _ in range(10000)]
    assert inside.count(None) == 9000
    for source in HONEST:
        begun = time.monotonic()
        peers.echo(daemon.connect(source=source), b"at once")
        assert time.monotonic() - begun < within(1)
    for peer in filter(None, inside):
        peer.close()


def crowded(daemon):
    lines = daemon.log.matching("^warning: limits.connections is reached, ")
    return [dict(field.split("=", 1) for field in line.split(": ", 2)[2].split()) for line in lines]


def test_the_log_names_who_has_most_where_all_are_taken(start, back_end):
    """Where each may have as many as it likes, and where a proxy of the host has them."""
    for options in {"limits.connections_per_source": 0}, {"limits.connections_per_source": 4}:
        for greedy in GREEDY, "127.0.0.1":
            daemon = start(options={**back_end, **options, "limits.connections": 6})
            inside = [daemon.connect(source=source) for source in (ONE, greedy, greedy, greedy)]
            inside += [daemon.connect(source=source) for source in (ANOTHER, greedy)]
            for peer in inside:
                peers.echo(peer, b"inside")
            daemon.connect(source=ONE)
            daemon.wait_log("^warning: limits.connections is reached, ")
            assert crowded(daemon) == [
                {"listener": "echo-tcp", "open": "6", "source": greedy, "open_of_source": "4"}
            ]
            # each that comes in fills it again, which has no line of its own
            for _ in range(3):
                inside.pop(0).close()
                inside.append(daemon.connect(source=ONE))
            daemon.wait_counter('echod_connections_accepted_total{listener="echo-tcp"}', 9)
            assert len(crowded(daemon)) == 1
            daemon.stop()
