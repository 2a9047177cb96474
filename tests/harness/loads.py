"""What peers do to an echod that is in trouble: some of it may fail, but nobody is forgotten.

The daemon has a stream listener "echo-tcp" and a datagram listener "udp".
"""

import contextlib
import select
import signal
import socket

import peers
from patience import PATIENCE

BURST = 150  # datagrams; a turn has 64
ROUNDS = 10  # of one load, so that the 50th call is soon there


def stream(daemon):
    """Connections, the first of which echoes often; each may be ended, but none forgotten."""
    for rounds in ROUNDS, 1, 1, 1:
        with contextlib.suppress(ConnectionError):
            peer = daemon.connect()
            for _ in range(rounds):
                peer.sendall(b"echo?")
                peers.receive(peer, 5)
            peer.close()


def fill(crowd, seconds=0.02):
    """Sends to all of them until nobody has taken any more for so long, and reads nothing."""
    data = peers.payload(1 << 16)
    by_descriptor = {peer.fileno(): peer for peer in crowd}
    poller = select.poll()
    for peer in crowd:
        peer.setblocking(False)
        poller.register(peer, select.POLLOUT)
    while ready := poller.poll(1000 * seconds):
        for descriptor, _ in ready:
            try:
                by_descriptor[descriptor].send(data)
            except OSError:
                poller.unregister(descriptor)


def read_to_the_end(crowd):
    """Of all at once: one after the other, each would wait longer for the kernel to look whether
    there is room again, which it does at ever longer intervals."""
    left = {peer.fileno(): peer for peer in crowd}
    while left:
        ready = peers.readable(left.values(), PATIENCE)
        assert ready, f"{len(left)} peers get neither bytes nor an end"
        for peer in ready:
            piece = b""
            with contextlib.suppress(ConnectionError):
                piece = peer.recv(1 << 18)
            if not piece:
                del left[peer.fileno()]


def blocked(daemon):
    """Connections whose echo must wait until their peers read; so may these."""
    buffers = {"receive_buffer": 65536, "send_buffer": 65536}
    crowd = []
    for _ in range(2 * ROUNDS):
        with contextlib.suppress(ConnectionError):
            crowd.append(daemon.connect(**buffers))
    fill(crowd)
    for peer in crowd:
        with contextlib.suppress(OSError):
            peer.shutdown(socket.SHUT_WR)
    read_to_the_end(crowd)
    for peer in crowd:
        peer.close()


def datagram(daemon):
    """Datagrams that may get no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect((daemon.host("udp"), daemon.port("udp")))
        for _ in range(ROUNDS):
            peer.send(b"echo?")
            if peers.readable([peer], 0.02):
                peer.recv(100)


def streams(daemon):
    stream(daemon)
    blocked(daemon)


def burst(daemon):
    """More datagrams at once than one turn answers, some of which may get no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect((daemon.host("udp"), daemon.port("udp")))
        daemon.signal(signal.SIGSTOP)
        for _ in range(BURST):
            peer.send(b"echo?")
        daemon.signal(signal.SIGCONT)
        while peers.readable([peer], 0.02):
            peer.recv(100)


def assert_datagram_echoes(daemon):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        peer.connect((daemon.host("udp"), daemon.port("udp")))
        peer.send(b"echo!")
        assert peer.recv(100) == b"echo!"
