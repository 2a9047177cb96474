"""System calls fail, each with every error that it can give: echod lives and serves the next."""

import contextlib
import select
import signal
import socket

import pytest

import peers
import tracing
from echod import listener
from patience import PATIENCE, eventually

pytestmark = pytest.mark.skipif(
    not tracing.can_trace(), reason="strace may not attach to a process here"
)

# How often each fails: at its first two calls in a row, and at the 50th.
TIMES = {"1..2": 2, "50": 1}

NETWORK = "ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH ENETUNREACH"
RECEIVE = "EAGAIN EBADF ECONNREFUSED EFAULT EINTR EINVAL ENOMEM ENOTCONN ENOTSOCK"
SEND = (
    "EACCES EAGAIN EALREADY EBADF ECONNRESET EDESTADDRREQ EFAULT EINTR EINVAL EISCONN EMSGSIZE "
    "ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPIPE EPERM"
)
ERRORS = {
    "accept4": "EAGAIN EBADF ECONNABORTED EFAULT EINTR EINVAL EMFILE ENFILE ENOBUFS ENOMEM "
    "ENOTSOCK EOPNOTSUPP EPERM EPROTO ENOSR ESOCKTNOSUPPORT EPROTONOSUPPORT ETIMEDOUT " + NETWORK,
    "recvfrom": f"{RECEIVE} ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH",
    "sendto": f"{SEND} ETIMEDOUT EHOSTUNREACH ENETUNREACH",
    "writev": "EAGAIN EBADF ECONNRESET EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOBUFS "
    "ENOMEM ENOSPC EPERM EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH",
    "recvmmsg": f"{RECEIVE} EHOSTUNREACH ENETUNREACH EMSGSIZE EPROTO",
    "sendmmsg": f"{SEND} {NETWORK} ECONNREFUSED",
    "epoll_wait": "EBADF EFAULT EINTR EINVAL",
    "epoll_ctl": "EBADF EEXIST EINVAL ELOOP ENOENT ENOMEM ENOSPC EPERM",
}


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


def fill(crowd):
    """Sends to all of them until nobody takes any more, and reads nothing."""
    data = peers.payload(1 << 16)
    by_descriptor = {peer.fileno(): peer for peer in crowd}
    poller = select.poll()
    for peer in crowd:
        peer.setblocking(False)
        poller.register(peer, select.POLLOUT)
    while ready := poller.poll(20):
        for descriptor, _ in ready:
            try:
                by_descriptor[descriptor].send(data)
            except OSError:
                poller.unregister(descriptor)


def blocked(daemon):
    """Connections whose echo must wait until their peers read; so may these."""
    buffers = {"receive_buffer": 65536, "send_buffer": 65536}
    crowd = [daemon.connect(**buffers) for _ in range(2 * ROUNDS)]
    fill(crowd)
    for peer in crowd:
        peer.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            peer.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            peers.receive_to_eof(peer)
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


CASES = [
    ("accept4", stream),
    ("recvfrom", stream),
    ("sendto", stream),
    ("writev", blocked),
    ("recvmmsg", datagram),
    ("sendmmsg", datagram),
    ("epoll_wait", stream),
    ("epoll_ctl", streams),
    ("epoll_ctl", burst),
]


def assert_datagram_echoes(daemon):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        peer.connect((daemon.host("udp"), daemon.port("udp")))
        peer.send(b"echo!")
        assert peer.recv(100) == b"echo!"


@pytest.mark.parametrize("call, load", CASES)
def test_each_error_of_each_call(start, workdir, call, load):
    daemon = start(
        [listener(), listener("udp", protocol="udp")],
        {"workers": 1, "event_method": "epoll", "limits.socket_buffer": 65536},
    )
    for error in ERRORS[call].split():
        for when, times in TIMES.items():
            with tracing.Tracer(daemon.pid, workdir, call, error, when) as tracer:

                def failed():
                    load(daemon)
                    return max(tracer.count().values(), default=0) >= times

                eventually(failed, f"{call}() fails with {error} at {when}")
                daemon.assert_echoes()
                assert_datagram_echoes(daemon)


def test_waits_that_all_fail_neither_spin_nor_fill_the_log(start, workdir):
    daemon = start(options={"workers": 1, "event_method": "epoll"})
    arguments = (daemon.pid, workdir, "epoll_wait", "EINVAL", "1+", "clock_nanosleep")
    with tracing.Tracer(*arguments) as tracer:
        # both the first thread and the worker, each some times in a row
        eventually(lambda: [count > 4 for count in tracer.count().values()] == [True] * 2, "waits")
        failed, pauses = tracer.count(), tracer.count("clock_nanosleep(")
    for thread, count in failed.items():
        assert count <= pauses.get(thread, 0) + 1
    assert len(daemon.log.matching("^err: cannot wait for events: ")) == 1
    daemon.assert_echoes()
