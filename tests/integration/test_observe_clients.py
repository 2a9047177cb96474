"""Clients of observe that are slow, idle, rude or at fault: none of them keeps anybody else out."""

import contextlib
import time

import pytest

import observing
import peers
from echod import listener
from observing import ON, ask, request, status
from patience import PATIENCE, within

LIFE = 5  # seconds that a connection has
SLOTS = 64

MANY = [listener(f"listener-{number:02}") for number in range(40)]  # for a long answer


@pytest.fixture
def asked(start):
    return start(options=ON)


def is_cut(peer):
    """True where the connection has ended by a reset."""
    try:
        peer.recv(1)
        return False
    except ConnectionResetError:
        return True


def is_gone(peer):
    """The same where a reset may have been told already, to a send(2)."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


# --- what is at fault --------------------------------------------------------------------------

GET = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
FAULTS = {
    "foreign host": (request(host="rebound.example"), 421),
    "double host": (GET + b"Host: localhost\r\n\r\n", 400),
    "no host": (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
    "nul": (GET + b"X: a\0b\r\n\r\n", 400),
    "empty name": (GET + b": a\r\n\r\n", 400),
    "transfer encoding": (
        GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + GET + b"\r\n",
        413,
    ),
    "length": (GET + b"Content-Length: 5\r\n\r\nhello", 413),
    "both": (GET + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "connect": (b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n", 405),
    "post": (request(method="POST"), 405),
    "unknown": (request(method="BREW"), 501),
    "http2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "tls": (bytes.fromhex("1603010200010001fc0303"), 400),
    "long head": (GET + b"X: y\r\n" * 16667 + b"\r\n", 431),
    "long target": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 414),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_one_answer(asked, fault):
    """All of it arrives, whatever else was sent."""
    data, expected = FAULTS[fault]
    answer = observing.talk(asked, data)
    assert answer.status == expected
    assert answer.body.startswith(f"{expected} ".encode())
    assert (answer.fields.get("Allow") == "GET, HEAD") == (expected == 405)
    assert status(asked, "/healthz") == 200


def test_a_second_request_is_not_answered(asked):
    answer = observing.talk(asked, request("/healthz") + request("/readyz"))
    assert answer.body == b"ok\n"


# --- who half-closes, and who dribbles ------------------------------------------------------------


def test_who_half_closes_gets_all_of_it(start, back_end):
    """A long answer through small buffers, to somebody who has said all that he has to say."""
    daemon = start(MANY, {**ON, **back_end})
    whole = ask(daemon).body
    assert len(whole) > 60_000
    for _ in range(10):
        with contextlib.closing(observing.connect(daemon, receive_buffer=4096)) as peer:
            peer.sendall(request())
            peer.shutdown(1)
            answer = observing.receive(peer)
        assert answer.status == 200 and answer.body.count(b"\n") == whole.count(b"\n")


def test_byte_by_byte(asked):
    with contextlib.closing(observing.connect(asked)) as peer:
        for byte in request("/healthz"):
            peer.sendall(bytes([byte]))
        assert observing.receive(peer).body == b"ok\n"


def test_an_end_before_the_request_is_no_harm(asked):
    for data in b"", b"GET / HTTP":
        with contextlib.closing(observing.connect(asked)) as peer:
            peer.sendall(data)
            peer.shutdown(1)
            assert peers.receive_to_eof(peer) == b""
    assert status(asked, "/healthz") == 200


# --- time ---------------------------------------------------------------------------------------


def test_a_connection_lives_for_five_seconds(asked):
    """Whatever it does: one says nothing, one a byte now and then, one reads nothing."""
    begun = time.monotonic()
    idle, drip = observing.connect(asked), observing.connect(asked)
    idle.settimeout(within(LIFE))
    drip.settimeout(0.5)
    drip.sendall(b"GET / HTTP/1.1\r\nX: ")
    with pytest.raises(ConnectionError):
        while time.monotonic() < begun + within(LIFE):
            drip.sendall(b"y")
            with contextlib.suppress(TimeoutError):
                drip.recv(1)
    assert LIFE - 0.1 <= time.monotonic() - begun < within(LIFE)
    assert is_cut(idle)
    idle.close()
    drip.close()


def test_half_an_answer_ends_by_a_reset(start):
    daemon = start(MANY, ON)
    with contextlib.closing(observing.connect(daemon, receive_buffer=4096)) as peer:
        peer.sendall(request())
        time.sleep(LIFE + 0.5)  # that it reads nothing for so long is the test
        peer.settimeout(PATIENCE)
        with pytest.raises(ConnectionResetError):
            while peer.recv(1 << 16):
                pass


# --- many ---------------------------------------------------------------------------------------


def seconds_to_ask(daemon):
    begun = time.monotonic()
    assert ask(daemon).status == 200
    return time.monotonic() - begun


@pytest.mark.parametrize("data", [b"", b"GET /metrics HTTP/1.1\r\nHost: "], ids=["idle", "slow"])
def test_three_hundred_keep_nobody_out(asked, data):
    crowd = [observing.connect(asked) for _ in range(300)]
    for peer in crowd:
        with contextlib.suppress(ConnectionError):  # the oldest are gone by now
            peer.sendall(data)
    for _ in range(10):
        assert seconds_to_ask(asked) < within(1)
        asked.assert_echoes()
    assert all(is_gone(peer) for peer in crowd[: 300 - SLOTS])
    for peer in crowd:
        peer.close()


def test_who_reads_nothing_keeps_nobody_out(start):
    """All places are taken by answers that nobody takes."""
    daemon = start(MANY, ON)
    crowd = [observing.connect(daemon, receive_buffer=4096) for _ in range(100)]
    for peer in crowd:
        with contextlib.suppress(ConnectionError):
            peer.sendall(request())
    assert seconds_to_ask(daemon) < within(1)
    for peer in crowd:
        peer.close()
