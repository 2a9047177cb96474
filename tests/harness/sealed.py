"""A client's end of TLS whose records are apart from its socket: they can be cut, dripped and held
back, and close_notify and FIN are two things."""

import contextlib
import select
import ssl

import certificates
from echod import run
from patience import PATIENCE
from peers import QUIET, payload
from traffic import Traffic

STEP = 1 << 14  # what a record holds


def _fail(why):
    raise ConnectionError(why)


class Sealed:
    """An end over the connected socket `peer`.

    tls     the ssl.SSLObject, which knows what was agreed on
    ended   close_notify has come
    """

    def __init__(self, peer, context=None, **wrapping):
        self.peer = peer
        self.ended = False
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or certificates.client()).wrap_bio(self._in, self._out, **wrapping)

    def hello(self):
        """What it says first."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._out.read()

    def shake(self, hello=None):
        """The handshake, or what is left of it once `hello` was sent; returns itself."""
        self.peer.sendall(self.hello() if hello is None else b"")
        while True:
            self._in.write(self.peer.recv(1 << 16) or _fail("EOF in the handshake"))
            try:
                self.tls.do_handshake()
                return self
            except ssl.SSLWantReadError:
                pass
            finally:
                self.peer.sendall(self._out.read())

    def seal(self, data):
        for start in range(0, len(data), STEP):
            self.tls.write(data[start : start + STEP])
        return self._out.read()

    def end(self):
        """close_notify: before anything is opened, which OpenSSL would take for a fault."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self._out.read()

    def open(self, records):
        """What is in them."""
        data = bytearray()
        self._in.write(records)
        with contextlib.suppress(ssl.SSLWantReadError):
            while piece := self._read():
                data += piece
        return bytes(data)

    def _read(self):
        with contextlib.suppress(ssl.SSLZeroReturnError):
            if piece := self.tls.read(STEP):
                return piece
        self.ended = True
        return b""

    def receive(self, size):
        """Exactly `size` bytes, or fewer where an end comes before."""
        data = self.open(b"")
        while len(data) < size and not self.ended and (records := self.peer.recv(1 << 16)):
            data += self.open(records)
        return data

    def receive_to_eof(self):
        """All that comes before FIN."""
        data = self.open(b"")
        while records := self.peer.recv(1 << 16):
            data += self.open(records)
        return data

    def echo(self, data):
        self.peer.sendall(self.seal(data))
        received = self.receive(len(data))
        assert received == data, received[:100]

    def close(self):
        self.peer.close()


def send_and_read_late(peer, records, step):
    """Sends all of them, reading `step` bytes only where nothing more is taken, and then to EOF;
    returns what was read."""
    received, left = bytearray(), memoryview(records)
    poller = select.poll()
    poller.register(peer, select.POLLOUT)
    peer.setblocking(False)
    while left:
        if poller.poll(QUIET * 1000 if not received else 0):
            left = left[peer.send(left[: 1 << 18]) :]
        else:
            peer.settimeout(PATIENCE)
            received += peer.recv(step) or _fail(f"EOF with {len(left)} bytes left to send")
            peer.setblocking(False)
    peer.settimeout(PATIENCE)
    while piece := peer.recv(step):
        received += piece
    return bytes(received)


def fill(crowd, size):
    """Each sends so much, or until nobody has taken any more for a while, and reads nothing."""
    left = {one.peer.fileno(): (one.peer, memoryview(one.seal(bytes(size)))) for one in crowd}
    poller = select.poll()
    for peer, _ in left.values():
        peer.setblocking(False)
        poller.register(peer, select.POLLOUT)
    while ready := poller.poll(QUIET * 1000):
        for descriptor, _ in ready:
            peer, records = left[descriptor]
            try:
                records = records[peer.send(records) :]
            except ConnectionError:
                records = b""
            left[descriptor] = peer, records
            if not records:
                poller.unregister(descriptor)


class Talking(Traffic):
    """Over TLS, until it says so; then the other side does."""

    def __init__(self, client):
        super().__init__()
        self._client = client

    def round(self):
        self._client.echo(payload(20000))

    def end(self):
        self._client.peer.sendall(self._client.end())
        assert self._client.receive_to_eof() == b"" and self._client.ended
        self._client.close()


# --- with a daemon -------------------------------------------------------------------------------

SANDBOX = {"sandbox": "true" if "+seccomp" in run("-V").stdout else "auto"}
FAULTS = 'echod_tls_faults_total{listener="echo-tls",reason="%s"}'
HANDSHAKES = 'echod_tls_handshakes_total{listener="echo-tls",kind="%s"}'


def served_by(start):
    """The fixture of that name, for daemons with a TLS listener, in their sandbox."""

    def serve(options=None, **of_listener):
        listener = certificates.secure(certificates.one(), **of_listener)
        return start([listener], {**SANDBOX, **(options or {})})

    return serve


def call(daemon, context=None, **wrapping):
    """A connection that is open."""
    return Sealed(daemon.connect("echo-tls"), context, **wrapping).shake()
