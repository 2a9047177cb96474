"""Addresses to listen on: IPv4, IPv6, both at once, and what the log calls them."""

import pytest

import kernel
import peers
from echod import Listening, listener

needs_ipv6 = pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
def test_ipv6(start, back_end):
    daemon = start([listener(address="::1")], options=back_end)
    assert daemon.log.matching(r"^notice: listening on tcp://\[::1\]:\d+ \(echo-tcp\)$")
    peer = daemon.connect()
    data = peers.payload(300000)
    peers.assert_same(peers.exchange(peer, data), data)
    daemon.wait_opened(peer)
    assert peers.name_of(peer).startswith("[::1]:")


@needs_ipv6
def test_the_star_serves_both_families(start, back_end):
    daemon = start([listener(address="*")], options=back_end)
    assert daemon.log.matching(r"^notice: listening on tcp://\*:\d+ \(echo-tcp\)$")
    for host in "127.0.0.1", "127.0.0.2", "::1":
        peer = daemon.connect(host=host)
        peers.echo(peer, b"either way")
        daemon.wait_opened(peer)
    assert not daemon.log.matching("::ffff:")


@needs_ipv6
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_localhost_is_two_sockets_on_one_port(start, protocol):
    daemon = start([listener("here", address="localhost", protocol=protocol)])
    port = daemon.port("here")
    assert port > 0
    assert sorted(daemon.listening["here"]) == [
        Listening(protocol, "127.0.0.1", port),
        Listening(protocol, "::1", port),
    ]
    if protocol == "tcp":
        for host in "127.0.0.1", "::1":
            daemon.assert_echoes("here", host)


def test_an_ipv4_address_is_that_address_alone(start):
    daemon = start([listener(address="127.0.0.2")])
    daemon.assert_echoes()
    assert peers.is_refused("127.0.0.1", daemon.port())


@needs_ipv6
def test_an_ipv6_wildcard_leaves_ipv4_alone(start):
    daemon = start([listener(address="::")])
    daemon.assert_echoes(host="::1")
    assert peers.is_refused("127.0.0.1", daemon.port())
