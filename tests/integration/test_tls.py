"""A TLS listener gives back every byte and ends in order, and says what was wrong where it cannot."""

import base64
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import time
import warnings

import pytest

import certificates
import kernel
import peers
import tls
from certificates import secure
from echod import listener, run
from logs import LEVELS
from patience import PATIENCE, SLOWNESS, eventually, lasting, within
from sealed import Sealed, fill, send_and_read_late

pytestmark = pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")

MIB = 1 << 20
HALF_CLOSE = int(os.environ.get("HALF_CLOSE_MIB", "8")) * MIB
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
SANDBOX = {"sandbox": "true" if "+seccomp" in run("-V").stdout else "auto"}
FAULTS = 'echod_tls_faults_total{listener="echo-tls",reason="%s"}'
HANDSHAKES = 'echod_tls_handshakes_total{listener="echo-tls",kind="%s"}'


def one():
    return tls.pair("localhost", days=60)


@pytest.fixture(name="serve")
def serving(start):
    """Starts a daemon with a TLS listener of these options, in its sandbox."""

    def serve(options=None, **of_listener):
        return start([secure(one(), **of_listener)], {**SANDBOX, **(options or {})})

    return serve


def call(daemon, context=None, **wrapping):
    """A connection that is open."""
    return Sealed(daemon.connect("echo-tls"), context, **wrapping).shake()


def of(version, **settings):
    return certificates.client(
        minimum_version=VERSIONS[version], maximum_version=VERSIONS[version], **settings
    )


def closed(daemon, peer):
    return daemon.wait_closed(peers.name_of(peer))


# --- every byte, and the end ------------------------------------------------------------------------


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
        assert closed(daemon, client.peer)["reason"] == "peer"


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


# --- what is agreed on ------------------------------------------------------------------------------


def offering(*protocols, **settings):
    made = certificates.client(**settings)
    made.set_alpn_protocols(protocols)
    return made


def test_protocols(serve):
    daemon = serve(alpn=["b", "a"])
    for offered, chosen in (("a", "b"), "b"), (("c", "a"), "a"), ((), None):
        client = call(daemon, offering(*offered) if offered else None)
        assert client.tls.selected_alpn_protocol() == chosen
        client.echo(b"spoken")
        client.close()
        assert closed_last(daemon)["alpn"] == (chosen or "-")


def closed_last(daemon):
    """The fields of the only line so far, which is taken off."""
    line = daemon.wait_log("^info: connection closed: .*").string
    daemon.log.lines.remove(line)
    return dict(field.split("=", 1) for field in line.split(": ", 2)[2].split())


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


# --- what goes wrong ----------------------------------------------------------------------------------


def with_certificate(pair):
    made = certificates.client()
    made.load_cert_chain(*pair)
    return made


def demanding(demand):
    if demand == "none":
        return {}
    return {"client_ca": tls.authority().certificate, "client_certificate": demand}


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


@pytest.mark.parametrize("text", [b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"?", b"\0"])
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


# --- the line of the log --------------------------------------------------------------------------------


# What a peer may choose, and one word of it.
HOSTILE = b'a b"c\\d\n\x1b[2J\xff\xed\xa0\x80\xc3\xa4 reason=x'
WORD = r'a\x20b\"c\\d\n\x1b[2J\xff\xed\xa0\x80\xc3\xa4\x20reason=x'
# A certificate's subject is escaped as RFC 2253 has it first, which knows no space.
SUBJECT = "/CN=a b\"c\\\\d\n\x1b[2J e=,/O=second"
SUBJECT_WORD = r'O=second,CN=a\x20b\\\"c\\\\d\\0A\\1B[2J\x20e=\\,'


class OpenSSL:
    """s_client(1), which takes any bytes for a name."""

    def __init__(self, daemon, *options):
        where = f"{daemon.host('echo-tls')}:{daemon.port('echo-tls')}"
        self.process = subprocess.Popen(
            ("openssl", "s_client", "-connect", where, *options),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.read = b""

    def __enter__(self):
        return self

    def say(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.read:
            left = max(0, deadline - time.monotonic())
            assert select.select([self.process.stdout], [], [], left)[0], self.read
            piece = os.read(self.process.stdout.fileno(), 65536)
            assert piece, self.read
            self.read += piece

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


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


# --- early data -----------------------------------------------------------------------------------------


def with_early_data(path):
    """Makes a session (PEM) one of a server that takes early data: SSL_SESSION's [15] says how much."""
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


# --- who takes long -----------------------------------------------------------------------------------


def test_a_handshake_has_until_its_deadline_whatever_comes(serve, back_end):
    daemon = serve({**back_end, "limits.handshake_timeout": 1})
    begun = time.monotonic()
    silent, dripping = daemon.connect("echo-tls"), daemon.connect("echo-tls")
    hello = iter(Sealed(dripping).hello())
    while peers.is_quiet(dripping, 0.05):
        dripping.sendall(bytes([next(hello)]))
        assert time.monotonic() - begun < within(3)
    assert time.monotonic() - begun > 0.9
    assert peers.ends(dripping) == peers.ends(silent) == "reset"
    daemon.wait_counter(FAULTS % "tls_timeout", 2)
    call(daemon).echo(b"undisturbed")


LONG_HELLO = bytes((22, 3, 1, 2, 0, 1, 1, 255, 255))  # the first 9 bytes of 131 KB


def hold(peer):
    """Begins a handshake, and falls silent."""
    peer.sendall(LONG_HELLO)
    eventually(lambda: kernel.unread(peer) == 0, "it has begun")


def test_who_holds_up_others_makes_way(serve, back_end):
    daemon = serve({**back_end, "workers": 1, "limits.handshakes": 1})
    begun = time.monotonic()
    holding, reset, waiting = (daemon.connect("echo-tls") for _ in range(3))
    hold(holding)
    daemon.wait_opened(waiting)
    reset.sendall(LONG_HELLO)
    name = peers.name_of(reset)
    peers.reset(reset)
    Sealed(waiting).shake().echo(b"at last")
    assert time.monotonic() - begun > 0.9
    assert peers.ends(holding) == "reset"
    assert closed(daemon, holding)["reason"] == "tls_crowded"
    assert daemon.wait_closed(name)["reason"] == "reset"
    daemon.wait_counter(FAULTS % "tls_crowded", 1)
    assert not daemon.log.matching("reason=(tls_crowded|reset) .* tls=")


def test_a_reset_is_noticed_while_others_shake_hands(serve, back_end):
    daemon = serve({**back_end, "workers": 1, "limits.handshakes": 1})
    holding, waiting = daemon.connect("echo-tls"), daemon.connect("echo-tls")
    hold(holding)
    daemon.wait_opened(waiting)
    waiting.sendall(LONG_HELLO)
    name = peers.name_of(waiting)
    peers.reset(waiting)
    assert daemon.wait_closed(name)["reason"] == "reset"
    assert not daemon.log.matching("reason=tls_crowded")


def test_who_is_silent_is_ended_in_order(serve, back_end):
    daemon = serve({**back_end, "limits.idle_timeout": 1})
    client = call(daemon)
    client.echo(b"and then silence")
    assert client.receive_to_eof() == b"" and client.ended
    name = peers.name_of(client.peer)
    client.close()
    assert daemon.wait_closed(name)["reason"] == "idle_timeout"


def test_a_drain_ends_in_order(serve, back_end):
    """Who is in the middle of a handshake has the time for it, and for an echo."""
    daemon = serve(back_end)
    client, shaking = call(daemon), Sealed(daemon.connect("echo-tls"))
    client.echo(b"served")
    hello = shaking.hello()
    shaking.peer.sendall(hello[:50])
    daemon.wait_opened(shaking.peer)
    daemon.drain(connections=2)
    assert client.receive_to_eof() == b"" and client.ended
    shaking.peer.sendall(hello[50:])
    shaking.shake(hello).echo(b"served, too")
    assert shaking.receive_to_eof() == b"" and shaking.ended
    client.close()
    shaking.close()
    daemon.wait_exit()
    assert len(daemon.log.matching("connection closed: .* reason=drain ")) == 2


def test_peers_that_never_read_are_bounded_together(serve):
    """Their blocked bytes count, as those of other streams do; who reads is served."""
    options = {"workers": 1, "limits.write_timeout": 0, "limits.stalled_connections": 0}
    daemon = serve({**options, "limits.blocked_memory": 1})
    honest = call(daemon)
    crowd = [
        Sealed(daemon.connect("echo-tls", receive_buffer=4096, send_buffer=4096)).shake()
        for _ in range(100)
    ]
    fill(crowd, 1 << 19)
    daemon.wait_log("connection closed: .* reason=stalled ")
    honest.echo(b"undisturbed")
    assert len(daemon.log.matching("connection closed")) < len(crowd)
