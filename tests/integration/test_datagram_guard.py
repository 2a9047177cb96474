"""Datagrams that get no answer: what is forged, what would loop, what is beyond its budget."""

import collections
import os
import socket
import time

import pytest

import kernel
import network
from echod import Echod, listener
from patience import PATIENCE, SLOWNESS, eventually

PORT = 10007
MEBIBYTE = 1024 * 1024
RECEIVED = 'echod_datagrams_received_total{listener="echo-udp"}'
SENT = 'echod_datagrams_sent_total{listener="echo-udp"}'
needs_ipv6 = pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def sockets():
    """Opens datagram sockets, on a side of the cable or here, that are closed after the test."""
    opened = []

    def open_socket(family=socket.AF_INET, side=None, source=None):
        arguments = (family, socket.SOCK_DGRAM)
        peer = side.open(*arguments) if side is not None else socket.socket(*arguments)
        opened.append(peer)
        peer.settimeout(PATIENCE)
        if source is not None:
            peer.bind(source)
        return peer

    yield open_socket
    for peer in opened:
        peer.close()


def start_on_host(start, cable, options=None, address="*", port=PORT):
    """With one worker, datagrams are answered in the order in which they were sent."""
    return start(
        [listener("echo-udp", address, port, protocol="udp")],
        {"workers": 1, **(options or {})},
        prefix=cable.host.prefix,
    )


def counter_of(reason):
    return f'echod_datagrams_dropped_total{{listener="echo-udp",reason="{reason}"}}'


def dropped(daemon, reason):
    return daemon.counter(counter_of(reason))


def wait_dropped(daemon, reason, count):
    """A batch is counted after its answers have left."""
    daemon.wait_counter(counter_of(reason), count)


def ask(peer, host, port=PORT, payload=b"who answers?"):
    """The address that answers."""
    peer.sendto(payload, (host, port))
    data, source = peer.recvfrom(65536)
    assert data == payload
    return source[0]


# --- sources and destinations -------------------------------------------------------------------

FORGED = [
    ((network.PEER, 0), network.HOST, "source_port"),
    ((network.PEER, 7), network.HOST, "source_port"),
    ((network.PEER, 19), network.HOST, "source_port"),
    ((network.PEER, 1023), network.HOST, "source_port"),
    ((network.PEER, 2049), network.HOST, "source_port"),
    ((network.PEER, PORT), network.HOST, "source_port"),
    ((network.HOST, PORT), network.HOST, "source_port"),
    (("127.0.0.1", 40000), network.HOST, "source_address"),
    (("127.0.0.1", 40000), "127.0.0.1", "source_address"),
    (("240.0.0.1", 40000), network.HOST, "source_address"),
    (("0.0.0.0", 40000), "255.255.255.255", "source_address"),
    (("0.0.0.0", 40000), network.HOST, "source_address"),
    (("0.1.2.3", 40000), network.HOST, "source_address"),
    (("224.0.0.1", 40000), network.HOST, "source_address"),
    (("255.255.255.255", 40000), network.HOST, "source_address"),
    ((network.PEER, 40000), "255.255.255.255", "destination"),
    ((network.PEER, 40000), "192.0.2.255", "destination"),
]
MULTICAST = ((network.PEER, 40000), "224.0.0.1", "destination")
FORGED6 = [
    ((network.PEER6, 0), network.HOST6, "source_port"),
    ((network.PEER6, 7), network.HOST6, "source_port"),
    (("::", 40000), network.HOST6, "source_address"),
    (("::1", 40000), network.HOST6, "source_address"),
    (("ff02::1", 40000), network.HOST6, "source_address"),
    ((f"::ffff:{network.PEER}", 40000), network.HOST6, "source_address"),
    ((network.PEER6, 40000), "ff02::1", "destination"),
]

# What Linux itself does not take, whatever is set: echod does not see these.
TAKEN_BY_KERNEL = [
    (("0.0.0.0", 40000), network.HOST),
    (("224.0.0.1", 40000), network.HOST),
    (("255.255.255.255", 40000), network.HOST),
    (("::1", 40000), network.HOST6),
    (("ff02::1", 40000), network.HOST6),
]


def assert_no_answers(cable, daemon, sockets, forged):
    """Each is followed by an honest datagram, whose answer shows that its turn has passed."""
    honest = sockets(socket.AF_INET, cable.peer, (network.PEER, 30000))
    counted = {reason: 0 for _, _, reason in forged}
    for source, destination, reason in forged:
        cable.datagrams_from_host()
        cable.forge(source, (destination, PORT))
        assert ask(honest, network.HOST) == network.HOST
        assert cable.datagrams_from_host() == {(network.PEER, 30000): 1}, (source, destination)
        counted[reason] += (source, destination) not in TAKEN_BY_KERNEL
        wait_dropped(daemon, reason, counted[reason])
    daemon.wait_counter(SENT, len(forged))
    assert not daemon.log.matching("forged")


@pytest.mark.parametrize("address", ["*", "0.0.0.0"])
def test_what_is_forged_or_sent_to_many_gets_no_answer(start, cable, sockets, address):
    """To a dual-stack socket Linux gives no multicast of IPv4 that it did not ask for."""
    daemon = start_on_host(start, cable, address=address)
    forged = FORGED if address == "*" else [*FORGED, MULTICAST]
    assert_no_answers(cable, daemon, sockets, forged)


@needs_ipv6
def test_what_is_forged_or_sent_to_many_by_ipv6_gets_no_answer(start, cable, sockets):
    daemon = start_on_host(start, cable)
    assert_no_answers(cable, daemon, sockets, FORGED6)


def test_broadcasts_and_multicasts_of_a_peer_get_no_answer(start, cable, sockets):
    daemon = start_on_host(start, cable, address="0.0.0.0")
    peer = sockets(socket.AF_INET, cable.peer, ("", 30000))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    for number, host in enumerate(["192.0.2.255", "224.0.0.1"], 1):
        cable.datagrams_from_host()
        peer.sendto(b"anybody?", (host, PORT))
        assert ask(peer, network.HOST) == network.HOST
        assert cable.datagrams_from_host() == {(network.PEER, 30000): 1}
        wait_dropped(daemon, "destination", number)


@needs_ipv6
def test_multicasts_of_a_peer_by_ipv6_get_no_answer(start, cable, sockets):
    daemon = start_on_host(start, cable)
    peer = sockets(socket.AF_INET6, cable.peer, (network.PEER6, 30000))
    with cable.peer.inside():
        scope = socket.if_nametoindex("cable")
    cable.datagrams_from_host()
    peer.sendto(b"anybody?", ("ff02::1", PORT, 0, scope))
    assert ask(peer, network.HOST6) == network.HOST6
    assert cable.datagrams_from_host() == {(network.PEER6, 30000): 1}
    wait_dropped(daemon, "destination", 1)


@pytest.mark.parametrize("address", ["*", "0.0.0.0"])
def test_further_addresses_answer_from_the_one_that_was_asked(start, cable, sockets, address):
    start_on_host(start, cable, address=address)
    peer = sockets(socket.AF_INET, cable.peer)
    for host in network.HOST, network.HOST_SECOND:
        assert ask(peer, host) == host


@needs_ipv6
def test_further_ipv6_addresses_answer_from_the_one_that_was_asked(start, cable, sockets):
    start_on_host(start, cable)
    peer = sockets(socket.AF_INET6, cable.peer)
    for host in network.HOST6, network.HOST6_SECOND:
        assert ask(peer, host) == host


def test_the_access_list_holds_for_datagrams(start, sockets):
    sections = [listener("echo-udp", protocol="udp")]
    daemon = start(sections, {"workers": 2, "access.deny": ["127.0.0.2"]})
    port = daemon.port("echo-udp")
    peers = {host: sockets(source=(host, 0)) for host in ("127.0.0.1", "127.0.0.2")}
    denied, allowed = "127.0.0.2", "127.0.0.1"
    for number in range(1, 4):
        peers[denied].sendto(b"may I?", ("127.0.0.1", port))
        wait_dropped(daemon, "denied", number)
        assert ask(peers[allowed], "127.0.0.1", port) == "127.0.0.1"
        denied, allowed = allowed, denied
        daemon.configure(sections, {"workers": 2, "access.deny": [denied]})
        assert "1 kept" in daemon.reload()[-1]


OPEN = "^warning: access.allow has no prefix, and datagrams are answered whatever source they claim: "


def exposed(daemon, after=0):
    """The listeners that a warning is about."""
    return [line.partition(": listener=")[2] for line in daemon.log.matching(OPEN, after)]


@pytest.mark.usefixtures("apart")
def test_a_start_and_a_reload_warn_of_datagrams_of_anybody(start):
    """Once a listener, however many workers it has; of those on loopback addresses not at all."""
    open_ones = [
        listener("any", "*", 10001, "udp"),
        listener("any4", "0.0.0.0", 10002, "udp"),
        listener("own6", network.SOURCES6[0], 10003, "udp"),
    ]
    others = [
        listener("local", "localhost", 10004, "udp"),
        listener("local4", "127.9.9.9", 10005, "udp"),
        listener("local6", "::1", 10006, "udp"),
        listener("stream", "*", 10007),
    ]
    told = [
        "any uri=udp://*:10001",
        "any4 uri=udp://0.0.0.0:10002",
        f"own6 uri=udp://[{network.SOURCES6[0]}]:10003",
    ]
    daemon = start([*open_ones, *others], {"access.deny": ["192.0.2.1"]})
    assert exposed(daemon) == told
    for options, wanted in ({}, told), ({"access.allow": ["192.0.2.0/24"]}, []):
        daemon.configure([*open_ones, *others], options)
        after = daemon.log.mark()
        daemon.reload()
        assert exposed(daemon, after) == wanted
    daemon.configure(others)
    after = daemon.log.mark()
    daemon.reload()
    assert not exposed(daemon, after)


# --- loops -----------------------------------------------------------------------------------------


@pytest.fixture
def other_echod(cable, tmp_path):
    """A second echod, on the peer's side."""
    started = []

    def start_other(port, options=None):
        sections = [listener("echo-udp", network.PEER, port, protocol="udp")]
        prefix = cable.peer.prefix
        started.append(Echod(tmp_path, sections, {"workers": 1, **(options or {})}, prefix=prefix))
        started[0].wait_serving()
        return started[0]

    yield start_other
    for daemon in started:
        daemon.stop()


def test_two_echods_on_one_port_do_not_answer_each_other(start, cable, other_echod):
    daemon = start_on_host(start, cable)
    other = other_echod(PORT)
    cable.datagrams_from_host()
    cable.forge((network.PEER, PORT), (network.HOST, PORT))
    wait_dropped(daemon, "source_port", 1)
    assert cable.datagrams_from_host() == {}
    assert other.counter(RECEIVED) == 0


def test_an_echod_on_a_low_port_is_not_answered(start, cable, other_echod):
    daemon = start_on_host(start, cable)
    other = other_echod(7)
    cable.forge((network.PEER, 7), (network.HOST, PORT))
    wait_dropped(daemon, "source_port", 1)
    assert other.counter(RECEIVED) == 0


def is_silent(cable):
    """True when nothing was sent in a time in which a loop turns hundreds of times."""
    cable.datagrams_from_host()
    time.sleep(0.1)
    return cable.datagrams_from_host() == {}


def test_a_loop_between_high_ports_ends_with_the_budget(start, cable, other_echod):
    """Nothing tells an echo on an unknown port from a peer, but that it is too fast."""
    daemon = start_on_host(start, cable, {"limits.datagram_rate_per_source": 100})
    other_echod(PORT + 1)
    begin = time.monotonic()
    cable.forge((network.PEER, PORT + 1), (network.HOST, PORT))
    wait_dropped(daemon, "source_rate", 1)
    assert is_silent(cable)
    most = 25 + 100 * (time.monotonic() - begin + 0.1)
    assert 25 <= daemon.counter(SENT) <= most


def test_chargen_is_not_answered(start, cable, sockets):
    """It would send more for each answer, for ever."""
    daemon = start_on_host(start, cable)
    chargen = sockets(socket.AF_INET, cable.peer, (network.PEER, 19))
    chargen.sendto(b"!" * 74, (network.HOST, PORT))
    wait_dropped(daemon, "source_port", 1)
    assert cable.datagrams_from_host() == {}


def test_the_ports_that_serve_change_with_a_reload(start, sockets):
    first = listener("echo-udp", protocol="udp")
    daemon = start([first], {"workers": 1})
    port = daemon.port("echo-udp")
    peer = sockets(source=("127.0.0.2", 0))
    own = peer.getsockname()[1]
    assert ask(peer, "127.0.0.1", port) == "127.0.0.1"
    daemon.configure([first, listener("echo-2", port=own, protocol="udp")], {"workers": 1})
    assert "1 listener added" in daemon.reload()[-1]
    peer.sendto(b"from a port that serves", ("127.0.0.1", port))
    wait_dropped(daemon, "source_port", 1)
    daemon.configure([first], {"workers": 1})
    assert "1 removed" in daemon.reload()[-1]
    assert ask(peer, "127.0.0.1", port) == "127.0.0.1"
    assert dropped(daemon, "source_port") == 1


def test_the_ports_to_refuse_change_with_a_reload(start, sockets):
    sections = [listener("echo-udp", protocol="udp")]
    daemon = start(sections, {"workers": 1})
    port = daemon.port("echo-udp")
    peer = sockets(source=("127.0.0.2", 0))
    own = peer.getsockname()[1]
    assert ask(peer, "127.0.0.1", port) == "127.0.0.1"
    lists = [f"{own}"], ["1-7", f"{own - 1}-{own + 1}"], ["1-65535"]
    for number, refused in enumerate(lists, 1):
        daemon.configure(sections, {"workers": 1, "udp.refuse_source_ports": refused})
        assert "1 kept" in daemon.reload()[-1]
        peer.sendto(b"from a port that is refused", ("127.0.0.1", port))
        wait_dropped(daemon, "source_port", number)
    daemon.configure(sections, {"workers": 1, "udp.refuse_source_ports": []})
    assert "1 kept" in daemon.reload()[-1]
    assert ask(peer, "127.0.0.1", port) == "127.0.0.1"


# --- budgets ----------------------------------------------------------------------------------------


def wait_answers(cable, answers, count):
    """Adds to `answers` until there are `count`: what was sent may come a moment later."""

    def are_there():
        answers.update(cable.datagrams_from_host())
        return answers.total() == count

    eventually(are_there, f"{count} answers at the peer")


def test_a_flood_of_one_source_is_limited_while_another_is_answered(start, cable, sockets):
    daemon = start_on_host(start, cable, {"limits.socket_buffer": 4 * MEBIBYTE})
    flood = sockets(socket.AF_INET, cable.peer, (network.PEER, 30000))
    other = sockets(socket.AF_INET, cable.peer, (network.PEER_SECOND, 30000))
    answers = collections.Counter()
    begin = time.monotonic()
    for _ in range(100):
        for _ in range(200):
            flood.sendto(b"flood", (network.HOST, PORT))
        assert ask(other, network.HOST) == network.HOST
        answers.update(cable.datagrams_from_host())
    seconds = time.monotonic() - begin
    daemon.wait_counter(RECEIVED, 20100)
    wait_answers(cable, answers, daemon.counter(SENT))
    answered = answers[network.PEER, 30000]
    assert 250 <= answered <= 250 + 1000 * (seconds + 0.1)
    assert dropped(daemon, "source_rate") == 20000 - answered


def test_all_sources_together_have_a_rate(start, cable, sockets):
    options = {"limits.socket_buffer": 4 * MEBIBYTE, "limits.datagram_rate": 40}
    daemon = start_on_host(start, cable, options)
    begin = time.monotonic()
    for number in range(500):
        cable.forge((f"198.51.100.{number % 250 + 1}", 40000), (network.HOST, PORT))
    daemon.wait_counter(RECEIVED, 500)
    most = 10 + 40 * (time.monotonic() - begin + 0.1)
    sent = daemon.counter(SENT)
    assert 10 <= sent <= most
    assert dropped(daemon, "rate") == 500 - sent
    wait_answers(cable, collections.Counter(), sent)


def test_rates_and_sizes_change_with_a_reload(start, sockets):
    sections = [listener("echo-udp", protocol="udp")]
    daemon = start(sections, {"limits.datagram_rate_per_source": 1, "workers": 1})
    port = daemon.port("echo-udp")
    peer = sockets()
    assert ask(peer, "127.0.0.1", port) == "127.0.0.1"
    peer.sendto(b"too soon", ("127.0.0.1", port))
    wait_dropped(daemon, "source_rate", 1)
    daemon.configure(
        sections, {"workers": 1, "limits.datagram_rate_per_source": 0, "udp.max_datagram": 100}
    )
    assert "1 kept" in daemon.reload()[-1]
    peer.sendto(b"l" * 101, ("127.0.0.1", port))
    for _ in range(1000):
        assert ask(peer, "127.0.0.1", port, b"f" * 100) == "127.0.0.1"
    assert dropped(daemon, "size") == 1
    assert dropped(daemon, "source_rate") == 1


def forge_sources(cable, honest, first, count):
    """So many sources of 10.0.0.0/8, one datagram each, in steps that echod has seen."""
    for number in range(first, first + count):
        address = socket.inet_ntoa((0x0A000000 + number).to_bytes(4, "big"))
        cable.forge((address, 40000), (network.HOST, PORT))
        if number % 500 == 499:
            ask(honest, network.HOST)
            cable.datagrams_from_host()


def test_memory_does_not_grow_with_the_sources(start, cable, sockets):
    """ECHOD_SOURCES in the environment makes it more of them."""
    count = int(os.environ.get("ECHOD_SOURCES", "100000"))
    options = {"limits.socket_buffer": 4 * MEBIBYTE, "limits.datagram_rate_per_source": 1000}
    daemon = start_on_host(start, cable, options)
    honest = sockets(socket.AF_INET, cable.peer, (network.PEER, 30000))
    ask(honest, network.HOST)
    resident = [kernel.resident_bytes(daemon.pid)]
    for half in range(2):
        forge_sources(cable, honest, half * count // 2, count // 2)
        resident.append(kernel.resident_bytes(daemon.pid))
    daemon.wait_counter(RECEIVED, count + count // 500 + 1)
    print(f"resident bytes before, after half and after all of {count} sources: {resident}")
    # sanitizers keep more of their own about each byte
    assert resident[1] - resident[0] < 1.5 * MEBIBYTE * SLOWNESS
    assert resident[2] - resident[1] < MEBIBYTE / 2 * SLOWNESS
