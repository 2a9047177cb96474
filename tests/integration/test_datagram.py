"""Datagrams: one out for one in, the same bytes, from the address that was asked."""

import os
import socket
import subprocess
import sys

import pytest

import kernel
import peers
from echod import listener
from patience import PATIENCE

SIZES = [0, 1, 1472, 65507]
HOSTS = [
    "127.0.0.1",
    pytest.param(
        "::1", marks=pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")
    ),
]


@pytest.fixture
def sockets():
    """Opens datagram sockets that are closed after the test."""
    opened = []

    def open_socket(host):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        peer = socket.socket(family, socket.SOCK_DGRAM)
        peer.settimeout(PATIENCE)
        opened.append(peer)
        return peer

    yield open_socket
    for peer in opened:
        peer.close()


def start_datagrams(start, back_end, address):
    return start([listener("echo-udp", address, protocol="udp")], options=back_end)


@pytest.mark.parametrize("host", HOSTS)
def test_sizes(start, back_end, sockets, host):
    daemon = start_datagrams(start, back_end, host)
    peer = sockets(host)
    peer.connect((host, daemon.port("echo-udp")))
    for size in SIZES:
        data = peers.payload(size)
        assert peer.send(data) == size
        peers.assert_same(peer.recv(65536), data)


@pytest.mark.parametrize("host", HOSTS)
def test_one_out_for_one_in(start, back_end, sockets, host):
    """A second answer to one datagram would be read as the answer to the next."""
    daemon = start_datagrams(start, back_end, host)
    peer = sockets(host)
    peer.connect((host, daemon.port("echo-udp")))
    for number in range(200):
        peer.send(b"%d" % number)
        assert peer.recv(65536) == b"%d" % number
    assert peers.is_quiet(peer)
    daemon.wait_counter("echod_datagrams_received_total", 200)
    daemon.wait_counter("echod_datagrams_sent_total", 200)


@pytest.mark.parametrize("address", ["*", "0.0.0.0"])
def test_the_answer_comes_from_the_address_that_was_asked(start, back_end, sockets, address):
    daemon = start_datagrams(start, back_end, address)
    port = daemon.port("echo-udp")
    for host in "127.0.0.1", "127.0.0.2", "127.3.4.5":
        peer = sockets(host)
        peer.bind(("127.0.0.1", 0))
        peer.sendto(b"who answers?", (host, port))
        assert peer.recvfrom(65536) == (b"who answers?", (host, port))


# A network of its own, since the loopback interface has one IPv6 address only.
TWO_ADDRESSES = """
ip link set lo up && ip -6 address add fd00::1/128 dev lo nodad &&
ip -6 address add fd00::2/128 dev lo nodad && exec "$@"
"""
ASK = """
import socket, sys
peer = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
peer.settimeout(30)
peer.bind(("fd00::1", 0))
peer.sendto(b"who answers?", ("fd00::2", int(sys.argv[1])))
print(peer.recvfrom(65536)[1][0])
"""


@pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network of its own")
@pytest.mark.parametrize("address", ["*", "::"])
def test_the_answer_comes_from_the_ipv6_address_that_was_asked(start, address):
    daemon = start(
        [listener("echo-udp", address, protocol="udp")],
        prefix=["unshare", "--net", "sh", "-c", TWO_ADDRESSES, "sh"],
    )
    ask = ["nsenter", "--net", "--target", str(daemon.pid), sys.executable, "-c", ASK]
    answer = subprocess.run(
        [*ask, str(daemon.port("echo-udp"))], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "fd00::2\n"


@pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")
def test_the_star_answers_ipv6_too(start, back_end, sockets):
    daemon = start_datagrams(start, back_end, "*")
    peer = sockets("::1")
    peer.sendto(b"six", ("::1", daemon.port("echo-udp")))
    data, source = peer.recvfrom(65536)
    assert (data, source[:2]) == (b"six", ("::1", daemon.port("echo-udp")))


def test_many_in_flight(start, back_end, sockets):
    daemon = start_datagrams(start, back_end, "127.0.0.1")
    crowd = [sockets("127.0.0.1") for _ in range(8)]
    for peer in crowd:
        peer.connect(("127.0.0.1", daemon.port("echo-udp")))
    for turn in range(20):
        batch = [b"%d %d" % (turn, number) for number in range(12)]
        for peer in crowd:
            for data in batch:
                peer.send(data)
        for peer in crowd:
            assert sorted(peer.recv(65536) for _ in batch) == sorted(batch)


def test_an_answer_that_cannot_be_delivered_harms_nobody(start, back_end, sockets):
    """The peer is gone when its answer comes: the error meets echod, not the next peer."""
    daemon = start_datagrams(start, back_end, "127.0.0.1")
    address = ("127.0.0.1", daemon.port("echo-udp"))
    for _ in range(50):
        gone = sockets("127.0.0.1")
        gone.sendto(b"no longer here", address)
        gone.close()
        peer = sockets("127.0.0.1")
        peer.sendto(b"here", address)
        assert peer.recv(65536) == b"here"


def test_streams_and_datagrams_side_by_side(start, back_end, sockets):
    daemon = start(
        [listener("echo-tcp"), listener("echo-udp", protocol="udp")], options=back_end
    )
    stream = peers.Stream(daemon.connect("echo-tcp"))
    stream.start()
    peer = sockets("127.0.0.1")
    peer.connect(("127.0.0.1", daemon.port("echo-udp")))
    for number in range(200):
        peer.send(b"%d" % number)
        assert peer.recv(65536) == b"%d" % number
    stream.wait_moved(1)
    stream.finish()
