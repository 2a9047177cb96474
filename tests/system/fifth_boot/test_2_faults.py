"""A restart whose successor cannot start: all waits for one that can, or ends in order."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

import machine
import users
from machine import PATIENCE, eventually, run, show, systemctl

PROGRAM = pathlib.Path("/usr/sbin/echod")
SCRIPT = pathlib.Path("/usr/local/sbin/echod-test")
EXEC_START = f"[Service]\nExecStart=\nExecStart={SCRIPT}\n"

pytestmark = pytest.mark.usefixtures("service")


def begin_restart():
    """Without waiting for what does not come."""
    systemctl("restart", "--no-block", "echod.service")


def wait_parcel():
    """Until the old one is gone and all that it had is with systemd, through `tries` starts."""
    eventually(lambda: show("NFileDescriptorStore") == "1", "the parcel is with systemd")


def wait_restarts(least):
    eventually(lambda: int(show("NRestarts")) >= least, f"{least} starts by systemd")
    assert show("NFileDescriptorStore") == "1"


def wait_served(peer, waiting):
    """What was sent while nobody was there is echoed, and so is what comes then."""
    assert peer.recv(len(waiting), socket.MSG_WAITALL) == waiting
    users.echo(peer)
    eventually(lambda: show("ActiveState") == "active", "it is active")
    assert show("NFileDescriptorStore") == "0"
    users.prove()


@pytest.fixture
def peer(service):
    with users.connect() as peer:
        users.echo(peer)
        yield peer


@pytest.fixture
def script():
    """ExecStart, as a script that is yet to be written."""

    def write(text):
        SCRIPT.write_text(text)
        SCRIPT.chmod(0o755)
        machine.drop_in(EXEC_START + "RuntimeDirectory=echod-test\nRuntimeDirectoryPreserve=yes\n")

    yield write
    SCRIPT.unlink(missing_ok=True)
    shutil.rmtree("/run/echod-test", ignore_errors=True)
    shutil.rmtree("/run/private/echod-test", ignore_errors=True)


@pytest.fixture
def without_program():
    away = PROGRAM.with_name("echod-away")
    PROGRAM.rename(away)
    yield lambda: away.rename(PROGRAM)
    if away.exists():
        away.rename(PROGRAM)


# --- all waits ---------------------------------------------------------------------------------------


def test_a_successor_that_crashes_twice(peer, script):
    script("#!/bin/sh\nulimit -c 0\nfor i in 1 2; do\n"
           "mkdir /run/echod-test/$i 2>/dev/null && kill -ABRT $$\ndone\n"
           "exec /usr/sbin/echod -c /etc/echod.conf\n")  # fmt: skip
    begin_restart()
    wait_parcel()
    peer.sendall(b"while nobody is there")
    wait_served(peer, b"while nobody is there")
    assert show("NRestarts") == "2"


def test_a_missing_program(peer, without_program):
    begin_restart()
    wait_parcel()
    peer.sendall(b"while nobody is there")
    wait_restarts(1)
    without_program()
    wait_served(peer, b"while nobody is there")


def test_a_manager_that_is_executed_anew_while_all_waits(peer, without_program):
    begin_restart()
    wait_parcel()
    systemctl("daemon-reexec")
    assert show("NFileDescriptorStore") == "1"
    peer.sendall(b"while nobody is there")
    without_program()
    wait_served(peer, b"while nobody is there")


def test_a_restart_while_all_waits(peer, without_program):
    """Whoever has mended it need not wait for the next try."""
    begin_restart()
    wait_parcel()
    without_program()
    systemctl("restart", "echod.service")
    wait_served(peer, b"")


def test_new_ones_wait_at_the_socket_unit(socket_unit, without_program):
    begin_restart()
    wait_parcel()
    with users.connect() as comer:
        comer.sendall(b"while nobody is there")
        wait_restarts(1)
        assert show("ActiveState", "echod.socket") == "active"
        without_program()
        wait_served(comer, b"while nobody is there")


def test_too_few_descriptors(service, journal):
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(users.connect()) for _ in range(100)]
        for peer in peers:
            users.echo(peer)
        machine.drop_in("[Service]\nLimitNOFILE=64\n")
        begin_restart()
        journal.next("cannot take over from the service manager: .* raise LimitNOFILE")
        journal.next("Main process exited, code=exited, status=1/FAILURE$")
        wait_restarts(1)
        peers[0].sendall(b"while nobody is there")
        machine.remove_drop_in()
        wait_served(peers[0], b"while nobody is there")
        for peer in peers:
            users.echo(peer)


# --- all goes on with the configuration that it had ------------------------------------------------

def failed_reloads(journal):
    systemctl("kill", "-s", "USR1", "--kill-who=main", "echod")
    return int(journal.next('^echod_reloads_total{result="failure"} ')["MESSAGE"].split()[-1])


@pytest.mark.parametrize("fault", machine.FAULTS.values(), ids=machine.FAULTS)
def test_a_faulty_configuration(peer, journal, another_file, fault):
    before = machine.main_pid()
    fault(another_file)
    systemctl("restart", "echod.service")
    assert machine.main_pid() not in (0, before)
    users.echo(peer)
    users.prove()
    assert (show("ActiveState"), show("NFileDescriptorStore")) == ("active", "0")
    assert journal.next("the configuration of the process before stays in force$")["PRIORITY"] == "3"
    eventually(lambda: "echod.conf" in show("StatusText"), "the status tells of the fault")
    assert failed_reloads(journal) == 1
    # And again, with what travelled then.
    systemctl("restart", "echod.service")
    users.echo(peer)
    machine.mend()
    systemctl("reload", "echod")
    eventually(lambda: "echod.conf" not in show("StatusText"), "the status tells of the cure")


def test_without_connections_a_faulty_configuration_serves_too(service):
    machine.add("nonsense\n")
    systemctl("restart", "echod.service")
    users.prove()


def test_a_start_with_a_faulty_configuration_fails_as_ever(service):
    systemctl("stop", "echod.service")
    machine.add("nonsense\n")
    systemctl("start", "echod.service", status=1)
    assert (show("ActiveState"), show("ExecMainStatus")) == ("failed", "78")


# --- all ends in order -------------------------------------------------------------------------------


def test_a_manager_that_keeps_nothing(peer, journal):
    machine.drop_in("[Service]\nFileDescriptorStoreMax=0\n")
    before = machine.main_pid()
    peer.sendall(b"on its way")
    restart = subprocess.Popen(["systemctl", "restart", "echod.service"])
    assert journal.next("^hand-over failed: ")["PRIORITY"] == "3"
    assert peer.recv(10, socket.MSG_WAITALL) == b"on its way"
    assert users.Leaving(peer).end == "eof", "it is drained"
    assert restart.wait(PATIENCE) == 0
    assert machine.main_pid() not in (0, before)
    users.prove()
    # Nothing is left of that: the next one hands over.
    machine.remove_drop_in()
    with users.connect() as peer:
        users.echo(peer)
        systemctl("restart", "echod.service")
        users.echo(peer)


def test_by_hand_with_a_manager_that_keeps_nothing(peer, journal):
    machine.drop_in("[Service]\nFileDescriptorStoreMax=0\n")
    before = machine.main_pid()
    os.kill(before, signal.SIGUSR2)
    journal.next("^hand-over failed: ")
    assert users.Leaving(peer).end == "eof"
    eventually(lambda: machine.main_pid() not in (0, before), "it is started again")
    eventually(lambda: show("ActiveState") == "active", "it is active")
    users.prove()


def test_a_stop_while_all_waits(peer, without_program):
    begin_restart()
    wait_parcel()
    leaving = users.Leaving(peer)
    systemctl("stop", "echod.service")
    assert leaving.end in ("eof", "reset")
    assert show("NFileDescriptorStore") == "0"
    assert ("tcp", "*:7") not in machine.open_ports()
    without_program()
    systemctl("start", "echod.service")
    users.prove()


# --- what is no parcel of this one's -------------------------------------------------------------------

SENDER = """#!/usr/bin/python3
import os, socket, time
near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
near.send({message!r})
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.connect(os.environ["NOTIFY_SOCKET"].replace("@", chr(0)))
socket.send_fds(manager, [b"FDSTORE=1\\nFDPOLL=0\\nFDNAME=echod-parcel\\n"], [far.fileno()])
manager.send(b"READY=1")
time.sleep(3600)
"""


@pytest.mark.parametrize("message", [b"garbage", b"echod-\r\n" + bytes(200)],
                         ids=["garbage", "another version"])  # fmt: skip
def test_a_parcel_that_cannot_be_read_is_left_alone(script, journal, message):
    systemctl("stop", "echod.service")
    script(SENDER.format(message=message))
    systemctl("start", "echod.service")
    wait_parcel()
    machine.remove_drop_in()
    begin_restart()
    journal.next("cannot take over from the service manager: ")
    journal.next("Main process exited, code=exited, status=1/FAILURE$")
    wait_restarts(1)
    systemctl("stop", "echod.service")
    systemctl("start", "echod.service")
    users.prove()
