"""pipe over UDP: what the way there says of datagrams, and how fast they go."""

import contextlib
import re
import socket
import struct
import subprocess
import time

import pytest

import faulty
import network
import peers
import route
from client import command, run
from echod import listener
from patience import PATIENCE, eventually, lasting, within
from piping import DATA, pipe_json

SHORT = ("-W", lasting(1))  # a wait that a test lets run out
LONG = ("-W", PATIENCE)

# --- errors of the way there ---------------------------------------------------------------------

UNREACHABLE = 3  # the ICMP type; RFC 792 and 1812 have the codes
CODES = {"network": 0, "host": 1, "port": 3, "too-big": 4, "prohibited": 13}


def forge_error(code, server, client):
    """An ICMP error to the client, of a datagram of its own to the server."""
    ends = b"".join(socket.inet_aton(end[0]) for end in (client, server))
    quoted = struct.pack("!BBHHHBBH", 0x45, 0, 1428, 0, 0x4000, 64, socket.IPPROTO_UDP, 0) + ends
    quoted += struct.pack("!HHHH", client[1], server[1], 1408, 0)
    mtu = 1280 if code == CODES["too-big"] else 0
    head = struct.pack("!BBHHH", UNREACHABLE, code, 0, 0, mtu)
    total = sum(struct.unpack(f"!{len(head + quoted) // 2}H", head + quoted))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16) ^ 0xFFFF
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.sendto(head[:2] + struct.pack("!H", total) + head[4:] + quoted, (client[0], 0))


class Erring(faulty.DatagramServer):
    """Before it answers datagram `number` there is an error, and the answer waits for `copies`."""

    def __init__(self, number, code, copies):
        self._number, self._code, self._copies = number, code, copies
        super().__init__(None, "127.0.0.1", 0)

    def serve(self):
        count = 0
        while not self._stopping.is_set():
            data, client = self._socket.recvfrom(65536)
            count += 1
            self.received.append(data)
            answers = 1
            if count == self._number:
                forge_error(self._code, self._socket.getsockname(), client)
                for _ in range(self._copies - 1):
                    copy, _ = self._socket.recvfrom(65536)
                    assert copy == data
                    answers += 1
            for _ in range(answers):
                self._socket.sendto(data, client)


# An error that tells of a smaller MTU is remembered by the host, for all who run on it.
on_a_host_of_its_own = pytest.mark.usefixtures("apart")


@on_a_host_of_its_own
@pytest.mark.parametrize("data", [DATA[:9000], bytes(9000)], ids=["random", "zeros"])
@pytest.mark.parametrize("code", CODES)
def test_what_an_error_came_of_is_sent_again_and_counts_once(code, data):
    """Both copies come back: nobody said which of them did not get through."""
    server = Erring(3, CODES[code], copies=2)
    try:
        result = run("pipe", *LONG, server.uri, data=data)
        assert result.returncode == 0, result.stderr
        peers.assert_same(result.stdout, data)
    finally:
        server.stop()


@on_a_host_of_its_own
def test_an_answer_that_comes_in_spite_of_the_error():
    server = Erring(3, CODES["prohibited"], copies=1)
    try:
        found = pipe_json(*LONG, server.uri, status=0, data=DATA[:9000])
        assert (found["received"], found["sent"]) == (9000, 9000)
    finally:
        server.stop()


def test_a_server_that_is_started_anew():
    """It was heard before: that nobody listens is news, and no end."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        address = server.getsockname()
        client = stack.enter_context(
            subprocess.Popen(
                command("pipe", *LONG, "udp://%s:%d" % address),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        )
        stack.callback(client.kill)
        client.stdin.write(b"first")
        server.sendto(*server.recvfrom(100))
        assert client.stdout.read(5) == b"first"
        server.close()
        client.stdin.write(b"second")
        refused = time.monotonic()
        eventually(lambda: time.monotonic() > refused + 0.2, "some more tries")
        again = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        again.bind(address)
        again.settimeout(PATIENCE)
        again.sendto(*again.recvfrom(100))
        assert client.stdout.read(6) == b"second"
        client.stdin.close()
        assert client.wait(PATIENCE) == 0


def test_a_server_that_goes_for_good():
    with faulty.datagrams(lambda _, data: [data]) as server:
        client = subprocess.Popen(
            command("pipe", *SHORT, server.uri),
            **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE),
            bufsize=0,
        )
        client.stdin.write(b"first")
        assert client.stdout.read(5) == b"first"
    out, err = client.communicate(b"second", timeout=within(5))
    assert (client.returncode, out) == (1, b"")
    assert err.decode().startswith(f"echod-client: nobody listens at {server.address}\n")


@on_a_host_of_its_own
def test_without_comparing_it_is_told_that_some_were_lost():
    """What was lost is not known, so it cannot be sent again; the rest goes."""
    server = Erring(2, CODES["too-big"], copies=1)
    try:
        result = run("pipe", "--no-compare", *SHORT, server.uri, data=DATA[:9000])
    finally:
        server.stop()
    assert result.returncode == 1
    assert result.stderr.startswith("echod-client: datagrams were lost: Message too long\n")
    assert b"".join(server.received) == DATA[:9000]


# --- a path whose MTU is learnt on the way -------------------------------------------------------


def test_a_smaller_mtu_on_the_way(start, way):
    daemon = start([listener("echo-udp", "*", 20007, "udp")], prefix=way.server.prefix)
    for family, host in route.HOSTS.items():
        uri = f"udp://{host}:{daemon.port('echo-udp')}"
        found = pipe_json(*LONG, uri, status=0, data=DATA[:20000], prefix=way.client.prefix)
        assert (found["received"], found["resent"] > 0) == (20000, True), family


def test_another_address_of_this_host(start, cable):
    """The socket has the one before for its own, and nothing that it sends gets away."""
    daemon = start([listener("echo-udp", "*", protocol="udp")], prefix=cable.host.prefix)
    client = subprocess.Popen(
        [
            *cable.peer.prefix,
            *command("pipe", *LONG, f"udp://{network.HOST}:{daemon.port('echo-udp')}"),
        ],
        **dict.fromkeys(("stdin", "stdout"), subprocess.PIPE),
        bufsize=0,
    )
    with client:
        try:
            client.stdin.write(b"first")
            assert client.stdout.read(5) == b"first"
            cable.peer.run("ip address flush dev cable")
            client.stdin.write(b"second")
            refused = time.monotonic()
            eventually(lambda: time.monotonic() > refused + 0.2, "some tries in vain")
            cable.peer.run("ip address add 192.0.2.9/24 dev cable")
            assert client.stdout.read(6) == b"second"
            client.stdin.close()
            assert client.wait(PATIENCE) == 0
        finally:
            client.kill()


# --- the rate ------------------------------------------------------------------------------------


def times_of(data, *arguments):
    """When each datagram came, in seconds."""
    times = []

    def note(_, datagram):
        times.append(time.monotonic())
        return [datagram]

    with faulty.datagrams(note) as server:
        assert run("pipe", *LONG, *arguments, server.uri, data=data).returncode == 0
    return times


@pytest.mark.parametrize("compare", [(), ("--no-compare", "-W", 0.1)], ids=["compared", "copied"])
def test_the_rate(compare):
    """Never faster, whatever the machine; where it is idle, not much slower."""
    begun = time.monotonic()
    times = times_of(DATA[: 60 * 1400], "--rate", 200, *compare)
    assert len(times) == 60
    # The first may have been noted late; what a timer may be late is made up for.
    assert times[-1] - begun >= 55 / 200
    assert times[-1] - times[0] < within(60 / 200)


def test_a_pause_is_not_made_up_for():
    """Of the rate's time that a pause leaves unused, no more is saved up than a timer is late."""
    with faulty.datagrams(lambda _, data: [data]) as server, subprocess.Popen(
        command("pipe", *LONG, "--rate", 100, server.uri), stdin=subprocess.PIPE, bufsize=0
    ) as client:
        client.stdin.write(b"text")
        begun = time.monotonic()
        eventually(lambda: time.monotonic() > begun + 0.5, "time for 50 datagrams")
        begun = time.monotonic()
        client.stdin.write(DATA[: 20 * 1400])
        client.stdin.close()
        assert client.wait(PATIENCE) == 0
        assert time.monotonic() - begun >= 16 / 100


def test_a_slow_rate_is_no_wait():
    """It is not the server's turn while the next datagram has to wait for its own."""
    result = run("pipe", "--rate", 2, "-W", lasting(0.2), "udp://127.0.0.1:9", data=b"")
    assert result.returncode == 0
    with faulty.datagrams(lambda _, data: [data]) as server:
        result = run("pipe", "--rate", 2, "-W", lasting(0.2), server.uri, data=DATA[:2800])
    assert (result.returncode, result.stdout) == (0, DATA[:2800])


def test_no_limit(start):
    daemon = start([listener(protocol="udp")], {"limits.datagram_rate_per_source": 0})
    begun = time.monotonic()
    uri = f"udp://127.0.0.1:{daemon.port()}"
    result = run("pipe", "--rate", 0, *LONG, uri, data=bytes(1400 * 1600))
    assert result.returncode == 0
    assert time.monotonic() - begun < within(1), "at 800 a second it would take two"


def test_what_is_lost_by_a_limit_is_told_with_it(start):
    """echod drops them; by default a busy machine might not be fast enough for it."""
    daemon = start([listener(protocol="udp")], {"limits.datagram_rate_per_source": 400})
    uri = f"udp://127.0.0.1:{daemon.port()}"
    result = run("pipe", "--rate", 0, *SHORT, uri, data=bytes(1400 * 2000))
    assert result.returncode == 1
    assert re.match(
        r"echod-client: no reply to datagram \d+ \(byte \d+\) for [\d.]+ s: "
        r"echod answers 1000 a second of one source by default, see --rate\n",
        result.stderr,
    ), result.stderr


@pytest.mark.parametrize("rate", ["-1", "many", "1000001", "0.5", ""])
def test_a_rate_that_is_none(rate):
    result = run("pipe", "--rate", rate, "udp://127.0.0.1:7")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"echod-client: --rate {rate}: give 0 to 1000000")


def test_a_stream_has_no_rate():
    result = run("pipe", "--rate", "100", "tcp://127.0.0.1:7")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr == "echod-client: --rate 100: it is of datagrams, which tcp has not\n"
