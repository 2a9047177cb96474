"""--json in every outcome: its fields and its words for "end" are those of echod-client(1)."""

import contextlib
import json
import os
import types

import pytest

import faulty
import kernel
import tracing
from client import Client, run
from patience import PATIENCE, eventually, lasting

MANUAL = os.path.join(os.path.dirname(__file__), "../../man/echod-client.1")
MODES = ("ping", "pipe", "send")
SHORT = ("-W", lasting(1))  # a wait that a test lets run out
LONG = ("-W", PATIENCE)  # a wait that must not run out
CAN_TRACE = tracing.can_trace()
STRACE = ("strace", "-o", os.devnull, "-e", "trace=recvfrom,recvmsg")
STRACE += ("-e", "inject=recvfrom,recvmsg:error=EHOSTUNREACH")


def stream(*faults):
    return lambda: faulty.stream(*faults)


def datagrams(change):
    return lambda: faulty.datagrams(faulty.only(1, change))


@contextlib.contextmanager
def nobody():
    yield types.SimpleNamespace(uri=f"udp://127.0.0.1:{kernel.free_port()}")


def unreachable():
    """With STRACE no call to receive gets anything but an error of the way."""
    return faulty.stream(faulty.echo)


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


# The word: the status, who serves, the options, and what else run() is given.
OUTCOMES = {
    "ping": {
        "done": (0, stream(faulty.echo), ["-c", 1, *LONG]),
        "closed": (1, stream(faulty.close_after(0, more=64)), LONG),
        "reset": (1, stream(faulty.reset_after(0, more=64)), LONG),
        "lost": (1, unreachable, LONG),
        "refused": (2, nobody, ["-c", 1, *SHORT]),
        "deadline": (1, stream(faulty.mute), ["-w", lasting(0.2), *LONG]),
    },
    "pipe": {
        "done": (0, stream(faulty.echo), LONG),
        "difference": (1, stream(faulty.flip(1)), LONG),
        "surplus": (1, stream(faulty.surplus(b"extra")), LONG),
        "truncated": (1, datagrams(faulty.truncated(2)), LONG),
        "duplicate": (1, datagrams(faulty.duplicated), LONG, {"data": bytes(2000)}),
        "closed": (1, stream(faulty.close_after(2, more=2)), LONG),
        "unclosed": (1, stream(faulty.mute_after(4)), SHORT),
        "reset": (1, stream(faulty.reset_after(0, more=4)), LONG),
        "lost": (1, unreachable, LONG),
        "refused": (2, nobody, LONG),
        "timeout": (1, stream(faulty.mute), SHORT),
        "stdout closed": (0, stream(faulty.echo), LONG, {"stdout": no_reader}),
        "stdout failed": (1, stream(faulty.echo), LONG, {"stdout": full}),
        "stdin failed": (1, stream(faulty.echo), LONG, {"stdin": folder}),
    },
    "send": {
        "done": (0, stream(faulty.echo), LONG),
        "different": (1, stream(faulty.flip(1)), LONG),
        "closed": (1, stream(faulty.close_after(2, more=2)), LONG),
        "reset": (1, stream(faulty.reset_after(0, more=4)), LONG),
        "lost": (1, unreachable, LONG),
        "refused": (2, nobody, LONG),
        "timeout": (1, stream(faulty.mute), SHORT),
    },
}


def run_outcome(mode, serve, options, named=None):
    """Returns the status and the object."""
    arguments = [mode, "--json", *options, *(["-n", 1] if mode == "send" else [])]
    named = {"data": b"text", **(named or {})}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve())
        for name, value in named.items():
            named[name] = stack.enter_context(value()) if callable(value) else value
        if serve is unreachable:  # no sanitizer looks for leaks in what is traced
            leaks = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
            named.update(prefix=STRACE, env={**os.environ, "ASAN_OPTIONS": leaks})
        result = run(*arguments, server.uri, *(["text"] if mode == "send" else []), **named)
    return result.returncode, json.loads(result.stderr if mode == "pipe" else result.stdout)


def run_interrupted():
    with faulty.datagrams(lambda *_: []) as server, Client("--json", *LONG, server.uri) as client:
        eventually(lambda: server.received, "a message")
        status = client.interrupt()
        return status, json.loads(client.out.lines[0])


@pytest.fixture(scope="module")
def seen():
    """What came of each outcome: {(mode, word): (status, object)}."""
    found = {}
    for mode, outcomes in OUTCOMES.items():
        for word, (_, *how) in outcomes.items():
            if how[0] is not unreachable or CAN_TRACE:
                found[mode, word] = run_outcome(mode, *how)
    found["ping", "interrupted"] = run_interrupted()
    return found


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


def fields(value):
    """All names in a JSON value."""
    if isinstance(value, list):
        return set().union(*map(fields, value))
    return set(value).union(*map(fields, value.values())) if isinstance(value, dict) else set()


def test_the_status_and_the_word(seen):
    for (mode, word), (status, found) in seen.items():
        expected = 1 if word == "interrupted" else OUTCOMES[mode][word][0]
        assert (found["mode"], status) == (mode, expected), f"{mode} {word}: {found}"
        if mode == "send":
            assert found["end"] == ("done" if word == "done" else "failed")
            found = found["sockets"][0]["exchanges"][0]
        assert found["end"] == word, f"{mode}: {found}"


def test_the_manual_has_each_word(seen):
    untried = set() if CAN_TRACE else {(mode, "lost") for mode in MODES}
    assert set(seen) == manual("Li") - untried


def test_the_manual_has_each_field(seen):
    found = {(mode, name) for (mode, _), (_, value) in seen.items() for name in fields(value)}
    assert found == manual("Cm")
