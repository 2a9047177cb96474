"""What makes TLS costly for the one who answers: it is bounded, and given back."""

import ctypes
import ctypes.util
import os
import time

import pytest

import certificates
import kernel
import peers
import tls
from certificates import secure
from patience import SLOWNESS, eventually, lasting
from sealed import Sealed

pytestmark = pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")

KEY_UPDATES = int(os.environ.get("KEY_UPDATES", "1000"))
LONG_HELLOS = int(os.environ.get("LONG_HELLOS", "400"))
LONG_HELLO = bytes((22, 3, 1, 2, 0, 1, 1, 255, 255))  # the first 9 bytes of 131 KB
CPU_MOST = 0.005  # seconds
MIB = 1 << 20


@pytest.fixture(name="daemon")
def serving(start):
    def start_it(options=None):
        return start([secure(tls.pair("localhost", days=60))], {"workers": 1, **(options or {})})

    return start_it


# --- key updates (RFC 8446, 4.6.3) ---------------------------------------------------------------


def library(name):
    made = ctypes.CDLL(ctypes.util.find_library(name))
    for function in "TLS_client_method", "SSL_CTX_new", "SSL_new", "BIO_new", "BIO_s_mem":
        if hasattr(made, function):
            getattr(made, function).restype = ctypes.c_void_p
    return made


class Updating:
    """An end over `peer` that updates its keys, which Python's cannot."""

    def __init__(self, peer):
        self.peer = peer
        self._ssl, self._crypto = library("ssl"), library("crypto")
        context = self._ssl.SSL_CTX_new(ctypes.c_void_p(self._ssl.TLS_client_method()))
        self._end = ctypes.c_void_p(self._ssl.SSL_new(ctypes.c_void_p(context)))
        self._in, self._out = (
            ctypes.c_void_p(self._crypto.BIO_new(ctypes.c_void_p(self._crypto.BIO_s_mem())))
            for _ in range(2)
        )
        self._ssl.SSL_set_bio(self._end, self._in, self._out)
        self._ssl.SSL_set_connect_state(self._end)
        while self._ssl.SSL_do_handshake(self._end) != 1:
            peer.sendall(self._written())
            records = peer.recv(1 << 16)
            self._crypto.BIO_write(self._in, records, len(records))
        peer.sendall(self._written())

    def _written(self):
        buffer, records = ctypes.create_string_buffer(1 << 16), b""
        while (size := self._crypto.BIO_read(self._out, buffer, len(buffer))) > 0:
            records += buffer.raw[:size]
        return records

    def updates(self, count, data=b""):
        """So many of them, `data` behind each, that ask for one in return."""
        for _ in range(count):
            assert self._ssl.SSL_key_update(self._end, 1) == 1
            if data:
                assert self._ssl.SSL_write(self._end, data, len(data)) == len(data)
            else:
                assert self._ssl.SSL_do_handshake(self._end) == 1
        return self._written()


def test_key_updates_are_a_flood(daemon):
    """KEY_UPDATES=10000 for more of them."""
    served = daemon()
    client = Updating(served.connect("echo-tls"))
    records = client.updates(KEY_UPDATES)
    before = kernel.run_seconds(served.pid)
    with pytest.raises(ConnectionError):
        client.peer.sendall(records)
        peers.receive_to_eof(client.peer)
        client.peer.sendall(records)  # what it sends is not read any more
    name = peers.name_of(client.peer)
    assert served.wait_closed(name)["reason"] == "tls_flood"
    cost = kernel.run_seconds(served.pid) - before
    print(f"{KEY_UPDATES} key updates: {1000 * cost:.1f} ms of CPU")
    assert cost < lasting(CPU_MOST)
    Sealed(served.connect("echo-tls")).shake().echo(b"undisturbed")


def test_key_updates_now_and_then_are_none(daemon):
    served = daemon()
    client = Updating(served.connect("echo-tls"))
    for _ in range(40):
        client.peer.sendall(client.updates(2, b"x"))
        eventually(lambda: client.peer.recv(1 << 16), "an echo")
    assert not served.log.matching("connection closed")


# --- hellos that are announced -------------------------------------------------------------------


def test_hellos_that_do_not_come_are_bounded_and_what_they_took_is_given_back(daemon):
    """LONG_HELLOS=5000 for more of them."""
    most = 100
    served = daemon({"limits.handshakes": most, "log.level": "notice"})
    honest = Sealed(served.connect("echo-tls")).shake()
    crowd = [served.connect("echo-tls") for _ in range(LONG_HELLOS)]
    before = held = kernel.resident_bytes(served.pid)
    for peer in crowd:
        peer.sendall(LONG_HELLO)
    begun = time.monotonic()
    while time.monotonic() - begun < 1.5:
        honest.echo(b"undisturbed")
        held = max(held, kernel.resident_bytes(served.pid))
        peers.is_quiet(honest.peer, 0.02)
    for peer in crowd:
        peer.close()
    eventually(lambda: kernel.resident_bytes(served.pid) < before + 3 * MIB or SLOWNESS > 1, "less")
    after = kernel.resident_bytes(served.pid)
    told = ", ".join(f"{size / MIB:.1f}" for size in (before, held, after))
    print(f"{LONG_HELLOS} long hellos, {most} at once: {told} MiB before, at most and after")
    assert SLOWNESS > 1 or before + 2 * MIB < held < before + most * 170000 + 4 * MIB
    Sealed(served.connect("echo-tls")).shake().echo(b"undisturbed")
