"""--json in every outcome: one object, by doc/echod-client.schema.json, that agrees with the text
and the exit status; the schema is what echod-client(1) says."""

import concurrent.futures
import contextlib
import json
import os
import re
import socket
import tempfile
import types

import pytest

import faulty
import kernel
import tls
import tracing
from client import Client, load_schema, run, schema_faults
from patience import PATIENCE, eventually, lasting

TOP = os.path.join(os.path.dirname(__file__), "../..")
MANUAL = os.path.join(TOP, "man/echod-client.1")
MODES = ("ping", "pipe", "send", "bench", "mtu")
SHORT = ("-W", lasting(1))  # a wait that a test lets run out
LONG = ("-W", PATIENCE)  # a wait that must not run out
OVER_TLS = ("cut", "unsecured")  # bench counts the first as an error
CAN_TRACE = tracing.can_trace()
STRACE = ("strace", "-o", os.devnull, "-e", "trace=recvfrom,recvmsg")
STRACE += ("-e", "inject=recvfrom,recvmsg:error=EHOSTUNREACH")
FEW_DESCRIPTORS = {"prefix": ("prlimit", "--nofile=4")}

# Of jq(1), which would not take .NAME for these in all of its versions.
KEYWORDS = set(
    "and as break catch def elif else end foreach if import include input label limit not or "
    "reduce then try until while __loc__".split()
)


def stream(*faults):
    return lambda: faulty.stream(*faults)


def datagrams(change):
    return lambda: faulty.datagrams(faulty.only(1, change))


def at(uri):
    return lambda: contextlib.nullcontext(types.SimpleNamespace(uri=uri))


def nobody(protocol):
    return at(f"{protocol}://127.0.0.1:{kernel.free_port()}")


def unreachable():
    """With STRACE no call to receive gets anything but an error of the way."""
    return faulty.stream(faulty.echo)


def deaf():
    return faulty.datagrams(lambda *_: [])


def deny(connection):
    """As who does not serve this peer, but without the reset that unread bytes would make of it."""
    connection.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def no_reader():
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def full():
    return open("/dev/full", "wb")


@contextlib.contextmanager
def folder():
    descriptor = os.open("/", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


# Those that have nothing to talk to are the same in all modes: the word, the status, who serves,
# the options, and what else run() is given.
NOTHING_TO_TALK_TO = [
    ("unresolved", 2, at("tcp://no-such-host.invalid:7"), LONG),
    ("unresolved", 2, at(b"tcp://\xff.invalid:7"), LONG),
    ("refused", 2, nobody("tcp"), LONG),
    ("refused", 2, nobody("udp"), SHORT),
    ("unreached", 2, at("tcp://255.255.255.255:7"), LONG),
    ("down", 2, nobody("tcp"), [*LONG, "--wait-until-up", 0.3]),
    ("ungreeted", 1, stream(deny), [*LONG, *faulty.EXPECTED]),
    ("error", 2, stream(faulty.echo), LONG, FEW_DESCRIPTORS),
]

OUTCOMES = {
    "ping": [
        ("done", 0, stream(faulty.echo), ["-c", 1, *LONG]),
        ("done", 0, stream(faulty.greet(faulty.GREETING)), ["-c", 1, *LONG, *faulty.EXPECTED]),
        ("done", 0, stream(faulty.echo), ["-c", 1, *LONG, "--max-loss", 0, "--max-rtt", "max:60s"]),
        ("done", 1, stream(faulty.echo), ["-c", 1, *LONG, "--max-rtt", "p50:0.001us"]),
        ("done", 0, stream(*[faulty.echo] * 2), ["-c", 2, *LONG, "--flows", 2, "-s", "64,99-100"]),
        ("done", 1, stream(faulty.mute), ["-c", 1, *SHORT]),
        ("done", 1, stream(faulty.mute), ["-c", 1, *SHORT, "--max-loss", "50%"]),
        ("done", 1, stream(faulty.flip(1)), ["-c", 1, *LONG]),
        ("done", 1, datagrams(faulty.duplicated), ["-c", 2, "-i", 0.2, *LONG]),
        ("done", 1, stream(faulty.hold(64)), ["-c", 2, "-i", lasting(0.1), "-W", lasting(0.05)]),
        ("closed", 1, stream(faulty.close_after(0, more=64)), LONG),
        ("closed", 1, stream(deny), LONG),
        ("reset", 1, stream(faulty.reset_after(0, more=64)), LONG),
        ("done", 1, stream(faulty.close_after(64), faulty.echo), ["-R", "-c", 2, "-i", 0.1, *LONG]),
        ("lost", 1, unreachable, LONG),
        ("deadline", 1, stream(faulty.mute), ["-w", lasting(0.2), *LONG]),
        ("deadline", 1, stream(faulty.echo), ["-w", lasting(0.2), "-c", 9, *LONG]),
        ("deadline", 0, stream(faulty.echo), ["-w", lasting(0.2), *LONG]),
    ],
    "pipe": [
        ("done", 0, stream(faulty.echo), LONG),
        ("done", 0, stream(faulty.echo), LONG, {"data": b""}),
        ("difference", 1, stream(faulty.flip(1)), LONG),
        ("surplus", 1, stream(faulty.surplus(b"extra")), LONG),
        ("truncated", 1, datagrams(faulty.truncated(2)), LONG),
        ("duplicate", 1, datagrams(faulty.duplicated), LONG, {"data": bytes(2000)}),
        ("closed", 1, stream(faulty.close_after(2, more=2)), LONG),
        ("unclosed", 1, stream(faulty.mute_after(4)), SHORT),
        ("reset", 1, stream(faulty.reset_after(0, more=4)), LONG),
        ("lost", 1, unreachable, LONG),
        ("timeout", 1, stream(faulty.mute), SHORT),
        ("stdout closed", 0, stream(faulty.echo), LONG, {"stdout": no_reader}),
        ("stdout failed", 1, stream(faulty.echo), LONG, {"stdout": full}),
        ("stdin failed", 1, stream(faulty.echo), LONG, {"stdin": folder}),
    ],
    "send": [
        ("done", 0, stream(faulty.echo), LONG),
        ("different", 1, stream(faulty.flip(1)), LONG),
        ("closed", 1, stream(faulty.close_after(2, more=2)), LONG),
        ("reset", 1, stream(faulty.reset_after(0, more=4)), LONG),
        ("lost", 1, unreachable, LONG),
        ("timeout", 1, stream(faulty.mute), SHORT),
    ],
    "bench": [
        ("done", 0, stream(faulty.echo), LONG),
        ("done", 0, stream(faulty.echo), [*LONG, "--max-loss", 0, "--max-rtt", "p99.9:60s"]),
        ("failed", 1, stream(faulty.echo), [*LONG, "--max-rtt", "p50:0.001us"]),
        ("failed", 1, stream(faulty.flip(1)), LONG),
        ("failed", 1, stream(faulty.mute), SHORT),
        ("failed", 1, stream(faulty.close_after(2, more=62)), LONG),
        ("failed", 1, stream(faulty.reset_after(0, more=64)), LONG),
        ("failed", 1, datagrams(faulty.duplicated), LONG),
    ],
    "mtu": [
        ("done", 0, stream(faulty.echo), LONG),
        ("done", 0, datagrams(lambda data: [data]), ["--min-mtu", 65535]),
        ("done", 1, datagrams(lambda data: [data]), ["--min-mtu", 65536]),
        ("done", 1, stream(faulty.echo), [*LONG, "--min-mss", 65535]),
        ("timeout", 1, stream(faulty.mute), ["-W", lasting(0.1)]),
        ("timeout", 1, stream(faulty.mute_after(16)), ["-W", lasting(0.1)]),
        ("timeout", 1, deaf, ["-W", lasting(0.1)]),
        ("deadline", 1, deaf, ["-w", lasting(0.2), *LONG]),
        ("difference", 1, stream(faulty.flip(100)), LONG),
        ("closed", 1, stream(deny), LONG),
        ("reset", 1, stream(faulty.reset_after(0, more=16)), LONG),
        ("lost", 1, unreachable, LONG),
    ],
}

# How much of it, that it be short.
LEAST = {"ping": ["-c", 1], "bench": ["-N", 2, "-n", 1, "--warm-up", 0]}


def over_tls(fault):
    return lambda: tls.stream(tls.secure(fault))


def outcomes_over_tls(mode):
    """Of a message of 64 bytes by ping and bench, of 16 by mtu, of 4 by the others."""
    size, options = {"ping": 64, "bench": 64, "mtu": 16}.get(mode, 4), [*LONG, *tls.trust()]
    unsecured = ("unsecured", 1, lambda: tls.stream(faulty.greet(b"220\n", faulty.mute)), options)
    if mode == "bench":
        return [
            ("done", 0, over_tls(faulty.echo), options),
            ("failed", 1, over_tls(tls.cut_after(0, more=size)), options),
            ("failed", 1, over_tls(tls.garbage), options),
            unsecured,
        ]
    return [
        ("done", 0, over_tls(faulty.echo), ["-c", 1, *options] if mode == "ping" else options),
        ("cut", 1, over_tls(tls.cut_after(0, more=size)), options),
        ("unsecured", 1, over_tls(tls.garbage), options),
        unsecured,
    ]


def run_outcome(json_options, mode, serve, options, named):
    """Returns the status and what it printed where the object goes."""
    least = LEAST["bench"] if mode == "bench" else []
    arguments = [mode, *json_options, *least, *options, *(["-n", 1] if mode == "send" else [])]
    named = {"data": b"text", **named}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve())
        for name, value in named.items():
            named[name] = stack.enter_context(value()) if callable(value) else value
        if serve is unreachable:
            named["prefix"] = STRACE
        if "prefix" in named:  # no sanitizer looks for leaks in what is traced, or without files
            leaks = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
            named["env"] = {**os.environ, "ASAN_OPTIONS": leaks}
        result = run(*arguments, server.uri, *(["text"] if mode == "send" else []), **named)
    return result.returncode, (
        result.stderr if mode == "pipe" else result.stdout.decode(errors="replace")
    )


def run_interrupted(json_options, mode, *_):
    text = ["text"] if mode == "send" else []
    with faulty.datagrams(lambda *_: []) as server, tempfile.TemporaryFile() as stdin:
        stdin.write(b"text")
        stdin.seek(0)
        with Client(mode, *json_options, *LONG, server.uri, *text, stdin=stdin) as client:
            eventually(lambda: server.received, "a message")
            status = client.interrupt()
            log = client.err if mode == "pipe" else client.out
            return status, "\n".join(log.lines) + "\n"


class Outcome:
    """One of them, and what came of it with --json and without."""

    def __init__(self, mode, word, status, serve, options=(), named=None, run_it=run_outcome):
        self.mode, self.word, self.status = mode, word, status
        self._how = (mode, serve, options, named or {})
        self._run = run_it

    def run(self):
        self.seen_status, self.printed = self._run(["--json"], *self._how)
        self.text_status, self.text = self._run([], *self._how)
        self.object = json.loads(self.printed)

    def __repr__(self):
        return f"{self.mode} {self.word}: {self.printed}"


def all_outcomes():
    found = []
    for mode in MODES:
        found.append(Outcome(mode, "interrupted", 1, None, run_it=run_interrupted))
        found += [Outcome(mode, *each) for each in OUTCOMES[mode] if CAN_TRACE or each[0] != "lost"]
        found += [Outcome(mode, *each) for each in (outcomes_over_tls(mode) if tls.BUILT else ())]
        for word, status, serve, options, *more in NOTHING_TO_TALK_TO:
            count = LEAST["ping"] if mode == "ping" else []
            found.append(Outcome(mode, word, status, serve, [*count, *options], *more))
    return found


@pytest.fixture(scope="module")
def outcomes():
    found = all_outcomes()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(Outcome.run, found))
    return found


def values(value, name):
    """What a JSON value has under a name, at any depth: a list."""
    if isinstance(value, list):
        return [each for part in value for each in values(part, name)]
    if not isinstance(value, dict):
        return []
    own = [value[name]] if name in value else []
    return own + [each for part in value.values() for each in values(part, name)]


def words_of(outcome):
    """Those for how it ended: with send of an exchange too."""
    found = set(values(outcome.object, "ending"))
    return found - {"failed"} if outcome.mode == "send" else found


# --- what is printed -----------------------------------------------------------------------------


def test_one_object_by_the_schema(outcomes):
    for outcome in outcomes:
        assert outcome.printed.count("\n") == 1, outcome
        faults = schema_faults(outcome.object)
        assert not faults, f"{outcome}{faults}"


def test_the_status_and_the_word(outcomes):
    for outcome in outcomes:
        assert outcome.object["mode"] == outcome.mode
        assert outcome.seen_status == outcome.status, outcome
        assert words_of(outcome) == {outcome.word}, outcome


def test_the_object_and_the_text_have_the_same_status(outcomes):
    for outcome in outcomes:
        assert outcome.object["status"] == outcome.seen_status, outcome
        assert outcome.text_status == outcome.seen_status, outcome
        assert (outcome.object["reason"] is None) == (outcome.seen_status == 0), outcome


def test_the_reason_of_pipe_is_its_text(outcomes):
    """But for figures that differ from run to run."""
    for outcome in outcomes:
        if outcome.mode == "pipe" and outcome.object["reason"]:
            expected = f"echod-client: {outcome.object['reason']}"
            seen = [re.sub(r"\d+", "N", line) for line in outcome.text.splitlines()]
            assert re.sub(r"\d+", "N", expected) in seen, f"{outcome}{outcome.text}"


def test_of_nothing_there_is_no_rate(outcomes):
    for outcome in outcomes:
        found = outcome.object
        if outcome.mode == "ping":
            judged = found["received"] + found["missing"] + found["corrupt"]
            assert (found["loss"] is None) == (judged == 0), outcome
            assert (found["rtt_seconds"] is None) == (found["received"] == 0), outcome
            assert ("loss unknown" in outcome.text) == (outcome.text != "" and judged == 0), outcome
        elif outcome.mode == "pipe":
            assert (found["bytes_per_second"] is None) == (found["received"] == 0), outcome


# --- what the manual says ------------------------------------------------------------------------


def manual(macro):
    """The names that the manual has for this macro, as {(mode, name)}."""
    found, modes = set(), ()
    with open(MANUAL, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words[0] in (".Sh", ".Ss"):
                modes = {"Of": words[2:], "All": MODES}.get(words[1], ())
            elif words[:2] == [".It", macro]:
                names = " ".join(words[2:]).split(" , ")
                found |= {(mode, name) for mode in modes for name in names}
    assert found
    return found


def in_schema(pick):
    return {
        (mode, name) for mode, part in load_schema()["definitions"].items() for name in pick(part)
    }


def test_the_manual_has_each_field_of_the_schema():
    found = in_schema(lambda part: {name for each in values(part, "properties") for name in each})
    assert found == manual("Cm")


def test_the_manual_has_each_word_of_the_schema():
    found = in_schema(
        lambda part: {word for each in values(part, "ending") for word in each.get("enum", ())}
    )
    assert found - {("send", "failed"), ("ping", "failed")} == manual("Li")


def test_each_word_was_met(outcomes):
    untried = set() if CAN_TRACE else {(mode, "lost") for mode in MODES}
    untried |= set() if tls.BUILT else {(mode, word) for mode in MODES for word in OVER_TLS}
    found = {(outcome.mode, word) for outcome in outcomes for word in words_of(outcome)}
    assert found == manual("Li") - untried


def test_no_field_is_a_keyword_of_jq():
    assert not {name for _, name in manual("Cm")} & KEYWORDS


# --- wrong usage ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_wrong_usage_is_told_as_text(mode):
    result = run(mode, "--json", "-t", "0", "tcp://127.0.0.1:7", "text")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith("echod-client: -t 0: ")
