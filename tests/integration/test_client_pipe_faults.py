"""pipe against servers that are at fault: each fault is named for what it is."""

import re
import subprocess
import time

import pytest

import faulty
import kernel
import peers
from client import check_fields, command, run
from patience import PATIENCE, eventually, lasting, within
from piping import DATA, MIB, endless, pipe_json

SHORT = lasting(1)  # a wait that a test lets run out


def check_fault(serve, text, *arguments, end, data=DATA[:8192], **fields):
    """The same fault as text and as JSON, with status 1; `serve` makes the faulty server anew."""
    with serve() as server:
        result = run("pipe", "-q", *arguments, server.uri, data=data)
    assert (result.returncode, result.stderr) == (1, f"echod-client: {text}\n")
    assert data.startswith(result.stdout)
    with serve() as server:
        found = pipe_json(*arguments, server.uri, status=1, data=data)
        expected = {
            **{"mode": "pipe", "uri": server.uri, "address": server.address, "ending": end},
            **{"sent": int, "received": int, "seconds": float, "difference": None},
            **{"bytes_per_second": float if found["received"] else None},
            **{"connect_seconds": float if server.uri.startswith("tcp") else None},
            "greeting": None,
            "tls": None,
            **{"reason": str, "status": 1},
            **dict.fromkeys(("datagrams", "resent"), int if "udp:" in server.uri else None),
            **fields,
        }
    check_fields(found, expected)


def stream(*faults, **named):
    return lambda: faulty.stream(*faults, **named)


def datagrams(fault):
    return lambda: faulty.datagrams(fault)


@pytest.mark.parametrize("at", [0, 4097, 8191])
def test_a_flipped_byte(at):
    sent = DATA[at]
    check_fault(
        stream(faulty.flip(at)),
        f"difference at byte {at}: sent 0x{sent:02x}, received 0x{sent ^ 1:02x}",
        end="difference",
        difference={"offset": at, "expected": sent, "seen": sent ^ 1},
    )


def test_a_flipped_byte_far_behind_the_first_buffer():
    """Beyond the ring's first turn; stdin never ends, so that the fault must end it at once."""
    at = 8 * MIB + 12345
    with faulty.stream(faulty.flip(at)) as server, endless(server.uri) as client:
        received = client.stdout.read()
        errors = client.stderr.read()
        assert client.wait(PATIENCE) == 1
    assert errors.decode() == f"echod-client: difference at byte {at}: sent 0x00, received 0x01\n"
    assert len(received) <= at and not any(received)


def test_more_than_was_sent():
    check_fault(
        stream(faulty.surplus(b"extra")),
        "byte 8192 came back but was never sent",
        end="surplus",
    )


def test_the_server_closes_early():
    check_fault(
        stream(faulty.close_after(4097, more=8192 - 4097)),
        "the server closed after 4097 of 8192 bytes",
        end="closed",
        received=4097,
        sent=8192,
    )


def test_the_server_resets():
    """The client has read what came before only where it was quick: the figure is no more."""
    with faulty.stream(faulty.reset_after(4097, more=8192 - 4097)) as server:
        result = run("pipe", "-q", server.uri, data=DATA[:8192])
    assert result.returncode == 1
    match = re.fullmatch(
        r"echod-client: connection reset after (\d+) of 8192 bytes\n", result.stderr
    )
    assert match, result.stderr
    assert int(match.group(1)) == len(result.stdout) <= 4097
    with faulty.stream(faulty.reset_after(0, more=8192)) as server:
        found = pipe_json(server.uri, status=1, data=DATA[:8192])
    assert (found["ending"], found["received"]) == ("reset", 0)


def nothing_moved(sent, received, unit="bytes"):
    return f"nothing moved for {SHORT:g} s: {sent} {unit} sent, {received} came back"


@pytest.mark.parametrize("size", [1, 8192, 8 * MIB, 20 * MIB])
def test_a_server_that_never_answers(size):
    """However much it takes: more than may be on its way, too."""
    data = peers.payload(size, seed=size)
    with faulty.stream(faulty.mute) as server:
        result = run("pipe", "-q", "-W", SHORT, server.uri, data=data, timeout=within(5))
    assert (result.returncode, result.stdout) == (1, b"")
    said = nothing_moved("[0-9]+", 0, "byte" if size == 1 else "bytes")
    assert re.fullmatch(f"echod-client: {said}\n", result.stderr)


def test_a_server_that_answers_in_part():
    check_fault(
        stream(faulty.mute_after(4097)),
        nothing_moved(8192, 4097),
        *("-W", SHORT),
        end="timeout",
        received=4097,
        sent=8192,
    )


def test_a_server_that_never_reads():
    """What stdin had does not fit into the socket, and the wait still ends."""
    data = peers.payload(7 * MIB)
    with faulty.stream(faulty.unread, receive_buffer=4096) as server:
        result = run("pipe", "-q", "-W", SHORT, server.uri, data=data, timeout=within(5))
    assert (result.returncode, result.stdout) == (1, b"")
    match = re.fullmatch(rf"echod-client: {nothing_moved('([0-9]+)', 0)}\n", result.stderr)
    assert match, result.stderr
    assert 0 < int(match.group(1)) < len(data)


def test_a_lost_datagram():
    check_fault(
        datagrams(faulty.only(3, faulty.dropped)),
        f"no reply to datagram 3 (byte 2800) for {SHORT:g} s",
        *("-W", SHORT),
        end="timeout",
        sent=4200,
        received=2800,
    )


def test_a_datagram_with_a_flipped_byte():
    at, sent = 1400 + 17, DATA[1400 + 17]
    check_fault(
        datagrams(faulty.only(2, faulty.flipped(17, mask=0xFF))),
        f"difference at byte {at}: sent 0x{sent:02x}, received 0x{sent ^ 0xFF:02x}",
        end="difference",
        sent=2800,
        received=1400,
        difference={"offset": at, "expected": sent, "seen": sent ^ 0xFF},
    )


def test_a_longer_datagram():
    check_fault(
        datagrams(faulty.only(2, faulty.lengthened(b"more"))),
        "byte 2800 came back but was never sent",
        end="surplus",
    )


def test_a_longer_datagram_that_looks_like_the_one_before():
    check_fault(
        datagrams(faulty.only(2, faulty.lengthened(b"\0"))),
        "byte 2800 came back but was never sent",
        data=bytes(8192),
        end="surplus",
    )


def test_a_truncated_datagram():
    check_fault(
        datagrams(faulty.only(2, faulty.truncated(100))),
        "datagram 2 (byte 1400) came back with 100 of 1400 bytes",
        end="truncated",
        sent=2800,
        received=1400,
    )


def test_a_datagram_that_comes_back_empty():
    check_fault(
        datagrams(faulty.only(2, faulty.truncated(0))),
        "datagram 2 (byte 1400) came back with 0 of 1400 bytes",
        end="truncated",
    )


def test_a_truncated_datagram_that_differs_too():
    at = 1400 + 17
    check_fault(
        datagrams(faulty.only(2, lambda data: [faulty.flipped(17, mask=0xFF)(data)[0][:100]])),
        f"difference at byte {at}: sent 0x{DATA[at]:02x}, received 0x{DATA[at] ^ 0xFF:02x}",
        end="difference",
        difference={"offset": at, "expected": DATA[at], "seen": DATA[at] ^ 0xFF},
    )


def test_a_duplicate_datagram():
    """Whether the next one is on its way by then or not."""
    check_fault(
        datagrams(faulty.only(2, faulty.duplicated)),
        "datagram 2 came back twice",
        end="duplicate",
        received=2800,
    )


# --- a server that ends otherwise than it should -------------------------------------------------


def test_all_comes_back_and_the_server_does_not_close():
    check_fault(
        stream(faulty.mute_after(8192)),
        f"all 8192 bytes came back, but the server has not closed for {SHORT:g} s",
        *("-W", SHORT),
        end="unclosed",
        sent=8192,
        received=8192,
    )


def test_the_wait_for_the_close_begins_at_the_end_of_stdin():
    """Not when the last byte moved: stdin may have been open for long since then."""
    with faulty.stream(faulty.mute_after(5)) as server, subprocess.Popen(
        command("pipe", "-q", "-W", lasting(0.4), server.uri),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as client:
        client.stdin.write(b"12345")
        assert client.stdout.read(5) == b"12345"
        echoed = time.monotonic()
        eventually(lambda: time.monotonic() - echoed > lasting(0.3), "most of a wait is over")
        client.stdin.close()
        ended = time.monotonic()
        assert client.wait(PATIENCE) == 1
        assert time.monotonic() - ended >= lasting(0.4)


def test_an_open_stdin_is_waited_for():
    """As long as the server owes nothing, no wait runs."""
    with faulty.stream(faulty.echo) as server, subprocess.Popen(
        command("pipe", "-q", "-W", lasting(0.05), server.uri),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as client:
        for line in (b"first\n", b"second\n"):
            client.stdin.write(line)
            assert client.stdout.read(100) == line
            echoed = time.monotonic()
            eventually(lambda: time.monotonic() - echoed > lasting(0.15), "three waits")
        client.stdin.close()
        assert client.wait(PATIENCE) == 0


def test_the_server_closes_before_the_end_of_stdin():
    with faulty.stream(faulty.close_after(5)) as server, subprocess.Popen(
        command("pipe", "-q", server.uri),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as client:
        client.stdin.write(b"12345")
        errors = client.stderr.read().decode()
        assert client.wait(PATIENCE) == 1
    assert errors == (
        "echod-client: the server closed before the end of standard input: "
        "all 5 bytes so far came back\n"
    )


def test_a_server_that_need_not_echo_closes_early():
    """Its FIN came while the client still had to send."""
    with faulty.stream(faulty.close_after(0)) as server, endless(
        "--no-compare", server.uri
    ) as client:
        errors = client.stderr.read().decode()
        assert client.wait(PATIENCE) == 1
    assert re.fullmatch(
        r"echod-client: (the server closed when \d+ bytes had been sent"
        r"|connection reset after 0 of \d+ bytes)\n",
        errors,
    )


def test_the_right_bytes_before_a_difference_are_written():
    with faulty.stream(faulty.flip(4097)) as server:
        result = run("pipe", "-q", server.uri, data=DATA[:8192])
    assert result.returncode == 1
    assert result.stdout == DATA[:4097]


# --- datagrams to nobody, and from who need not echo ---------------------------------------------


def test_a_port_that_no_datagram_finds():
    port = kernel.free_port()
    for arguments, text in (([], b"text"), (["--no-compare"], DATA[:5000])):
        result = run("pipe", "-q", *arguments, f"udp://127.0.0.1:{port}", data=text)
        assert (result.returncode, result.stdout) == (2, b"")
        assert result.stderr == f"echod-client: nobody listens at 127.0.0.1:{port}\n"
    found = pipe_json(f"udp://127.0.0.1:{port}", status=2, data=b"text")
    assert found["ending"] == "refused"


def test_datagrams_to_a_server_that_need_not_echo():
    """It ends when nothing has come for a while: what is on its way is not lost."""

    def answer_all(count, data):
        return [b"ten"] * 10 if count == 3 else []

    with faulty.datagrams(answer_all) as server:
        result = run("pipe", "-q", "--no-compare", "-W", SHORT, server.uri, data=DATA[:4200])
        assert b"".join(server.received) == DATA[:4200]
    assert (result.returncode, result.stdout, result.stderr) == (0, b"ten" * 10, "")
