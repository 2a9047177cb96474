"""send: each message on every socket in turn, and the transcript of it, word for word."""

import re
import signal
import threading
import time

import pytest

import faulty
import kernel
from client import Client, check_fields, json_of, lines_of, match_lines, run
from echod import listener
from patience import PATIENCE, eventually, lasting

PARTS = ("This is the message. ", "It will be sent ", "in parts.")
SHORT = lasting(1)  # a wait that a test lets run out
MOST_SHOWN = 64


@pytest.fixture(params=["tcp", "udp"])
def uri(request, start):
    daemon = start([listener(protocol=request.param)])
    return f"{request.param}://127.0.0.1:{daemon.port()}"


def transcript(uri, *arguments, status=0):
    """The lines with the sockets' names replaced by A, B, … in the order in which they appear."""
    lines = lines_of("send", *arguments[:-1], uri, *arguments[-1], status=status)
    names = {}
    pattern = r"^(?:closing socket )?(127\.0\.0\.1:\d+|\[::1\]:\d+)"
    for line in lines[1:]:
        name = re.match(pattern, line)
        assert name, line
        names.setdefault(name.group(1), chr(ord("A") + len(names)))
    text = "\n".join(lines)
    for name, letter in names.items():
        text = re.sub(re.escape(name) + r"(?!\d)", letter, text)
    return text


def conversation(uri, sockets, *messages):
    """The transcript of one where all goes well; each message as it is shown."""
    host, _, port = uri.partition("://")[2].rpartition(":")
    lines = [f"connecting to {host.strip('[]')} port {port}"]
    for message in messages:
        lines += [f"{socket}: sending {message}" for socket in sockets]
        lines += [f"{socket}: received {message}" for socket in sockets]
    return "\n".join(lines + [f"closing socket {socket}" for socket in sockets])


# --- what is right -------------------------------------------------------------------------------


def test_the_classic_transcript(uri):
    expected = conversation(uri, "AB", *(f'"{part}"' for part in PARTS))
    assert transcript(uri, "-n", 2, PARTS) == expected
    assert transcript(uri, PARTS) == expected, "two sockets are the default"


def test_the_classic_transcript_on_localhost(start):
    port = start([listener(address="localhost")]).port()
    lines = lines_of("send", "-n", 2, f"tcp://localhost:{port}", *PARTS)
    a, b = (re.escape(line.partition(": ")[0]) for line in lines[1:3])
    assert a != b
    expected = [f"connecting to localhost port {port}"]
    for part in map(re.escape, PARTS):
        expected += [f'{a}: sending "{part}"', f'{b}: sending "{part}"']
        expected += [f'{a}: received "{part}"', f'{b}: received "{part}"']
    match_lines(lines, expected + [f"closing socket {a}", f"closing socket {b}"])


def test_the_names_are_those_of_the_sockets(start):
    daemon = start()
    lines = lines_of("send", "-n", 2, f"tcp://127.0.0.1:{daemon.port()}", "text")
    for line in lines[1:3]:
        daemon.wait_closed(line.partition(": ")[0])


@pytest.mark.parametrize("sockets", [1, 3, 20])
def test_sockets(uri, sockets):
    letters = "".join(chr(ord("A") + n) for n in range(sockets))
    assert transcript(uri, "-n", sockets, ["a", "b"]) == conversation(uri, letters, '"a"', '"b"')


def test_1000_sockets(start):
    result = json_of("send", "-n", 1000, f"tcp://127.0.0.1:{start().port()}", "text")
    assert len({socket["address"] for socket in result["sockets"]}) == 1000
    ends = [exchange["ending"] for socket in result["sockets"] for exchange in socket["exchanges"]]
    assert ends == ["done"] * 1000


@pytest.mark.parametrize(
    "message, shown",
    [
        (b'say "a\\b"', r'"say \"a\\b\""'),
        (b"\ttab\r\n", r'"\ttab\r\n"'),
        (b"\xff\x01caf\xc3\xa9", r'"\xff\x01caf\xc3\xa9"'),
        (b"x" * MOST_SHOWN, f'"{"x" * MOST_SHOWN}"'),
        (b"x" * 1000, f'"{"x" * MOST_SHOWN}"... (1000 bytes)'),
    ],
    ids=["quotes", "white space", "no ASCII", "as long as is shown", "longer than is shown"],
)
def test_how_bytes_are_shown(uri, message, shown):
    assert transcript(uri, "-n", 1, [message]) == conversation(uri, "A", shown)


def test_a_reply_that_comes_in_pieces():
    """Of a message about as long as an argument can be: 128 KiB."""
    message = "y" * 120000
    with faulty.stream(faulty.piecemeal) as server:
        result = json_of("send", "-n", 1, server.uri, message, message)
        check_json(result, server.uri, [[(message, message, "done")] * 2], "done")


@pytest.mark.skipif(not kernel.has_ipv6(), reason="the kernel has no IPv6")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_ipv6(start, protocol):
    uri = f"{protocol}://[::1]:{start([listener('echo', '::1', protocol=protocol)]).port('echo')}"
    assert transcript(uri, "-6", PARTS[:1]) == conversation(uri, "AB", f'"{PARTS[0]}"')


def check_json(result, uri, exchanges, end):
    """`exchanges` has for each socket a list of what is expected of each exchange."""
    agreeing = {"reason": None, "status": 0} if end == "done" else {"reason": str, "status": 1}
    check_fields(
        result,
        {"mode": "send", "uri": uri, "sockets": list, "seconds": float, "ending": end, **agreeing},
    )
    assert len(result["sockets"]) == len(exchanges)
    for found, expected in zip(result["sockets"], exchanges):
        check_fields(found, {"address": str, "greeting": None, "tls": None, "exchanges": list})
        assert re.fullmatch(r"127\.0\.0\.1:\d+", found["address"])
        assert len(found["exchanges"]) == len(expected)
        for exchange, (sent, received, its_end) in zip(found["exchanges"], expected):
            fields = {"sent": sent, "received": received, "ending": its_end, "seconds": float}
            check_fields(exchange, fields)


def test_json_has_every_field(uri):
    exchanges = [(part, part, "done") for part in PARTS]
    check_json(json_of("send", "-n", 2, uri, *PARTS), uri, [exchanges] * 2, "done")


def test_json_of_bytes(uri):
    """As they are where they are UTF-8, else as the text shows them."""
    messages = ["café ☕", b"\xff\x00"[:1] + b'"']
    expected = [(shown, shown, "done") for shown in ("café ☕", r"\xff\"")]
    check_json(json_of("send", "-n", 1, uri, *messages), uri, [expected], "done")


def test_json_of_many_bytes(uri):
    """All of them, though the text shows the first ones only."""
    message = b"\xff" + b"x" * 99
    shown = r"\xff" + "x" * 99
    result = json_of("send", "-n", 1, uri, message)
    check_json(result, uri, [[(shown, shown, "done")]], "done")


def test_what_came_while_it_was_stopped_came_in_time():
    told = threading.Event()

    def hold(connection):
        data = connection.recv(100)
        assert told.wait(PATIENCE)
        connection.sendall(data)
        faulty.echo(connection)

    wait = lasting(2)
    with faulty.stream(hold) as server:
        with Client("send", "-n", 1, "-W", wait, server.uri, "text") as client:
            client.wait_out("sending")
            begun = time.monotonic()
            client.process.send_signal(signal.SIGSTOP)
            told.set()
            eventually(lambda: time.monotonic() > begun + 1.2 * wait, "the wait is over")
            client.process.send_signal(signal.SIGCONT)
            assert client.wait_exit() == 0


def test_nobody_listens_for_datagrams():
    port = kernel.free_port()
    lines = lines_of("send", "-n", 1, f"udp://127.0.0.1:{port}", "text", status=2)
    assert lines[2].endswith(": nobody listens there")


# --- faults --------------------------------------------------------------------------------------


def check_fault(serve, lines, exchanges, *arguments, messages=("one", "two")):
    """The same as text and as JSON, on one socket; `lines` without its name."""
    with serve() as server:
        found = transcript(server.uri, "-n", 1, *arguments, messages, status=1)
    assert found.splitlines()[1:] == [*(f"A: {line}" for line in lines), "closing socket A"]
    with serve() as server:
        result = json_of("send", "-n", 1, *arguments, server.uri, *messages, status=1)
        check_json(result, server.uri, [exchanges], "failed")


DIFFERENT = (
    ['sending "one"', 'received "ooe"', 'expected "one"', 'sending "two"', 'received "two"'],
    [("one", "ooe", "different"), ("two", "two", "done")],
)


def test_a_flipped_byte():
    check_fault(lambda: faulty.stream(faulty.flip(1)), *DIFFERENT)


def test_a_flipped_byte_of_a_datagram():
    check_fault(lambda: faulty.datagrams(faulty.only(1, faulty.flipped(1, mask=0x01))), *DIFFERENT)


def test_a_truncated_datagram():
    check_fault(
        lambda: faulty.datagrams(faulty.only(1, faulty.truncated(2))),
        ['sending "one"', 'received "on"', 'expected "one"', 'sending "two"', 'received "two"'],
        [("one", "on", "different"), ("two", "two", "done")],
    )


@pytest.mark.parametrize(
    "fault, words, end",
    [
        (faulty.close_after, "the server closed the connection", "closed"),
        (faulty.reset_after, "the server reset the connection", "reset"),
    ],
    ids=["closed", "reset"],
)
def test_the_server_ends_the_connection(fault, words, end):
    check_fault(
        lambda: faulty.stream(fault(3, more=3)),
        ['sending "one"', 'received "one"', 'sending "two"', words],
        [("one", "one", "done"), ("two", "", end)],
        messages=("one", "two", "three"),
    )


def test_the_server_closes_in_the_middle_of_a_reply():
    check_fault(
        lambda: faulty.stream(faulty.close_after(2, more=1)),
        ['sending "one"', 'received "on"', "the server closed the connection"],
        [("one", "on", "closed")],
    )


@pytest.mark.parametrize(
    "serve",
    [
        lambda: faulty.stream(faulty.mute_after(3)),
        lambda: faulty.datagrams(faulty.only(2, faulty.dropped)),
    ],
    ids=["tcp", "udp"],
)
def test_no_reply(serve):
    check_fault(
        serve,
        ['sending "one"', 'received "one"', 'sending "two"', "no reply"],
        [("one", "one", "done"), ("two", "", "timeout")],
        *("-W", SHORT),
    )


def test_one_socket_at_fault_leaves_the_other():
    """The first connection closes after a message; the second goes on, and the status is 1."""
    with faulty.stream(faulty.close_after(3), faulty.echo) as server:
        result = json_of("send", "-n", 2, server.uri, "one", "two", status=1)
    check_json(
        result,
        server.uri,
        [
            [("one", "one", "done"), ("two", "", "closed")],
            [("one", "one", "done"), ("two", "two", "done")],
        ],
        "failed",
    )


# --- nothing to talk to, and other servers -------------------------------------------------------


def test_a_refused_connection():
    port = kernel.free_port()
    result = run("send", f"tcp://127.0.0.1:{port}", "text")
    assert result.returncode == 2
    assert result.stdout == b"connecting to 127.0.0.1 port %d\n" % port
    assert result.stderr == (
        f"echod-client: cannot connect to 127.0.0.1:{port}: Connection refused\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["tcp://127.0.0.1:7"],
        ["-n", "0", "tcp://127.0.0.1:7", "text"],
        ["-n", "1001", "tcp://127.0.0.1:7", "text"],
        ["-n", "2x", "tcp://127.0.0.1:7", "text"],
        ["-W", "0", "tcp://127.0.0.1:7", "text"],
        ["-c", "1", "tcp://127.0.0.1:7", "text"],
        ["http://127.0.0.1:7", "text"],
        ["tcp://127.0.0.1:7", ""],
        ["udp://127.0.0.1:7", "x" * 65508],
    ],
)
def test_wrong_usage(arguments):
    result = run("send", *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert re.match("echod-client: (?!cannot )", result.stderr)


def test_a_name_that_does_not_exist():
    result = run("send", "tcp://no-such-host.invalid:7", "text")
    assert result.returncode == 2
    assert re.fullmatch(r"echod-client: cannot find no-such-host\.invalid: .+\n", result.stderr)


def test_stdout_full(uri):
    with open("/dev/full", "wb") as full:
        result = run("send", uri, "text", stdout=full)
    assert result.returncode == 1
    assert result.stderr == "echod-client: cannot write: No space left on device\n"


def test_socat():
    with faulty.socat("tcp") as uri:
        assert transcript(uri, PARTS) == conversation(uri, "AB", *(f'"{part}"' for part in PARTS))


def test_inetd(workdir):
    with faulty.inetd(workdir) as uri:
        assert transcript(uri, PARTS) == conversation(uri, "AB", *(f'"{part}"' for part in PARTS))
