"""Servers that speak first: what they say is taken out of each connection, and checked."""

import re
import threading
import time

import faulty
import peers
import pinging
import pytest
from client import Client, hosts_file, json_of, lines_of, run
from echod import listener
from faulty import EXPECTED, GREETING
from patience import PATIENCE, lasting, within

MODES = {"ping": (["-c", 1, "-W", PATIENCE], []), "pipe": ([], []), "send": (["-n", 1], ["text"])}
GREETED = faulty.greet(GREETING)


def run_mode(mode, uri, *options, data=b"text", **named):
    before, after = MODES[mode]
    return run(mode, *before, *options, uri, *after, data=data, **named)


def ungreeted(uri, *options):
    """The reason of a ping that ends by its greeting."""
    found = json_of("-c", 1, *options, uri, status=1)
    assert found["ending"] == "ungreeted"
    assert (found["sent"], found["greeting"], found["address"]) == (0, None, None)
    address, reason = found["reason"].split(": ", 1)
    assert address == uri.removeprefix("tcp://")
    return reason


@pytest.mark.parametrize("mode", MODES)
def test_it_is_no_echo(mode):
    with faulty.stream(GREETED) as server:
        result = run_mode(mode, server.uri, *EXPECTED)
    assert result.returncode == 0, result
    assert (b"220" in result.stdout) == (mode == "ping")


@pytest.mark.parametrize("mode", [("-c", 1, "-W", PATIENCE), ("mtu",)], ids=["ping", "mtu"])
def test_it_is_told(mode):
    with faulty.stream(GREETED) as server:
        lines = lines_of(*mode, *EXPECTED, server.uri)
    assert re.fullmatch(r'connected to \S+ in \S+ ms, greeted by "220 box ready\\r\\n"', lines[1])


def test_it_is_in_the_object():
    with faulty.stream(GREETED) as server:
        found = json_of("-c", 1, "-W", PATIENCE, *EXPECTED, server.uri)
    assert found["greeting"] == GREETING.decode()


def test_each_socket_has_its_own(start):
    daemon = start((listener(greeting=r"220 %p\r\n"),))
    found = json_of("send", "-n", 3, *EXPECTED, f"tcp://127.0.0.1:{daemon.port()}", "text")
    assert len(found["sockets"]) == 3
    for each in found["sockets"]:
        assert each["greeting"] == f"220 {each['address']}\r\n"


def byte_by_byte(text):
    def fault(connection):
        for byte in text:
            connection.sendall(bytes([byte]))
        faulty.echo(connection)

    return fault


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("hello", b"hello"),
        ("h?ll?", b"hallo"),
        (r"*\n", b"\n"),
        (r"*\n", b"any line\n"),
        (r"*\r\n", b"a \r and a \n apart\r\n"),
        (r"**a*b?\n", b"xaxbxbx\n"),
        (r"\x00\xff\*\?\\", b"\0\xff*?\\"),
        ("aab", b"aab"),
        ("*aab", b"aaab"),
    ],
)
def test_it_ends_where_all_of_it_fits(expected, said):
    with faulty.stream(byte_by_byte(said), faulty.greet(said)) as server:
        for _ in range(2):
            lines_of("-c", 2, *pinging.FAST, "-W", PATIENCE, "--expect-greeting", expected, server.uri)


def test_what_follows_it_is_judged():
    with faulty.stream(faulty.greet(GREETING + b"x" * 64)) as server:
        found = json_of("-c", 1, "-W", PATIENCE, *EXPECTED, server.uri, status=1)
    assert (found["corrupt"], found["greeting"]) == (1, GREETING.decode())


# --- another one, or none ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_another_one_is_a_fault(mode):
    with faulty.stream(faulty.greet(b"421 busy\r\n", faulty.unread)) as server:
        result = run_mode(mode, server.uri, *EXPECTED)
    assert result.returncode == 1
    assert result.stderr == (
        f'echod-client: {server.address}: the greeting is another one: "421 busy\\r\\n"\n'
    )


def test_another_one_is_seen_at_its_first_byte():
    with faulty.stream(faulty.greet(b"4", faulty.unread)) as server:
        assert ungreeted(server.uri, *EXPECTED) == 'the greeting is another one: "4"'


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "no greeting before the server closes the connection"),
        (b"220 b", 'only "220 b" of the greeting before the server closes the connection'),
    ],
)
def test_one_that_is_cut_is_a_fault(said, reason):
    with faulty.stream(faulty.greet(said, faulty.close_after(0))) as server:
        assert ungreeted(server.uri, *EXPECTED) == reason


def test_one_that_a_reset_takes_away_is_a_fault():
    header = ("--proxy", "v1=unknown")  # when it has come the client is connected
    with faulty.stream(faulty.reset_after(0, more=len(b"PROXY UNKNOWN\r\n"))) as server:
        reason = ungreeted(server.uri, *header, *EXPECTED)
    assert reason == "no greeting before the connection fails: Connection reset by peer"


def test_one_that_never_ends_is_a_fault():
    with faulty.stream(faulty.greet(b"220 " + b"x" * 4092, faulty.unread)) as server:
        assert ungreeted(server.uri, *EXPECTED).endswith('"... (4096 bytes)')


def test_it_has_the_time_of_a_connection_and_no_more():
    told = threading.Event()

    def drip(connection):
        """A byte at a time, faster than the time is over: it goes on for long."""
        while not told.wait(0.05):
            connection.sendall(b"2")

    seconds = lasting(0.3)
    with faulty.stream(drip) as server:
        begun = time.monotonic()
        reason = ungreeted(server.uri, "--expect-greeting", r"2*\n", "-t", seconds)
        took = time.monotonic() - begun
        told.set()
    assert re.fullmatch(rf'only "2+" of the greeting within {seconds:g} s', reason)
    assert seconds <= took < seconds + within(1)


def test_no_other_address_is_tried(workdir):
    prefix = hosts_file(workdir, "127.0.0.1 several.test\n127.0.0.2 several.test\n")
    with faulty.stream(faulty.greet(b"421\r\n", faulty.unread)) as wrong:
        with faulty.stream(GREETED, host="127.0.0.2", port=wrong.port):
            uri = f"tcp://several.test:{wrong.port}"
            result = run("-4", "-c", 1, *EXPECTED, uri, prefix=prefix)
    assert result.returncode == 1
    assert result.stderr == f'echod-client: {wrong.address}: the greeting is another one: "421\\r\\n"\n'


def test_each_connection_has_its_own():
    """With -R: one that is wrong is told and tried again."""
    cut, wrong = faulty.greet(GREETING, faulty.close_after(64)), faulty.greet(b"421\r\n")
    with faulty.stream(cut, wrong, GREETED) as server:
        options = ("-R", "-c", 2, *pinging.FAST, "-W", PATIENCE, *EXPECTED)
        result = run(*options, server.uri)
    assert result.returncode == 1
    assert result.stderr == (
        f'echod-client: {server.address}: the greeting is another one: "421\\r\\n"\n'
    )
    assert result.stdout.count(b"greeted by") == 2
    assert b"2 received" in result.stdout


def test_who_is_waited_for_greets():
    early = faulty.greet(b"421 not yet\r\n", faulty.unread)
    with faulty.stream(early, early, GREETED, GREETED) as server:
        options = ("-c", 1, "-W", PATIENCE, "--wait-until-up", PATIENCE, *EXPECTED)
        assert json_of(*options, server.uri)["greeting"] == GREETING.decode()
    with faulty.stream(early) as server:
        found = json_of("-c", 1, "--wait-until-up", 0.1, *EXPECTED, server.uri, status=2)
    assert found["ending"] == "down"


def test_a_signal_ends_the_wait():
    connected = threading.Event()

    def await_header(connection):
        peers.receive(connection, 1)
        connected.set()

    with faulty.stream(await_header) as server:
        options = ("--proxy", "v1", *EXPECTED, "--json")
        with Client("-c", 1, *options, server.uri) as client:
            assert connected.wait(PATIENCE)
            client.interrupt()
            client.wait_exit()
            assert '"ending": "interrupted"' in client.out.lines[-1]


# --- wrong usage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("", "give what the server says first"),
        ("220 *", r"after the last * give what ends the greeting, as \n"),
        ("a\\", r"after \ give n, r, t, xHH, \, * or ?"),
        ("\\q", r"after \ give n, r, t, xHH, \, * or ?"),
        ("\\x1", r"after \ give n, r, t, xHH, \, * or ?"),
        ("\\xg0", r"after \ give n, r, t, xHH, \, * or ?"),
        ("x" * 1025, "give at most 1024 bytes"),
    ],
)
def test_what_is_wrong_with_it_is_told(text, right):
    result = run("--expect-greeting", text, "127.0.0.1")
    assert result.returncode == 2
    assert result.stderr == f"echod-client: --expect-greeting {text}: {right}\n"


def test_datagrams_have_none():
    result = run("--expect-greeting", "hello", "udp://127.0.0.1:7")
    assert result.returncode == 2
    assert "--expect-greeting is for connections" in result.stderr
