"""TLS: certificates as openssl(1) makes them, and servers that speak it, of which faulty.py has
the faults: secure(faulty.echo) is one over TLS."""

import contextlib
import functools
import ipaddress
import itertools
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import typing

import faulty
import peers
from client import run

STEP = 1 << 16
BUILT = " +openssl" in run("-V").stdout.decode() and shutil.which("openssl") is not None
HOSTS = ("localhost", "127.0.0.1", "::1")
numbers = itertools.count()
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

# --- certificates --------------------------------------------------------------------------------


def once(make):
    """Makes what has the same arguments once, whichever threads ask for it."""
    made, lock = functools.cache(make), threading.Lock()

    @functools.wraps(make)
    def get(*arguments, **named):
        with lock:
            return made(*arguments, **named)

    return get


class Pair(typing.NamedTuple):
    """The paths of a certificate and its key; the chain is behind the certificate."""

    certificate: str
    key: str


@once
def folder():
    """Where all of them are; it is removed at the end of the tests."""
    return tempfile.TemporaryDirectory(prefix="echod-tls-")


def write(name, text):
    path = os.path.join(folder().name, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def openssl(*arguments):
    done = subprocess.run(("openssl", *arguments), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def _new(name):
    """The paths of one that is not made yet, and the options that make its key."""
    stem = os.path.join(folder().name, f"{next(numbers)}-{name}")
    made = Pair(f"{stem}.pem", f"{stem}.key")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", made.key)
    return made, key


@once
def authority(name="echod tests"):
    """One who signs others: its certificate is for `--ca`."""
    made, key = _new("authority")
    openssl("req", "-x509", *key, "-subj", f"/CN={name}", "-days", "30", "-out", made.certificate)
    return made


def _alternative(name):
    with contextlib.suppress(ValueError):
        return f"IP:{ipaddress.ip_address(name)}"
    return f"DNS:{name}"


@once
def pair(*names, subject="echod", days=30, signer=None):
    """A certificate for these names and addresses, by authority() where nobody else is named."""
    signer = signer or authority()
    made, key = _new(subject)
    request, extensions = f"{made.key}.csr", f"{made.key}.ext"
    openssl("req", *key, "-subj", f"/CN={subject}", "-out", request)
    with open(extensions, "w", encoding="ascii") as file:
        if names:
            file.write("subjectAltName=" + ",".join(map(_alternative, names)) + "\n")
    by = ("-CA", signer.certificate, "-CAkey", signer.key, "-CAcreateserial")
    openssl("x509", "-req", "-in", request, *by, "-days", str(days), "-extfile", extensions,
            "-out", made.certificate)  # fmt: skip
    return made


@once
def self_signed(*names, subject="alone"):
    made, key = _new(subject)
    alternatives = "subjectAltName=" + ",".join(map(_alternative, names))
    openssl("req", "-x509", *key, "-subj", f"/CN={subject}", "-addext", alternatives,
            "-days", "30", "-out", made.certificate)  # fmt: skip
    return made


def trust():
    """The options of a client that trusts authority()."""
    return ("--ca", authority().certificate)


# --- servers -------------------------------------------------------------------------------------


def context(presented=None, *, least="1.2", most="1.3", alpn=(), client_ca=None):
    """What a server's connections have in common.  With `client_ca` it demands certificates."""
    presented = presented or pair(*HOSTS)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(presented.certificate, presented.key)
    made.minimum_version, made.maximum_version = VERSIONS[least], VERSIONS[most]
    made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    made.asked = []  # the names that clients asked for
    made.sni_callback = lambda _, name, __: made.asked.append(name)
    if alpn:
        made.set_alpn_protocols(alpn)
    if client_ca:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(client_ca.certificate)
    return made


class Cut(ConnectionError):
    """The client has ended the connection without close_notify."""


class Secure:
    """A connection over TLS, the server's side, with the methods of a socket that faults call.

    first     what is said together with the last of the handshake
    below     the socket
    session   the ssl.SSLObject
    """

    def __init__(self, below, made, first=b""):
        self.below = below
        below.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # tickets hold up nothing
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = made.wrap_bio(self._in, self._out, server_side=True)
        self._do(self.session.do_handshake, first=first)

    def _flush(self):
        if self._out.pending:
            self.send_out(self._out.read())

    def send_out(self, data):
        self.below.sendall(data)

    def _do(self, call, *arguments, first=b""):
        while True:
            try:
                result = call(*arguments)
                if first:
                    self.session.write(first)
                return result
            except ssl.SSLWantReadError:
                self._flush()
                data = self.below.recv(STEP)
                if data:
                    self._in.write(data)
                else:
                    self._in.write_eof()
            finally:
                self._flush()

    def recv(self, size):
        """b"" after close_notify."""
        try:
            return self._do(self.session.read, size)
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLEOFError as error:
            raise Cut from error

    def sendall(self, data):
        for start in range(0, len(data), STEP):
            self._do(self.session.write, data[start : start + STEP])

    def end(self):
        """Says close_notify, and may still receive."""
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLError):
            self.session.unwrap()
        self._flush()

    def close(self):
        self.end()
        self.below.close()

    def shutdown(self, how):
        assert how == socket.SHUT_WR
        self.end()

    def setsockopt(self, *option):
        self.below.setsockopt(*option)

    def settimeout(self, seconds):
        self.below.settimeout(seconds)


def secure(fault=faulty.echo, made=None, first=b""):
    """The fault of a connection that is one over TLS; the handshake may fail by the client."""
    made = made or context()

    def over(connection):
        with contextlib.suppress(ssl.SSLError):
            fault(Secure(connection, made, first))

    return over


@contextlib.contextmanager
def stream(*faults, **named):
    """As faulty.stream(), for clients that speak TLS."""
    with faulty.stream(*faults, **named) as server:
        server.uri = server.uri.replace("tcp:", "tls:")
        yield server


# --- faults of a connection over TLS -------------------------------------------------------------


def cut_after(size, more=0):
    """Ends the connection without close_notify when `size` bytes have been echoed."""

    def fault(connection):
        connection.sendall(peers.receive(connection, size))
        peers.receive(connection, more)
        connection.below.shutdown(socket.SHUT_WR)

    return fault


def reset_after(size, more=0):
    def fault(connection):
        connection.sendall(peers.receive(connection, size))
        peers.receive(connection, more)
        peers.reset(connection.below)

    return fault


def garbage(connection):
    """Says what is no TLS where a record is due."""
    connection.recv(STEP)
    connection.below.sendall(b"no record at all")
