"""The client's standard descriptors: non-blocking, full, closed, or with nobody who reads them."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import tempfile

import pytest

import faulty
import kernel
import peers
from client import Client, command, run
from patience import PATIENCE, eventually, within
from pinging import FAST, LONG
from piping import MIB

FULL = "echod-client: cannot write: No space left on device\n"


@pytest.fixture
def uri(start):
    return f"tcp://127.0.0.1:{start().port()}"


@pytest.fixture
def silent():
    """A server that hears and never answers."""
    with faulty.datagrams(lambda *_: []) as server:
        yield server


# --- non-blocking --------------------------------------------------------------------------------


def full_pipe():
    """One that does not block and has no room; returns its ends and what is in it."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    return reading, writing, b"x" * os.write(writing, b"x" * 65536)


def read_late(arguments, where, data=b""):
    """What comes of a client whose stdout or stderr has no room until it waits for it.

    Returns its status, that stream, and the other one.
    """
    reading, writing, filler = full_pipe()
    other = "stderr" if where == "stdout" else "stdout"
    streams = {where: writing, other: subprocess.PIPE}
    with tempfile.TemporaryFile() as stdin:
        stdin.write(data)
        stdin.seek(0)
        client = subprocess.Popen(command(*arguments), stdin=stdin, **streams)
    os.close(writing)
    with client:
        try:
            eventually(lambda: client.poll() is not None or kernel.sleeps(client.pid), "it waits")
            with open(reading, "rb") as late:
                text = late.read()
            rest = getattr(client, other).read()
            return client.wait(PATIENCE), text.removeprefix(filler), rest
        finally:
            client.kill()


def test_no_line_of_ping_is_lost(uri):
    status, out, _ = read_late(["-c", 200, "-i", 0.001, *LONG, uri], "stdout")
    assert (status, out.count(b" seq=")) == (0, 200)
    assert b"\n200 sent, 200 received" in out


def test_no_line_of_send_is_lost(uri):
    messages = [f"message {i}" for i in range(100)]
    status, out, _ = read_late(["send", "-n", 1, uri, *messages], "stdout")
    assert (status, out.count(b" sending "), out.count(b" received ")) == (0, 100, 100)
    assert out.splitlines()[-1].startswith(b"closing socket ")


def test_no_line_of_help_is_lost():
    assert read_late(["--help"], "stdout")[:2] == (0, run("--help").stdout)


def test_an_object_is_whole(uri):
    status, out, _ = read_late(["--json", "-c", 1, *LONG, uri], "stdout")
    assert (status, json.loads(out)["received"]) == (0, 1)
    status, err, _ = read_late(["pipe", "--json", uri], "stderr", b"text")
    assert (status, json.loads(err)["received"]) == (0, 4)


def test_no_byte_of_pipe_is_lost(uri):
    data = peers.payload(MIB)
    status, out, _ = read_late(["pipe", uri], "stdout", data)
    assert status == 0
    peers.assert_same(out, data)


def test_no_fault_is_lost():
    expected = run("-c", "0", "localhost").stderr.encode()
    assert read_late(["-c", 0, "localhost"], "stderr")[:2] == (2, expected)
    assert expected.startswith(b"echod-client: -c 0")


def test_a_stdin_that_does_not_block_is_waited_for(uri):
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with Client("pipe", uri, stdin=reading) as client:
        os.close(reading)
        for line in b"first\n", b"second\n":
            eventually(lambda: kernel.sleeps(client.process.pid), "it waits")
            os.write(writing, line)
            client.wait_out(f"^{line.decode().strip()}$")
        os.close(writing)
        assert client.wait_exit() == 0


# --- full, and closed ----------------------------------------------------------------------------


def ends_with(arguments, error, status=1, **named):
    """It ends by itself, soon, though nobody answers it."""
    result = run(*arguments, timeout=within(5), **named)
    assert (result.returncode, result.stderr) == (status, error)


def test_a_full_stdout_ends_it_though_the_peer_is_silent(silent):
    with open("/dev/full", "wb") as full:
        for mode in ["ping"], ["ping", "-O", *FAST], ["send", "-W", PATIENCE]:
            message = ["text"] if mode[0] == "send" else []
            ends_with([*mode, silent.uri, *message], FULL, stdout=full)
        for option in "--help", "--version":
            ends_with([option], FULL, stdout=full)


def test_a_stdout_as_large_as_it_may_be(silent, workdir):
    """RLIMIT_FSIZE is told as a full disk is.  What sanitizers and coverage write has room."""
    limit = 1 << 20
    with open(os.path.join(workdir, "out"), "wb") as out:
        out.seek(out.truncate(limit))
        error = "echod-client: cannot write: File too large\n"
        ends_with([silent.uri], error, prefix=["prlimit", f"--fsize={limit}"], stdout=out)


SHELL = ["sh", "-c", 'exec "$@" {}', "sh"]


def closing(descriptors):
    return [SHELL[0], SHELL[1], SHELL[2].format(descriptors), SHELL[3]]


def test_a_closed_stdout_ends_it_though_the_peer_is_silent(silent):
    error = "echod-client: cannot write: Bad file descriptor\n"
    for mode in ["ping"], ["ping", "-q"], ["pipe", "-q"], ["send"], ["bench", "-d", 600]:
        message = ["text"] if mode[0] == "send" else []
        ends_with([*mode, silent.uri, *message], error, prefix=closing(">&-"))


def test_a_closed_stdout_ends_bench_before_it_counts(silent):
    """While it waits for somebody who is up, and for its first connection."""
    error = "echod-client: cannot write: Bad file descriptor\n"
    waits = ["bench", "--wait-until-up", PATIENCE, silent.uri]
    ends_with(waits, error, prefix=closing(">&-"))
    with faulty.stream(faulty.mute) as server:
        connects = ["bench", "--insecure", "-t", PATIENCE, server.uri.replace("tcp:", "tls:")]
        ends_with(connects, error, prefix=closing(">&-"))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_no_socket_takes_the_place_of_a_closed_descriptor(closed):
    """Nothing that is printed goes to the server."""
    for mode, end in (["ping", "-c", 1, *LONG], []), (["send", "-n", 1], ["text"]), (["pipe"], []):
        with faulty.stream(faulty.echo) as server, faulty.datagrams(lambda _, data: [data]) as udp:
            for uri in server.uri, udp.uri:
                run(*mode, uri, *end, data=b"text", prefix=closing(closed))
            expected = {"ping": r"(?s).{64}", "send": "text", "pipe": "text"}[mode[0]]
            for data in udp.received:
                assert re.fullmatch(expected, data.decode("latin-1")), data


# --- nobody who reads ----------------------------------------------------------------------------


def ignore_sigpipe():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def reader_of(kind):
    """The reader's end, and that of the client."""
    if kind == "terminal":
        return pty.openpty()
    if kind == "socket":
        return [end.detach() for end in socket.socketpair()]
    return os.pipe()


MODES = {
    "ping": ["ping", "-i", 600],
    "pipe": ["pipe"],
    "send": ["send", "-W", PATIENCE, "--json"],
    "bench": ["bench", "-d", 600, "-W", 600],
}


@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
@pytest.mark.parametrize("ignored", [True, False], ids=["ignored", "default"])
@pytest.mark.parametrize("mode", MODES)
def test_a_reader_who_goes_ends_it_though_the_peer_is_silent(silent, mode, ignored, kind):
    """And though nothing is printed: the one message is sent before that."""
    reader, own = reader_of(kind)
    client = subprocess.Popen(
        command(*MODES[mode], silent.uri, *(["text"] if mode == "send" else [])),
        stdin=subprocess.PIPE,
        stdout=own,
        stderr=subprocess.PIPE,
        restore_signals=False,
        preexec_fn=ignore_sigpipe if ignored else lambda: signal.signal(13, signal.SIG_DFL),
    )
    os.close(own)
    with client:
        try:
            client.stdin.write(b"text")
            client.stdin.flush()
            eventually(lambda: silent.received, "the message")
            os.close(reader)
            status = client.wait(within(5))
        finally:
            client.kill()
        error = client.stderr.read().decode()
    if kind == "terminal":
        assert (status, "cannot write: Input/output error" in error) == (1, True), error
    elif mode == "pipe":
        assert (status, "cannot write" in error) == (0, False), error
    elif ignored:
        assert (status, error) == (1, "echod-client: cannot write: Broken pipe\n")
    else:
        assert status == -signal.SIGPIPE


def test_a_peer_of_a_socket_that_only_sends_no_more_is_still_a_reader(silent):
    """That it has shut down its side says nothing of the other."""
    reader, own = socket.socketpair()
    with reader, own, Client(silent.uri, *FAST, "-O", "-W", 0.01, stdout=own) as client:
        reader.shutdown(socket.SHUT_WR)
        text = b""
        while text.count(b"no reply yet") < 5:
            assert select.select([reader], [], [], PATIENCE)[0]
            text += reader.recv(4096)
        assert client.process.poll() is None
