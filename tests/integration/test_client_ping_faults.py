"""ping against servers that are at fault: each fault is named for what it is."""

import contextlib
import re
import socket
import threading

import pytest

import faulty
import kernel
import peers
from client import Client, json_of, lines_of, match_lines
from patience import eventually, lasting, within
from pinging import AGAIN, CONNECTED, FAST, LONG, SLOW, REPLY, SHORT, at, check_counts

# --- faults of a connection ----------------------------------------------------------------------


def check_stream(fault, lines, counts, *arguments, end, **json_counts):
    """The same fault as text and as JSON, with status 1.

    `lines` are patterns between the head and the summary, filled as Target fills them.
    """
    with faulty.stream(fault) as server:
        target = at(server)
        match_lines(
            lines_of(*arguments, server.uri, status=1),
            target.head() + [target.pattern(line) for line in lines] + target.summary(counts),
        )
    with faulty.stream(fault) as server:
        result = json_of(*arguments, server.uri, status=1)
    check_counts(result, **json_counts)
    assert result["ending"] == end


def reply(seq, remark=""):
    """Deferred: check_stream() and check_datagrams() fill in the address."""
    return REPLY.replace("{seq}", str(seq)).replace("{remark}", re.escape(remark))


FROM = r"{size} bytes from {address}: "


def test_a_flipped_byte_of_a_stream():
    check_stream(
        faulty.flip(64 + 17, mask=0xFF),
        [
            reply(1),
            FROM + r"seq=2 {marks}\(corrupt: byte 17 is 0x([0-9a-f]{{2}}), sent 0x([0-9a-f]{{2}})\)",
            reply(3),
        ],
        "3 sent, 2 received, 1 corrupt, 33.33% loss",
        *("-c", 3, *FAST, *LONG),
        end="done",
        sent=3,
        received=2,
        corrupt=1,
        loss=pytest.approx(1 / 3),
    )


def test_a_flipped_byte_is_told_with_what_it_was():
    with faulty.datagrams(faulty.only(1, faulty.flipped(40, mask=0xFF))) as server:
        line = lines_of("-c", 1, *LONG, server.uri, status=1)[1]
        sent = server.received[0][40]
    assert line.endswith(f"(corrupt: byte 40 is 0x{sent ^ 0xFF:02x}, sent 0x{sent:02x})")


def test_a_peer_that_floods():
    """What it sends keeps neither the deadline nor a signal from its turn."""
    with faulty.stream(faulty.flood, faulty.flood) as server:
        result = json_of("-w", lasting(0.2), *FAST, *LONG, server.uri, status=1)
        assert result["ending"] == "deadline"
        assert result["corrupt"] > 1000
        assert result["seconds"] < within(2)
        with Client("-q", *FAST, server.uri) as client:
            client.wait_out("^connected to ")
            assert client.interrupt() == 1


def test_the_peer_closes():
    check_stream(
        faulty.close_after(128, more=64),
        [reply(1), reply(2), "connection closed by {address}"],
        "3 sent, 2 received, 1 cut, 0% loss",
        *("-c", 9, *SLOW, *LONG),
        end="closed",
        sent=3,
        received=2,
        cut=1,
    )


def test_the_peer_resets():
    check_stream(
        faulty.reset_after(128, more=64),
        [reply(1), reply(2), "connection reset by {address}"],
        "3 sent, 2 received, 1 cut, 0% loss",
        *("-c", 9, *SLOW, *LONG),
        end="reset",
        sent=3,
        received=2,
        cut=1,
    )


def test_a_reset_that_comes_while_sending_is_named_too():
    """The kernel tells it once, and here to send(2)."""
    told = threading.Event()
    with faulty.stream(faulty.reset_when(told), receive_buffer=4096) as server:
        with Client("-s", 65507, "-i", 0.001, *LONG, server.uri) as client:
            client.wait_out("^connected to ")
            told.set()
            assert client.wait_exit() == 1
            assert f"connection reset by {server.address}" in client.out.lines


def test_a_peer_that_never_answers():
    check_stream(
        faulty.mute,
        ["no reply yet: seq=1", "no reply yet: seq=2"],
        "2 sent, 0 received, 2 missing, 100% loss",
        *("-O", "-c", 2, *FAST, "-W", SHORT),
        end="done",
        sent=2,
        missing=2,
        loss=1.0,
    )


def test_a_peer_that_never_reads():
    """What its socket does not take is not sent, and the deadline still holds."""
    with faulty.stream(faulty.unread, receive_buffer=4096) as server:
        result = json_of(
            *("-s", 65507, "-i", 0.001, "-w", lasting(0.5), "-W", lasting(0.05)), server.uri, status=1
        )
    assert result["ending"] == "deadline"
    assert result["received"] == 0
    assert 0 < result["missing"] <= result["sent"] < 450


def test_a_peer_that_never_reads_is_told():
    """Once: without a deadline nothing else would tell why nothing is sent."""
    with faulty.stream(faulty.unread, receive_buffer=4096) as server:
        with Client("-s", 65507, "-i", 0.001, "-W", 0.05, "-c", 1000, server.uri) as client:
            client.wait_out(f"^{re.escape(server.address)} takes no more bytes$")
            assert client.interrupt() == 1
            assert len(client.out.matching(" takes no more bytes$")) == 1


def test_a_last_message_that_the_socket_does_not_take_is_missing_too():
    """The wait for it runs out like any other's."""
    arguments = ("-s", 65507, "-i", 0.001, "-W", lasting(0.05))
    with faulty.stream(faulty.unread, receive_buffer=4096) as server:
        sent = json_of(*arguments, "-w", lasting(0.3), server.uri, status=1)["sent"]
    for count in (max(sent - 1, 1), sent):  # the kernel may take one less this time
        with faulty.stream(faulty.unread, receive_buffer=4096) as server:
            result = json_of(*arguments, "-w", lasting(5), "-c", count, server.uri, status=1)
        if result["sent"] == count:
            assert result["ending"] == "done"
            check_counts(result, sent=count, missing=count)
            break
    else:
        pytest.fail(f"{count} messages were never sent: {result}")


def test_a_late_reply_of_a_stream():
    check_stream(
        faulty.hold(64),
        ["no reply yet: seq=1", reply(1, " (late)"), reply(2)],
        "2 sent, 2 received, 1 late, 0% loss",
        *("-O", "-c", 2, "-i", 1.5 * SHORT, "-W", SHORT),
        end="done",
        sent=2,
        received=2,
        late=1,
        loss=0.0,
    )


def test_without_o_a_missing_reply_has_no_line():
    check_stream(
        faulty.mute,
        [],
        "1 sent, 0 received, 1 missing, 100% loss",
        *("-c", 1, "-W", SHORT),
        end="done",
        sent=1,
        missing=1,
    )


def test_all_that_came_back_is_right_though_the_peer_then_closes():
    with faulty.stream(*[faulty.close_after(192)] * 10) as server:
        for _ in range(10):
            assert json_of("-c", 3, "-i", 0.001, *LONG, server.uri)["ending"] == "done"


ENDS = {
    "closed": faulty.close_after(64, more=64),
    "reset": faulty.reset_after(64, more=64),
}


@pytest.mark.parametrize("how", ENDS)
def test_reconnecting(how):
    """What was on its way with the old connection is cut, and the status tells of it."""
    with faulty.stream(ENDS[how], faulty.echo) as server:
        target = at(server)
        lines = lines_of("-R", "-c", 4, *SLOW, "-W", SHORT, server.uri, status=1)
    missing = [seq for seq in range(1, 5) if not any(f"seq={seq} " in line for line in lines)]
    assert missing == [2], "\n".join(lines)
    match_lines(
        lines,
        [
            *target.head(),
            target.reply(1),
            rf"connection {how} by {re.escape(target.address)}",
            target.pattern(CONNECTED),
            target.pattern(AGAIN),
            target.reply(3),
            target.reply(4),
            *target.summary("4 sent, 3 received, 1 cut, 0% loss", reconnected=True),
        ],
    )


def test_reconnecting_to_nobody_goes_on_trying():
    """What goes on is told once; a server that comes back is found."""
    with faulty.stream(faulty.close_after(64)) as server:
        with Client("-R", *FAST, server.uri) as client:
            # reset, where another message had come when it was closed
            client.wait_out("^connection (closed|reset) by ")
            server.stop()
            closed = client.out.mark()
            refused = f"^echod-client: cannot connect to {server.address}: Connection refused$"
            client.wait_err(refused)
            with faulty.stream(faulty.echo, port=server.port):
                client.wait_out("^connected to ", after=closed)
                client.wait_out(r" seq=\d+ ", after=closed)
                assert client.interrupt() == 1
            assert len(client.err.lines) == 1
            open_ones = r"(, \d+ cut)?(, 1 undecided)?"
            counts = rf"\d+ sent, \d+ received{open_ones}, \d+ not sent, 0% loss, time "
            assert re.match(counts, client.out.lines[-3])
            # one that stops may still have been found once
            assert re.match(r"\d reconnects?, \d+ ms without an answer$", client.out.lines[-2])


@contextlib.contextmanager
def reconnecting_in_vain(*arguments):
    """A client whose connection was closed, by a server whose queue is full since then."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        uri = f"tcp://127.0.0.1:{address[1]}"
        client = stack.enter_context(Client("-R", *FAST, *arguments, uri))
        connection, _ = server.accept()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        connection.close()
        client.wait_out("^connection (closed|reset) by ")
        eventually(lambda: kernel.syns_sent(address[1]), "it connects again")
        yield client


def test_an_interrupt_while_it_reconnects():
    with reconnecting_in_vain() as client:
        assert client.interrupt() == 1


def test_the_connect_timeout_of_a_reconnect():
    with reconnecting_in_vain("-t", 0.2) as client:
        client.wait_err("^echod-client: cannot connect to .*: Connection timed out$")
        assert client.interrupt() == 1


def test_a_reconnect_sends_no_message_too_many():
    """The one that was due goes out when the connection is there; the timer must know of it."""
    with faulty.stream(faulty.close_after(64), faulty.mute) as server:
        result = json_of("-R", "-c", 2, "-i", 0.05, "-W", SHORT, server.uri, status=1)
    check_counts(result, sent=2, received=1, missing=1)


def test_reconnecting_ends_though_the_last_message_was_cut():
    """The rest of it has nowhere to go: that must not hold up the end."""
    arguments = ("-s", 65507, "-i", 0.001, "-W", lasting(0.2))
    with faulty.stream(faulty.unread, receive_buffer=4096) as server:
        sent = json_of(*arguments, "-w", lasting(0.2), server.uri, status=1)["sent"]
    told = threading.Event()
    with faulty.stream(faulty.reset_when(told), receive_buffer=4096) as server:
        with Client(*arguments, "-O", "-R", "-c", sent, server.uri) as client:
            client.wait_out("^no reply yet: seq=1$")
            told.set()
            assert client.wait_exit() == 1
            pattern = rf"{sent} sent, 0 received, (\d+) missing(?:, (\d+) cut)?, "
            counts = re.match(pattern, client.out.lines[-1])
            assert sum(int(count or 0) for count in counts.groups()) == sent


# --- faults of datagrams -------------------------------------------------------------------------


def check_datagrams(fault, lines, counts, *arguments, status=1, **json_counts):
    arguments = arguments or ("-c", 3, *FAST, *LONG)
    with faulty.datagrams(fault) as server:
        target = at(server)
        match_lines(
            lines_of(*arguments, server.uri, status=status),
            target.head() + [target.pattern(line) for line in lines] + target.summary(counts),
        )
    with faulty.datagrams(fault) as server:
        result = json_of(*arguments, server.uri, status=status)
    check_counts(result, **json_counts)
    assert result["ending"] == "done"


BYTE = r"0x[0-9a-f]{{2}}"


@pytest.mark.parametrize("byte", [0, 7, 8, 15, 16, 63])
def test_a_flipped_byte_of_a_datagram(byte):
    """Wherever it is: in the number, in the token, in what follows."""
    check_datagrams(
        faulty.only(2, faulty.flipped(byte, mask=0x80)),
        [reply(1), FROM + rf"seq=2 {{marks}}\(corrupt: byte {byte} is {BYTE}, sent {BYTE}\)", reply(3)],
        "3 sent, 2 received, 1 corrupt, 33.33% loss",
        sent=3,
        received=2,
        corrupt=1,
        loss=pytest.approx(1 / 3),
    )


@pytest.mark.parametrize("size", [8, 15, 16, 32, 63])
def test_a_truncated_datagram(size):
    check_datagrams(
        faulty.only(2, faulty.truncated(size)),
        [
            reply(1),
            rf"{size} bytes from {{address}}: seq=2 {{marks}}\(corrupt: {size} of 64 bytes\)",
            reply(3),
        ],
        "3 sent, 2 received, 1 corrupt, 33.33% loss",
        sent=3,
        received=2,
        corrupt=1,
    )


def test_a_datagram_that_is_longer():
    check_datagrams(
        faulty.only(2, faulty.lengthened(b"more")),
        [reply(1), r"68 bytes from {address}: seq=2 {marks}\(corrupt: 68 of 64 bytes\)", reply(3)],
        "3 sent, 2 received, 1 corrupt, 33.33% loss",
        sent=3,
        received=2,
        corrupt=1,
    )


@pytest.mark.parametrize("other", [b"", b"short", bytes(64), b"\xff" * 64, peers.payload(1000)])
def test_a_datagram_that_is_none_of_ours(other):
    """Nor is it taken for the one that still waits."""
    stranger = rf"{len(other)} bytes from {{address}}: {{marks}}\(corrupt: not one of ours\)"
    check_datagrams(
        faulty.only(2, faulty.preceded(other)),
        [reply(1), stranger, reply(2), reply(3)],
        "3 sent, 3 received, 1 corrupt, 0% loss",
        sent=3,
        received=3,
        corrupt=1,
        loss=0.0,
    )


def test_a_corrupt_reply_and_then_the_right_one():
    """The message came back right after all, and its reply was no duplicate."""
    check_datagrams(
        faulty.only(2, lambda data: [*faulty.flipped(40, mask=0xFF)(data), data]),
        [
            reply(1),
            FROM + rf"seq=2 {{marks}}\(corrupt: byte 40 is {BYTE}, sent {BYTE}\)",
            reply(2),
            reply(3),
        ],
        "3 sent, 3 received, 1 corrupt, 0% loss",
        sent=3,
        received=3,
        corrupt=1,
        loss=0.0,
    )


def test_a_duplicate():
    check_datagrams(
        faulty.only(2, faulty.duplicated),
        [reply(1), reply(2), FROM + r"seq=2 {marks}\(duplicate\)", reply(3)],
        "3 sent, 3 received, 1 duplicate, 0% loss",
        sent=3,
        received=3,
        duplicate=1,
        loss=0.0,
    )


def test_a_reordered_datagram():
    """It came back and was right: no fault."""
    check_datagrams(
        faulty.reordered(2),
        [reply(1), reply(3), reply(2, " (reordered)")],
        "3 sent, 3 received, 1 reordered, 0% loss",
        status=0,
        sent=3,
        received=3,
        reordered=1,
    )


def test_a_lost_datagram():
    check_datagrams(
        faulty.only(2, faulty.dropped),
        [reply(1), reply(3), "no reply yet: seq=2"],
        "3 sent, 2 received, 1 missing, 33.33% loss",
        *("-O", "-c", 3, *FAST, "-W", SHORT),
        sent=3,
        received=2,
        missing=1,
    )


def test_a_late_datagram():
    check_datagrams(
        faulty.held_back(1),
        ["no reply yet: seq=1", reply(1, " (late)"), reply(2)],
        "2 sent, 2 received, 1 late, 0% loss",
        *("-O", "-c", 2, "-i", 1.5 * SHORT, "-W", SHORT),
        sent=2,
        received=2,
        late=1,
    )


def test_a_datagram_both_late_and_reordered_counts_as_both():
    with faulty.datagrams(faulty.reordered(1)) as server:
        result = json_of("-c", 3, "-i", 1.5 * SHORT, "-W", SHORT, server.uri, status=1)
    check_counts(result, sent=3, received=3, late=1, reordered=1)
