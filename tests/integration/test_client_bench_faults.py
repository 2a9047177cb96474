"""bench against an echo that gets one message wrong: each fault is named for what it is, at the
byte where it is, and nothing else is."""

import concurrent.futures
import errno
import json
import os
import re
import signal
import socket
import subprocess
import threading
import typing

import pytest

import flawed
import tls
from client import command, json_of, run
from flawed import at
from patience import PATIENCE, eventually, lasting

CONNECTION, MESSAGE = 1, 5  # that the fault is of
SHORT = lasting(1)  # a wait that a test lets run out
AT_ONCE = 24  # runs of bench, most of which wait for what does not come
SIZES = {"64 B": 64, "16 KiB": 16384}
LOAD = ("-n", 3, "-p", 2, "-r", 3000, "-N", 150)  # so that each connection has its 50 messages


class Case(typing.NamedTuple):
    """fault     makes one for messages of a size, and a message of an older run
    stream      what it is called over a stream, and as a datagram; None: there is none
    count       how often
    waits       it is told when something has been missing for so long
    """

    fault: typing.Callable
    stream: typing.Optional[str]
    datagram: typing.Optional[str]
    count: int = 1
    waits: bool = False


def of_one(change):
    return lambda size, older: at(CONNECTION, MESSAGE, change(size))


CASES = {
    "wrong byte": Case(of_one(lambda size: flawed.flipped(size // 2)), "wrong", "wrong"),
    "first byte wrong": Case(of_one(lambda size: flawed.flipped(0)), "wrong", "wrong"),
    "number wrong": Case(of_one(lambda size: flawed.flipped(7)), "wrong", "wrong"),
    "last byte wrong": Case(of_one(lambda size: flawed.flipped(size - 1, 0x80)), "wrong", "wrong"),
    "overwritten": Case(of_one(flawed.overwritten), "wrong", "wrong"),
    "moved": Case(of_one(lambda size: flawed.moved), "moved", "moved"),
    "duplicated": Case(of_one(lambda size: flawed.duplicated), "duplicate", "duplicate"),
    "a part of it duplicated": Case(of_one(flawed.partly_duplicated), "duplicate", None),
    "missing": Case(of_one(lambda size: flawed.dropped), "missing", "missing", waits=True),
    "its beginning missing": Case(of_one(lambda size: flawed.beheaded), "missing", None),
    "swapped": Case(
        lambda size, older: flawed.swapped(CONNECTION, 2, MESSAGE), "swapped", "swapped", 2
    ),
    "of an older run": Case(
        lambda size, older: at(CONNECTION, MESSAGE, flawed.replaced(older)),
        *("other_run", "other_run"),
    ),
    "truncated": Case(of_one(lambda size: flawed.truncated(size // 2)), "missing", "truncated"),
    "truncated in the head": Case(of_one(lambda size: flawed.truncated(8)), "missing", "truncated"),
    "last byte missing": Case(
        of_one(lambda size: flawed.truncated(size - 1)), "missing", "truncated"
    ),
    "reordered": Case(
        lambda size, older: flawed.reordered(CONNECTION, MESSAGE), "reordered", "reordered"
    ),
    "more": Case(of_one(lambda size: flawed.preceded(b"who are you, that")), "foreign", "foreign"),
    "closed": Case(of_one(lambda size: flawed.after(0, flawed.close)), "closed", None),
    "closed within": Case(
        of_one(lambda size: flawed.after(size // 2, flawed.close)), "closed", None
    ),
    "reset": Case(of_one(lambda size: flawed.after(0, flawed.reset)), "reset", None),
    "reset within": Case(of_one(lambda size: flawed.after(size // 2, flawed.reset)), "reset", None),
    "mute": Case(
        lambda size, older: flawed.mute(CONNECTION, MESSAGE), "mute", "missing", waits=True
    ),
    "mute within": Case(
        lambda size, older: flawed.mute(CONNECTION, MESSAGE, size // 2), "mute", None, waits=True
    ),
    "cut": Case(of_one(lambda size: flawed.after(0, flawed.cut)), "cut", None),
}
OVER_TLS = ("wrong byte", "of an older run", "closed", "reset", "mute", "cut")
# What one of them takes with it: the messages that flew, or that did not come for its sake.
WITH_MISSING = ("missing", "mute", "closed", "reset", "cut", "swapped", "other_run")
WITH_BYTES = (
    *("wrong", "moved", "duplicate", "missing", "swapped", "other_run", "reordered", "foreign"),
)


def kind_of(case, protocol):
    return CASES[case].datagram if protocol == "udp" else CASES[case].stream


def exists(case, protocol):
    if protocol == "tls":
        return case in OVER_TLS
    if protocol == "unix" and kind_of(case, protocol) == "reset":  # there it takes unread bytes
        return False
    return kind_of(case, protocol) is not None and case != "cut"


# --- runs ----------------------------------------------------------------------------------------


class Outcome(typing.NamedTuple):
    """What bench printed and how it ended; what the server knows of the fault's byte."""

    result: typing.Any
    differences: list


def bench(protocol, size, fault, workdir, *options):
    trust = tls.trust() if protocol == "tls" else ()
    with flawed.echo(protocol, size, fault, workdir) as server:
        result = run("bench", *LOAD, "-s", size, *trust, *options, server.uri)
    return Outcome(result, [server.difference(number) for number in range(3)]), server


def run_case(case, protocol, size, workdir, *options):
    older = None
    if case == "of an older run":
        clean, server = bench(protocol, size, flawed.none, workdir)
        assert clean.result.returncode == 0, clean.result
        older = server.received[CONNECTION][MESSAGE]
    wait = SHORT if CASES[case].waits else PATIENCE
    if protocol == "udp":
        wait = SHORT  # until what was replaced is missing
    fault = CASES[case].fault(size, older)
    return bench(protocol, size, fault, workdir, "-W", wait, *options)[0]


EVERY = [
    (case, protocol, size)
    for size in SIZES
    for protocol in ("tcp", "unix", "tls", "udp")
    for case in CASES
    if exists(case, protocol) and (protocol != "tls" or tls.BUILT)
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, request):
    """All of them run at once, those that are asked for: they wait for most of their time."""
    folder = str(tmp_path_factory.mktemp("bench"))
    asked = [
        item.callspec.id for item in request.session.items if "outcomes" in item.fixturenames
    ]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (case, protocol, size, form): pool.submit(
                run_case, case, protocol, SIZES[size], folder, *form
            )
            for case, protocol, size in EVERY
            if f"{case}-{protocol}-{size}" in asked
            for form in ((), ("--json",))
        }


# --- what is told --------------------------------------------------------------------------------


def check_first(found, kind, protocol, size, differences):
    """The first error, field by field."""
    connections = (CONNECTION, 2) if kind == "swapped" else (CONNECTION,)
    assert found["kind"] == kind
    assert found["connection"] in connections
    difference = differences[found["connection"]]
    if (kind, protocol) != ("foreign", "udp"):  # which is of none
        # What has moved up may be what was sent, as long as it is few bytes.
        is_moved = kind == "missing" and protocol != "udp"
        assert found["message"] == (difference[0] // size if is_moved else MESSAGE)
    if protocol == "udp":
        if kind in ("wrong", "moved"):
            expected = difference
        elif kind == "truncated":
            expected = (difference[0], None, None)
        else:
            expected = (None, None, None)
        assert (found["offset"], found["expected"], found["seen"]) == expected
    elif kind in WITH_BYTES and found["expected"] is not None:
        assert (found["offset"], found["expected"], found["seen"]) == difference
    else:
        assert found["offset"] // size in (MESSAGE, MESSAGE + (kind == "duplicate"))
        assert (found["expected"], found["seen"]) == (None, None)


def first_of(text):
    """The same from the text, as fields of JSON."""
    line = re.search(r"^  first: (.*\n(?: {9}.*\n)*)", text, re.MULTILINE)
    assert line, text
    pattern = (
        r"(?P<kind>\w+): connection (?P<connection>\d+), message (?P<message>\d+)"
        r"(?:, byte (?P<offset>\d+) of (?P<of>it|the stream))?"
        r"(?:: sent 0x(?P<expected>..), received 0x(?P<seen>..))?(?:: [A-Z][a-z ]+)?"
        r", after \d+\.\d{6} s"
    )
    found = re.fullmatch(pattern, " ".join(line[1].split()))
    assert found, line[1]
    fields = found.groupdict()
    for name, base in (
        *(("connection", 10), ("message", 10), ("offset", 10)),
        *(("expected", 16), ("seen", 16)),
    ):
        fields[name] = fields[name] and int(fields[name], base)
    return fields


def check_counts(errors, kind, count):
    wrong = {name: number for name, number in errors.items() if number}
    missing = 0 if kind == "missing" else wrong.pop("missing", 0)
    assert wrong.pop(kind) in ((count,) if kind != "missing" else (1, 2, 3, 4)), errors
    assert not wrong, errors
    assert not missing or kind in WITH_MISSING, errors


def errors_of(text):
    """The same from the text."""
    block = text.partition("\nerrors\n")[2]
    rows = re.findall(r"^ +(\d+)  (\w+) ", block, re.MULTILINE)
    return {name: int(count) for count, name in rows}


@pytest.mark.parametrize("case, protocol, size", EVERY, ids=map("-".join, EVERY))
def test_fault(case, protocol, size, outcomes):
    kind = kind_of(case, protocol)
    status = 0 if (kind, protocol) == ("reordered", "udp") else 1  # no fault of a path's
    text, told = (outcomes[case, protocol, size, form].result() for form in ((), ("--json",)))
    assert (text.result.returncode, told.result.returncode) == (status, status), text.result
    found = json.loads(told.result.stdout)
    assert found["status"] == status
    assert found["reason"] is None if status == 0 else kind in found["reason"]
    check_counts(found["errors"], kind, CASES[case].count)
    check_first(found["first_error"], kind, protocol, SIZES[size], told.differences)
    printed = text.result.stdout.decode()
    check_counts(errors_of(printed), kind, CASES[case].count)
    fields = first_of(printed)
    check_first(fields, kind, protocol, SIZES[size], text.differences)
    assert fields["of"] in (None, "it" if protocol == "udp" else "the stream")


# --- others --------------------------------------------------------------------------------------


def run_against(protocol, fault, workdir, *options, status=1):
    with flawed.echo(protocol, 64, fault, workdir) as server:
        return json_of("bench", *options, "-s", 64, server.uri, status=status)


def test_all_connections_get_something_else(workdir):
    """To find out what it is takes no time that grows with their square."""
    change = flawed.replaced(b"x" * 100)
    with flawed.echo("tcp", 65536, lambda _, __, data: change(data), workdir) as server:
        options = ("-n", 300, "-d", 600, "-w", 1, "-s", "64K", "-W", PATIENCE)
        found = json_of("bench", *options, server.uri, status=1)
    assert found["errors"]["wrong"] == found["counts"]["opened"] == 300
    assert found["cpu_seconds"] < lasting(2)


def test_a_datagram_that_comes_back_late(workdir):
    """When it is missing already, which the client shows by sending the next one."""
    fault = flawed.late(0, MESSAGE)
    found = run_against("udp", fault, workdir, "-n", 1, "-p", 1, "-N", 20, "-W", SHORT)
    wrong = {name: count for name, count in found["errors"].items() if count}
    assert wrong == {"missing": 1, "late": 1}
    assert (found["first_error"]["kind"], found["first_error"]["message"]) == ("missing", MESSAGE)


@pytest.mark.parametrize(
    "change, kind",
    [
        (flawed.flipped(20), "wrong"),
        (flawed.truncated(20), "missing"),
        (flawed.duplicated, "duplicate"),
        (flawed.after(0, flawed.close), "closed"),
        (flawed.after(20, flawed.close), "closed"),
        (flawed.after(0, flawed.reset), "reset"),
        (flawed.dropped, "missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_of_one_of_many_short_connections(change, kind, workdir):
    """It goes on with the next one.  What is missing is told by a message that is sent for that."""
    fault = at(MESSAGE, 0, change)
    wait = SHORT if kind == "missing" else PATIENCE
    found = run_against("tcp", fault, workdir, "--churn", "-n", 1, "-N", 20, "-W", wait)
    first = found["first_error"]
    assert (first["kind"], first["connection"]) == (kind, 0)
    assert first["message"] in (MESSAGE, MESSAGE + 1)
    assert found["errors"][kind] == 1
    assert found["counts"]["echoed"] in (19, 20)


def test_a_run_that_nobody_answers(workdir):
    """Each message is missing, and none undecided."""
    found = run_against("udp", lambda *_: [], workdir, "-n", 2, "-p", 2, "-N", 8, "-W", "0.1")
    assert (found["errors"]["missing"], found["counts"]["sent"], found["loss"]) == (8, 8, 1.0)
    assert found["counts"]["undecided"] == 0


def test_a_peer_for_datagrams_that_goes_away(workdir):
    """The host says that nobody is there: it is told once a socket, whose messages are missing."""
    fault = at(0, MESSAGE, lambda _: [lambda server: server.close()])
    with flawed.echo("udp", 64, fault, workdir) as server:
        found = json_of("bench", "-n", 1, "-N", 20, "-W", "0.1", server.uri, status=1)
    wrong = {name: count for name, count in found["errors"].items() if count}
    assert wrong == {"refused": 1, "missing": wrong["missing"]}
    assert found["counts"]["echoed"] == MESSAGE


def test_what_is_due_on_the_connections_of_a_thread_that_has_none(workdir):
    """While those of the other one go on, it is not sent: second by second."""
    fault = at(1, MESSAGE, flawed.after(0, flawed.close))
    found = run_against("tcp", fault, workdir, "-n", 2, "-w", 2, "-r", 100, "-d", 1.5,
                        "--warm-up", 0, "-W", PATIENCE)
    counts, rows = found["counts"], found["rows"]
    assert counts["sent"] + counts["not_sent"] == 150
    assert 50 < counts["not_sent"] <= 75
    assert [row["second"] for row in rows] == [0, 1]
    assert rows[1]["not_sent"] > 10
    assert sum(row["not_sent"] for row in rows) == counts["not_sent"]


def echo_first(listening):
    with listening.accept()[0] as peer:
        while data := peer.recv(4096):
            peer.sendall(data)


@pytest.fixture
def crowded(workdir):
    """A Unix socket that echoes one connection and never accepts another."""
    path = os.path.join(workdir, "crowded.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(1)
        threading.Thread(target=echo_first, args=(listening,), daemon=True).start()
        yield f"unix:{path}"


def test_a_queue_that_stays_full(crowded):
    """What finds no place in it does not open, within the time for that."""
    found = json_of("bench", "-n", 8, "-d", 0.2, "--warm-up", 0, "-t", 0.3, "-W", 0.3, crowded,
                    status=1)
    first = found["first_error"]
    assert (first["kind"], first["errno"]) == ("unreached", errno.EAGAIN)
    assert first["seconds"] < 0
    assert 1 < found["counts"]["opened"] < 8
    assert found["errors"]["unreached"] == 8 - found["counts"]["opened"]


def test_a_queue_that_becomes_full(crowded):
    """Of many connections, one after the other."""
    found = json_of("bench", "--churn", "-n", 4, "-d", 1, "--warm-up", 0, "-t", 0.2, "-W", 0.2,
                    crowded, status=1)
    assert found["errors"]["unreached"] > 0
    assert found["counts"]["connects"] == found["counts"]["opened"] + found["errors"]["unreached"]


def test_a_fault_in_the_warm_up(workdir):
    """It is told, and its time is before the first second, which what merges results takes."""
    warm = ("-n", 1, "-r", 50, "-d", 0.5, "--warm-up", 1, "-W", PATIENCE)
    found = run_against("tcp", at(0, MESSAGE, flawed.flipped(40)), workdir, *warm)
    assert (found["first_error"]["kind"], found["errors"]["wrong"]) == ("wrong", 1)
    assert -1 < found["first_error"]["seconds"] < 0
    path = os.path.join(workdir, "warm.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump(found, file)
    merged = json_of("bench", "--merge", path, status=1)
    assert merged["first_error"] == found["first_error"]
    with flawed.echo("tcp", 64, at(0, MESSAGE, flawed.flipped(40)), workdir) as server:
        text = run("bench", *warm, "-s", 64, server.uri).stdout.decode()
    assert re.search(r"first: wrong:.* \d\.\d{6} s before\s+counting began", text, re.DOTALL), text


def test_a_datagram_of_the_warm_up_that_comes_back_late(workdir):
    """It is not counted, neither as missing nor as late, however long ago it was sent."""
    fault = flawed.late(0, MESSAGE)
    found = run_against("udp", fault, workdir, "-n", 1, "-p", 1, "-r", 50, "-d", 0.5,
                        "--warm-up", 1, "-W", 0.3, status=0)
    assert not any(found["errors"].values()), found["errors"]


def test_an_interrupt_while_messages_wait_for_their_place(workdir):
    """Whether they could have been sent nobody knows."""

    def fault(_, count, data):
        return [data] if count < MESSAGE else []

    with flawed.echo("tcp", 64, fault, workdir) as server:
        with subprocess.Popen(
            command("bench", "--json", "-n", 1, "-p", 1, "-s", 64, "-r", 1000, "-d", 600,
                    "--warm-up", 0, "-W", PATIENCE, server.uri),
            stdout=subprocess.PIPE,
        ) as client:
            eventually(lambda: server.received and len(server.received[0]) > MESSAGE, "it hangs")
            client.send_signal(signal.SIGINT)
            found = json.loads(client.communicate(timeout=PATIENCE)[0])
    assert (client.returncode, found["ending"], found["reason"]) == (0, "interrupted", None)
    assert (found["counts"]["not_sent"], found["counts"]["undecided"]) == (0, 1)
