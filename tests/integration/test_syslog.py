"""The log by syslog(3), to a logger of the test's own on /dev/log in a private mount namespace."""

import os
import re
import signal
import socket
import subprocess
import syslog

import pytest

import logs
import peers
from patience import PATIENCE, within

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


@pytest.fixture
def logger(device_folder):
    """The datagram socket that will be /dev/log."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(os.path.join(device_folder, "log"))
        yield server


def follow(log, logger):
    """Reads the logger's socket into `log` for good; returns the list of priorities."""
    return logs.follow_syslog(log, logger.dup())


@pytest.fixture
def launch_there(launch, device_folder):
    """Starts a daemon that finds `device_folder` as its /dev."""

    def launch_daemon(log, **options):
        prefix = [*UNSHARE, "sh", "-c", PRIVATE_DEV, device_folder]
        return launch(options=options, prefix=prefix, log=log)

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
