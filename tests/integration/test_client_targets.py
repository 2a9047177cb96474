"""ping of several targets at once: each is told for itself, in one table, one object, or line by line."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import time

import pytest

import faulty
import kernel
from client import Client, json_of, lines_of, run, schema_faults
from echod import listener
from patience import PATIENCE, SLOWNESS, lasting

LONG = ("-W", PATIENCE)
FAST = ("-i", 0.02)
COUNTS = ("sent", "received", "missing", "late", "duplicate", "reordered", "corrupt", "cut")
UNLIMITED = {"limits.datagram_rate_per_source": 0, "drain_timeout": 0}


@pytest.fixture
def server(start):
    return start([listener(), listener("echo-udp", protocol="udp", address="*")], UNLIMITED)


def tcp(server):
    return f"tcp://127.0.0.1:{server.port()}"


def udp(server, host="127.0.0.1"):
    return f"udp://{host}:{server.port('echo-udp')}"


def nobody(protocol):
    return f"{protocol}://127.0.0.1:{kernel.free_port()}"


@contextlib.contextmanager
def mute():
    """One that takes datagrams and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"udp://127.0.0.1:{taken.getsockname()[1]}"


def file_of(workdir, text):
    path = os.path.join(workdir, "targets")
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return path


def by_uri(result):
    return {target["uri"]: target for target in result["targets"]}


def check_sums(result):
    """The counts of the whole are those of the targets together."""
    for name in COUNTS:
        assert result[name] == sum(target[name] for target in result["targets"]), name


# --- a hundred -----------------------------------------------------------------------------------


def test_a_hundred_targets(server, workdir):
    """Ten times a second each, two of them mute and one refusing; and it is cheap."""
    good = [udp(server, f"127.0.1.{number}") for number in range(97)]
    with mute() as first, mute() as second:
        targets = [*good[:40], first, *good[40:70], second, *good[70:], nobody("udp")]
        path = file_of(workdir, "\n".join(targets))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = json_of("-f", path, "-i", 0.1, "-c", 30, "-W", lasting(1), status=1)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert [target["uri"] for target in result["targets"]] == targets
    for uri, target in by_uri(result).items():
        if uri in good:
            assert (target["received"], target["status"], target["ending"]) == (30, 0, "done")
            assert target["rtt_seconds"]["max"] > 0 and target["reason"] is None
        else:
            assert (target["received"], target["loss"]) == (0, 1)
            refuses = uri == targets[-1]
            assert target["status"] == (2 if refuses else 1)
            assert target["ending"] == ("refused" if refuses else "done")
    assert result["reason"] == "3 of 100 targets failed"
    assert (result["ending"], result["uri"], result["received"]) == ("failed", None, 97 * 30)
    check_sums(result)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{100 * used / result['seconds']:.1f} % of a CPU")
    assert SLOWNESS > 1 or used <= 0.1 * result["seconds"]


# --- each for itself -----------------------------------------------------------------------------


def test_one_that_ends_does_not_end_the_others(server):
    with faulty.stream(faulty.close_after(0, more=64)) as closing, mute() as silent:
        targets = (closing.uri, udp(server), nobody("tcp"), silent, tcp(server))
        options = ("--json-stream", "-c", 20, "-i", 0.05, "-W", lasting(0.5))
        events = events_of(lines_of(*options, *targets, status=1))
    result = events[-1]
    assert [each["event"] for each in events if each["uri"] == closing.uri][-1] == "lost"
    endings = {target["uri"]: (target["ending"], target["status"]) for target in result["targets"]}
    assert [endings[uri] for uri in targets] == [
        ("closed", 1), ("done", 0), ("refused", 2), ("done", 1), ("done", 0)
    ]
    assert [target["received"] for target in result["targets"]] == [0, 20, 0, 0, 20]
    assert result["reason"] == "3 of 5 targets failed"
    check_sums(result)


def test_what_it_prints(server):
    """A line begins with whose it is; a table has a line for each, then comes what is wrong."""
    targets = [tcp(server), udp(server), nobody("tcp"), nobody("udp")]
    lines = run("-c", 2, *FAST, "-W", lasting(0.5), *targets).stdout.decode().splitlines()
    head = lines.index("--- statistics of 4 targets ---")
    for uri in targets[:2]:
        assert f"PING {uri} ({uri[6:]}): 64 bytes each" in lines[:head]
        assert sum(line.startswith(f"{uri}: 64 bytes from ") for line in lines[:head]) == 2
    refused = f"cannot connect to {targets[2][6:]}: Connection refused"
    assert f"{targets[2]}: {refused}" in lines[:head]
    assert f"{targets[3]}: nobody listens at {targets[3][6:]}" in lines[:head]
    assert lines[head + 1].split()[:4] == ["target", "sent", "received", "loss"]
    assert [line.split()[:4] for line in lines[head + 2 : head + 6]] == [
        [targets[0], "2", "2", "0%"],
        [targets[1], "2", "2", "0%"],
        [targets[2], "0", "0", "-"],
        [targets[3], "2", "0", "100%"],
    ]
    assert lines[-2:] == [
        f"failed: {targets[2]}: {refused}",
        f"failed: {targets[3]}: nobody listens at {targets[3][6:]}, 2 missing",
    ]
    assert max(map(len, lines[head:])) <= 100


def test_thresholds_are_of_each(server):
    with mute() as silent:
        options = ("-c", 2, *FAST, "-W", lasting(0.5), "--max-loss", "60%")
        result = json_of(*options, udp(server), silent, status=1)
    assert result["targets"][0]["failed"] == []
    assert result["targets"][1]["failed"] == ["loss"]
    assert result["targets"][1]["reason"] == "loss is 100%, more than 60%"


def test_all_are_right_or_none_can_be_talked_to(server):
    assert json_of("-c", 1, *LONG, udp(server), tcp(server))["ending"] == "done"
    result = json_of("-c", 1, *LONG, nobody("tcp"), nobody("tcp"), status=2)
    assert (result["ending"], result["reason"]) == ("refused", "2 of 2 targets failed")


def test_it_tells_by_a_signal_what_is_known(server):
    """SIGQUIT, then SIGINT, while one of the connections is not made yet."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address):
            silent = f"tcp://127.0.0.1:{address[1]}"
            with Client(*FAST, *LONG, "-t", PATIENCE, udp(server), silent) as client:
                client.wait_out(r"seq=3 ")
                client.process.send_signal(signal.SIGQUIT)
                client.wait_err("^--- statistics of 2 targets ---$")
                client.wait_err(rf"^{silent} +0 +0 +-")
                assert client.interrupt() == 1
    told = f"cannot connect to {silent[6:]}: no answer yet"
    assert client.out.lines[-1] == f"failed: {silent}: {told}"


def test_they_take_turns(server):
    """They begin one after the other, in the time of an interval, and so they go on."""
    targets = [udp(server, f"127.0.3.{number}") for number in range(5)]
    options = ("--json-stream", "-c", 2, "-i", lasting(0.5), *LONG)
    begun = time.time()
    events = events_of(lines_of(*options, *targets))
    starts = [event["time"] for event in events if event["event"] == "start"]
    assert [event["uri"] for event in events if event["event"] == "start"] == targets
    assert starts[-1] - begun >= 0.75 * lasting(0.5)  # the first may be late
    replies = [event["uri"] for event in events if event["event"] == "reply"]
    assert replies == targets * 2


def test_a_name_does_not_end_its_line(server):
    """It may have any bytes."""
    lines = run("-c", 1, *FAST, *LONG, udp(server), "a\nb\x1b[31m:7").stdout.decode().splitlines()
    told, fault = "tcp://a\\nb\\x1b[31m:7", "cannot find a\\nb\\x1b[31m: "
    assert sum(line.startswith(f"{told} ") for line in lines) == 1
    assert sum(line.startswith(f"{told}: {fault}") for line in lines) == 1
    assert lines[-1].startswith(f"failed: {told}: {fault}")


# --- where they come from ------------------------------------------------------------------------


def test_a_file_beside_the_command_line(server, workdir):
    port = server.port()
    text = f"# the others\r\n\n  127.0.0.1:{port}\t# here\n127.0.0.1 {port}\n{udp(server)}"
    result = json_of("-c", 1, *LONG, "-f", file_of(workdir, text), tcp(server))
    assert [target["uri"] for target in result["targets"]] == [tcp(server)] * 2 + [
        udp(server), tcp(server)
    ]
    assert result["received"] == 4


def test_standard_input(server):
    lines = lines_of("-c", 1, *LONG, "-q", "-f", "-", data=f"{udp(server)}\n".encode())
    assert "--- statistics of 1 target ---" in lines


@pytest.mark.parametrize(
    "text, told",
    [
        ("localhost\nlocalhost seven\n", "2: write one target a line: "),
        ("localhost 7 7\n", "1: something follows the port"),
        ("\n\nudp://localhost\n", "3: udp://localhost: "),
        ("tcp://localhost:7 7\n", "1: tcp://localhost:7 7: the port is a part of the URI"),
        ("localhost 70000\n", "1: localhost 70000: "),
        ("local\0host\n", "1: there is a NUL: "),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(workdir, text, told):
    path = file_of(workdir, text)
    result = run("-f", path)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"echod-client: {path}:{told}"), result.stderr


def test_wrong_usage(workdir):
    empty = file_of(workdir, "# none\n")
    for arguments, told in (
        (("-f", empty), f"-f {empty}: there is no target in it"),
        (("-f", "/nowhere"), "-f /nowhere: No such file or directory"),
        (("-f", "/"), "-f /: Is a directory"),
        (("localhost:7", "localhost:8", "--wait-until-up", 1), "--wait-until-up is for one target"),
        (("localhost:7", "localhost"), "localhost:7 localhost: "),
        (("localhost", "7", "localhost:7"), 'unexpected argument "localhost:7"'),
    ):
        result = run(*arguments)
        assert (result.returncode, result.stdout) == (2, b"")
        assert result.stderr.startswith(f"echod-client: {told}"), result.stderr


def test_more_targets_than_descriptors(server, workdir):
    """The soft limit is raised; below the hard one it is told what they need.

    With two messages each, all are open at once.
    """
    path = file_of(workdir, "\n".join(udp(server, f"127.0.2.{n}") for n in range(100)))
    options = ("-q", "-c", 2, "-i", 0.5, *LONG, "-f", path)
    lines_of(*options, prefix=("prlimit", "--nofile=64:1024"))
    result = run(*options, prefix=("prlimit", "--nofile=64:64"))
    assert result.returncode == 2
    assert re.match(r"echod-client: 100 targets need \d+ descriptors: ", result.stderr)


# --- line by line --------------------------------------------------------------------------------


def events_of(lines):
    return [json.loads(line) for line in lines]


def test_each_step_is_an_object(server):
    with mute() as silent:
        targets = [tcp(server), udp(server), nobody("tcp"), silent, nobody("udp")]
        options = ("--json-stream", "-c", 2, *FAST, "-W", lasting(0.5))
        events = events_of(lines_of(*options, *targets, status=1))
    for event in events:
        assert not schema_faults(event), event
    told = {uri: [each["event"] for each in events if each["uri"] == uri] for uri in targets}
    assert told == {
        targets[0]: ["start", "connected", "reply", "reply"],
        targets[1]: ["start", "reply", "reply"],
        targets[2]: ["unreached"],
        targets[3]: ["start", "missing", "missing"],
        targets[4]: ["start", "trouble", "missing", "missing"],
    }
    assert (events[-1]["event"], events[-1]["mode"], events[-1]["status"]) == ("end", "ping", 1)
    replies = [each for each in events if each["event"] == "reply"]
    assert [(each["seq"], each["verdict"]) for each in replies if each["uri"] == targets[1]] == [
        (1, "right"), (2, "right")
    ]
    assert all(each["ttl"] == 64 for each in replies if each["uri"] == targets[1])


def test_a_follower_has_each_step_at_once(server):
    """With -q no replies; and it is one object without --json-stream."""
    with Client("--json-stream", *FAST, *LONG, udp(server)) as client:
        client.wait_out('"seq": 3')
        assert client.interrupt() == 0
        assert json.loads(client.out.lines[-1])["ending"] == "interrupted"
    events = events_of(lines_of("--json-stream", "-q", "-c", 2, *FAST, *LONG, udp(server)))
    assert [each["event"] for each in events] == ["start", "end"]


def test_flows_have_their_numbers(server):
    options = ("--json-stream", "--flows", 3, "-c", 1, *FAST, *LONG)
    events = events_of(lines_of(*options, udp(server)))
    assert sorted(each["flow"] for each in events if each["event"] == "reply") == [1, 2, 3]
