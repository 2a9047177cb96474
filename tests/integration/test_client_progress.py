"""The line that tells how far pipe is: on a terminal that has a place for it, and only there."""

import contextlib
import fcntl
import os
import pty
import re
import select
import socket
import struct
import subprocess
import termios
import threading

import pytest

import faulty
import peers
from activation import bound
from client import command
from patience import PATIENCE, lasting
from piping import DATA, MIB

ERASE = "\r\x1b[K"
DATAGRAMS = socket.SOCK_DGRAM


@pytest.fixture
def uri(start):
    return f"tcp://127.0.0.1:{start().port()}"


def read_terminal(terminal, client, pattern=None):
    """What the terminal shows: until `pattern` comes, or without one until the client ends."""
    text = ""
    while not (pattern and re.search(pattern, text)):
        if not select.select([terminal], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing more than {text!r}")
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""  # a terminal whose other side is closed has no EOF
        if not piece:
            client.wait(PATIENCE)
            assert pattern is None, text
            return text
        text += piece.decode()
    return text


def resize(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


@contextlib.contextmanager
def on_terminal(uri, stdin, arguments=(), name="xterm", columns=0, **named):
    """A client whose stderr is a terminal; `terminal` among `named` is that one too."""
    terminal, side = pty.openpty()
    resize(terminal, columns)
    named = {each: side if where == "terminal" else where for each, where in named.items()}
    client = subprocess.Popen(
        command("pipe", *arguments, uri),
        **{"stdin": stdin, "stdout": subprocess.DEVNULL, "stderr": side, **named},
        env={**os.environ, "TERM": name},
    )
    os.close(side)
    try:
        with client:
            try:
                yield client, terminal
            finally:
                client.kill()
    finally:
        os.close(terminal)


@contextlib.contextmanager
def open_stdin(data=b""):
    """A pipe that holds `data` and has no end before close() is called."""
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as end:
        end.write(data)
        yield reading, end.close
    os.close(reading)


def line_of(data, columns):
    """The first line of progress of a terminal so wide."""
    with faulty.stream(faulty.echo) as server, open_stdin(data) as (stdin, close):
        with on_terminal(server.uri, stdin, columns=columns) as (client, terminal):
            line = read_terminal(terminal, client, r"\x1b\[K.").removeprefix(ERASE)
            close()
            rest = read_terminal(terminal, client)
            return (line + rest).partition("\r")[0]


def test_without_a_size(uri):
    with open_stdin(DATA[:65536]) as (stdin, close):
        with on_terminal(uri, stdin) as (client, terminal):
            progress = read_terminal(terminal, client, "MiB/s")
            close()
            rest = read_terminal(terminal, client)
            assert client.wait(PATIENCE) == 0
    assert re.search(r"\r\x1b\[K  0\.1 MiB  \d+\.\d MiB/s$", progress), progress
    assert rest.rpartition(ERASE)[2].count("MiB/s") <= 1, "it is erased"


def test_a_file_has_a_percentage(workdir):
    """The server holds the second half back until the line is there.

    What was read of the file before is no part of it.
    """
    release = threading.Event()

    def half(connection):
        first = peers.receive(connection, 3 * MIB)
        connection.sendall(first)
        assert release.wait(PATIENCE)
        faulty.echo(connection)

    path = os.path.join(workdir, "data")
    with open(path, "wb") as file:
        file.write(DATA)
    with faulty.stream(half) as server, open(path, "rb", buffering=0) as stdin:
        stdin.seek(2 * MIB)
        with on_terminal(server.uri, stdin) as (client, terminal):
            progress = read_terminal(terminal, client, "MiB/s")
            release.set()
            read_terminal(terminal, client)
            assert client.wait(PATIENCE) == 0
    assert re.search(r"\r\x1b\[K  3\.0 MiB   ?50%  \d+\.\d MiB/s$", progress), progress


def test_it_is_never_as_wide_as_the_terminal():
    whole = line_of(DATA[:65536], 0)
    assert re.fullmatch(r"  0\.1 MiB  \d+\.\d MiB/s", whole)
    assert line_of(DATA[:65536], 12) == "  0.1 MiB  "
    assert line_of(DATA[:65536], 10) == "  0.1 MiB"


def test_it_knows_that_the_terminal_has_become_narrower(uri):
    with open_stdin(DATA[:65536]) as (stdin, close):
        with on_terminal(uri, stdin, columns=80) as (client, terminal):
            read_terminal(terminal, client, "MiB/s")
            resize(terminal, 10)
            read_terminal(terminal, client, r"\r\x1b\[K  0\.1 MiB\r")
            close()
            read_terminal(terminal, client)


def test_what_is_told_meanwhile_takes_its_place():
    """And it comes again below."""
    with bound(kind=DATAGRAMS) as server, bound(kind=DATAGRAMS) as stranger:
        uri = "udp://127.0.0.1:{}".format(server.getsockname()[1])
        with open_stdin(b"text") as (stdin, close):
            with on_terminal(uri, stdin) as (client, terminal):
                data, address = server.recvfrom(100)
                server.sendto(data, address)
                read_terminal(terminal, client, "MiB/s$")
                stranger.sendto(b"anything", address)
                told = read_terminal(terminal, client, "not asked(.|\n)*MiB/s$")
                close()
                read_terminal(terminal, client)
    line = r"  0\.0 MiB  0\.0 MiB/s"
    told = re.sub(f"^({re.escape(ERASE)}{line})*", "", told)
    fault = r"echod-client: 127\.0\.0\.1:\d+ has sent a datagram and was not asked"
    erase = re.escape(ERASE)
    assert re.fullmatch(f"{erase}{fault}\r\n{erase}{line}", told), told


def shown_in_two_seconds(uri, stdin, close, **named):
    """What a client shows in which the line would have come, before it is told to end."""
    with on_terminal(uri, stdin, **named) as (client, terminal):
        shown = b""
        while select.select([terminal], [], [], lasting(1.5))[0] and shown.count(b"MiB") < 1:
            shown += os.read(terminal, 4096)
        close()
        return shown.decode() + read_terminal(terminal, client).partition("\r\n")[0]


@pytest.mark.parametrize("name", ["dumb", ""])
def test_none_where_the_terminal_cannot_erase_it(uri, name):
    with open_stdin(b"text") as (stdin, close):
        shown = shown_in_two_seconds(uri, stdin, close, name=name)
    assert "\x1b" not in shown and shown.count("\r") == 0


def test_none_where_stdin_is_typed(uri):
    """It would be erased with the line, and what comes back too."""
    typing, side = pty.openpty()
    with on_terminal(uri, side) as (client, terminal):
        os.write(typing, b"typed\n")
        assert not select.select([terminal], [], [], lasting(1.5))[0], "nothing is shown"
        os.write(typing, b"\x04")
        shown = read_terminal(terminal, client)
        assert client.wait(PATIENCE) == 0
    os.close(side)
    os.close(typing)
    assert "\x1b" not in shown


def test_none_where_what_comes_back_is_shown(uri):
    with open_stdin(b"text") as (stdin, close):
        shown = shown_in_two_seconds(uri, stdin, close, stdout="terminal")
    assert shown.startswith("text") and "\x1b" not in shown
