"""The other end of a connection: sockets that send, read, stall, half-close and reset on order."""

import contextlib
import functools
import os
import random
import select
import socket
import struct
import threading
import time

from patience import PATIENCE

QUIET = 0.3  # seconds in which an answer that must not come would have come


@functools.lru_cache(maxsize=8)
def payload(size, seed=1):
    """`size` bytes that look like noise and are the same for the same seed."""
    return random.Random(seed).randbytes(size)


def odd_sizes(seed=1, largest=70001):
    """Sizes without end, from 1 byte to more than any buffer is likely to hold."""
    source = random.Random(seed)
    while True:
        yield source.choice((1, 2, 3, 7, 1447, 4095, 4097, source.randrange(1, largest)))


def connect(host, port, receive_buffer=0, send_buffer=0, source=None, segment=0):
    """A connected stream socket, from the address `source` if any.

    Buffers and the largest segment are in bytes, 0 leaves them to the kernel.  A `host` may be
    unix:PATH or unix:@NAME.
    """
    is_unix = host.startswith("unix:")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if is_unix:
        family = socket.AF_UNIX
    peer = socket.socket(family, socket.SOCK_STREAM)
    if receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if send_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    if segment:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
    peer.settimeout(PATIENCE)
    try:
        if source:
            # else its port would be nobody else's for a minute after its end
            peer.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            peer.bind((source, 0))
        peer.connect(unix_address(host) if is_unix else (host, port))
    except OSError:
        peer.close()
        raise
    if not is_unix:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def unix_address(uri):
    """What connect(2) wants for unix:PATH or unix:@NAME."""
    name = uri.removeprefix("unix:")
    return "\0" + name[1:] if name.startswith("@") else name


def name_of(peer):
    """The peer as echod's log writes it."""
    if peer.family == socket.AF_UNIX:
        return f"uid:{os.getuid()},pid:{os.getpid()}"
    host, port = peer.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def assert_same(received, expected):
    """Compares without printing megabytes when they differ."""
    if received == expected:
        return
    pairs = zip(received, expected)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(received), len(expected)))
    raise AssertionError(
        f"{len(received)} bytes for {len(expected)}, the first difference at byte {at}: "
        f"{bytes(received[at:at + 16])!r} for {bytes(expected[at:at + 16])!r}"
    )


def receive(peer, size):
    """Exactly `size` bytes, or fewer where EOF comes before."""
    data = bytearray()
    while len(data) < size:
        piece = peer.recv(min(size - len(data), 1 << 18))
        if not piece:
            break
        data += piece
    return bytes(data)


def receive_to_eof(peer, step=1 << 18):
    data = bytearray()
    while piece := peer.recv(step):
        data += piece
    return bytes(data)


def echo(peer, data):
    """Sends `data`, which must fit the socket's buffers, and checks that it comes back."""
    peer.sendall(data)
    assert_same(receive(peer, len(data)), data)


def echo_or_end(peer, data):
    """As echo(), of a connection that may end at any moment; returns False once it has."""
    peer.sendall(data)
    received = receive(peer, len(data))
    assert received in (data, b"")
    return received == data


def exchange(peer, data, sizes=None, half_close=False):
    """Sends `data` and reads at the same time; returns what came back.

    `sizes` are those of the single sends.  Reads as many bytes as were sent, and with `half_close`
    to EOF.
    """
    left = memoryview(data)
    received = bytearray()
    peer.setblocking(False)
    poller = select.poll()
    while left or half_close or len(received) < len(data):
        poller.register(peer, select.POLLIN | (select.POLLOUT if left else 0))
        events = poller.poll(PATIENCE * 1000)
        assert events, f"stalled: {len(left)} bytes still to send, {len(received)} came back"
        if events[0][1] & select.POLLOUT and left:
            left = left[peer.send(left[: next(sizes) if sizes else 1 << 18]) :]
            if not left and half_close:
                peer.shutdown(socket.SHUT_WR)
        if events[0][1] & ~select.POLLOUT:
            piece = peer.recv(1 << 18)
            if not piece:
                break
            received += piece
    peer.settimeout(PATIENCE)
    return bytes(received)


def fill(peer, data, least=0):
    """As fill_all(), of one; returns how much."""
    return fill_all([peer], data, least)[peer]


def fill_all(peers, data, least=0):
    """Sends until none takes any more or all is sent, reading nothing; returns how much by peer.

    What each has to take, `least` bytes, is waited for longer: a busy machine is quiet as well, and
    one whose memory for TCP is used up, too, where poll(2) promises room that is not there.
    """
    sent, quiet_since = dict.fromkeys(peers, 0), time.monotonic()
    by_descriptor = {peer.fileno(): peer for peer in peers}
    poller = select.poll()
    for descriptor, peer in by_descriptor.items():
        peer.setblocking(False)
        poller.register(descriptor, select.POLLOUT)
    while any(count < len(data) for count in sent.values()):
        limit = PATIENCE if min(sent.values()) < least else QUIET
        ready = poller.poll(limit * 1000)
        if not ready or time.monotonic() - quiet_since > limit:
            break
        for descriptor, _ in ready:
            peer = by_descriptor[descriptor]
            with contextlib.suppress(BlockingIOError):
                sent[peer] += peer.send(memoryview(data)[sent[peer] : sent[peer] + (1 << 18)])
                quiet_since = time.monotonic()
            if sent[peer] == len(data):
                poller.unregister(descriptor)
    for peer in peers:
        peer.settimeout(PATIENCE)
    return sent


def is_quiet(peer, seconds=QUIET):
    """True when neither a byte nor an end comes for that long."""
    poller = select.poll()
    poller.register(peer, select.POLLIN)
    return not poller.poll(seconds * 1000)


def readable(peers, seconds):
    """Those of `peers` that have something to read, waiting for the first."""
    poller = select.poll()
    by_descriptor = {peer.fileno(): peer for peer in peers}
    for descriptor in by_descriptor:
        poller.register(descriptor, select.POLLIN)
    return [by_descriptor[descriptor] for descriptor, _ in poller.poll(seconds * 1000)]


def reset(peer):
    """Ends the connection by a RST."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def ends(peer):
    """Reads to the end; returns "eof" or "reset"."""
    try:
        receive_to_eof(peer)
        return "eof"
    except ConnectionResetError:
        return "reset"


def is_reset(connect):
    """What connect() gives ends by a reset, which may come before connect() has set its options."""
    try:
        return ends(connect()) == "reset"
    except ConnectionResetError:
        return True


def is_refused(host, port):
    try:
        connect(host, port).close()
        return False
    except ConnectionRefusedError:
        return True


class Stream(threading.Thread):
    """A peer that sends without pause and checks each byte that comes back, until finish().

    start() it, then finish() it: that half-closes, reads to EOF, and fails where one byte was lost,
    altered or added.
    """

    BLOCK = payload(1 << 20, seed=7)
    WINDOW = 1 << 18  # bytes on their way; below what the kernel's buffers hold

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.sent = 0
        self.received = 0
        self._peer = peer
        self._window = self.WINDOW if peer.family != socket.AF_UNIX else 1 << 16
        self._finishing, self._finish = os.pipe()
        self._failure = None

    def run(self):
        try:
            self._peer.settimeout(PATIENCE)
            while not self._told_to_finish():
                self._round()
            self._peer.shutdown(socket.SHUT_WR)
            self._check(receive_to_eof(self._peer))
            assert self.received == self.sent, f"{self.received} of {self.sent} bytes came back"
        except (AssertionError, OSError) as failure:
            self._failure = failure
        finally:
            self._peer.close()

    def _told_to_finish(self):
        return bool(select.select([self._finishing], [], [], 0)[0])

    def _round(self):
        start = self.sent % len(self.BLOCK)
        piece = self.BLOCK[start : start + 16384]
        self._peer.sendall(piece)
        self.sent += len(piece)
        while self.sent - self.received > self._window:
            data = self._peer.recv(1 << 16)
            assert data, f"EOF after {self.received} of {self.sent} bytes"
            self._check(data)

    def _check(self, data):
        view = memoryview(data)
        while view:
            start = self.received % len(self.BLOCK)
            expected = self.BLOCK[start : start + len(view)]
            assert_same(bytes(view[: len(expected)]), expected)
            self.received += len(expected)
            view = view[len(expected) :]

    def wait_moved(self, size):
        """Waits until `size` more bytes have come back."""
        goal = self.received + size
        deadline = time.monotonic() + PATIENCE
        while self.received < goal:
            assert self._failure is None, str(self._failure)
            assert time.monotonic() < deadline, f"stalled at {self.received} bytes"
            self.join(0.01)

    def finish(self):
        os.write(self._finish, b".")
        self.join(PATIENCE)
        assert not self.is_alive(), f"stalled at {self.received} of {self.sent} bytes"
        os.close(self._finish)
        os.close(self._finishing)
        if self._failure:
            raise self._failure
