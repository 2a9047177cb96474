"""What a TLS listener says and tells of those whom it cannot serve; and what it tells of all."""

import json
import re
import signal
import socket
import ssl
import warnings

import pytest

import certificates
import peers
import sealed
import tls
from certificates import demanding, of, offering, one, secure, with_certificate
from clients import OpenSSL
from logs import LEVELS
from patience import SLOWNESS
from sealed import FAULTS, SANDBOX, Sealed, call

pytestmark = pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")


@pytest.fixture(name="serve")
def serving(start):
    return sealed.served_by(start)


# --- what goes wrong -----------------------------------------------------------------------------


def old():
    """Speaks TLS 1.1 at most, of which Python warns."""
    made = certificates.client()
    with warnings.catch_warnings(action="ignore"):
        made.minimum_version = ssl.TLSVersion.TLSv1
        made.maximum_version = ssl.TLSVersion.TLSv1_1
    made.set_ciphers("ALL:@SECLEVEL=0")
    return made


def stranger():
    return with_certificate(tls.pair("client", signer=tls.authority("others")))


# By the reason of echod: the options of its listener, the client, the alert that it gets.
FAULTY = {
    "tls_version": ({}, old, "PROTOCOL_VERSION"),
    "tls_version of 1.3": ({"minimum_version": "1.3"}, lambda: of("1.2"), "PROTOCOL_VERSION"),
    "tls_cipher": (
        {"ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"},
        lambda: ciphers("ECDHE-ECDSA-AES128-GCM-SHA256"),
        "HANDSHAKE_FAILURE",
    ),
    "tls_cipher for groups": (
        {"groups": "X25519"},
        lambda: of_curve("secp521r1"),
        "HANDSHAKE_FAILURE",
    ),
    "tls_no_certificate": (demanding("required"), lambda: None, "CERTIFICATE_REQUIRED"),
    "tls_no_certificate in 1.2": (demanding("required"), lambda: of("1.2"), "HANDSHAKE_FAILURE"),
    "tls_unverified": (demanding("required"), stranger, "UNKNOWN_CA"),
    "tls_unverified though optional": (demanding("optional"), stranger, "UNKNOWN_CA"),
}


def of_curve(name):
    made = certificates.client()
    made.set_ecdh_curve(name)
    return made


def ciphers(names):
    made = of("1.2")
    made.set_ciphers(names)
    return made


@pytest.mark.parametrize("fault", FAULTY)
def test_a_reason_and_an_alert(serve, fault):
    options, client, alert = FAULTY[fault]
    daemon = serve(**options)
    reason = fault.split()[0]
    peer = daemon.connect("echo-tls")
    name = peers.name_of(peer)
    with pytest.raises(ssl.SSLError) as failure:
        Sealed(peer, client()).shake().echo(b"let me in")
    assert failure.value.reason.split("_ALERT_")[1] == alert
    assert peers.ends(peer) == "eof"  # and not a reset, which would take the alert back
    peer.close()
    assert daemon.wait_closed(name)["reason"] == reason
    daemon.wait_log(f"^notice: TLS failed: peer={name} listener=echo-tls reason={reason}$")
    daemon.wait_counter(FAULTS % reason, 1)


@pytest.mark.parametrize("demand", ["none", "optional", "required"])
def test_a_certificate_of_the_client_is_told(serve, demand):
    daemon = serve(**demanding(demand))
    client = call(daemon, with_certificate(tls.pair("client", subject="who I am")))
    client.echo(b"let me in")
    name = peers.name_of(client.peer)
    client.close()
    told = daemon.wait_closed(name)["subject"]
    assert told == ("-" if demand == "none" else r"CN=who\x20I\x20am")


def test_who_does_not_trust_us_has_rejected_us(serve):
    daemon = serve()
    peer = daemon.connect("echo-tls")
    client = Sealed(peer, certificates.client(tls.authority("others").certificate))
    with pytest.raises(ssl.SSLCertVerificationError):
        client.shake()
    assert peers.ends(peer) == "eof"
    name = peers.name_of(peer)
    peer.close()
    assert daemon.wait_closed(name)["reason"] == "tls_rejected"


def test_who_speaks_other_protocols_only(serve, back_end):
    """Alert 120, no_application_protocol, which this Python has no name for."""
    daemon = serve(back_end, alpn=["echo"])
    client = Sealed(daemon.connect("echo-tls"), offering("h2", "echod"))
    client.peer.sendall(client.hello())
    assert peers.receive_to_eof(client.peer)[-2:] == bytes((2, 120))
    client.close()
    daemon.wait_counter(FAULTS % "tls_alpn", 1)


TEXTS = b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"?", b"\0"


@pytest.mark.parametrize("text", TEXTS)
def test_plain_text_is_told_so(serve, back_end, text):
    daemon = serve(back_end)
    peer = daemon.connect("echo-tls")
    peer.sendall(text)
    if len(text) < 5:  # what a record begins with
        peer.sendall(text * 4)
    daemon.wait_counter(FAULTS % "tls_plain", 1)
    peer.sendall(b"Host: localhost\r\n\r\n")
    assert peers.ends(peer) == "eof"
    peer.close()
    daemon.wait_log("^info: connection closed: .* reason=tls_plain received=0 sent=0 ")


def test_many_faults_are_told_together(serve):
    daemon = serve()
    for _ in range(30):
        peer = daemon.connect("echo-tls")
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert peers.ends(peer) == "eof"
        peer.close()
    daemon.wait_counter(FAULTS % "tls_plain", 30)
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    first, *others = daemon.log.matching("TLS failed")
    assert " peer=127.0.0.1:" in first
    assert sum(int(line.split("count=")[1].split()[0]) for line in others) == 29
    assert len(others) == 1 or SLOWNESS > 1


# --- the line of the log -------------------------------------------------------------------------


# What a peer may choose, and one word of it.
HOSTILE = b'a b"c\\d\n\x1b[2J\xff\xed\xa0\x80\xc3\xa4 reason=x'
WORD = r'a\x20b\"c\\d\n\x1b[2J\xff\xed\xa0\x80\xc3\xa4\x20reason=x'
# A certificate's subject is escaped as RFC 2253 has it first, which knows no space.
SUBJECT = "/CN=a b\"c\\\\d\n\x1b[2J e=,/O=second"
SUBJECT_WORD = r'O=second,CN=a\x20b\\\"c\\\\d\\0A\\1B[2J\x20e=\\,'


def made_out_to(subject, path, key):
    """A certificate by tls.authority()."""
    by = "-CA", tls.authority().certificate, "-CAkey", tls.authority().key, "-CAcreateserial"
    tls.openssl("req", "-new", "-key", key, "-subj", subject, "-out", f"{path}.csr")
    tls.openssl("x509", "-req", "-in", f"{path}.csr", *by, "-days", "30", "-out", path)


def test_what_the_log_tells(serve):
    daemon = serve(alpn=["echo"])
    client = call(daemon, offering("echo"), server_hostname="echo.example")
    client.peer.sendall(client.seal(b"text") + client.end())
    assert client.receive_to_eof() == b"text"
    name = peers.name_of(client.peer)
    client.close()
    line = daemon.wait_log(f"^info: connection closed: peer={name} ").string
    assert re.fullmatch(
        r"info: connection closed: peer=\S+ listener=echo-tls reason=peer received=4 sent=4"
        r" seconds=\d+\.\d+ tls=TLSv1\.3 cipher=TLS_\S+ sni=echo\.example alpn=echo subject=-"
        r" resumed=no handshake=\d+\.\d+",
        line,
    )


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_the_peer_chose_forges_no_line(launch, workdir, form):
    options = {**SANDBOX, "log.format": form}
    daemon = launch([secure(one(), **demanding("required"))], options)
    daemon.wait_listening_unseen()
    daemon.listening["echo-tls"] = daemon.listening.pop("echo-tcp")
    shown = ("-cert", f"{workdir}/hostile.pem", "-key", tls.pair("client").key)
    made_out_to(SUBJECT, f"{workdir}/hostile.pem", tls.pair("client").key)
    with OpenSSL(daemon, "-servername", HOSTILE, *shown) as client:
        client.say(b"to and fro\n")
        client.wait(b"to and fro\n")
    line = daemon.wait_log("connection closed").string
    if form == "json":
        fields = json.loads(line)
        assert fields["message"] == "connection closed"
    else:
        fields = dict(field.split("=", 1) for field in line.split(": ", 2)[2].split(" "))
    assert fields["sni"] == WORD
    assert fields["reason"] == "peer"
    assert fields["subject"] == SUBJECT_WORD
    assert all(line.startswith(("{", *LEVELS)) for line in daemon.log.lines)


def test_a_long_name_leaves_room_for_all(serve):
    daemon = serve()
    with OpenSSL(daemon, "-servername", b"\xff" * 255) as client:
        client.say(b"to and fro\n")
        client.wait(b"to and fro\n")
    daemon.wait_log(r" sni=(\\xff){10,} alpn=- subject=- resumed=no handshake=\d+\.\d+$")


def test_who_leaves_in_the_handshake_is_no_fault(serve, back_end):
    daemon = serve(back_end)
    for size in 0, 1, 100:
        client = Sealed(daemon.connect("echo-tls"))
        client.peer.sendall(client.hello()[:size])
        client.peer.shutdown(socket.SHUT_WR)
        assert peers.ends(client.peer) == "eof"
        name = peers.name_of(client.peer)
        client.close()
        assert daemon.wait_closed(name)["reason"] == "peer"
    assert not daemon.log.matching("TLS failed")


def test_a_fault_after_the_handshake_is_told_with_what_was_agreed_on(serve):
    daemon = serve()
    client = call(daemon)
    client.echo(b"text")
    client.peer.sendall(b"no record at all")
    assert peers.ends(client.peer) == "eof"
    name = peers.name_of(client.peer)
    client.close()
    fields = daemon.wait_closed(name)
    assert (fields["reason"], fields["tls"], fields["sent"]) == ("tls_broken", "TLSv1.3", "4")
