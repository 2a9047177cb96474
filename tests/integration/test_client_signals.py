"""SIGINT and SIGTERM: either ends each mode, with what it has to tell; a second one at once."""

import contextlib
import json
import os
import re
import signal
import subprocess

import pytest

import faulty
from client import Client, command
from patience import HOLDS_SIGNALS, PATIENCE, eventually, within
from pinging import FAST, LONG

SIGNALS = [signal.SIGINT, signal.SIGTERM]
AS_PID_1 = ["unshare", "--pid", "--fork", "--mount-proc"]


def silent():
    return faulty.datagrams(lambda *_: [])


def arguments_of(mode, uri):
    return {
        "ping": ["ping", *FAST, *LONG, uri],
        "pipe": ["pipe", "-W", PATIENCE, uri],
        "send": ["send", "-n", 1, "-W", PATIENCE, uri, "text", "never sent"],
        "mtu": ["mtu", "-W", PATIENCE, uri],
    }[mode]


@contextlib.contextmanager
def started(mode, server, options=(), prefix=(), **named):
    """A client whose first message has come; its stdin stays open."""
    client = subprocess.Popen(
        [*prefix, *command(*arguments_of(mode, server.uri), *options)],
        **{
            **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE),
            **named,
        },
    )
    with client:
        try:
            client.stdin.write(b"text")
            client.stdin.flush()
            eventually(lambda: server.received, "the first message")
            yield client
        finally:
            client.kill()


TELLS = {
    "ping": r"(?s).* statistics ---\n\d+ sent, 0 received.*",
    "pipe": r"(?s)echod-client: interrupted\n.*",
    "send": r"(?s).*: interrupted\nclosing socket .*\n",
    "mtu": r"(?s).* path ---\n.*\nfailed: interrupted\n",
}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("mode", TELLS)
def test_it_ends_and_tells(mode, number):
    with silent() as server, started(mode, server) as client:
        client.send_signal(number)
        out, err = client.communicate(timeout=within(5))
        told = (err if mode == "pipe" else out).decode()
        assert re.fullmatch(TELLS[mode], told), told
        assert client.returncode == 1


@pytest.mark.parametrize("mode", TELLS)
def test_the_object_says_interrupted(mode):
    with silent() as server, started(mode, server, ["--json"]) as client:
        client.send_signal(signal.SIGTERM)
        out, err = client.communicate(timeout=within(5))
        found = json.loads(err if mode == "pipe" else out)
        assert (found["ending"], client.returncode) == ("interrupted", 1)


def test_ping_is_right_where_all_that_was_judged_is():
    with faulty.datagrams(lambda _, data: [data]) as server:
        with Client(*FAST, *LONG, server.uri) as client:
            client.wait_out(" seq=3 ")
            client.process.send_signal(signal.SIGTERM)
            assert client.wait_exit() == 0
            assert client.out.matching(" statistics ---$")


# --- a second one --------------------------------------------------------------------------------


def waits_for_room(pid):
    """In write(2) or poll(2): the loop waits by epoll(7)."""
    with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
        return re.search("pipe_write|poll_schedule", file.read())


@pytest.mark.skipif(HOLDS_SIGNALS, reason="ThreadSanitizer has no signal come through a printf")
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "non-blocking"])
def test_a_second_one_ends_it_at_once_where_stdout_blocks(number, blocking):
    """The summary finds no room: nothing else would end it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with silent() as server, started("ping", server, ["-q"], stdout=writing) as client:
        with contextlib.suppress(BlockingIOError):
            while os.write(writing, b"x" * 4096):
                pass
        with contextlib.suppress(BlockingIOError):
            while os.write(writing, b"x"):
                pass
        os.set_blocking(writing, not blocking)
        client.send_signal(number)
        eventually(lambda: waits_for_room(client.pid), "it waits for room")
        assert client.poll() is None
        client.send_signal(number)
        assert client.wait(within(5)) == -number
    os.close(reading)
    os.close(writing)


# --- PID 1 ---------------------------------------------------------------------------------------


def can_be_pid_1():
    return subprocess.run([*AS_PID_1, "true"], capture_output=True, check=False).returncode == 0


def child_of(pid):
    def children():
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return file.read().split()

    return int(eventually(children, "the process in the namespace")[0])


@pytest.mark.skipif(not can_be_pid_1(), reason="no PID namespace of one's own")
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("mode", TELLS)
def test_pid_1_ends_and_tells(mode, number):
    with silent() as server, started(mode, server, prefix=AS_PID_1) as client:
        os.kill(child_of(client.pid), number)
        out, err = client.communicate(timeout=within(5))
        told = (err if mode == "pipe" else out).decode()
        assert re.fullmatch(TELLS[mode], told), told
        assert client.returncode == 1
