"""Datagrams by IPv6 that claim to come from echod's own host: the host's own are answered, those
from the network are not."""

import contextlib
import functools
import os
import select
import socket

import pytest

import kernel
import network
import peers
from activation import bound, passing
from echod import listener, run
from interfaces import without_ipv6
from patience import PATIENCE, eventually

PORT = 10007
FORGERIES = 50
ADDED = "2001:db8::9"
RECEIVED = 'echod_datagrams_received_total{listener="echo-udp"}'
SENT = 'echod_datagrams_sent_total{listener="echo-udp"}'
DROPPED = 'echod_datagrams_dropped_total{listener="echo-udp",reason="source_address"}'
pytestmark = pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")
needs_activation = pytest.mark.skipif(
    "+systemd" not in run("-V").stdout, reason="this echod was built without libsystemd"
)
SECTIONS = [listener("echo-udp", "*", PORT, protocol="udp")]
UNLIMITED = {"limits.datagram_rate_per_source": 0}


class Host:
    """The host's side of the cable: services on it, and what is forged in their names."""

    def __init__(self, cable, stack):
        self.cable = cable
        self._stack = stack
        self._ports = iter(range(40000, 50000))
        with cable.host.inside():
            self.interface = socket.if_nametoindex("cable")

    @functools.cached_property
    def link_local(self):
        return self.cable.host.link_local_address()

    def _name(self, host, port):
        return (host, port, 0, self.interface if host.startswith("fe80") else 0)

    def open(self, source, port=0, side=None):
        with (side or self.cable.host).inside():
            opened = self._stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        opened.settimeout(PATIENCE)
        opened.bind(self._name(source, port or next(self._ports)))
        return opened

    def send(self, asking, asked, data=b"honest"):
        asking.sendto(data, self._name(asked, PORT))

    def ask(self, asking, asked):
        """It is answered, from there, and nothing else comes before."""
        self.send(asking, asked)
        assert_answered(asking, asked)

    def ask_until_answered(self, asking, asked):
        def is_answered():
            self.send(asking, asked)
            return select.select([asking], [], [], 0.1)[0]

        eventually(is_answered, f"an answer from {asked}")
        assert_answered(asking, asked)

    def forge(self, service, asked):
        for _ in range(FORGERIES):
            self.cable.forge(service.getsockname()[:2], (asked, PORT))

    def assert_forged_in_vain(self, source, asked):
        """The peer is answered last: by one worker, in the order of arrival."""
        service, peer = self.open(source), self.open(network.PEER6, side=self.cable.peer)
        self.forge(service, asked)
        self.ask(peer, network.HOST6)
        assert peers.is_quiet(service, 0.05)


def assert_answered(asking, asked):
    data, source = asking.recvfrom(100)
    assert data == b"honest"
    assert source[0].partition("%")[0] == asked


@pytest.fixture
def host(cable):
    with contextlib.ExitStack() as stack:
        yield Host(cable, stack)


def serve(start, host, options=None, sections=SECTIONS):
    prefix = host.cable.host.prefix
    return start(sections, {"workers": 1, **UNLIMITED, **(options or {})}, prefix=prefix)


def assert_told_apart(host):
    for source in network.HOST6, network.HOST6_SECOND:
        host.ask(host.open(source), network.HOST6)
        host.assert_forged_in_vain(source, network.HOST6)
        host.ask(host.open(source), network.HOST6)
    host.ask(host.open(network.PEER6, side=host.cable.peer), network.HOST6)


# --- its own sockets --------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["*", "::", network.HOST6])
def test_own_addresses_are_not_taken_from_the_network(start, host, back_end, address):
    serve(start, host, back_end, [listener("echo-udp", address, PORT, protocol="udp")])
    assert_told_apart(host)


def test_the_access_list_is_not_deceived(start, host):
    serve(start, host, {"access.allow": [f"{network.HOST6}/128"]})
    service = host.open(network.HOST6)
    host.forge(service, network.HOST6)
    host.ask(service, network.HOST6)
    assert peers.is_quiet(service, 0.05)


def test_link_local_addresses_are_own_ones_of_their_link(start, host):
    """They are not looked up before: the first that asks another address is not told apart."""
    daemon = serve(start, host)
    host.ask(host.open(host.link_local), host.link_local)
    for asked in host.link_local, network.HOST6:
        host.assert_forged_in_vain(host.link_local, asked)
    host.ask_until_answered(host.open(host.link_local), network.HOST6)
    host.assert_forged_in_vain(host.link_local, network.HOST6)
    assert daemon.counter(DROPPED) <= FORGERIES


def test_a_reload_changes_nothing(start, host):
    daemon = serve(start, host)
    further = listener("further", network.HOST6, PORT + 1, protocol="udp")
    for sections in [*SECTIONS, further], SECTIONS:
        daemon.configure(sections, {"workers": 1, **UNLIMITED})
        assert "1 kept" in daemon.reload()[-1]
        assert_told_apart(host)


def test_a_listener_that_a_reload_brings_is_like_the_others(start, host):
    daemon = serve(start, host, sections=[listener()])
    daemon.configure(SECTIONS, {"workers": 1, **UNLIMITED})
    assert "1 listener added" in daemon.reload()[-1]
    assert_told_apart(host)


def test_a_listener_that_gets_ipv6_by_a_reload_is_like_the_others(start, host, workdir):
    missing = os.path.join(workdir, "no-ipv6")
    daemon = start(
        SECTIONS,
        {"workers": 1, **UNLIMITED},
        prefix=host.cable.host.prefix,
        environment=without_ipv6(missing),
    )
    os.unlink(missing)
    assert "1 made anew" in daemon.reload()[-1]
    assert_told_apart(host)


def test_an_address_may_come_and_go(start, host):
    serve(start, host)
    stranger = host.open(network.PEER6, side=host.cable.peer)
    host.ask(stranger, network.HOST6)
    host.cable.host.run(f"ip address add {ADDED}/64 dev cable nodad")
    host.assert_forged_in_vain(ADDED, ADDED)
    host.ask(host.open(ADDED), ADDED)
    host.assert_forged_in_vain(ADDED, network.HOST6)
    host.ask_until_answered(host.open(ADDED), network.HOST6)
    host.assert_forged_in_vain(ADDED, network.HOST6)
    host.cable.host.run(f"ip address delete {ADDED}/64 dev cable")
    host.cable.peer.run(f"ip address add {ADDED}/64 dev cable nodad")
    host.ask_until_answered(host.open(ADDED, side=host.cable.peer), network.HOST6)


def test_a_host_that_may_send_from_any_address_has_its_own_all_the_same(start, host):
    """Asked, the socket calls each one its own there."""
    host.cable.host.run("echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind")
    serve(start, host)
    assert_told_apart(host)


def test_an_own_address_beyond_the_list_is_refused_but_where_it_is_asked(start, host):
    addresses = [f"2001:db8::a:{number:x}" for number in range(80)]
    host.cable.host.run(
        "\n".join(f"ip address add {each}/64 dev cable nodad" for each in addresses)
    )
    serve(start, host)
    for each in addresses:
        host.ask(host.open(each), each)
    for each in addresses[::20]:
        host.assert_forged_in_vain(each, network.HOST6)


def test_none_of_a_flood_is_answered_and_none_beside_it_lost(start, host):
    """ECHOD_FORGERIES in the environment makes it longer."""
    count = int(os.environ.get("ECHOD_FORGERIES", "10000"))
    daemon = serve(start, host)
    own, second = (host.open(each) for each in (network.HOST6, network.HOST6_SECOND))
    stranger = host.open(network.PEER6, side=host.cable.peer)
    victims = [host.open(each) for each in (network.HOST6, network.HOST6_SECOND)]
    for _ in range(count // (2 * FORGERIES)):
        for victim in victims:
            host.forge(victim, network.HOST6)
        for honest in own, second, stranger:
            host.ask(honest, network.HOST6)
    assert all(peers.is_quiet(victim, 0.05) for victim in victims)
    daemon.wait_counter(SENT, 3 * (count // (2 * FORGERIES)))
    assert daemon.counter(DROPPED) == 0


# --- inherited ones, in a network of which the process sees nothing -------------------------------


@pytest.fixture
def inherited(host):
    with host.cable.host.inside(), bound("::", PORT, socket.SOCK_DGRAM) as opened:
        yield opened


def serve_apart(start, inherited, options=None):
    passed = passing(inherited)
    passed["prefix"] += ["unshare", "--net"]
    return start(SECTIONS, {"workers": 1, **UNLIMITED, **(options or {})}, **passed)


def assert_told_apart_unseen(host):
    host.ask(host.open(network.HOST6), network.HOST6)
    for source in network.HOST6, network.HOST6_SECOND, host.link_local:
        host.assert_forged_in_vain(source, network.HOST6)
        host.ask_until_answered(host.open(source), network.HOST6)
        host.assert_forged_in_vain(source, network.HOST6)
        host.ask(host.open(source), network.HOST6)
    host.ask(host.open(network.PEER6, side=host.cable.peer), network.HOST6)


@needs_activation
def test_they_are_told_apart_by_the_socket(start, host, inherited, back_end):
    daemon = serve_apart(start, inherited, back_end)
    assert_told_apart_unseen(host)
    assert 0 < daemon.counter(DROPPED) <= 3 * FORGERIES
    assert "1 kept" in daemon.reload()[-1]
    assert_told_apart_unseen(host)


@needs_activation
def test_what_waits_is_told_apart_where_it_has_been_judged(start, host, inherited):
    """Not before the first echod; then by the filter that it leaves behind."""
    service, peer = (host.open(network.HOST6), host.open(network.PEER6, side=host.cable.peer))
    host.forge(service, network.HOST6)
    host.send(peer, network.HOST6)
    daemon = serve_apart(start, inherited)
    assert_answered(peer, network.HOST6)
    daemon.wait_counter(DROPPED, FORGERIES)
    daemon.stop()
    host.forge(service, network.HOST6)
    host.send(service, network.HOST6)
    serve_apart(start, inherited)
    assert_answered(service, network.HOST6)
    assert peers.is_quiet(service, 0.05)


@needs_activation
def test_once_what_had_waited_is_read_the_first_own_one_is_answered(start, host, inherited):
    peer = host.open(network.PEER6, side=host.cable.peer)
    host.send(peer, network.HOST6)
    daemon = serve_apart(start, inherited)
    assert_answered(peer, network.HOST6)
    daemon.wait_counter(RECEIVED, 1)
    host.ask(host.open(network.HOST6), network.HOST6)
