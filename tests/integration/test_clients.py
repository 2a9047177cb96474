"""Clients that people have: what they send comes back, behind what the listener says first."""

import re
import shutil

import peers
import pytest
from clients import converse
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


@pytest.mark.parametrize("greeting", ["", r"220 %n ready\r\n"])
def test_all_comes_back(start, client, greeting):
    daemon = start((listener(greeting=greeting),))
    said = b"220 echo-tcp ready\r\n" if greeting else b""
    data = TEXT if HALF_CLOSES[client] else TEXT[:20000]
    where = {"host": daemon.host(), "port": daemon.port(), "patience": PATIENCE}
    command = [word.format(**where) for word in COMMANDS[client]]
    size = None if HALF_CLOSES[client] else len(said + data)
    peers.assert_same(converse(command, data, size), said + data)
    line = daemon.wait_log(r"^info: connection closed: .*").string
    received, sent = map(int, re.search(r" received=(\d+) sent=(\d+) ", line).groups())
    if HALF_CLOSES[client]:
        assert received == sent == len(data)
    else:  # it was ended while it had more
        assert received >= sent >= len(data)
