"""Clients that people have: what they send comes back, behind what the listener says first."""

import contextlib
import re
import shutil
import subprocess
import threading

import peers
import pytest
from echod import listener
from patience import PATIENCE

# None of them changes bytes but curl, to which 255 begins a command of telnet.
TEXT = b"".join(b"%06d: and the same once more\r\n" % number for number in range(10000))
COMMANDS = {
    "curl": ("curl", "--silent", "--show-error", "--no-buffer", "telnet://{host}:{port}"),
    "socat": ("socat", "-t{patience}", "-", "TCP:{host}:{port}"),
    "ncat": ("ncat", "{host}", "{port}"),
}
HALF_CLOSES = {name: name != "curl" for name in COMMANDS}


@pytest.fixture(params=COMMANDS)
def client(request):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


@contextlib.contextmanager
def fed(process, data):
    """Its input is `data`, and more from time to time: curl reads it ten times a second, whether
    there is any or not, and takes nothing from the network until it has some."""
    done = threading.Event()

    def feed():
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(data)
            process.stdin.flush()
            while not done.wait(0.05):
                process.stdin.write(b"more\n")
                process.stdin.flush()

    feeder = threading.Thread(target=feed)
    feeder.start()
    patience = threading.Timer(PATIENCE, process.kill)
    patience.start()
    try:
        yield
    finally:
        patience.cancel()
        process.terminate()
        done.set()
        feeder.join()


def converse(name, daemon, data, size):
    """Returns what has come back, of `size` bytes; those who half-close read to the end."""
    where = {"host": daemon.host(), "port": daemon.port(), "patience": PATIENCE}
    command = [word.format(**where) for word in COMMANDS[name]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if HALF_CLOSES[name]:
            return process.communicate(data, PATIENCE)[0]
        with fed(process, data):
            return process.stdout.read(size)


@pytest.mark.parametrize("greeting", ["", r"220 %n ready\r\n"])
def test_all_comes_back(start, client, greeting):
    daemon = start((listener(greeting=greeting),))
    said = b"220 echo-tcp ready\r\n" if greeting else b""
    data = TEXT if HALF_CLOSES[client] else TEXT[:20000]
    peers.assert_same(converse(client, daemon, data, len(said + data)), said + data)
    line = daemon.wait_log(r"^info: connection closed: .*").string
    received, sent = map(int, re.search(r" received=(\d+) sent=(\d+) ", line).groups())
    if HALF_CLOSES[client]:
        assert received == sent == len(data)
    else:  # it was ended while it had more
        assert received >= sent >= len(data)
