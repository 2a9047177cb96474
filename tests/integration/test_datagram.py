"""Datagrams: one out for one in, the same bytes, from the address that was asked."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import pytest

import kernel
import peers
from echod import listener, run
from patience import PATIENCE, eventually

RECEIVED = 'echod_datagrams_received_total{listener="echo-udp"}'
SENT = 'echod_datagrams_sent_total{listener="echo-udp"}'
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


def start_datagrams(start, options, address):
    """As fast as they come: the limits of the rate have tests of their own."""
    unlimited = {**options, "limits.datagram_rate_per_source": 0}
    return start([listener("echo-udp", address, protocol="udp")], options=unlimited)


@contextlib.contextmanager
def stopped(daemon):
    """What is sent meanwhile has arrived as a whole before echod looks."""
    daemon.signal(signal.SIGSTOP)
    eventually(lambda: kernel.is_stopped(daemon.pid), "echod is stopped")
    yield
    daemon.signal(signal.SIGCONT)


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
    daemon.wait_counter(RECEIVED, 200)
    daemon.wait_counter(SENT, 200)


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


def test_a_burst_comes_back_whole_and_in_order(start, back_end, sockets):
    daemon = start_datagrams(start, back_end, "127.0.0.1")
    peer = sockets("127.0.0.1")
    peer.connect(("127.0.0.1", daemon.port("echo-udp")))
    for turn in range(3):
        burst = [b"%d %d" % (turn, number) for number in range(128)]
        with stopped(daemon):
            for data in burst:
                peer.send(data)
        assert [peer.recv(65536) for _ in burst] == burst
    assert peers.is_quiet(peer)


def test_a_burst_of_all_sizes(start, back_end, sockets):
    """One that is shorter or longer than the one before in its place leaves no trace in it."""
    daemon = start_datagrams(start, back_end, "127.0.0.1")
    peer = sockets("127.0.0.1")
    peer.connect(("127.0.0.1", daemon.port("echo-udp")))
    sizes = [1, 65507, 0, 1400, 3, 65507, 1400, 0, 1]
    for turn in range(len(sizes)):
        burst = [
            peers.payload(size, seed=turn * len(sizes) + place)
            for place, size in enumerate(sizes[turn:] + sizes[:turn])
        ]
        with stopped(daemon):
            for data in burst:
                peer.send(data)
        for data in burst:
            peers.assert_same(peer.recv(65536), data)


@pytest.mark.parametrize("address", ["*", "0.0.0.0"])
def test_a_burst_is_answered_from_the_addresses_that_were_asked(
    start, back_end, sockets, address
):
    """Datagrams of one batch to different addresses, of both families where the socket has them."""
    daemon = start_datagrams(start, {**back_end, "workers": 1}, address)
    port = daemon.port("echo-udp")
    asking = {host: sockets(host) for host in ("127.0.0.1", "127.0.0.2", "127.3.4.5")}
    if address == "*" and kernel.has_ipv6():
        asking["::1"] = sockets("::1")
    for turn in range(1, 4):
        with stopped(daemon):
            for number in range(8):
                # the families change places, in the batch and from one batch to the next
                for host in sorted(asking, reverse=turn % 2 == 0):
                    asking[host].sendto(b"%d" % number, (host, port))
        for host, peer in asking.items():
            answers = [peer.recvfrom(65536) for _ in range(8)]
            assert [data for data, _ in answers] == [b"%d" % number for number in range(8)]
            assert {source[:2] for _, source in answers} == {(host, port)}


def test_sources_are_spread_over_the_workers(start, back_end, sockets):
    """A socket for each worker, each with some of the sources; one source has always the same."""
    workers = 4
    daemon = start_datagrams(start, {**back_end, "workers": workers}, "127.0.0.1")
    port = daemon.port("echo-udp")
    assert len(daemon.log.matching("^notice: listening on ")) == 1
    crowd = [sockets("127.0.0.1") for _ in range(128)]
    for peer in crowd:
        peer.connect(("127.0.0.1", port))
    with stopped(daemon):
        for peer in crowd:
            peer.send(b"which one?")
        waiting = kernel.waiting_datagrams(daemon.pid, port)
        assert len(waiting) == workers
        assert all(waiting.values()), "a worker has no source"
        before = set(waiting.items())
        crowd[0].send(b"the same one")
        crowd[0].send(b"the same one")
        grown = set(kernel.waiting_datagrams(daemon.pid, port).items()) - before
        assert len(grown) == 1
    for peer in crowd:
        assert peer.recv(65536) == b"which one?"
    daemon.wait_counter(SENT, len(crowd) + 2)


def test_one_worker_has_one_socket(start):
    daemon = start([listener("echo-udp", "127.0.0.1", protocol="udp")], {"workers": 1})
    assert len(kernel.waiting_datagrams(daemon.pid, daemon.port("echo-udp"))) == 1


def test_localhost_is_spread_on_both_addresses(start, sockets):
    daemon = start([listener("echo-udp", "localhost", protocol="udp")], {"workers": 3})
    hosts = ["127.0.0.1", "::1"] if kernel.has_ipv6() else ["127.0.0.1"]
    port = daemon.port("echo-udp")
    assert len(daemon.log.matching("^notice: listening on ")) == len(hosts)
    assert len(kernel.waiting_datagrams(daemon.pid, port)) == 3 * len(hosts)
    for host in hosts:
        for number in range(32):
            peer = sockets(host)
            peer.sendto(b"%d" % number, (host, port))
            assert peer.recvfrom(65536)[0] == b"%d" % number


@pytest.mark.parametrize("workers", [1, 3])
def test_a_taken_port_is_told(start, sockets, workers):
    """By a second echod too, of the same user and with as many sockets."""
    arguments = ["-f", "-o", f"workers={workers}", "-l"]
    taken = sockets("127.0.0.1")
    taken.bind(("127.0.0.1", 0))
    daemon = start([listener("echo-udp", protocol="udp")], {"workers": workers})
    for port in taken.getsockname()[1], daemon.port("echo-udp"):
        for host in "127.0.0.1", "*":
            uri = f"udp://{host}:{port}"
            result = run(*arguments, uri)
            assert result.returncode == 1
            assert f"cannot listen on {uri} (udp-1): Address already in use" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_join(start):
    daemon = start([listener("echo-udp", protocol="udp")], {"workers": 3})
    join = f"""if True:
        import socket
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        peer.bind(("127.0.0.1", {daemon.port("echo-udp")}))"""
    result = subprocess.run(
        ["setpriv", "--reuid", "nobody", "--clear-groups", sys.executable, "-c", join],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Address already in use" in result.stderr


def test_a_drain_answers_what_has_arrived(start, back_end, sockets):
    daemon = start_datagrams(start, back_end, "127.0.0.1")
    crowd = [sockets("127.0.0.1") for _ in range(32)]
    for peer in crowd:
        peer.connect(("127.0.0.1", daemon.port("echo-udp")))
    with stopped(daemon):
        for number in range(8):
            for peer in crowd:
                peer.send(b"%d" % number)
        daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit() == 0
    for peer in crowd:
        assert [peer.recv(65536) for _ in range(8)] == [b"%d" % number for number in range(8)]


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
