"""Rounds in lock-step: a server meets all messages of a round at once, and nothing else.

How often a server waits for events depends on how fast the other side is, and so does what it
executes for one echo.  Here it is stopped (SIGSTOP) while everything is sent: it wakes once
in vain, by the signal, and once for the whole round, on a machine that is busy too.  A round
without messages has the former alone.  "echod-client bench" cannot stand in for it: a load sends
what is due or may follow, and does not stop whom it loads.
"""

import os
import signal
import socket
import ssl
import time

PATIENCE = 60  # seconds
LOOK = 0.0005  # seconds
SOURCES_IN_NETWORK = 200  # of 127.0.N.0/24, so that each socket is a source of its own


def _states(pid):
    states = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii", errors="replace") as file:
                states.add(file.read().rpartition(")")[2].split()[0])
        except OSError:
            continue  # a thread that has ended
    return states


def _wait_for(pid, state):
    deadline = time.monotonic() + PATIENCE
    while _states(pid) != {state}:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server's threads are not all in state {state}")
        time.sleep(LOOK)


def _secure(connected):
    """Its TLS connection, whosever certificate it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context.wrap_socket(connected)


class Rounds:
    """Sockets that are connected to a server, and the rounds over them.  A context manager.

    sockets     how many, each from an address of its own
    size        bytes of a message
    """

    def __init__(self, server, sockets, size):
        self._pid = server.process.pid
        self._protocol = server.protocol
        self._sockets = [self._connect(server.port, number) for number in range(sockets)]
        self._messages = [os.urandom(size) for _ in range(sockets)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connected in self._sockets:
            connected.close()

    def _connect(self, port, number):
        kind = socket.SOCK_DGRAM if self._protocol == "udp" else socket.SOCK_STREAM
        network, host = divmod(number, SOURCES_IN_NETWORK)
        connected = socket.socket(socket.AF_INET, kind)
        connected.settimeout(PATIENCE)
        connected.bind((f"127.0.{network}.{host + 1}", 0))
        if connected.getsockname()[1] == port:  # a datagram from there gets no answer
            with connected:
                return self._connect(port, number)
        connected.connect(("127.0.0.1", port))
        return _secure(connected) if self._protocol == "tls" else connected

    def _receive(self, connected, size):
        if self._protocol == "udp":
            return connected.recv(size + 1)
        whole = b""
        while len(whole) < size:
            piece = connected.recv(size - len(whole))
            if not piece:
                break
            whole += piece
        return whole

    def run(self, count):
        """Runs `count` rounds; the server is at rest before and after them."""
        for _ in range(count):
            self._round(self._sockets)

    def run_empty(self, count):
        """The same without a message."""
        for _ in range(count):
            self._round([])

    def _round(self, sockets):
        _wait_for(self._pid, "S")
        os.kill(self._pid, signal.SIGSTOP)
        _wait_for(self._pid, "T")
        for connected, message in zip(sockets, self._messages):
            connected.sendall(message)
        os.kill(self._pid, signal.SIGCONT)
        for connected, message in zip(sockets, self._messages):
            if self._receive(connected, len(message)) != message:
                raise ValueError("what came back is not what was sent")
        _wait_for(self._pid, "S")
