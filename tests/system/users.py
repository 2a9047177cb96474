"""Who uses the service: single peers, a crowd of them, and a stream that is compared byte by byte;
those that a restart is to leave alone are in meanwhile.py."""

import collections
import json
import selectors
import socket
import subprocess
import threading
import time

from machine import PATIENCE, run

MESSAGE = b"the same again, please"


def connect(port=7, host="127.0.0.1"):
    return socket.create_connection((host, port), timeout=PATIENCE)


def is_open(port):
    with socket.socket() as peer:
        return peer.connect_ex(("127.0.0.1", port)) == 0


def echo(peer, data=MESSAGE):
    """Sends, and reads until as much has come back: it must be the same."""
    peer.sendall(data)
    seen = b""
    while len(seen) < len(data):
        piece = peer.recv(65536)
        assert piece, f"closed after {len(seen)} of {len(data)} bytes"
        seen += piece
    assert seen == data


class Leaving(threading.Thread):
    """A peer that leaves as soon as the other end does: `end` is then "eof" or "reset"."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self._peer = peer
        self._end = None
        self.start()

    def run(self):
        try:
            self._end = "eof" if self._peer.recv(1) == b"" else "more bytes"
        except OSError as error:
            self._end = "reset" if isinstance(error, ConnectionResetError) else str(error)
        self._peer.close()

    @property
    def end(self):
        self.join(PATIENCE)
        return self._end


def echo_datagram(host="127.0.0.1", port=7):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        peer.connect((host, port))
        peer.send(MESSAGE)
        assert peer.recv(65536) == MESSAGE


def prove():
    """The installed client finds no fault over TCP and over UDP."""
    for uri in ("tcp://localhost:7", "udp://localhost:7"):
        run("echod-client", "ping", "-q", "-c", "5", "-i", "0.02", uri)


class Crowd:
    """Peers of which `rate` a second connect, send a message and want it back: what became of
    each is counted in `outcomes`, "echoed" for those that were served."""

    def __init__(self, rate=200):
        self.outcomes = collections.Counter()
        self._interval = 1 / rate
        self._stop = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        """Waits for those that are under way."""
        self._stop.set()
        self._thread.join()

    def _run(self):
        due = time.monotonic()
        while not self._stop.is_set():
            if time.monotonic() >= due:
                self._connect()
                due += self._interval
            self._look(max(0, due - time.monotonic()))
        deadline = time.monotonic() + PATIENCE * 2
        while self._selector.get_map() and time.monotonic() < deadline:
            self._look(0.1)
        for key in list(self._selector.get_map().values()):
            self._finish(key.fileobj, "unanswered")

    def _connect(self):
        peer = socket.socket()
        peer.setblocking(False)
        peer.connect_ex(("127.0.0.1", 7))
        self._selector.register(peer, selectors.EVENT_WRITE)

    def _look(self, seconds):
        for key, events in self._selector.select(seconds):
            try:
                if events & selectors.EVENT_WRITE:
                    key.fileobj.send(MESSAGE)
                    self._selector.modify(key.fileobj, selectors.EVENT_READ)
                    continue
                seen = key.fileobj.recv(65536)
                self._finish(key.fileobj, "echoed" if seen == MESSAGE else f"got {seen!r}")
            except OSError as error:
                self._finish(key.fileobj, error.strerror)

    def _finish(self, peer, outcome):
        self.outcomes[outcome] += 1
        self._selector.unregister(peer)
        peer.close()


class Stream:
    """One connection of the installed client, which compares each byte of a stream that goes on
    until the end of the block; what it reports is then in `report`."""

    PIECE = bytes(range(256)) * 64

    def __init__(self):
        self.sent = 0
        self.report = None
        self._stop = threading.Event()
        self._client = subprocess.Popen(
            ["echod-client", "pipe", "--json", "tcp://localhost:7"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        self._thread = threading.Thread(target=self._feed)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        errors = self._client.communicate(timeout=PATIENCE)[1].decode()
        assert self._client.returncode == 0, errors
        self.report = json.loads(errors)

    def _feed(self):
        try:
            while not self._stop.wait(0.005):
                self._client.stdin.write(self.PIECE)
                self.sent += len(self.PIECE)
        except BrokenPipeError:
            pass  # the client says why
