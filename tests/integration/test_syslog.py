"""The log to a logger of the test's own on /dev/log, in a private mount namespace, or to none."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import syslog

import pytest

import logs
import peers
from echod import run
from patience import PATIENCE, eventually, within

# what echod, glibc and the sanitizers may want of /dev; the rest of it is not there
PRIVATE_DEV = """
for device in null zero full random urandom; do
    : >"$0/$device" && mount --bind "/dev/$device" "$0/$device" || exit
done
mount --rbind "$0" /dev && exec "$@"
"""
UNSHARE = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() else [])


def can_unshare():
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(
    not can_unshare(), reason="no mount namespace can be had here for a /dev/log of the test's own"
)


@pytest.fixture
def device_folder(workdir):
    path = os.path.join(workdir, "dev")
    os.mkdir(path)
    return path


def bind_logger(device_folder, kind=socket.SOCK_DGRAM):
    """The socket that will be /dev/log, in place of what is there."""
    path = os.path.join(device_folder, "log")
    if os.path.exists(path):
        os.unlink(path)
    server = socket.socket(socket.AF_UNIX, kind)
    server.bind(path)
    return server


@pytest.fixture
def logger(device_folder):
    with bind_logger(device_folder) as server:
        yield server


def follow(log, logger):
    """Reads the logger's socket into `log` for good; returns the list of priorities."""
    return logs.follow_syslog(log, logger.dup())


@pytest.fixture
def launch_there(launch, device_folder):
    """Starts a daemon that finds `device_folder` as its /dev."""

    def launch_daemon(log, stderr=None, arguments=(), **options):
        prefix = [*UNSHARE, "sh", "-c", PRIVATE_DEV, device_folder]
        return launch(options=options, prefix=prefix, log=log, stderr=stderr, arguments=arguments)

    return launch_daemon


@pytest.fixture
def launch_two_ways(launch_there):
    """Starts a daemon whose log may come by the logger and by stderr: it, and its two Logs."""

    def launch_daemon(**named):
        by_syslog, by_stderr = logs.Log(), logs.Log()
        reading, writing = os.pipe()
        daemon = launch_there(by_syslog, stderr=writing, **named)
        os.close(writing)
        logs.follow_stderr(by_stderr, os.fdopen(reading, "rb"))
        return daemon, by_syslog, by_stderr

    return launch_daemon


def flood(daemon):
    """More lines at debug than the logger's socket and the log's queue hold."""
    peer = daemon.connect()
    for number in range(8000):
        peers.echo(peer, b"%d" % number)


@pytest.mark.parametrize(
    "facility, code", [("daemon", syslog.LOG_DAEMON), ("local3", syslog.LOG_LOCAL3)]
)
def test_facility_and_level(launch_there, logger, facility, code):
    log = logs.Log()
    priorities = follow(log, logger)
    daemon = launch_there(log, **{"log.facility": facility, "log.level": "debug"})
    daemon.wait_serving()
    daemon.assert_echoes()
    log.wait("^debug: closing ", PATIENCE)
    daemon.close_peers()
    daemon.signal(signal.SIGTERM)
    log.wait("^notice: stopped$", PATIENCE)
    found = {line.partition(": ")[0] for line in log.lines}
    assert {"notice", "info", "debug"} <= found
    for line, priority in zip(log.lines, priorities):
        assert priority == code | logs.LEVELS.index(line.partition(": ")[0])


def test_what_a_peer_sends_cannot_forge_a_line(launch_there, logger):
    log = logs.Log()
    follow(log, logger)
    daemon = launch_there(log, **{"log.level": "debug"})
    daemon.wait_serving()
    peers.echo(daemon.connect(), b"100%s\n<0>forged")
    log.wait(re.escape(r'debug: received "100%s\n<0>forged" from '), PATIENCE)


def test_a_logger_that_reads_nothing_stops_nothing(launch_there, logger):
    daemon = launch_there(logs.Log(), **{"log.level": "debug"})
    daemon.wait_listening_unseen()
    flood(daemon)
    daemon.close_peers()
    daemon.signal(signal.SIGTERM)
    assert daemon.seconds_to_exit() < 1 + within(2)
    assert logger.recv(65536)


def test_what_the_logger_had_no_room_for_is_said_later(launch_there, logger):
    log = logs.Log()
    daemon = launch_there(log, **{"log.level": "debug"})
    daemon.wait_listening_unseen()
    flood(daemon)
    follow(log, logger)
    assert int(log.wait(r"(\d+) messages suppressed", PATIENCE).group(1)) > 0
    # once all is read there is room for what a stop says
    daemon.close_peers()
    log.wait("^info: connection closed: ", PATIENCE)


def test_no_logger_at_all_stops_nothing(launch_there):
    daemon = launch_there(logs.Log(), **{"log.level": "debug"})
    daemon.wait_listening_unseen()
    flood(daemon)
    daemon.close_peers()
    daemon.signal(signal.SIGTERM)
    assert daemon.seconds_to_exit() < 1 + within(2)


def test_foreground_logs_to_stderr_alone(launch, logger, device_folder):
    prefix = [*UNSHARE, "sh", "-c", PRIVATE_DEV, device_folder]
    daemon = launch(options={"log.target": "syslog"}, prefix=prefix)
    daemon.wait_serving()
    logger.setblocking(False)
    with pytest.raises(BlockingIOError):
        logger.recv(65536)


# --- where there is no logger ------------------------------------------------------------------

SAID = r"^warning: cannot log to syslog, /dev/log: .*: logging to stderr$"
BACK = r"^notice: logging to syslog again: messages_on_stderr=(\d+)$"


def test_without_a_logger_all_goes_to_stderr(launch_two_ways):
    daemon, _, by_stderr = launch_two_ways()
    daemon.wait_listening_unseen()
    daemon.assert_echoes()
    by_stderr.wait("^info: connection closed: ", PATIENCE)
    assert by_stderr.lines[0] == (
        "warning: cannot log to syslog, /dev/log: No such file or directory: logging to stderr"
    )
    assert len(by_stderr.matching(SAID)) == 1
    daemon.close_peers()
    daemon.signal(signal.SIGTERM)
    by_stderr.wait("^notice: stopped$", PATIENCE)


def test_it_is_said_at_any_level(launch_two_ways):
    daemon, _, by_stderr = launch_two_ways(**{"log.level": "err"})
    by_stderr.wait(SAID, PATIENCE)
    daemon.wait_listening_unseen()
    daemon.assert_echoes()
    assert len(by_stderr.lines) == 1


def test_a_logger_that_comes_is_found(launch_two_ways, device_folder):
    daemon, by_syslog, by_stderr = launch_two_ways()
    by_stderr.wait("serving: ", PATIENCE)
    daemon.wait_listening_unseen()
    with bind_logger(device_folder) as logger:
        follow(by_syslog, logger)
        daemon.assert_echoes()
        by_syslog.wait("^info: connection opened: ", PATIENCE)
        told = by_syslog.wait(BACK, PATIENCE)
        by_stderr.wait(BACK, PATIENCE)
        daemon.assert_echoes()
        by_syslog.wait_count("^info: connection closed: ", 2, PATIENCE)
    # all but the two that the log says of itself
    assert int(told.group(1)) == len(by_stderr.lines) - 2
    assert not by_stderr.matching("connection opened")
    assert len(by_syslog.matching(BACK)) == 1


@pytest.mark.parametrize("leaves_name", [True, False])
def test_a_logger_that_goes_and_returns(launch_two_ways, device_folder, leaves_name):
    """As where it is restarted: each change is said once."""
    server = bind_logger(device_folder)
    server.settimeout(PATIENCE)
    daemon, by_syslog, by_stderr = launch_two_ways(**{"log.level": "notice"})
    while b"serving: " not in server.recv(65536):
        pass
    daemon.wait_listening_unseen()
    server.close()
    if not leaves_name:
        os.unlink(os.path.join(device_folder, "log"))
    for _ in range(2):
        after = by_stderr.mark()
        daemon.signal(signal.SIGUSR1)
        by_stderr.wait("^notice: echod_sent_bytes_total", PATIENCE, after)
    assert by_stderr.matching(SAID) == by_stderr.lines[:1]
    with bind_logger(device_folder) as logger:
        follow(by_syslog, logger)
        daemon.signal(signal.SIGUSR1)
        by_syslog.wait("^notice: echod_sent_bytes_total", PATIENCE)
    by_stderr.wait(BACK, PATIENCE)
    assert len(by_syslog.matching(BACK)) == len(by_stderr.matching(BACK)) == 1
    assert re.search(BACK, by_stderr.lines[-1])


def test_a_logger_that_refuses_is_none(launch_two_ways, device_folder):
    bind_logger(device_folder).close()
    _, _, by_stderr = launch_two_ways()
    by_stderr.wait("serving: ", PATIENCE)
    assert by_stderr.lines[0].endswith(" Connection refused: logging to stderr")


def test_a_logger_that_reads_nothing_is_given_up(launch_two_ways, logger):
    """After 10 s; and it is found again when it reads."""
    daemon, by_syslog, by_stderr = launch_two_ways(**{"log.level": "debug"})
    daemon.wait_listening_unseen()
    peer = daemon.connect()
    for number in range(100):
        peers.echo(peer, b"%d" % number)
    by_stderr.wait(r"/dev/log: Connection timed out: logging to stderr$", PATIENCE)
    by_stderr.wait('^debug: sending "99" to ', PATIENCE)
    follow(by_syslog, logger)
    by_syslog.wait('^debug: sending "0" to ', PATIENCE)
    peers.echo(peer, b"again")
    by_syslog.wait('^debug: sending "again" to ', PATIENCE)
    by_syslog.wait(BACK, PATIENCE)
    assert len(by_stderr.matching(SAID)) == 1


def accept(server):
    logger = server.accept()[0]
    logger.settimeout(PATIENCE)
    return logger


def test_a_logger_of_streams(launch_two_ways, device_folder):
    """Some are: messages end with a NUL there."""
    with bind_logger(device_folder, socket.SOCK_STREAM) as server:
        server.settimeout(PATIENCE)
        server.listen()
        daemon, _, by_stderr = launch_two_ways()
        with accept(server) as logger:
            text = b""
            while b" serving: " not in text or not text.endswith(b"\0"):
                text += logger.recv(65536)
        messages = text.split(b"\0")[:-1]
        assert all(re.fullmatch(rb"<\d+>\w{3} .* echod\[\d+\]: .*", line) for line in messages)
        # another one accepts it now
        daemon.signal(signal.SIGUSR1)
        with accept(server) as logger:
            assert logger.recv(65536)
        assert not by_stderr.lines


def test_a_reload_to_a_logger_that_is_not_there(launch_two_ways, device_folder):
    daemon, _, by_stderr = launch_two_ways(**{"log.target": "stderr"})
    by_stderr.wait("serving: ", PATIENCE)
    assert not by_stderr.matching(SAID)
    for _ in range(2):
        daemon.configure(options={"log.target": "syslog"})
        after = by_stderr.mark()
        daemon.signal(signal.SIGHUP)
        by_stderr.wait("^notice: reloaded ", PATIENCE, after)
    assert len(by_stderr.matching(SAID)) == 1
    daemon.configure(options={"log.target": "stderr"})
    after = by_stderr.mark()
    daemon.signal(signal.SIGHUP)
    by_stderr.wait("^notice: reloaded ", PATIENCE, after)
    with bind_logger(device_folder) as logger:
        daemon.signal(signal.SIGUSR1)
        by_stderr.wait("^notice: echod_sent_bytes_total", PATIENCE)
        logger.setblocking(False)
        with pytest.raises(BlockingIOError):
            logger.recv(65536)
    assert not by_stderr.matching(BACK)


def test_what_is_wrong_at_start_is_on_stderr_once(device_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        prefix = [*UNSHARE, "sh", "-c", PRIVATE_DEV, device_folder]
        result = run("-l", uri, prefix=prefix)
    assert result.returncode == 1
    assert len(re.findall(" warning: cannot log to syslog, ", result.stderr)) == 1
    assert len(re.findall(" err: .*Address already in use", result.stderr)) == 1


def test_neither_logger_nor_stderr_stops_nothing(launch_there):
    reading, writing = os.pipe()
    os.close(reading)
    daemon = launch_there(logs.Log(), stderr=writing, **{"log.level": "debug"})
    os.close(writing)
    daemon.wait_listening_unseen()
    flood(daemon)
    daemon.close_peers()
    daemon.signal(signal.SIGTERM)
    assert daemon.seconds_to_exit() < 1 + within(2)


# --- at a terminal -----------------------------------------------------------------------------


@pytest.fixture
def terminal():
    """Its two ends: what a user sees, and what a program has as stderr."""
    seen, stderr = os.openpty()
    yield seen, stderr
    os.close(seen)
    os.close(stderr)


def lines_seen(seen, last):
    """Those that came since the last call, once the last of them has this pattern: the kernel
    brings them there at its leisure."""
    text = ""

    def has_last():
        nonlocal text
        with contextlib.suppress(BlockingIOError):
            text += os.read(seen, 65536).decode()
        return text.endswith("\n") and re.search(last, text.splitlines()[-1])

    os.set_blocking(seen, False)
    eventually(has_last, f"a line that has {last!r}")
    return text.splitlines()


def test_a_terminal_is_told_where_the_log_goes(launch_there, logger, terminal):
    log = logs.Log()
    follow(log, logger)
    daemon = launch_there(log, stderr=terminal[1], **{"log.facility": "local3"})
    daemon.wait_serving()
    said = "echod: logging to syslog (local3); -f logs here"
    assert lines_seen(terminal[0], "-f logs here$") == [said]
    # a reload says so only where it is another place
    daemon.configure(options={"log.facility": "local3"})
    daemon.reload()
    os.write(terminal[1], b"end\n")
    assert lines_seen(terminal[0], "^end$") == ["end"]


def lines_of_a_life(daemon, terminal):
    begin = lines_seen(terminal[0], " notice: echod .* serving: ")
    daemon.signal(signal.SIGTERM)
    return begin + lines_seen(terminal[0], " notice: stopped$")


def test_a_terminal_with_f_is_the_log(launch_there, logger, terminal):
    daemon = launch_there(logs.Log(), stderr=terminal[1], arguments=["-f"])
    assert not [line for line in lines_of_a_life(daemon, terminal) if "syslog" in line]


def test_a_terminal_without_a_logger_is_the_log(launch_there, terminal):
    daemon = launch_there(logs.Log(), stderr=terminal[1])
    lines = lines_of_a_life(daemon, terminal)
    assert re.search(r" warning: cannot log to syslog, /dev/log: .*: logging to stderr$", lines[0])
    assert not [line for line in lines if "-f logs here" in line]


# --- as JSON -----------------------------------------------------------------------------------


def test_the_object_is_the_message(launch_there, logger):
    log = logs.Log()
    priorities = follow(log, logger)
    daemon = launch_there(log, **{"log.format": "json"})
    daemon.wait_listening_unseen()
    daemon.assert_echoes()
    log.wait('"message":"connection closed"', PATIENCE)
    for line, priority in zip(log.lines, priorities):
        assert json.loads(line.partition(": ")[2])["level"] == logs.LEVELS[priority & 7]
