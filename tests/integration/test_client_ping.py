"""ping: every reply is timed and told, and the statistics add up."""

import json
import math
import re
import signal
import subprocess
import threading
import time

import pytest

import faulty
import kernel
from client import Client, check_fields, command, json_of, lines_of, match_lines, run
from echod import listener
from patience import PATIENCE, eventually, lasting, within
from pinging import BOTH, COUNTS, FAST, LONG, NAMES, RTT, SHORT, UNSENT
from pinging import Target, check_counts, stopped

OPEN = rf"(?:, \d+ undecided)?{UNSENT}"  # what a signal may find on its way


@pytest.fixture(params=NAMES)
def target(request, start):
    """An echod, over each protocol."""
    daemon = start(BOTH)
    return Target(f"{request.param}://127.0.0.1:{daemon.port(NAMES[request.param])}")


# --- what is right -------------------------------------------------------------------------------


def test_each_reply_has_its_line(target):
    matches = match_lines(
        lines_of("ping", "-c", 5, *FAST, *LONG, target.uri),
        target.head()
        + [target.reply(seq) for seq in range(1, 6)]
        + target.summary("5 sent, 5 received, 0% loss"),
    )
    assert 40 <= int(matches[-2].group(1)) < within(2) * 1000


def test_ping_is_the_mode_where_none_is_named(target):
    assert lines_of("-c", 1, *LONG, target.uri)[0] == (
        f"PING {target.uri} ({target.address}): 64 bytes each"
    )


@pytest.mark.parametrize("count, median, high", [(10, 5, 10), (150, 75, 149)])
def test_the_round_trip_times_add_up(target, count, median, high):
    """The percentiles are samples: the one of that rank, of the sorted ones."""
    lines = lines_of("-c", count, "-i", 0.001, *LONG, target.uri)
    times = sorted(map(float, re.findall(r" time=(\S+) ms$", "\n".join(lines), re.MULTILINE)))
    assert len(times) == count
    least, average, most, deviation, p50, p99 = map(float, re.fullmatch(RTT, lines[-1]).groups())
    assert (least, most, p50, p99) == (times[0], times[-1], times[median - 1], times[high - 1])
    expected = sum(times) / count
    assert average == pytest.approx(expected, abs=0.0015)
    squares = sum((each - expected) ** 2 for each in times)
    assert deviation == pytest.approx(math.sqrt(squares / count), abs=0.0015)


@pytest.mark.parametrize("size", [16, 17, 65507])
def test_sizes(target, size):
    match_lines(
        lines_of("-c", 3, *FAST, *LONG, "-s", size, target.uri),
        target.head(size)
        + [target.reply(seq, size=size) for seq in (1, 2, 3)]
        + target.summary("3 sent, 3 received, 0% loss"),
    )


def check_seconds(target, least, most, *arguments):
    """It takes so long, and no longer but for what the machine adds, which is not always so much."""

    def is_in_time():
        seconds = json_of(*arguments, *LONG, target.uri)["seconds"]
        assert seconds >= least
        return seconds < most

    eventually(is_in_time, f"{arguments} is done in {most} seconds")


def test_the_interval_is_kept(target):
    check_seconds(target, 0.3, lasting(0.4), "-c", 3, "-i", 0.15)


def test_the_interval_is_a_second_by_default(target):
    check_seconds(target, 1, lasting(1.5), "-c", 2)


def test_the_deadline_ends_it(target):
    start = time.monotonic()
    result = json_of("-w", 0.2, "-i", 0.01, target.uri)
    assert result["ending"] == "deadline"
    assert time.monotonic() - start >= 0.2
    assert result["seconds"] < 0.2 + within(1)
    assert result["received"] >= 1


def test_the_deadline_does_not_wait_for_what_is_missing():
    with faulty.stream(faulty.mute) as server:
        result = json_of("-c", 1, "-w", SHORT, *LONG, server.uri, status=1)
    check_counts(result, sent=1, undecided=1)
    assert (result["ending"], result["loss"]) == ("deadline", None)


def test_a_deadline_that_comes_before_the_count_is_a_fault(target):
    """As ping(8) has it: not all that was asked for came back."""
    result = json_of("-c", 1000, "-w", 0.1, "-i", 0.01, *LONG, target.uri, status=1)
    assert result["ending"] == "deadline"
    assert 0 < result["received"] < 1000


def test_quiet_leaves_head_and_summary(target):
    match_lines(
        lines_of("-q", "-c", 3, *FAST, *LONG, target.uri),
        target.head() + target.summary("3 sent, 3 received, 0% loss"),
    )


def test_timestamps_are_the_time_of_day(target):
    before = time.time()
    lines = lines_of("-D", "-c", 2, *FAST, *LONG, target.uri)
    after = time.time()
    start = len(target.head())
    replies = [r"\[(\d+\.\d{6})\] " + target.reply(seq) for seq in (1, 2)]
    first, second = (float(m.group(1)) for m in match_lines(lines[start : start + 2], replies))
    assert before - 0.001 <= first < second <= after


def test_no_two_messages_are_alike():
    with faulty.datagrams(lambda _, data: [data]) as server:
        for _ in range(2):
            lines_of("-c", 20, "-i", 0.001, "-s", 100, *LONG, server.uri)
        received = list(server.received)
    assert [len(message) for message in received] == [100] * 40
    assert len(set(received)) == 40
    assert len({message[16:] for message in received}) == 40
    assert len({message[8:16] for message in received}) == 2, "a token is of one run"


def test_json_has_every_field(target):
    start = time.monotonic()
    result = json_of("-c", 4, *FAST, *LONG, "-s", 100, target.uri)
    assert 0.03 <= result["seconds"] < time.monotonic() - start
    rtt = result.pop("rtt_seconds")
    check_fields(rtt, dict.fromkeys(("min", "avg", "max", "mdev", "p50", "p99"), float))
    assert 0 < rtt["min"] <= rtt["p50"] <= rtt["p99"] <= rtt["max"] < within(1)
    assert rtt["min"] <= rtt["avg"] <= rtt["max"]
    check_fields(
        result,
        {
            **{"mode": "ping", "uri": target.uri, "address": target.address, "size": 100},
            "connect_seconds": float if target.is_stream else None,
            "greeting": None,
            "tls": None,
            **dict.fromkeys((*COUNTS, "strangers", "reconnects"), 0),
            **{"stranger": None, "seconds_without": 0.0},
            **dict.fromkeys(("sizes", "flows", "verdict", "targets")),
            **{"ttl": list, "tos": list, "mark_changes": int},
            **{"sent": 4, "received": 4, "unsent": int, "loss": 0.0, "failed": []},
            **{"seconds": float, "ending": "done", "reason": None, "status": 0},
        },
    )


# --- signals -------------------------------------------------------------------------------------


def test_sigint_ends_with_the_summary(target):
    with Client("ping", *FAST, *LONG, target.uri) as client:
        client.wait_out(r" seq=3 ")
        assert client.interrupt() == 0
        counts = rf"(\d+) sent, (\d+) received{OPEN}, 0% loss, time \d+ ms"
        sent, received = map(int, re.fullmatch(counts, client.out.lines[-2]).groups())
        assert 3 <= received <= sent
        assert re.fullmatch(RTT, client.out.lines[-1])
        assert client.err.lines == []


def test_sigint_is_named_in_json():
    with faulty.datagrams(faulty.only(1, faulty.dropped)) as server:
        with Client("--json", *LONG, *FAST, server.uri) as client:
            eventually(lambda: len(server.received) >= 2, "two messages")
            assert client.interrupt() in (0, 1)
            assert '"ending": "interrupted"' in client.out.lines[0]


def test_sigquit_prints_the_statistics_so_far_and_goes_on(target):
    with Client(*FAST, *LONG, target.uri) as client:
        client.wait_out(r" seq=2 ")
        client.process.send_signal(signal.SIGQUIT)
        client.wait_err(RTT)
        count = int(client.wait_err(r"^(\d+) sent, ").group(1))
        client.wait_out(rf" seq={count + 2} ")
        assert client.interrupt() == 0
        match_lines(
            [line for line in client.err.lines if line and not line.startswith("replies had ")],
            [
                f"--- {re.escape(target.uri)} statistics ---",
                rf"{count} sent, \d+ received{OPEN}, 0% loss, time \d+ ms",
                RTT,
            ],
        )
        assert f"--- {target.uri} statistics ---" in client.out.lines


# --- being stopped -------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_what_came_while_it_was_stopped_is_not_missing(protocol):
    """Nor late: the kernel knows when it came."""
    told = threading.Event()

    def hold_stream(connection):
        data = connection.recv(64)
        assert told.wait(PATIENCE)
        connection.sendall(data)
        faulty.echo(connection)

    def hold_datagram(_, data):
        assert told.wait(PATIENCE)
        return [data]

    serve = faulty.stream(hold_stream) if protocol == "tcp" else faulty.datagrams(hold_datagram)
    wait = lasting(2)
    with serve as server, Client("-O", "-c", 1, "-W", wait, server.uri) as client:
        client.wait_out("^PING ")
        begun = time.monotonic()
        with stopped(client):
            told.set()
            eventually(lambda: time.monotonic() > begun + 1.2 * wait, "the wait is over")
        assert client.wait_exit() == 0
        assert client.out.matching(f"^1 sent, 1 received{UNSENT}, 0% loss")


def test_no_burst_makes_up_for_a_stop():
    interval = lasting(0.05)
    with faulty.datagrams(lambda _, data: [data]) as server:
        with Client("-i", interval, *LONG, server.uri) as client:
            client.wait_out(" seq=2 ")
            begun = time.monotonic()
            with stopped(client):
                eventually(lambda: time.monotonic() > begun + 10 * interval, "ten intervals")
                before = len(server.received)
            client.wait_out(rf" seq={before + 3} ")
            assert time.monotonic() - begun > 11 * interval
            assert client.interrupt() == 0


def check_schedule(result, interval):
    """Each time at which a message was due is in the books: it was sent then, or not."""
    due = result["seconds"] / interval
    assert due - 3 < result["sent"] + result["unsent"] < due + 3, result


def test_what_was_due_while_it_was_stopped_is_not_sent():
    interval = lasting(0.02)
    with faulty.datagrams(lambda _, data: [data]) as server:
        with Client("--json", "-i", interval, *LONG, server.uri) as client:
            eventually(lambda: server.received, "a message")
            begun = time.monotonic()
            with stopped(client):
                eventually(lambda: time.monotonic() > begun + 20 * interval, "twenty intervals")
                before = len(server.received)
            eventually(lambda: len(server.received) > before, "another message")
            assert client.interrupt() == 0
            result = json.loads(client.out.lines[0])
    assert result["unsent"] >= 18
    check_schedule(result, interval)


def test_what_a_stopped_server_does_not_take_is_not_sent(start):
    """The kernel takes some MiB for it; the rest does not hide behind those that were sent."""
    daemon = start([listener()])
    interval = lasting(0.004)
    uri = f"tcp://127.0.0.1:{daemon.port()}"
    with Client("-q", "-s", 65507, "-i", interval, "-w", lasting(3), *LONG, uri) as client:
        client.wait_out("^connected to ")
        daemon.signal(signal.SIGSTOP)
        client.wait_out(" takes no more bytes$")
        begun = time.monotonic()
        eventually(lambda: time.monotonic() > begun + lasting(1), "a second")
        daemon.signal(signal.SIGCONT)
        client.wait_exit()
        line = client.out.lines[-2]
    counts = re.match(r"(\d+) sent, .*, (\d+) not sent, .* time (\d+) ms", line)
    sent, unsent, milliseconds = map(int, counts.groups())
    assert unsent > 200
    check_schedule({"sent": sent, "unsent": unsent, "seconds": milliseconds / 1000}, interval)


# --- nothing to talk to, and nobody who reads ----------------------------------------------------


def test_a_port_that_no_datagram_finds():
    port = kernel.free_port()
    lines = lines_of("-c", 1, "-W", SHORT, f"udp://127.0.0.1:{port}", status=2)
    assert lines[1] == f"nobody listens at 127.0.0.1:{port}"
    assert lines[-1].startswith("1 sent, 0 received, 1 missing, 100% loss")


def test_that_nobody_listens_is_told_once():
    port = kernel.free_port()
    lines = lines_of("-c", 5, *FAST, "-W", SHORT, f"udp://127.0.0.1:{port}", status=2)
    assert lines.count(f"nobody listens at 127.0.0.1:{port}") == 1
    result = json_of("-c", 2, *FAST, "-W", SHORT, f"udp://127.0.0.1:{port}", status=2)
    assert result["ending"] == "refused"


@pytest.mark.parametrize("arguments", [("-W", SHORT), ("-c", 99, "-W", SHORT), LONG], ids=str)
def test_that_nobody_listens_is_the_reason_by_a_deadline_too(arguments):
    address = f"127.0.0.1:{kernel.free_port()}"
    result = json_of(*FAST, "-w", 3 * SHORT, *arguments, f"udp://{address}", status=2)
    assert result["ending"] == "refused"
    assert result["reason"].startswith(f"nobody listens at {address}")


def test_that_nobody_listens_is_the_reason_by_a_signal_too():
    address = f"127.0.0.1:{kernel.free_port()}"
    with Client(*LONG, f"udp://{address}") as client:
        client.wait_out(f"^nobody listens at {address}$")
        assert client.interrupt() == 2


IN_A_NARROW_NAMESPACE = """
ip link set lo up && echo 40000 40001 >/proc/sys/net/ipv4/ip_local_port_range && exec "$@"
"""


@pytest.mark.skipif(not kernel.can_unshare_network(), reason="no network namespace of one's own")
@pytest.mark.parametrize("uri", ["tcp://127.0.0.1:40000", "udp://127.0.0.1:40001"])
def test_it_does_not_take_itself_for_the_server(uri):
    """Nobody listens; the kernel may give the client the very port that it asks for."""
    prefix = [*kernel.UNSHARE_NETWORK, "sh", "-c", IN_A_NARROW_NAMESPACE, "sh"]
    for _ in range(8):
        result = run("-c", 1, "-W", SHORT, uri, prefix=prefix)
        assert result.returncode == 2, result


def test_stdout_full():
    """Without a count it would go on for ever."""
    with faulty.stream(faulty.echo, faulty.echo) as server, open("/dev/full", "wb") as full:
        for count in (["-c", 1], []):
            result = run(*count, *FAST, *LONG, server.uri, stdout=full)
    assert result.returncode == 1
    assert result.stderr == "echod-client: cannot write: No space left on device\n"


def test_a_stdout_that_nobody_reads_ends_it():
    """As head(1) does: ping would go on for ever."""
    with faulty.stream(faulty.echo) as server:
        with subprocess.Popen(command(*FAST, server.uri), stdout=subprocess.PIPE) as client:
            client.stdout.readline()
            client.stdout.close()
            assert client.wait(PATIENCE) == -signal.SIGPIPE


@pytest.mark.parametrize(
    "closing, status, error", [("<&-", 0, ""), (">&-", 1, "cannot write: Bad file descriptor")]
)
def test_a_closed_standard_descriptor(target, closing, status, error):
    """The socket must not take its place."""
    shell = ["sh", "-c", f'exec "$@" {closing}', "sh"]
    result = run("-c", 2, *FAST, *LONG, target.uri, prefix=shell)
    assert result.returncode == status
    assert result.stderr == (f"echod-client: {error}\n" if error else "")


@pytest.mark.skipif(not kernel.has_ipv6(), reason="the kernel has no IPv6")
@pytest.mark.parametrize("protocol", NAMES)
def test_ipv6(start, protocol):
    daemon = start([listener(protocol, "::1", protocol=protocol)])
    target = Target(f"{protocol}://[::1]:{daemon.port(protocol)}")
    match_lines(
        lines_of("-6", "-c", 1, *LONG, target.uri),
        [*target.head(), target.reply(1), *target.summary("1 sent, 1 received, 0% loss")],
    )
    assert json_of("-c", 1, *LONG, target.uri)["address"] == target.address


# --- other echo servers than ours ----------------------------------------------------------------


@pytest.mark.parametrize("protocol", NAMES)
def test_socat(protocol):
    with faulty.socat(protocol) as uri:
        result = json_of("-c", 3, "-i", 0.05, *LONG, uri)
    # each datagram is answered by a process of its own
    check_counts(result, sent=3, received=3, reordered=result["reordered"])


def test_inetd(workdir):
    with faulty.inetd(workdir) as uri:
        result = json_of("-c", 3, "-i", 0.05, *LONG, uri)
    check_counts(result, sent=3, received=3)
