"""Peers that go on while something is done to a daemon, each of which misses nothing: those that
come and go, those that ask, send datagrams, or speak TLS.  `where` is an address and a port, as
peers.connect() has them."""

import contextlib
import random
import select
import socket
import ssl
import threading
import time

import peers
from patience import HICCUP, PATIENCE


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
        finally:
            self.close()

    def round(self):
        raise NotImplementedError

    def end(self):
        """What is to be seen to once no more rounds are done."""

    def close(self):
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

    def __init__(self, where):
        super().__init__()
        self._where = where

    def round(self):
        with contextlib.closing(peers.connect(*self._where)) as peer:
            peers.echo(peer, b"here I am")
            time.sleep(0.002)


class Asking(Traffic):
    """One connection, and one byte there and back after the other."""

    def __init__(self, where):
        super().__init__()
        self._peer = peers.connect(*where)

    def round(self):
        peers.echo(self._peer, b"?")
        time.sleep(0.001)

    def close(self):
        self._peer.close()


class Datagrams(Traffic):
    """So many a second by the clock, each with a number of its own, from many sources; end() waits
    for all that have not come back.

    Those that this thread was too late for are sent after each other, four times as fast: never as
    a burst, which no socket's buffer has room for.
    """

    SOURCES = 16

    def __init__(self, where, rate=300):
        super().__init__()
        self.lost = set()
        self._interval = 1 / rate
        self._begun = self._last = time.monotonic()
        self._sockets = []
        for _ in range(self.SOURCES):
            peer = socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET,
                                 socket.SOCK_DGRAM)  # fmt: skip
            peer.setblocking(False)
            peer.connect(where)
            self._sockets.append(peer)

    def rate(self):
        """How many a second were sent."""
        return self.count / (self._last - self._begun)

    def run(self):
        self._begun = time.monotonic()
        super().run()

    def round(self):
        due = max(self._begun + self.count * self._interval, self._last + self._interval / 4)
        while (left := due - time.monotonic()) > 0:
            self._receive(left)
        self._last = time.monotonic()
        self.lost.add(self.count)
        self._sockets[self.count % self.SOURCES].send(b"%d" % self.count)

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
        while self.lost and self._receive(HICCUP):
            pass
        assert not self.lost, f"{len(self.lost)} of {self.count} datagrams are lost"

    def close(self):
        for peer in self._sockets:
            peer.close()


class Sessions(Traffic):
    """One TLS session after the other, each of which has a message on its way all the time, until
    the server ends it.

    That has to be by close_notify, behind the echo of each record that it has read; a reset is a
    fault.  A new session may have to wait for its handshake, and is not refused.
    """

    RECORD = 1 << 14  # what one holds: it is read as a whole, or not at all
    DATA = peers.payload(1 << 20)

    def __init__(self, where, seed=0):
        super().__init__()
        self.ended = 0  # sessions, by the server
        self._where = where
        self._random = random.Random(seed)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self._session = None

    def _call(self):
        peer = peers.connect(*self._where)
        return self._context.wrap_socket(peer, suppress_ragged_eofs=False)

    def _message(self):
        begin = self._random.randrange(len(self.DATA) - self.RECORD)
        return self.DATA[begin : begin + self._random.randrange(1, self.RECORD + 1)]

    def round(self):
        self._session = self._session or self._call()
        message = self._message()
        self._session.sendall(message)
        received = peers.receive(self._session, len(message))
        if received:
            peers.assert_same(received, message)
        else:
            self._hang_up()
            self.ended += 1

    def _hang_up(self):
        """The other side has said its close_notify, or is to answer to ours."""
        below = self._session.unwrap()
        assert below.recv(1) == b"", "something comes behind close_notify"
        self.close()

    def end(self):
        if self._session is not None:
            self._hang_up()

    def close(self):
        if self._session is not None:
            self._session.close()
        self._session = None
