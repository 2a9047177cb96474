"""Peers that go on while something is done to a daemon, each of which misses nothing: those that
come and go, and those that send datagrams."""

import contextlib
import select
import socket
import threading
import time

import peers
from patience import PATIENCE


class Traffic(threading.Thread):
    """Does rounds of something until finish(), which fails where one of them did."""

    def __init__(self):
        super().__init__(daemon=True)
        self.count = 0
        self.longest = 0  # seconds that a round took
        self._finish = threading.Event()
        self._failure = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failed):
        if failed[0] is None:
            self.finish()
        self._finish.set()

    def run(self):
        try:
            while not self._finish.is_set():
                begun = time.monotonic()
                self.round()
                self.longest = max(self.longest, time.monotonic() - begun)
                self.count += 1
            self.end()
        except (AssertionError, OSError) as failure:
            self._failure = failure

    def round(self):
        raise NotImplementedError

    def end(self):
        pass

    def wait_rounds(self, more):
        """Until so many more have gone well."""
        goal = self.count + more
        deadline = time.monotonic() + PATIENCE
        while self.count < goal:
            assert self._failure is None, repr(self._failure)
            assert time.monotonic() < deadline, f"stalled after {self.count} rounds"
            time.sleep(0.005)

    def finish(self):
        self._finish.set()
        self.join(PATIENCE)
        assert not self.is_alive(), "stalled"
        assert self._failure is None, repr(self._failure)


class Comers(Traffic):
    """New connections, one after the other, each of which must be echoed."""

    def __init__(self, daemon, name="echo-tcp"):
        super().__init__()
        self._where = daemon.host(name), daemon.port(name)

    def round(self):
        with contextlib.closing(peers.connect(*self._where)) as peer:
            peers.echo(peer, b"here I am")
            time.sleep(0.002)


class Asking(Traffic):
    """One connection, and one byte there and back after the other."""

    def __init__(self, peer):
        super().__init__()
        self._peer = peer

    def round(self):
        peers.echo(self._peer, b"?")
        time.sleep(0.001)


class Datagrams(Traffic):
    """About a thousand a second, each with a number of its own, from many sources; end() waits for
    all that have not come back."""

    SOURCES = 16

    def __init__(self, daemon, name="udp"):
        super().__init__()
        self.lost = set()
        self._sockets = []
        for _ in range(self.SOURCES):
            peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            peer.setblocking(False)
            peer.connect((daemon.host(name), daemon.port(name)))
            self._sockets.append(peer)

    def round(self):
        self._sockets[self.count % self.SOURCES].send(b"%d" % self.count)
        self.lost.add(self.count)
        time.sleep(0.001)
        self._receive(0)

    def _receive(self, seconds):
        ready, _, _ = select.select(self._sockets, [], [], seconds)
        for peer in ready:
            with contextlib.suppress(BlockingIOError):
                while True:
                    number = int(peer.recv(100))
                    assert number in self.lost, f"datagram {number} came back twice"
                    self.lost.remove(number)
        return bool(ready)

    def end(self):
        while self.lost and self._receive(1):
            pass
        for peer in self._sockets:
            peer.close()
        assert not self.lost, f"{len(self.lost)} of {self.count} datagrams are lost"
