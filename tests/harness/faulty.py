"""Servers that are not echod: one with one fault, and the echo of socat and of inetd.

The faulty one runs in a thread of the test's process, over TCP or UDP.  A stream's fault is a
function that takes the connection; a datagram's takes its number, from 1, and its bytes, and
returns the datagrams that answer it.  What a fault waits for is a message of the client or an Event
of the test, never a while.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import threading

import pytest

import kernel
import peers
from patience import PATIENCE, eventually

STEP = 1 << 16
GREETING = b"220 box ready\r\n"
EXPECTED = ("--expect-greeting", "220 *\\r\\n")  # of a client that is greeted by it


class Server(threading.Thread):
    """Serves until stop(), connection by connection or datagram by datagram.

    uri         where, for the client's command line
    address     the same as the client prints it
    received    the datagrams that came
    """

    def __init__(self, kind, host, port=0):
        super().__init__(daemon=True)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, kind)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self.port = self._socket.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.uri = f"{'tcp' if kind == socket.SOCK_STREAM else 'udp'}://{self.address}"
        self.received = []
        self._stopping = threading.Event()
        self._failure = None

    def run(self):
        try:
            self.serve()
        except Exception as failure:  # told by stop(): a thread's own would fail no test
            if not self._stopping.is_set():
                self._failure = failure

    def stop(self):
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self.join(PATIENCE)
        self._socket.close()
        assert not self.is_alive(), "the faulty server does not end"
        if self._failure:
            raise self._failure


class StreamServer(Server):
    def __init__(self, faults, host, port, receive_buffer, segment):
        super().__init__(socket.SOCK_STREAM, host, port)
        if segment:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._faults = faults
        self._socket.listen()
        self.start()

    def serve(self):
        with contextlib.ExitStack() as connections:
            for fault in self._faults:
                connection = connections.enter_context(self._socket.accept()[0])
                connection.settimeout(PATIENCE)
                with contextlib.suppress(ConnectionError):
                    fault(connection)
            self._stopping.wait()


class DatagramServer(Server):
    def __init__(self, fault, host, port):
        super().__init__(socket.SOCK_DGRAM, host, port)
        self._fault = fault
        self.start()

    def serve(self):
        while True:
            data, client = self._socket.recvfrom(STEP)
            if self._stopping.is_set():
                return
            self.received.append(data)
            for answer in self._fault(len(self.received), data):
                self._socket.sendto(answer, client)

    def stop(self):
        self._stopping.set()
        with socket.socket(self._socket.family, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())
        super().stop()


@contextlib.contextmanager
def stream(*faults, host="127.0.0.1", port=0, receive_buffer=0, segment=0):
    """A server whose connections have one fault after the other; then it accepts no more.

    Of small segments, in bytes, its clients' sockets take some 30 KB at once, else millions.
    """
    server = StreamServer(faults, host, port, receive_buffer, segment)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def datagrams(fault, host="127.0.0.1", port=0):
    server = DatagramServer(fault, host, port)
    try:
        yield server
    finally:
        server.stop()


# --- faults of a connection ----------------------------------------------------------------------
#
# The connection that a fault does not close stays open until the server stops.


def echo(connection):
    """No fault: for the connection after a faulty one."""
    while data := connection.recv(STEP):
        connection.sendall(data)
    connection.close()


def piecemeal(connection):
    """No fault either, but an echo of many small pieces."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(100):
        connection.sendall(data)
    connection.close()


def flip(at, mask=0x01):
    """Changes the byte at this offset of the stream."""

    def fault(connection):
        passed = 0
        while data := bytearray(connection.recv(STEP)):
            if passed <= at < passed + len(data):
                data[at - passed] ^= mask
            passed += len(data)
            connection.sendall(data)
        connection.close()

    return fault


def _echo_bytes(connection, size):
    for start in range(0, size, STEP):
        connection.sendall(peers.receive(connection, min(STEP, size - start)))


def greet(text, then=echo):
    """Says `text` first."""

    def fault(connection):
        connection.sendall(text)
        then(connection)

    return fault


def close_after(size, more=0):
    """Closes, in order, when `size` bytes have been echoed and `more` have come."""

    def fault(connection):
        _echo_bytes(connection, size)
        peers.receive(connection, more)
        connection.close()

    return fault


def reset_after(size, more=0):
    """Resets when `size` bytes have been echoed and `more` have come."""

    def fault(connection):
        _echo_bytes(connection, size)
        peers.receive(connection, more)
        peers.reset(connection)

    return fault


def mute_after(size):
    """Echoes `size` bytes, then reads to the end and never answers nor closes."""

    def fault(connection):
        _echo_bytes(connection, size)
        peers.receive_to_eof(connection)

    return fault


def reset_when(told):
    """Never reads, and resets when the Event `told` is set."""

    def fault(connection):
        assert told.wait(PATIENCE), "nobody told the server to reset"
        peers.reset(connection)

    return fault


mute = mute_after(0)


def flood(connection):
    """Sends for ever, whatever comes."""
    while True:
        connection.sendall(bytes(STEP))


def unread(_):
    """Never reads."""


def surplus(extra, closes=True):
    """Echoes all and sends `extra` behind it."""

    def fault(connection):
        while data := connection.recv(STEP):
            connection.sendall(data)
        connection.sendall(extra)
        if closes:
            connection.close()

    return fault


def answer(text):
    """Reads to the end and answers with something else."""

    def fault(connection):
        peers.receive_to_eof(connection)
        connection.sendall(text)
        connection.close()

    return fault


def hold(size):
    """Answers the first message, of `size` bytes, only when the second has come."""

    def fault(connection):
        connection.sendall(peers.receive(connection, 2 * size))
        echo(connection)

    return fault


# --- faults of datagrams -------------------------------------------------------------------------


def only(number, change):
    """Answers datagram `number` with the list change(data) and echoes the others."""

    def fault(count, data):
        return change(data) if count == number else [data]

    return fault


def flipped(at, mask=0x01):
    def change(data):
        data = bytearray(data)
        data[at] ^= mask
        return [bytes(data)]

    return change


def truncated(size):
    return lambda data: [data[:size]]


def lengthened(extra):
    return lambda data: [data + extra]


def duplicated(data):
    return [data, data]


def dropped(_):
    return []


def preceded(extra):
    """The echo, and before it a datagram that nobody asked for."""
    return lambda data: [extra, data]


def _held(number, in_order):
    held = []

    def fault(count, data):
        if count == number:
            held[:] = [data]
            return []
        if count == number + 1:
            return held + [data] if in_order else [data] + held
        return [data]

    return fault


def reordered(number):
    """Answers datagram `number` after the next one."""
    return _held(number, in_order=False)


def held_back(number):
    """Answers datagram `number` when the next one comes, in order."""
    return _held(number, in_order=True)


# --- other people's servers ----------------------------------------------------------------------


@contextlib.contextmanager
def process(protocol, host, port, *command):
    """Runs an echo server until the end of the block; yields its URI once its socket is bound."""
    packed = "".join(f"{byte:02X}" for byte in reversed(socket.inet_aton(host)))

    def is_bound():
        with open(f"/proc/net/{protocol}", encoding="ascii") as file:
            bound = {line.split()[1] for line in file}
        return not bound.isdisjoint({f"{packed}:{port:04X}", f"00000000:{port:04X}"})

    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(is_bound, f"{command[0]} is bound to {host}:{port}")
        yield f"{protocol}://{host}:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def socat(protocol):
    """socat(1), echoing by an unnamed pipe; skips the test where it is not installed.

    A block that is larger than a page may fill the pipe that it reads itself, and wait for ever.
    """
    if not shutil.which("socat"):
        pytest.skip("socat is not installed")
    kind = {"tcp": "TCP4-LISTEN", "udp": "UDP4-RECVFROM"}[protocol]
    port = kernel.free_port()
    command = ["socat", "-b", "4096", f"{kind}:{port},bind=127.0.0.1,fork", "PIPE"]
    return process(protocol, "127.0.0.1", port, *command)


def inetd(workdir):
    """openbsd-inetd's own echo, which only has port 7; skips the test where it cannot run.

    It answers no datagram from a loopback address.  That port is there once an address: each test has
    its own.
    """
    program = shutil.which("inetd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not program:
        pytest.skip("openbsd-inetd is not installed")
    if os.geteuid() != 0 and kernel.first_unprivileged_port() > 7:
        pytest.skip("port 7 needs root")
    host = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
    file = os.path.join(workdir, "inetd.conf")
    with open(file, "w", encoding="ascii") as conf:
        conf.write(f"{host}:echo stream tcp nowait root internal\n")
    return process("tcp", host, 7, program, "-i", file)
