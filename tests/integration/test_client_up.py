"""--wait-until-up: the run begins when somebody answers, or nothing does in time."""

import contextlib
import os
import signal
import socket
import time

import pytest

import faulty
import kernel
from client import Client, hosts_file, json_of, lines_of, run
from patience import PATIENCE, eventually, lasting, within
from pinging import LONG, at, match_quiet

PROBE = ("-q", "-c", 1, *LONG)
UP = ("--wait-until-up", PATIENCE)


def deny(connection):
    connection.shutdown(socket.SHUT_WR)


def test_a_server_that_is_up():
    """One more connection than without."""
    with faulty.stream(faulty.echo, faulty.echo) as server:
        match_quiet(at(server), lines_of(*PROBE, *UP, server.uri))


def test_one_that_closes_at_first():
    with faulty.stream(deny, deny, faulty.echo, faulty.echo) as server:
        match_quiet(at(server), lines_of(*PROBE, *UP, server.uri))


def test_one_that_resets_at_first():
    with faulty.stream(*[faulty.reset_after(0, more=1)] * 2, faulty.echo, faulty.echo) as server:
        match_quiet(at(server), lines_of(*PROBE, *UP, server.uri))


def test_one_that_is_silent_at_first():
    with faulty.datagrams(lambda count, data: [data] if count > 2 else []) as server:
        match_quiet(at(server), lines_of(*PROBE, *UP, server.uri))
        assert len(server.received) == 4, "two tries in vain, one that is answered, and the message"


def test_one_that_takes_connections_and_answers_nothing_at_first():
    with faulty.stream(faulty.unread, faulty.echo, faulty.echo) as server:
        match_quiet(at(server), lines_of(*PROBE, *UP, server.uri))


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_nobody_who_listens_at_first(protocol):
    port = kernel.free_port()
    with Client(*PROBE, *UP, f"{protocol}://127.0.0.1:{port}") as client:
        begun = time.monotonic()
        eventually(lambda: time.monotonic() > begun + 0.5, "it was tried")
        assert client.out.lines == []
        with contextlib.ExitStack() as stack:
            if protocol == "tcp":
                stack.enter_context(faulty.stream(faulty.echo, faulty.echo, port=port))
            else:
                stack.enter_context(faulty.datagrams(lambda _, data: [data], port=port))
            assert client.wait_exit() == 0


def test_a_name_that_is_not_found_at_first(workdir):
    prefix = hosts_file(workdir, "127.0.0.1 several.test\n")
    with faulty.stream(faulty.echo, faulty.echo) as server:
        uri = f"tcp://later.test:{server.port}"
        with Client(*PROBE, *UP, uri, prefix=prefix) as client:
            begun = time.monotonic()
            eventually(lambda: time.monotonic() > begun + 0.5, "it was tried")
            assert client.out.lines == []
            with open(os.path.join(workdir, "hosts"), "a", encoding="ascii") as file:
                file.write("127.0.0.1 later.test\n")
            assert client.wait_exit() == 0


def test_pipe_and_send_wait_too():
    with faulty.stream(deny, faulty.echo, faulty.echo) as server:
        assert run("pipe", *UP, server.uri, data=b"text").stdout == b"text"
    with faulty.stream(deny, faulty.echo, faulty.echo) as server:
        result = json_of("send", *UP, "-n", 1, server.uri, "text")
        assert result["ending"] == "done"


def test_who_need_not_echo_need_not_answer():
    """A connection is enough, and the run has the next one."""
    with faulty.stream(faulty.unread, faulty.answer(b"hello")) as server:
        result = run("pipe", "--no-compare", *UP, server.uri, data=b"text")
        assert (result.returncode, result.stdout) == (0, b"hello")
    result = run("pipe", "--no-compare", *UP, "udp://127.0.0.1:7")
    assert result.returncode == 2
    assert result.stderr.startswith("echod-client: --wait-until-up: ")


@contextlib.contextmanager
def never_up(kind):
    """Yields a URI, and what is said of it."""
    if kind == "refused":
        port = kernel.free_port()
        yield f"tcp://127.0.0.1:{port}", "Connection refused"
    elif kind == "unresolved":
        yield "tcp://no-such-host.invalid:7", "cannot find no-such-host.invalid: "
    elif kind == "closed":
        with faulty.stream(*[deny] * 1000) as server:
            yield server.uri, "it closes the connection"
    else:
        silent, mute = faulty.datagrams(lambda *_: []), faulty.stream(faulty.unread)
        with silent if kind == "silent" else mute as server:
            yield server.uri, "no answer"


@pytest.mark.parametrize("kind", ["refused", "unresolved", "closed", "silent", "mute"])
def test_nobody_who_is_up_in_time(kind):
    seconds = lasting(0.3)
    for mode in ("ping", "pipe", "send"):
        with never_up(kind) as (uri, text):
            messages = ["text"] if mode == "send" else []
            begun = time.monotonic()
            result = run(mode, "--wait-until-up", seconds, uri, *messages)
            assert seconds <= time.monotonic() - begun < within(seconds)
        assert result.returncode == 2
        assert result.stderr.startswith(f"echod-client: not up after {seconds:g} s: ")
        assert text in result.stderr and result.stderr.count("\n") == 1
    with never_up(kind) as (uri, text):
        found = json_of("--wait-until-up", seconds, uri, status=2)
    assert (found["ending"], found["sent"]) == ("down", 0)
    assert text in found["reason"]


# --- ended before that ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["refused", "unresolved", "closed", "silent", "mute"])
def test_the_deadline_ends_the_waiting(kind):
    deadline = lasting(0.3)
    with never_up(kind) as (uri, _):
        begun = time.monotonic()
        found = json_of("-w", deadline, *UP, uri, status=2)
        assert deadline <= time.monotonic() - begun < within(deadline)
    assert (found["ending"], found["sent"], found["status"]) == ("deadline", 0, 2)
    assert found["reason"].startswith("not up yet: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("mode", ["ping", "pipe", "send"])
def test_a_signal_ends_the_waiting(mode, number):
    messages = ["text"] if mode == "send" else []
    with faulty.datagrams(lambda *_: []) as server:
        with Client(mode, *UP, server.uri, *messages) as client:
            eventually(lambda: server.received, "it asks")
            begun = time.monotonic()
            client.process.send_signal(number)
            assert client.wait_exit() == 2
            assert time.monotonic() - begun < within(0.5)
    assert client.err.lines == [f"echod-client: not up yet: {at(server).address}: no answer"]
    assert bool(client.out.matching("^0 sent, 0 received, loss unknown, ")) == (mode == "ping")


@pytest.mark.parametrize("mode", ["ping", "pipe", "send"])
def test_a_stdout_that_fails_ends_the_waiting(mode):
    """That is told alone."""
    messages = ["text"] if mode == "send" else []
    closed = ["sh", "-c", 'exec "$@" >&-', "sh"]
    with never_up("silent") as (uri, _):
        result = run(mode, *UP, uri, *messages, prefix=closed)
    told = [line for line in result.stderr.splitlines() if not line.startswith("nothing was sent")]
    assert told == ["echod-client: cannot write: Bad file descriptor"]
    assert result.returncode == 1
