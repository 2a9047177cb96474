"""What the tests of pipe share: what they send, and clients that send it."""

import contextlib
import json
import subprocess

import peers
from client import command, run

MIB = 1 << 20
DATA = peers.payload(8 * MIB)


def pipe_json(*arguments, status, data=b"", **named):
    result = run("pipe", "--json", *arguments, data=data, **named)
    assert result.returncode == status, result.stderr
    assert result.stderr.count("\n") == 1
    return json.loads(result.stderr)


@contextlib.contextmanager
def endless(*arguments):
    """A client that reads /dev/zero."""
    with open("/dev/zero", "rb") as zeros:
        client = subprocess.Popen(
            command("pipe", "-q", *arguments),
            stdin=zeros,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    with client:
        try:
            yield client
        finally:
            if client.poll() is None:
                client.kill()


@contextlib.contextmanager
def open_pipe(*arguments):
    """A client whose stdin stays open until the end of the block, with nothing on it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command("pipe", "-q", *arguments), **pipes) as client:
        try:
            yield client
        finally:
            client.kill()
