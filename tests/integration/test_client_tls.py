"""TLS in each mode: what is agreed on and told, resumed, and ended by close_notify alone."""

import datetime
import os
import re
import select
import threading

import faulty
import peers
import piping
import pytest
import tls
from client import json_of, lines_of, match_lines, run
from patience import PATIENCE, eventually, lasting

MODES = {"ping": (["-c", 1], []), "pipe": ([], []), "send": (["-n", 1], ["text"])}
pytestmark = pytest.mark.skipif(not tls.BUILT, reason="there is no TLS here, or openssl(1)")
LONG = ("-W", PATIENCE)
CIPHERS = {"1.2": "ECDHE-ECDSA-AES256-GCM-SHA384", "1.3": "TLS_AES_256_GCM_SHA384"}
ECHO = faulty.echo
NARROW = {"receive_buffer": 4096, "segment": 536}


def run_mode(mode, uri, *options, data=b"text"):
    before, after = MODES[mode]
    return run(mode, *before, *LONG, *tls.trust(), *options, uri, *after, data=data)


def told_by(server, *options):
    """The object of a ping that is right, and what it tells of TLS."""
    found = json_of("-c", 1, *LONG, *tls.trust(), *options, server.uri)
    return found["tls"]


def serve(**named):
    return tls.stream(tls.secure(ECHO, tls.context(**named)))


# --- what is agreed on ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", CIPHERS)
@pytest.mark.parametrize("mode", MODES)
def test_each_mode_speaks_it(mode, version):
    with serve(least=version, most=version) as server:
        result = run_mode(mode, server.uri)
    assert result.returncode == 0, result
    told = result.stderr if mode == "pipe" else result.stdout.decode()
    assert re.search(rf"over TLSv{version}, {CIPHERS[version]}, in \d+\.\d{{3}} ms, ", told)


def test_it_is_told():
    with serve(alpn=["echo"]) as server:
        lines = lines_of("-c", 1, *LONG, *tls.trust(), "--alpn", "h2,echo", server.uri)
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(30)
    dates = {f"{day:%Y-%m-%d}" for day in (end, end - datetime.timedelta(minutes=10))}
    match_lines(lines[1:3], [
        r"connected to \S+ in \S+ ms",
        r"over TLSv1\.3, \S+, in \S+ ms, ALPN echo, certificate of localhost, 127\.0\.0\.1, ::1"
        rf" until (?:{'|'.join(dates)})",
    ])  # fmt: skip


def test_it_is_in_the_object():
    with serve() as server:
        found = json_of("-c", 1, *LONG, *tls.trust(), server.uri)
    told = found["tls"]
    assert (told["version"], told["cipher"]) == ("TLSv1.3", CIPHERS["1.3"])
    assert (told["alpn"], told["resumed"]) == (None, False)
    assert 0 < told["seconds"] < found["seconds"] + told["seconds"]
    certificate = told["certificate"]
    assert certificate["subject"] == "CN=echod"
    assert certificate["names"] == [*tls.HOSTS]
    assert certificate["verified"] is True
    end = datetime.datetime.fromisoformat(certificate["not_after"].replace("Z", "+00:00"))
    left = end - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(29) < left <= datetime.timedelta(30)


def test_each_socket_has_its_own():
    with tls.stream(tls.secure()) as server:
        found = json_of("send", "-n", 1, *LONG, *tls.trust(), server.uri, "text")
    assert [each["tls"]["version"] for each in found["sockets"]] == ["TLSv1.3"]


def test_what_the_server_chose_is_one_line_whatever_it_is():
    odd = tls.pair("127.0.0.1", "a\x1b[31m.example", subject="a\x1b[31m b")
    with serve(presented=odd) as server:
        line = lines_of("-c", 1, *LONG, *tls.trust(), server.uri)[2]
        assert line.isprintable()


def test_of_a_certificate_without_names_the_subject_is_told():
    bare = tls.pair(subject="bare")
    with serve(presented=bare) as server:
        options = (*tls.trust(), "--sni", "bare")
        line = lines_of("-c", 1, *LONG, *options, server.uri)[2]
    assert ", certificate of CN=bare until " in line


def test_names_of_protocols():
    """None that is taken is no fault where the server says so by taking none."""
    with serve(alpn=["one", "two"]) as server:
        assert told_by(server, "--alpn", "two,three")["alpn"] == "two"
    with serve(alpn=["one"]) as server:
        assert told_by(server, "--alpn", "two")["alpn"] is None


@pytest.mark.parametrize("mode", MODES)
def test_whoever_is_there_is_trusted_where_that_is_asked_for(mode):
    before, after = MODES[mode]
    with serve(presented=tls.self_signed("elsewhere.example")) as server:
        result = run(mode, *before, *LONG, "--insecure", server.uri, *after, data=b"text")
    assert result.returncode == 0
    told = result.stderr if mode == "pipe" else result.stdout.decode()
    assert ", certificate, not verified, of elsewhere.example until " in told


def test_the_object_says_who_was_not_verified():
    with serve(presented=tls.self_signed("elsewhere.example")) as server:
        found = json_of("-c", 1, *LONG, "--insecure", server.uri)
    assert found["tls"]["certificate"]["verified"] is False


# --- whom it calls -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "names", "options", "asked"),
    [
        ("127.0.0.1", ["127.0.0.1"], [], None),
        ("localhost", ["localhost"], [], "localhost"),
        ("127.0.0.1", ["a.example"], ["--sni", "a.example"], "a.example"),
        ("127.0.0.1", ["*.a.example"], ["--sni", "b.a.example."], "b.a.example"),
        ("127.0.0.1", ["192.0.2.1"], ["--sni", "192.0.2.1"], None),
        ("127.0.0.1", ["2001:db8::1"], ["--sni", "2001:db8::1"], None),
    ],
)
def test_the_certificate_is_for_whom_it_calls(host, names, options, asked):
    made = tls.context(tls.pair(*names))
    with tls.stream(tls.secure(ECHO, made)) as server:
        uri = f"tls://{host}:{server.port}"
        assert run("-4", "-c", 1, *LONG, *tls.trust(), *options, uri).returncode == 0
    assert made.asked == [asked]


def test_whom_the_system_trusts():
    """openssl-env(7) says who that is."""
    environment = {**os.environ, "SSL_CERT_FILE": tls.authority().certificate}
    with serve() as server:
        assert run("-c", 1, *LONG, server.uri, env=environment).returncode == 0


def test_an_address_of_ipv6():
    with tls.stream(tls.secure(), host="::1") as server:
        assert told_by(server)["certificate"]["verified"]


# --- a certificate of the client's ---------------------------------------------------------------


def seen(presented, *options, version="1.3"):
    """The subject that a server sees that demands a certificate."""
    subjects = []

    def look(connection):
        subjects.append(connection.session.getpeercert()["subject"][0][0][1])
        faulty.echo(connection)

    made = tls.context(client_ca=tls.authority(), least=version, most=version)
    with tls.stream(tls.secure(look, made)) as server:
        assert told_by(server, "--cert", presented, *options)["version"] == f"TLSv{version}"
    return subjects


@pytest.mark.parametrize("version", CIPHERS)
def test_it_presents_one(version):
    own = tls.pair(subject="client")
    assert seen(own.certificate, "--key", own.key, version=version) == ["client"]


def test_its_key_may_be_in_the_same_file():
    own = tls.pair(subject="client")
    both = tls.write("both.pem", tls.read(own.key) + tls.read(own.certificate))
    assert seen(both) == ["client"]


@pytest.mark.parametrize("version", CIPHERS)
def test_more_than_the_socket_takes_at_once(version):
    """A chain of 75 KB: what is left goes when there is room, in the handshake too."""
    own = tls.pair(subject="client")
    chain = tls.write("chain.pem", 251 * tls.read(own.certificate))
    subjects = []

    def look(connection):
        subjects.append(connection.session.getpeercert()["subject"][0][0][1])
        faulty.echo(connection)

    made = tls.context(client_ca=tls.authority(), least=version, most=version)
    with tls.stream(tls.secure(look, made), **NARROW) as server:
        told_by(server, "--cert", chain, "--key", own.key)
    assert subjects == ["client"]


# --- what comes before ---------------------------------------------------------------------------


def test_a_greeting_comes_after_it():
    with tls.stream(tls.secure(faulty.greet(faulty.GREETING))) as server:
        options = (*LONG, *tls.trust(), *faulty.EXPECTED)
        found = json_of("-c", 1, *options, server.uri)
    assert (found["greeting"], found["received"]) == (faulty.GREETING.decode(), 1)


def test_a_greeting_may_come_with_the_handshake():
    made = tls.context(most="1.2")
    with tls.stream(tls.secure(ECHO, made, first=faulty.GREETING)) as server:
        options = (*LONG, *tls.trust(), *faulty.EXPECTED)
        assert json_of("-c", 1, *options, server.uri)["greeting"] == faulty.GREETING.decode()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"421 busy\r\n", 'the greeting is another one: "421 busy\\r\\n"'),
        (b"220 b", 'only "220 b" of the greeting before the server closes the connection'),
    ],
)
def test_another_greeting_is_a_fault(said, reason):
    with tls.stream(tls.secure(faulty.greet(said, faulty.close_after(0)))) as server:
        options = ("-c", 1, *LONG, *tls.trust(), *faulty.EXPECTED)
        found = json_of(*options, server.uri, status=1)
    assert (found["ending"], found["reason"]) == ("ungreeted", f"{server.address}: {reason}")


@pytest.mark.parametrize("mode", MODES)
def test_the_header_of_a_proxy_comes_before_it(mode):
    headers, made = [], tls.context()

    def proxied(connection):
        headers.append(peers.receive(connection, len(b"PROXY UNKNOWN\r\n")))
        tls.secure(ECHO, made)(connection)

    with tls.stream(proxied) as server:
        assert run_mode(mode, server.uri, "--proxy", "v1=unknown").returncode == 0
    assert headers == [b"PROXY UNKNOWN\r\n"]


def test_who_is_waited_for_speaks_it():
    early = faulty.greet(b"not yet\r\n", faulty.unread)
    with tls.stream(early, faulty.close_after(0), *[tls.secure()] * 2) as server:
        assert told_by(server, "--wait-until-up", PATIENCE)["version"] == "TLSv1.3"


# --- resumed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", CIPHERS)
@pytest.mark.parametrize("end", [faulty.close_after, tls.cut_after])
def test_connections_that_follow_resume_the_session(version, end):
    made, count = tls.context(least=version, most=version), 8
    with tls.stream(*[tls.secure(end(64), made)] * count) as server:
        options = ("-R", "-c", count, "-i", 0.05, *LONG, *tls.trust())
        result = run(*options, server.uri)
    lines = [line for line in result.stdout.decode().splitlines() if line.startswith("over ")]
    resumed = [", resumed, " in line for line in lines]
    assert resumed[0] is False
    assert all(resumed[1:])
    assert len(resumed) >= 3  # a message may be on its way when its connection ends


def test_a_server_that_lost_it_gives_another_one():
    with tls.stream(tls.secure(faulty.close_after(64)), tls.secure()) as server:
        options = ("-R", "-c", 4, "-i", 0.05, *LONG, *tls.trust())
        found = json_of(*options, server.uri, status=1)
    assert (found["reconnects"], found["tls"]["resumed"]) == (1, False)


# --- bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", CIPHERS)
@pytest.mark.parametrize("size", [1, 16384, 16385, 8 << 20])
def test_every_byte_comes_back(size, version):
    data = piping.DATA[:size]
    with serve(least=version, most=version) as server:
        result = run_mode("pipe", server.uri, data=data)
    assert (result.returncode, result.stdout == data) == (0, True), result.stderr


@pytest.mark.parametrize("version", CIPHERS)
def test_its_end_is_close_notify_alone(version):
    """The server has it, TCP below is still open both ways, and all that it says then is read."""
    below, data = [], piping.DATA[: piping.MIB]

    def collect(connection):
        received = peers.receive_to_eof(connection)
        readable, _, _ = select.select([connection.below], [], [], 0)
        below.append("ended" if readable else "open")
        connection.sendall(received)
        connection.close()

    made = tls.context(least=version, most=version)
    with tls.stream(tls.secure(collect, made)) as server:
        result = run_mode("pipe", server.uri, data=data)
    assert (result.returncode, result.stdout == data) == (0, True), result.stderr
    assert below == ["open"]


def test_what_the_socket_does_not_take_goes_when_it_does():
    """Nothing more is to be said by the user when room comes, and nothing comes before."""
    read, message = threading.Event(), "x" * 100_000

    def slowly(connection):
        assert read.wait(PATIENCE)
        faulty.hold(len(message) // 2)(connection)

    with tls.stream(tls.secure(slowly), **NARROW) as server:
        timer = threading.Timer(0.2, read.set)
        timer.start()
        options = ("-n", 1, *LONG, *tls.trust())
        found = json_of("send", *options, server.uri, message)
        timer.join()
    assert found["sockets"][0]["exchanges"][0]["received"] == message


def test_who_does_not_read_is_not_sent_more():
    """What waits for the socket does not grow with stdin, which here has no end."""
    with tls.stream(tls.secure(faulty.unread)) as server:
        options = ("--no-compare", "-W", lasting(0.5), *tls.trust())
        with piping.endless(*options, server.uri) as client:
            _, told = client.communicate(timeout=PATIENCE)
    assert b"nothing moved for" in told


class InPieces(tls.Secure):
    """What it says comes a few bytes at a time."""

    def send_out(self, data):
        for start in range(0, len(data), 5):
            self.below.sendall(data[start : start + 5])


@pytest.mark.parametrize("version", CIPHERS)
def test_records_may_come_in_pieces(version):
    data, made = piping.DATA[:20_000], tls.context(least=version, most=version)
    with tls.stream(lambda connection: faulty.echo(InPieces(connection, made))) as server:
        result = run_mode("pipe", server.uri, data=data)
    assert (result.returncode, result.stdout == data) == (0, True), result.stderr


def test_what_came_in_one_record_is_all_read():
    """More replies than are read in one turn."""
    count = 200

    def hold(connection):
        connection.sendall(peers.receive(connection, count * 16))
        faulty.echo(connection)

    with tls.stream(tls.secure(hold)) as server:
        options = ("-c", count, "-i", 0.001, "-s", 16, *LONG, *tls.trust())
        found = json_of(*options, server.uri)
    assert found["received"] == count


def test_what_comes_with_the_handshake_is_read():
    """The server speaks first, and then waits for us."""
    made = tls.context(most="1.2")
    with tls.stream(tls.secure(faulty.mute, made, first=b"hello\n")) as server:
        result = read_first(server)
    assert result == b"hello\n"


def test_what_follows_the_greeting_is_read():
    first = faulty.GREETING + b"hello\n"
    with tls.stream(tls.secure(faulty.mute, first=first)) as server:
        result = read_first(server, *faulty.EXPECTED)
    assert result == b"hello\n"


def read_first(server, *options):
    """The first line that comes out of a pipe whose stdin stays open."""
    with piping.open_pipe("--no-compare", *LONG, *tls.trust(), *options, server.uri) as client:
        return client.stdout.readline()


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["ping", "send"])
def test_a_client_that_leaves_says_so(mode):
    ends = []

    def watch(connection):
        try:
            while data := connection.recv(tls.STEP):
                connection.sendall(data)
            ends.append("close_notify")
        except ConnectionError as error:
            ends.append(type(error).__name__)
        connection.close()

    with tls.stream(tls.secure(watch)) as server:
        assert run_mode(mode, server.uri).returncode == 0
        eventually(lambda: ends, "the end of the connection")
    assert ends == ["close_notify"]


def test_the_version_names_the_library():
    assert re.match(r"echod-client \S+ \+openssl 3\.\d+\.\d+, ", lines_of("-V")[0])
