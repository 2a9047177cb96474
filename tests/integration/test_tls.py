"""A TLS listener gives back every byte, ends in order, and agrees on what it is told to."""

import base64
import os
import socket
import ssl
import subprocess
import time

import pytest

import certificates
import peers
import sealed
import tls
from certificates import VERSIONS, demanding, of, offering, one, secure
from clients import OpenSSL
from patience import lasting, within
from sealed import FAULTS, HANDSHAKES, SANDBOX, Sealed, call, send_and_read_late

pytestmark = pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")

MIB = 1 << 20
HALF_CLOSE = int(os.environ.get("HALF_CLOSE_MIB", "8")) * MIB


@pytest.fixture(name="serve")
def serving(start):
    return sealed.served_by(start)


# --- every byte, and the end ---------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_bytes_of_any_number_come_back(serve, back_end, version):
    daemon = serve(back_end)
    client = call(daemon, of(version))
    sizes = 1, 16383, 16384, 16385, 65535, 65537, 200001
    for size in sizes:
        client.echo(peers.payload(size))
    client.peer.sendall(client.end())
    assert client.receive_to_eof() == b"" and client.ended
    name = peers.name_of(client.peer)
    client.close()
    fields = daemon.wait_closed(name)
    assert fields["received"] == fields["sent"] == str(sum(sizes))
    assert (fields["reason"], fields["tls"]) == ("peer", f"TLSv{version}")


@pytest.mark.parametrize("version", VERSIONS)
def test_half_close_by_close_notify(serve, back_end, version):
    """Said while every buffer on the way is full; HALF_CLOSE_MIB=64 for more of it."""
    daemon = serve(back_end)
    client = call(daemon, of(version))
    data = peers.payload(HALF_CLOSE)
    records = client.seal(data) + client.end()
    received = send_and_read_late(client.peer, records, 16411)
    peers.assert_same(client.open(received), data)
    assert client.ended
    # echod has ended both layers: the socket is ours to shut down
    assert not daemon.log.matching("connection closed")
    name = peers.name_of(client.peer)
    client.close()
    fields = daemon.wait_closed(name)
    assert (fields["reason"], fields["sent"]) == ("peer", str(len(data)))


def test_a_fin_without_close_notify(serve, back_end):
    """As it ends in TCP: all comes back, then close_notify, then FIN."""
    daemon = serve(back_end)
    for size in 0, 1, MIB:
        client = call(daemon)
        data = peers.payload(size)
        received = peers.exchange(client.peer, client.seal(data), half_close=True) if size else b""
        if not size:
            client.peer.shutdown(socket.SHUT_WR)
            received = peers.receive_to_eof(client.peer)
        peers.assert_same(client.open(received), data)
        assert client.ended
        assert daemon.wait_closed(peers.name_of(client.peer))["reason"] == "peer"


def test_the_end_that_comes_with_the_data(serve, back_end):
    """Data, close_notify and FIN, or some of them, may make one event, with the handshake's end."""
    daemon = serve(back_end)
    for number in range(20):
        client = call(daemon)
        data = peers.payload(1 + number * 611, number)
        client.peer.sendall(client.seal(data) + (client.end() if number % 3 else b""))
        if number % 2:
            client.peer.shutdown(socket.SHUT_WR)
            assert client.receive_to_eof() == data and client.ended
        else:
            assert client.receive(len(data)) == data
        client.close()


def test_what_comes_after_close_notify_is_not_echoed(serve):
    daemon = serve()
    client = call(daemon)
    client.peer.sendall(client.seal(b"before") + client.end())
    assert client.receive_to_eof() == b"before" and client.ended
    client.peer.sendall(b"after, and no record")
    name = peers.name_of(client.peer)
    client.close()
    assert daemon.wait_closed(name)["received"] == "6"


def test_who_does_not_wait_for_our_end_is_not_reset(serve, back_end):
    """Few clients do, and then our close_notify finds nobody; but that of an echo is one."""
    daemon = serve(back_end)
    for says_end in True, False:
        client = call(daemon)
        client.echo(b"all of it")
        client.open(b"")
        if says_end:
            client.peer.sendall(client.end())
        name = peers.name_of(client.peer)
        client.close()
        fields = daemon.wait_closed(name)
        assert (fields["reason"], fields["sent"]) == ("peer", "9")
    client = Sealed(daemon.connect("echo-tls", receive_buffer=4096)).shake()
    client.peer.sendall(client.seal(peers.payload(9000)) + client.end())
    daemon.wait_counter('echod_sent_bytes_total{listener="echo-tls"}', 9018)
    name = peers.name_of(client.peer)
    client.close()
    assert daemon.wait_closed(name)["reason"] == "reset"


def test_records_that_come_byte_by_byte(serve, back_end):
    daemon = serve({**back_end, "limits.handshake_timeout": 60})
    client = Sealed(daemon.connect("echo-tls"))
    hello = client.hello()
    for at in range(len(hello)):
        client.peer.sendall(hello[at : at + 1])
    client.shake(hello)
    for byte in client.seal(b"one") + client.seal(b"by") + client.seal(b"one"):
        client.peer.sendall(bytes([byte]))
    assert client.receive(8) == b"onebyone"


def test_a_greeting_comes_first(serve, back_end):
    daemon = serve(back_end, greeting=r"%n %p\n")
    client = call(daemon)
    greeting = f"echo-tls {peers.name_of(client.peer)}\n".encode()
    assert client.receive(len(greeting)) == greeting
    client.echo(b"and then the echo")


def test_a_bandwidth_is_kept(serve):
    rate = 200000
    daemon = serve({"limits.bandwidth_per_connection": rate})
    client = call(daemon)
    data = peers.payload(rate)
    begun = time.monotonic()
    client.peer.sendall(client.seal(data) + client.end())
    peers.assert_same(client.receive_to_eof(), data)
    assert 0.8 < time.monotonic() - begun < lasting(2) + within(1)
    assert client.ended


# --- what is agreed on ---------------------------------------------------------------------------


def closed_last(daemon):
    """The fields of the only line so far, which is taken off."""
    line = daemon.wait_log("^info: connection closed: .*").string
    daemon.log.lines.remove(line)
    return dict(field.split("=", 1) for field in line.split(": ", 2)[2].split())


def test_protocols(serve):
    daemon = serve(alpn=["b", "a"])
    for offered, chosen in (("a", "b"), "b"), (("c", "a"), "a"), ((), None):
        client = call(daemon, offering(*offered) if offered else None)
        assert client.tls.selected_alpn_protocol() == chosen
        client.echo(b"spoken")
        client.close()
        assert closed_last(daemon)["alpn"] == (chosen or "-")


def test_protocols_are_not_spoken_of_where_none_is_configured(serve):
    client = call(serve(), offering("h2", "echo"))
    assert client.tls.selected_alpn_protocol() is None
    client.echo(b"spoken")


def test_tickets_of_one_worker_are_taken_by_all(serve):
    daemon = serve({"workers": 4})
    for version in VERSIONS:
        context = of(version)
        first = call(daemon, context)
        first.echo(b"a ticket?")
        for _ in range(8):
            client = call(daemon, context, session=first.tls.session)
            assert client.tls.session_reused
            client.echo(b"again")
            client.close()
            assert closed_last(daemon)["resumed"] == "yes"
    daemon.wait_counter(HANDSHAKES % "full", 2)
    daemon.wait_counter(HANDSHAKES % "resumed", 16)


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_do_not_go_round_a_demand_for_certificates(serve, version):
    daemon = serve()
    context = of(version)
    first = call(daemon, context)
    first.echo(b"a ticket?")
    daemon.configure([secure(one(), **demanding("required"))], SANDBOX)
    daemon.reload()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        call(daemon, context, session=first.tls.session).echo(b"let me in")
    first.echo(b"still there")
    daemon.wait_counter(FAULTS % "tls_no_certificate", 1)


# --- early data ----------------------------------------------------------------------------------


def with_early_data(path):
    """Makes a session (PEM) one of who takes early data: SSL_SESSION's [15] says how much."""
    first, *body, last = tls.read(path).split("\n-----END")[0].splitlines() + ["-----END"]
    session = base64.b64decode("".join(body))
    assert session[:2] == b"\x30\x82"
    at = 4
    while at < len(session) and not 0xAF <= session[at]:
        size, at = session[at + 1], at + 2
        if size & 0x80:
            size, at = int.from_bytes(session[at : at + (size & 0x7F)], "big"), at + (size & 0x7F)
        at += size
    fields = session[4:at] + b"\xaf\x04\x02\x02\x40\x00" + session[at:]
    made = base64.encodebytes(b"\x30\x82" + len(fields).to_bytes(2, "big") + fields).decode()
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{first}\n{made}{last} SSL SESSION PARAMETERS-----\n")


def test_early_data_is_not_taken(serve, workdir):
    daemon = serve()
    path, early = f"{workdir}/session", f"{workdir}/early"
    with open(early, "w", encoding="ascii") as file:
        file.write("early\n")
    with OpenSSL(daemon, "-sess_out", path) as client:
        client.say(b"to and fro\n")
        client.wait(b"to and fro\n")
    assert "Max Early Data: 0\n" in subprocess.run(
        ("openssl", "sess_id", "-in", path, "-text"), capture_output=True, text=True, check=True
    ).stdout
    with_early_data(path)
    with OpenSSL(daemon, "-sess_in", path, "-early_data", early) as client:
        client.say(b"late\n")
        client.wait(b"late\n")
        assert b"Early data was rejected" in client.read
        assert b"\nReused, TLSv1.3" in client.read
    daemon.wait_log(" received=5 sent=5 .* resumed=yes ")


def test_nothing_is_agreed_on_again(serve):
    """TLS 1.2 has renegotiation, which a client here can only ask for."""
    daemon = serve()
    with OpenSSL(daemon, "-tls1_2") as client:
        client.say(b"first\n")
        client.wait(b"first\n")
        client.say(b"R\n")
        client.wait(b"no renegotiation")
    daemon.wait_log("^info: connection closed: .* received=6 sent=6 ")
    daemon.wait_counter(HANDSHAKES % "full", 1)
