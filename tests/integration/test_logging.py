"""The log on stderr: what it says at each level, and that nothing it meets disturbs the echo."""

import os
import re
import signal
import subprocess

import pytest

import logs
import peers
from patience import PATIENCE, within

MESSAGES = [b"This is the message. ", b"It will be sent ", b"in parts."]
DEBUG = {"log.level": "debug"}


def transcript(daemon, name):
    """The debug lines of one peer that make up the classic transcript."""
    spoken = "new connection|received|sending|output queue|closing|handling exceptional"
    return [
        line.removeprefix("debug: ")
        for line in daemon.log.matching(rf"^debug: ({spoken}) .*{re.escape(name)}( |$)")
    ]


def test_the_classic_transcript(start, back_end):
    """Two peers send each message in turn; each step is told once, in order."""
    daemon = start(options={**back_end, **DEBUG})
    pair = [daemon.connect(), daemon.connect()]
    for message in MESSAGES:
        for peer in pair:
            peers.echo(peer, message)
    for peer in pair:
        name = peers.name_of(peer)
        peer.close()
        daemon.wait_log(rf"^debug: closing {re.escape(name)} after reading no data$")
        steps = [f"new connection from {name}"]
        for message in MESSAGES:
            text = message.decode()
            steps += [
                f'received "{text}" from {name}',
                f'sending "{text}" to {name}',
                f"output queue for {name} is empty",
            ]
        assert transcript(daemon, name) == [*steps, f"closing {name} after reading no data"]


def test_a_reset_is_an_exceptional_condition(start, back_end):
    daemon = start(options={**back_end, **DEBUG})
    peer = daemon.connect()
    peers.echo(peer, b"hello")
    name = peers.name_of(peer)
    peers.reset(peer)
    daemon.wait_log(rf"^debug: handling exceptional condition for {re.escape(name)}$")


def test_what_a_peer_sends_cannot_forge_a_line(start):
    daemon = start(options=DEBUG)
    peer = daemon.connect()
    data = b'"\\\n\x00\x1b[2J\x7f\xff\nerr: forged'
    peers.echo(peer, data)
    line = daemon.wait_log("^debug: received .*").group(0)
    shown = r'"\"\\\n\x00\x1b[2J\x7f\xff\nerr: forged"'
    assert line == f"debug: received {shown} from {peers.name_of(peer)}"
    assert not daemon.log.matching("^err: forged")


def test_a_long_payload_is_cut(start):
    daemon = start(options=DEBUG)
    peer = daemon.connect()
    peers.echo(peer, b"a" * 64)
    daemon.wait_log('^debug: received "a{64}" from ')
    peers.echo(peer, b"b" * 100)
    daemon.wait_log(r'^debug: received "b{64}"\.\.\. \(100 bytes\) from ')


@pytest.mark.parametrize(
    "level, arguments, seen",
    [
        ("err", [], set()),
        ("notice", [], {"notice"}),
        ("info", [], {"notice", "info"}),
        ("debug", [], {"notice", "info", "debug"}),
        ("notice", ["-v"], {"notice", "info"}),
        ("notice", ["-vv"], {"notice", "info", "debug"}),
        ("debug", ["-v"], {"notice", "info", "debug"}),
    ],
)
def test_each_level_says_so_much(launch, level, arguments, seen):
    daemon = launch(options={"log.level": level, "user": ""}, arguments=arguments)
    daemon.wait_listening_unseen()
    daemon.assert_echoes()
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    found = {line.partition(": ")[0] for line in daemon.log.lines}
    assert found - {"warning"} == seen


@pytest.fixture
def start_unseen(launch):
    """Starts a daemon whose stderr goes to `stderr`, where nobody follows it."""

    def start_daemon(stderr, options):
        daemon = launch(options=options, stderr=stderr)
        daemon.wait_listening_unseen()
        return daemon

    return start_daemon


def test_each_line_has_time_and_level(start_unseen, workdir):
    path = os.path.join(workdir, "log")
    with open(path, "wb") as file:
        daemon = start_unseen(file, DEBUG)
    daemon.assert_echoes()
    daemon.close_peers()
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert len(lines) > 8
    assert [line for line in lines if not logs.STDERR_LINE.fullmatch(line)] == []


def test_a_full_disk_under_the_log_is_harmless(start_unseen):
    with open("/dev/full", "wb") as full:
        daemon = start_unseen(full, DEBUG)
    peer = daemon.connect()
    peers.assert_same(peers.exchange(peer, peers.payload(1 << 20)), peers.payload(1 << 20))


def test_a_closed_stderr_is_harmless(start_unseen):
    reading, writing = os.pipe()
    daemon = start_unseen(writing, DEBUG)
    os.close(writing)
    os.close(reading)
    for _ in range(100):
        daemon.assert_echoes()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_nothing_takes_the_place_of_a_closed_stream(launch, number):
    """A socket would be written the log."""
    prefix = ["sh", "-c", f'exec "$0" "$@" {number}>&-']
    daemon = launch(prefix=prefix, stderr=subprocess.DEVNULL, arguments=["-f"])
    daemon.wait_listening_unseen()
    daemon.assert_echoes()
    assert os.readlink(f"/proc/{daemon.pid}/fd/{number}") == "/"


def test_sigpipe_is_ignored(start):
    daemon = start()
    daemon.signal(signal.SIGPIPE)
    daemon.assert_echoes()


@pytest.fixture
def unread_pipe():
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)
    os.close(reading)


def talk_until_the_log_overflows(daemon):
    """Far more lines than a pipe, a socket and the log's queue hold."""
    peer = daemon.connect()
    for number in range(8000):
        peers.echo(peer, b"%d" % number)


def test_a_log_that_nobody_reads_stops_nothing(start_unseen, unread_pipe):
    daemon = start_unseen(unread_pipe[1], DEBUG)
    talk_until_the_log_overflows(daemon)
    daemon.close_peers()
    daemon.signal(signal.SIGTERM)
    assert daemon.seconds_to_exit() < 1 + within(2)


def test_what_the_log_had_no_room_for_is_said_later(start_unseen, unread_pipe):
    reading, writing = unread_pipe
    daemon = start_unseen(os.dup(writing), DEBUG)
    talk_until_the_log_overflows(daemon)
    log = logs.Log()
    logs.follow_stderr(log, os.fdopen(os.dup(reading), "rb"))
    said = log.wait(r"(\d+) messages suppressed", PATIENCE)
    assert int(said.group(1)) > 0
    daemon.assert_echoes()
