"""An echo that sees messages, one of which it gets wrong: what bench is tried against.

A fault is a function of a connection, a message's number on it, both from 0, and its bytes.  It
returns what is done then, in this order: bytes are sent; a pair is a connection and the bytes that
it is sent; what can be called is called with the connection's socket.  The same faults go over
streams and datagrams.  Connections are numbered as they come, which is as bench numbers them.
"""

import contextlib
import itertools
import os
import socket
import threading

import peers
import tls
from patience import PATIENCE

DATAGRAM = 1 << 16
STEP = 4096
numbers = itertools.count()
FAMILIES = {"tcp": socket.AF_INET, "tls": socket.AF_INET, "udp": socket.AF_INET,
            "unix": socket.AF_UNIX}  # fmt: skip


class Echo:
    """Serves messages of `size` bytes until it is stopped.

    uri         where, for the client's command line
    received    of each connection the messages that came
    sent        of each connection the pieces that it was sent
    """

    def __init__(self, protocol, size, fault, workdir):
        self.protocol = protocol
        self.received, self.sent = [], []
        self._size, self._fault = size, fault
        self._peers = []  # sockets; of datagrams addresses
        self._lock = threading.Lock()
        self._failure = None
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        self._socket = socket.socket(FAMILIES[protocol], kind)
        if protocol == "unix":
            path = os.path.join(workdir, f"{next(numbers)}.sock")
            self._socket.bind(path)
            self.uri = f"unix:{path}"
        else:
            self._socket.bind(("127.0.0.1", 0))
            self.uri = f"{protocol}://127.0.0.1:{self._socket.getsockname()[1]}"
        if protocol != "udp":
            self._socket.listen()
        else:  # all that is in flight fits
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._threads = []
        self._start(self._serve_datagrams if protocol == "udp" else self._accept)

    def _start(self, serve, *arguments):
        thread = threading.Thread(target=self._run, args=(serve, *arguments), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, serve, *arguments):
        try:
            serve(*arguments)
        except OSError:
            pass  # the socket was closed, here or there
        except Exception as failure:  # told by stop(): a thread's own would fail no test
            self._failure = failure

    def stop(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the flawed echo does not end"
        self._socket.close()
        if self._failure:
            raise self._failure

    def _add(self, peer):
        self._peers.append(peer)
        self.received.append([])
        self.sent.append([])
        return len(self._peers) - 1

    def _accept(self):
        while True:
            connection, _ = self._socket.accept()
            connection.settimeout(PATIENCE)
            if self.protocol == "tls":
                connection = tls.Secure(connection, tls.context())
            self._start(self._serve, self._add(connection))

    def _serve(self, number):
        connection = self._peers[number]
        while len(data := peers.receive(connection, self._size)) == self._size:
            with self._lock:
                self._take(number, data)
        connection.close()

    def _serve_datagrams(self):
        while True:
            data, address = self._socket.recvfrom(DATAGRAM)
            if address is None:  # shut down
                return
            known = address in self._peers
            self._take(self._peers.index(address) if known else self._add(address), data)

    def _take(self, number, data):
        messages = self.received[number]
        messages.append(data)
        together = b""  # of a stream: what stands together is sent so, however busy the machine
        for answer in self._fault(number, len(messages) - 1, data):
            if isinstance(answer, bytes) and self.protocol != "udp":
                together += answer
                continue
            together = self._send_together(number, together)
            if callable(answer):
                answer(self._socket if self.protocol == "udp" else self._peers[number])
            else:
                self._send(*(answer if isinstance(answer, tuple) else (number, answer)))
        self._send_together(number, together)

    def _send_together(self, number, data):
        if data:
            self._send(number, data)
        return b""

    def _send(self, number, data):
        self.sent[number].append(data)
        if self.protocol == "udp":
            self._socket.sendto(data, self._peers[number])
        else:
            self._peers[number].sendall(data)

    def difference(self, number):
        """Where a connection's stream, or a datagram of it, came back wrong first: the offset, the
        byte sent and the one seen, which is None where the datagram has ended."""
        if self.protocol != "udp":
            return first_difference(b"".join(self.received[number]), b"".join(self.sent[number]))
        pairs = zip(self.received[number], self.sent[number])
        return next((first_difference(*pair) for pair in pairs if pair[0] != pair[1]), None)


def first_difference(ours, theirs):
    at = 0
    while at < min(len(ours), len(theirs)) and ours[at : at + STEP] == theirs[at : at + STEP]:
        at += STEP
    pairs = enumerate(zip(ours[at : at + STEP], theirs[at : at + STEP]), at)
    ended = (len(theirs), ours[len(theirs)], None) if len(theirs) < len(ours) else None
    return next(((at, *pair) for at, pair in pairs if pair[0] != pair[1]), ended)


@contextlib.contextmanager
def echo(protocol, size, fault, workdir):
    server = Echo(protocol, size, fault, workdir)
    try:
        yield server
    finally:
        server.stop()


# --- faults --------------------------------------------------------------------------------------


def none(_connection, _number, data):
    return [data]


def at(connection, number, change):
    """Answers this message with what change(data) returns, and echoes the others."""

    def fault(its, count, data):
        return change(data) if (its, count) == (connection, number) else [data]

    return fault


def flipped(offset, mask=0x01):
    def change(data):
        data = bytearray(data)
        data[offset] ^= mask
        return [bytes(data)]

    return change


def moved(data):
    """Two halves of what is behind its first quarter change places."""
    first, second = len(data) // 4, len(data) * 5 // 8
    return [data[:first] + data[second:] + data[first:second]]


def overwritten(size):
    """All but its first bytes, by zeros."""
    return lambda data: [data[:20] + bytes(size - 20)]


def duplicated(data):
    return [data, data]


def partly_duplicated(size):
    """Its second quarter comes twice."""
    return lambda data: [data[: size // 2], data[size // 4 :]]


def preceded(extra):
    """The echo, and before it what nobody sent."""
    return lambda data: [extra, data]


def dropped(_):
    return []


def beheaded(data):
    return [data[16:]]


def truncated(size):
    return lambda data: [data[:size]]


def replaced(by):
    return lambda _: [by]


def after(size, action):
    """So many bytes of it are sent, then the connection ends by `action`."""
    return lambda data: [data[:size], action]


def close(peer):
    """In order, whatever comes later is not read."""
    peer.shutdown(socket.SHUT_WR)


def cut(peer):
    """Over TLS: without close_notify."""
    peer.below.shutdown(socket.SHUT_WR)


def reset(peer):
    peers.reset(getattr(peer, "below", peer))


def reordered(connection, number):
    """Answers a message after the next one."""
    held = []

    def fault(its, count, data):
        if its != connection or not number <= count <= number + 1:
            return [data]
        held.insert(0, data)
        return held if count > number else []

    return fault


def late(connection, number):
    """The same, but both in order: the client has given up the first when it sends the second."""
    held = []

    def fault(its, count, data):
        if its != connection or not number <= count <= number + 1:
            return [data]
        held.append(data)
        return held if count > number else []

    return fault


def swapped(first, second, number):
    """Two connections get each other's message; what comes in the meantime waits behind it."""
    held = {first: [], second: []}

    def fault(its, count, data):
        if its not in held or count < number or all(held.values()):
            return [data]
        held[its].append(data)
        if not all(held.values()):
            return []
        ours, theirs = held[first][0], held[second][0]
        behind = [(its, data) for its, waiting in held.items() for data in waiting[1:]]
        return [(first, theirs), (second, ours), *behind]

    return fault


def mute(connection, number, size=0):
    """Answers nothing from this message on, but for some bytes of it."""

    def fault(its, count, data):
        if its != connection or count < number:
            return [data]
        return [data[:size]] if count == number and size else []

    return fault
