"""TLS that is not to be trusted, that is none, or that ends without its end: each is told."""

import os
import re
import socket
import ssl
import threading
import time

import faulty
import peers
import piping
import pytest
import tls
from client import hosts_file, json_of, run
from patience import PATIENCE, lasting, within

MODES = {"ping": (["-c", 1], []), "pipe": ([], []), "send": (["-n", 1], ["text"])}
pytestmark = pytest.mark.skipif(not tls.BUILT, reason="there is no TLS here, or openssl(1)")
LONG = ("-W", PATIENCE)
ECHO = faulty.echo
VERSIONS = ("1.2", "1.3")


def run_mode(mode, uri, *options, data=b"text"):
    before, after = MODES[mode]
    return run(mode, *before, *LONG, *options, uri, *after, data=data)


def unsecured(server, *options):
    """The reason of a ping that ends since there is nobody to trust."""
    found = json_of("-c", 1, *(options or tls.trust()), server.uri, status=1)
    assert found["ending"] == "unsecured"
    assert (found["sent"], found["tls"], found["address"]) == (0, None, None)
    address, reason = found["reason"].split(": ", 1)
    assert address == server.address
    return reason


def lost(server, *options):
    """The same of one that ends after the handshake: the word, and the reason."""
    found = json_of("-c", 9, *LONG, *tls.trust(), *options, server.uri, status=1)
    assert found["tls"]["version"]
    return found["ending"], found["reason"].replace(server.address, "ADDRESS")


# --- certificates --------------------------------------------------------------------------------

MISTRUSTED = {
    "expired": (lambda: tls.pair(*tls.HOSTS, days=-1), "certificate has expired"),
    "self-signed": (lambda: tls.self_signed(*tls.HOSTS), "self-signed certificate"),
    "of another authority": (
        lambda: tls.pair(*tls.HOSTS, signer=tls.authority("another")),
        "unable to get local issuer certificate",
    ),
    "of another address": (lambda: tls.pair("localhost"), "IP address mismatch"),
    "of nobody": (lambda: tls.pair(subject="127.0.0.1"), "IP address mismatch"),
}


@pytest.mark.parametrize("which", MISTRUSTED)
def test_a_certificate_that_is_not_to_be_trusted(which):
    make, words = MISTRUSTED[which]
    with tls.stream(tls.secure(ECHO, tls.context(make()))) as server:
        reason = unsecured(server)
    assert reason == f"its certificate is not to be trusted as that of 127.0.0.1: {words}"


@pytest.mark.parametrize("names", [["b.example"], ["*.b.a.example"], ["*.example"], ["127.0.0.1"]])
def test_a_certificate_of_another_name(names):
    with tls.stream(tls.secure(ECHO, tls.context(tls.pair(*names)))) as server:
        reason = unsecured(server, *tls.trust(), "--sni", "b.a.example")
    words = "its certificate is not to be trusted as that of b.a.example: hostname mismatch"
    assert reason == words


def test_whom_the_system_trusts_is_not_whoever_signs():
    with tls.stream(tls.secure()) as server:
        assert "unable to get local issuer certificate" in unsecured(server, "-t", PATIENCE)


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_tells_it_and_sends_nothing(mode):
    with tls.stream(tls.secure(ECHO, tls.context(tls.pair("localhost")))) as server:
        result = run_mode(mode, server.uri, *tls.trust())
    assert result.returncode == 1
    assert result.stderr == (
        f"echod-client: {server.address}: its certificate is not to be trusted as that of"
        " 127.0.0.1: IP address mismatch\n"
    )


def test_no_other_address_is_tried(workdir):
    prefix = hosts_file(workdir, "127.0.0.1 several.test\n127.0.0.2 several.test\n")
    right = tls.context(tls.pair("several.test"))
    with tls.stream(tls.secure()) as wrong:
        with tls.stream(tls.secure(ECHO, right), host="127.0.0.2", port=wrong.port):
            uri = f"tls://several.test:{wrong.port}"
            result = run("-4", "-c", 1, *tls.trust(), uri, prefix=prefix)
    assert result.returncode == 1
    assert f"{wrong.address}: its certificate is not to be trusted" in result.stderr


def test_of_one_that_is_wrong_later_the_next_try_is_told():
    """With -R: it is told and tried again."""
    wrong = tls.secure(ECHO, tls.context(tls.pair("localhost")))
    with tls.stream(tls.secure(faulty.close_after(64)), wrong, tls.secure()) as server:
        options = ("-R", "-c", 6, "-i", 0.05, *LONG, *tls.trust())
        result = run(*options, server.uri)
    assert result.returncode == 1
    assert f"{server.address}: its certificate is not to be trusted" in result.stderr
    assert re.search(rb"[2-6] received", result.stdout)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_server_is_told_why(version):
    """By an alert."""
    told, made = [], tls.context(tls.self_signed(*tls.HOSTS), least=version, most=version)

    def listen(connection):
        with pytest.raises(ssl.SSLError) as caught:
            tls.Secure(connection, made)
        told.append(caught.value.reason)

    with tls.stream(listen) as server:
        unsecured(server)
    assert told == ["TLSV1_ALERT_UNKNOWN_CA"]


# --- what is no TLS, or none for us --------------------------------------------------------------


def read_hello_then(end):
    def fault(connection):
        head = peers.receive(connection, 5)
        peers.receive(connection, int.from_bytes(head[3:], "big"))
        end(connection)

    return fault


def hello_of(said, pause=False):
    """Says it, in pieces where there is a `pause`, when the client has begun."""

    def fault(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in [bytes([byte]) for byte in said] if pause else [said]:
            connection.sendall(piece)
            time.sleep(0.01 if pause else 0)

    return fault


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (hello_of(faulty.GREETING), r'it speaks no TLS: "220 box ready\\r\\n"'),
        (hello_of(b"\x1b[31m" * 20), r'it speaks no TLS: "(\\x1b\[31m?)+"\.\.\. \(100 bytes\)'),
        (hello_of(b"SSH-2.0-x\r\n", pause=True), r'it speaks no TLS: ".+"'),
        (ECHO, "it speaks no TLS: it gives back what it is sent"),
        (hello_of(b"\x15\x03\x01\x00\x02\x02\x46"), "no version of TLS in common: .*version"),
        (hello_of(b"\x15\x03\x03\x00\x02\x02\x28"), "it refuses: .*handshake failure"),
        (hello_of(b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"), "its TLS is at fault: .+"),
        (read_hello_then(socket.socket.close), "it closes the connection in the TLS handshake"),
        (
            read_hello_then(peers.reset),
            "the connection fails in the TLS handshake: Connection reset by peer",
        ),
    ],
)
def test_what_is_no_handshake(fault, reason):
    with tls.stream(fault) as server:
        assert re.fullmatch(reason, unsecured(server))


def test_no_version_in_common():
    with tls.stream(tls.secure(ECHO, tls.context(most="1.2"))) as server:
        reason = unsecured(server, *tls.trust(), "--tls-min", "1.3")
    assert reason.startswith("no version of TLS in common: ")


def test_the_handshake_has_the_time_of_a_connection_and_no_more():
    told = threading.Event()

    def drip(connection):
        """A byte of a record that is long, again and again."""
        connection.sendall(b"\x16\x03\x03\x40\x00\x02")
        while not told.wait(0.05):
            connection.sendall(b"x")

    seconds = lasting(0.3)
    with tls.stream(drip) as server:
        begun = time.monotonic()
        reason = unsecured(server, *tls.trust(), "-t", seconds)
        took = time.monotonic() - begun
        told.set()
    assert reason == f"no TLS within {seconds:g} s"
    assert seconds <= took < seconds + within(1)


def test_who_is_not_up_within_the_time():
    with tls.stream(faulty.greet(b"no\n", faulty.unread)) as server:
        options = ("-c", 1, "--wait-until-up", 0.1, *tls.trust())
        assert json_of(*options, server.uri, status=2)["ending"] == "down"


# --- a certificate that the server demands -------------------------------------------------------


def demanding(version, fault=ECHO):
    return tls.secure(fault, tls.context(least=version, most=version, client_ca=tls.authority()))


def test_in_1_2_it_is_demanded_in_the_handshake():
    with tls.stream(demanding("1.2")) as server:
        assert unsecured(server).startswith("it refuses: ")


@pytest.mark.parametrize("mode", MODES)
def test_in_1_3_it_is_demanded_after_the_handshake(mode):
    """What ends the connection is told, not how."""
    with tls.stream(demanding("1.3")) as server:
        result = run_mode(mode, server.uri, *tls.trust())
    told = result.stderr if mode == "pipe" else result.stdout.decode()
    assert result.returncode == 1
    assert "it refuses: tlsv13 alert certificate required" in told


def test_one_that_the_server_does_not_trust():
    other = tls.self_signed("client.example")
    with tls.stream(demanding("1.3")) as server:
        options = ("--cert", other.certificate, "--key", other.key)
        word, reason = lost(server, *options)
    assert word == "unsecured"
    assert reason == "connection to ADDRESS lost: it refuses: tlsv1 alert unknown ca"


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("end", "word", "reason"),
    [
        (faulty.close_after, "closed", "connection closed by ADDRESS"),
        (tls.cut_after, "cut", "connection cut by ADDRESS, without close_notify"),
        (tls.reset_after, "reset", "connection reset by ADDRESS"),
    ],
)
def test_how_it_ends_is_told_by_ping(end, word, reason, version):
    made = tls.context(least=version, most=version)
    with tls.stream(tls.secure(end(64, more=64), made)) as server:
        assert lost(server, "-i", 0.02) == (word, reason)


def test_what_came_before_the_cut_counts():
    with tls.stream(tls.secure(tls.cut_after(64))) as server:
        found = json_of("-c", 1, *LONG, *tls.trust(), server.uri)
    assert (found["received"], found["ending"]) == (1, "done")


def in_a_record(connection):
    """The first half of one is all that comes."""
    connection.recv(tls.STEP)
    connection.below.sendall(b"\x17\x03\x03\x00\x40half")
    connection.below.shutdown(socket.SHUT_WR)


CUTS = {
    "at once": (tls.cut_after(0, more=4), "after 0 of 4 bytes"),
    "in the middle": (tls.cut_after(2, more=2), "after 2 of 4 bytes"),
    "in a record": (in_a_record, "after 0 of 4 bytes"),
}


@pytest.mark.parametrize("when", CUTS)
def test_a_cut_of_a_pipe(when):
    fault, told = CUTS[when]
    with tls.stream(tls.secure(fault)) as server:
        result = run_mode("pipe", server.uri, "-q", *tls.trust())
    assert (result.returncode, result.stderr) == (
        1,
        f"echod-client: the server cut the connection, without close_notify, {told}\n",
    )


def test_a_pipe_that_is_cut_though_all_came_back():
    with tls.stream(tls.secure(tls.cut_after(4))) as server:
        result = run_mode("pipe", server.uri, "-q", *tls.trust())
    assert (result.returncode, result.stdout, result.stderr) == (
        1,
        b"text",
        "echod-client: all 4 bytes came back, but the server cut the connection, without"
        " close_notify\n",
    )


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (faulty.close_after(2, more=2), "the server closed after 2 of 4 bytes"),
        (tls.reset_after(2, more=2), "connection reset after 2 of 4 bytes"),
        (tls.garbage, "connection lost after 0 of 4 bytes: its TLS is at fault: .+"),
    ],
)
def test_other_ends_of_a_pipe(fault, told):
    with tls.stream(tls.secure(fault)) as server:
        result = run_mode("pipe", server.uri, "-q", *tls.trust())
    assert result.returncode == 1
    assert re.fullmatch(f"echod-client: {told}\n", result.stderr)


def test_a_pipe_to_who_does_not_close():
    with tls.stream(tls.secure(faulty.mute_after(4))) as server:
        options = ("-q", "-W", lasting(0.3), *tls.trust())
        result = run("pipe", *options, server.uri, data=b"text")
    assert "all 4 bytes came back, but the server has not closed for" in result.stderr


def test_a_cut_of_send():
    with tls.stream(tls.secure(tls.cut_after(2, more=2))) as server:
        result = run_mode("send", server.uri, *tls.trust())
    assert result.returncode == 1
    assert b"the server cut the connection, without close_notify\n" in result.stdout


def test_a_reset_while_much_is_on_its_way():
    told = threading.Event()
    with tls.stream(
        tls.secure(lambda connection: faulty.reset_when(told)(connection.below))
    ) as server:
        timer = threading.Timer(0.2, told.set)
        timer.start()
        result = run_mode("pipe", server.uri, "-q", *tls.trust(), data=piping.DATA)
        timer.join()
    assert re.fullmatch(r"echod-client: connection reset after 0 of \d+ bytes\n", result.stderr)


# --- wrong usage ---------------------------------------------------------------------------------


def refused(*options, uri="tls://127.0.0.1:4007"):
    result = run("-c", 1, *options, uri)
    assert (result.returncode, result.stdout) == (2, b"")
    return result.stderr.removeprefix("echod-client: ")


@pytest.mark.parametrize(
    ("options", "right"),
    [
        (["--tls-min", "1.1"], "--tls-min 1.1: give 1.2 or 1.3"),
        (["--alpn", ""], '--alpn : give names of protocols, as in "h2,http/1.1"'),
        (["--alpn", "a,,b"], '--alpn a,,b: give names of protocols, as in "h2,http/1.1"'),
        (["--alpn", "x" * 256], f"--alpn {'x' * 256}: give names of protocols"),
        (["--alpn", ",".join("x" * 17)], "give names of protocols"),
        (["--sni", ""], "--sni : give the name of a host"),
        (["--sni", "a.example:4007"], "--sni a.example:4007: give the name of a host"),
        (["--sni", "fe80::1%lo"], "--sni fe80::1%lo: give the name of a host"),
        (["--insecure", "--ca", "x"], "--insecure and --ca"),
        (["--key", "x"], "--key: give its certificate too, by --cert"),
    ],
)
def test_what_is_wrong_with_the_options(options, right):
    assert right in refused(*options)


@pytest.mark.parametrize("uri", ["tcp://127.0.0.1:7", "udp://127.0.0.1:7", "unix:@echod"])
@pytest.mark.parametrize(
    "options",
    [
        ["--ca", "x"], ["--cert", "x"], ["--key", "x"], ["--sni", "x"], ["--alpn", "x"],
        ["--insecure"], ["--tls-min", "1.3"],
    ],
)  # fmt: skip
def test_they_are_for_tls(options, uri):
    assert refused(*options, uri=uri) == f"{options[0]} is for TLS: give tls://HOST:PORT\n"


def test_files_that_cannot_be_read(workdir):
    own, other = tls.pair(subject="client"), tls.pair(subject="other")
    absent = f"{workdir}/absent"
    empty = tls.write("empty.pem", "")
    for options, told in [
        (["--ca", absent], f"{absent}: No such file or directory\n"),
        (["--ca", workdir], f"{workdir}: "),
        (["--ca", empty], f"{empty}: "),
        (["--ca", own.key], f"{own.key}: "),
        (["--cert", absent], f"{absent}: No such file or directory\n"),
        (["--cert", own.certificate], f"{own.certificate}: "),
        (["--cert", own.certificate, "--key", absent], f"{absent}: No such file"),
        (["--cert", own.certificate, "--key", other.key], f"{other.key}: the key does not match"),
    ]:
        assert refused(*options).startswith(told), options


def test_json_has_no_object_of_wrong_usage():
    assert refused("--json", "--ca", os.devnull).startswith(f"{os.devnull}: ")
