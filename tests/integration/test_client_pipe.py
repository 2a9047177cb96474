"""pipe: stdin to the server, what comes back to stdout, compared on the way."""

import json
import os
import re
import select
import subprocess
import sys

import pytest

import faulty
import kernel
import peers
from client import check_fields, check_stderr, command, run
from echod import listener
from patience import PATIENCE, SLOWNESS
from piping import DATA, MIB, endless, pipe_json

DONE = {"ending": "done", "reason": None, "status": 0}


@pytest.fixture
def uri(start):
    return f"tcp://127.0.0.1:{start().port()}"


@pytest.fixture
def udp_uri(start):
    daemon = start([listener(protocol="udp")])
    return f"udp://127.0.0.1:{daemon.port()}"


@pytest.fixture
def data_file(workdir):
    path = os.path.join(workdir, "data")
    with open(path, "wb") as file:
        file.write(DATA)
    return path


def check_copies(data, *arguments, **named):
    """What comes out is `data`, and nothing is said."""
    if "stdin" not in named:
        named["data"] = data
    result = run("pipe", "-q", *arguments, **named)
    assert (result.returncode, result.stderr) == (0, "")
    peers.assert_same(result.stdout, data)


# --- what is right -------------------------------------------------------------------------------


def test_8_mib_through_pipes(uri):
    check_copies(DATA, uri)


def test_8_mib_from_a_file_to_a_file(uri, data_file, workdir):
    with open(data_file, "rb") as stdin, open(os.path.join(workdir, "out"), "w+b") as stdout:
        result = run("pipe", "-q", uri, stdin=stdin, stdout=stdout)
        assert (result.returncode, result.stderr) == (0, "")
        stdout.seek(0)
        peers.assert_same(stdout.read(), DATA)


@pytest.mark.parametrize("size", [1, 1399, 1400, 1401, 65536, 8 * MIB - 1, 8 * MIB + 1, 20 * MIB])
def test_sizes_around_those_of_the_buffers(uri, size):
    check_copies(peers.payload(size, seed=size), uri)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_an_empty_stdin(start, protocol):
    daemon = start([listener(protocol=protocol)])
    target = f"{protocol}://127.0.0.1:{daemon.port()}"
    check_copies(b"", target)
    with open("/dev/null", "rb") as stdin:
        check_copies(b"", target, stdin=stdin)


@pytest.mark.parametrize("size", [1, 1400, 1401, 100000])
def test_datagrams(udp_uri, size):
    check_copies(peers.payload(size), udp_uri)


def test_a_datagram_has_at_most_1400_bytes_and_waits_for_the_one_before():
    with faulty.datagrams(lambda _, data: [data]) as server:
        check_copies(DATA[:10000], server.uri)
        received = list(server.received)
    assert b"".join(received) == DATA[:10000]
    assert max(map(len, received)) == 1400


def test_bytes_come_back_before_stdin_ends(uri):
    """It is a filter: a line that was sent is echoed at once."""
    with subprocess.Popen(
        command("pipe", "-q", uri), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as client:
        for line in (b"first\n", b"second\n"):
            client.stdin.write(line)
            assert select.select([client.stdout], [], [], PATIENCE)[0], "nothing came back"
            assert client.stdout.read(100) == line
        client.stdin.close()
        assert client.stdout.read() == b""
        assert client.wait(PATIENCE) == 0


@pytest.mark.skipif(not kernel.has_ipv6(), reason="the kernel has no IPv6")
def test_ipv6(start):
    check_copies(DATA[:MIB], "-6", "::1", start([listener(address="::1")]).port())


def test_json_has_every_field(uri):
    check_fields(
        pipe_json(uri, status=0, data=DATA),
        {
            **{"mode": "pipe", "uri": uri, "address": uri.partition("://")[2], "greeting": None, "tls": None},
            **{"sent": 8 * MIB, "received": 8 * MIB, "difference": None, **DONE},
            **{"datagrams": None, "resent": None},
            **dict.fromkeys(("connect_seconds", "seconds", "bytes_per_second"), float),
        },
    )


def test_the_rate_is_that_of_bytes_and_seconds(uri):
    result = pipe_json(uri, status=0, data=DATA)
    assert result["bytes_per_second"] == pytest.approx(8 * MIB / result["seconds"], rel=0.01)


def test_json_over_udp_has_no_connect_time(udp_uri):
    check_fields(
        pipe_json(udp_uri, status=0, data=DATA[:5000]),
        {
            **{"mode": "pipe", "uri": udp_uri, "address": udp_uri.partition("://")[2]},
            **{"sent": 5000, "received": 5000, "difference": None, **DONE},
            **{"datagrams": 4, "resent": 0},
            **{"connect_seconds": None, "greeting": None, "tls": None},
            **dict.fromkeys(("seconds", "bytes_per_second"), float),
        },
    )


def test_a_server_that_need_not_echo():
    with faulty.stream(faulty.answer(b"something else")) as server:
        result = run("pipe", "-q", "--no-compare", server.uri, data=DATA)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"something else", "")


def test_a_server_that_must_echo_and_does_not():
    with faulty.stream(faulty.answer(b"something else")) as server:
        result = run("pipe", "-q", server.uri, data=b"a")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == "echod-client: difference at byte 0: sent 0x61, received 0x73\n"


# --- what it says at the end ---------------------------------------------------------------------

RATE = r"in \d+\.\d{3} s \(\d+\.\d MiB/s\)"


def last_line(*arguments, status=0, **named):
    """The only one, but for faults."""
    result = run("pipe", *arguments, **named)
    assert result.returncode == status, result.stderr
    assert result.stderr.endswith("\n")
    lines = result.stderr.splitlines()
    assert len(lines) == 1 + (status != 0), lines
    return lines[-1]


def test_the_end_tells_what_was_moved(uri):
    said = last_line(uri, data=DATA)
    assert re.fullmatch(rf"{8 * MIB} bytes sent, {8 * MIB} came back, {RATE}", said), said


def test_the_end_tells_datagrams(udp_uri):
    said = last_line(udp_uri, data=DATA[:5000])
    assert re.fullmatch(f"5000 bytes sent in 4 datagrams, 5000 came back, {RATE}", said), said


def test_one_is_no_more(uri, udp_uri):
    for each, datagrams in (uri, ""), (udp_uri, " in 1 datagram"):
        said = last_line(each, data=b"a")
        assert re.fullmatch(f"1 byte sent{datagrams}, 1 came back, {RATE}", said), said


def test_the_end_of_nothing_says_so(uri, udp_uri):
    for each in uri, udp_uri:
        said = last_line(each)
        expected = r"nothing was sent: standard input was empty, in \d+\.\d{3} s"
        assert re.fullmatch(expected, said), said


def test_a_fault_tells_what_was_moved_as_well():
    with faulty.stream(faulty.close_after(4097, more=8192 - 4097)) as server:
        said = last_line(server.uri, data=DATA[:8192], status=1)
    assert re.fullmatch(f"8192 bytes sent, 4097 came back, {RATE}", said), said


# --- much of it ----------------------------------------------------------------------------------

MEASURE = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.skipif(SLOWNESS > 1, reason="a sanitizer has memory of its own")
def test_1_gib_in_constant_memory(uri):
    """A small process of its own measures: ours, when it forks, would count as the client's."""
    source = subprocess.Popen(["head", "-c", str(1 << 30), "/dev/zero"], stdout=subprocess.PIPE)
    sink = subprocess.Popen(["wc", "-c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with source, sink:
        result = run(
            *("pipe", "-q", uri),
            prefix=[sys.executable, "-I", "-S", "-c", MEASURE],
            timeout=4 * PATIENCE,
            stdin=source.stdout,
            stdout=sink.stdin,
        )
        sink.stdin.close()
        count = int(sink.stdout.read())
    assert result.returncode == 0, result.stderr
    assert count == 1 << 30
    resident = int(result.stderr) * 1024  # and nothing but the figure on stderr
    assert MIB < resident <= 16 * MIB, f"{resident / MIB:.1f} MiB"


@pytest.mark.parametrize("json_wanted", [False, True], ids=["text", "json"])
def test_a_closed_stdout_is_no_error(uri, json_wanted):
    with endless(*(["--json"] if json_wanted else []), uri) as client:
        head = subprocess.run(
            ["head", "-c", "3000000"], stdin=client.stdout, stdout=subprocess.PIPE, check=True
        )
        client.stdout.close()
        errors = client.stderr.read().decode()
        assert client.wait(PATIENCE) == 0
    assert head.stdout == bytes(3000000)
    check_stderr(errors)
    assert json.loads(errors)["ending"] == "stdout closed" if json_wanted else errors == ""


def test_a_full_stdout_is_an_error(uri):
    with open("/dev/full", "wb") as full:
        result = run("pipe", "-q", uri, data=b"text", stdout=full)
        assert result.returncode == 1
        assert result.stderr == "echod-client: cannot write: No space left on device\n"
        assert pipe_json(uri, status=1, data=b"text", stdout=full)["ending"] == "stdout failed"


def test_a_stdin_that_cannot_be_read(uri, workdir):
    directory = os.open(workdir, os.O_RDONLY)
    try:
        result = run("pipe", "-q", uri, stdin=directory)
    finally:
        os.close(directory)
    assert result.returncode == 1
    assert result.stderr == "echod-client: cannot read stdin: Is a directory\n"


# --- closed descriptors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "closing, error",
    [
        ("<&-", "cannot read stdin: Bad file descriptor"),
        (">&-", "cannot write: Bad file descriptor"),
    ],
)
def test_a_closed_standard_descriptor(uri, closing, error):
    """The socket must not take its place."""
    shell = ["sh", "-c", f'exec "$@" {closing}', "sh"]
    result = run("pipe", "-q", uri, prefix=shell, data=b"text")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == f"echod-client: {error}\n"


# --- nothing to talk to, and other servers -------------------------------------------------------


def test_a_refused_connection():
    port = kernel.free_port()
    result = run("pipe", "-q", f"tcp://127.0.0.1:{port}", data=DATA)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr == (
        f"echod-client: cannot connect to 127.0.0.1:{port}: Connection refused\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["127.0.0.1", "7", "9"],
        ["-c", "1", "127.0.0.1"],
        ["-W", "0", "127.0.0.1"],
        ["tcp://127.0.0.1:0"],
    ],
)
def test_wrong_usage(arguments):
    result = run("pipe", "-q", *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert re.match("echod-client: (?!cannot )", result.stderr)


def test_socat():
    with faulty.socat("tcp") as uri:
        check_copies(DATA, uri)


def test_socat_over_udp():
    with faulty.socat("udp") as uri:
        check_copies(DATA[:10000], uri)


def test_inetd(workdir):
    with faulty.inetd(workdir) as uri:
        check_copies(DATA, uri)
