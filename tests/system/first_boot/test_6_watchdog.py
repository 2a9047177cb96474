"""A daemon that hangs is killed by systemd's watchdog, and started again."""

import os
import signal

import pytest

import hang
import machine
import users
from machine import eventually, show, systemctl


@pytest.fixture
def short_watchdog(service):
    machine.drop_in("[Service]\nWatchdogSec=2\nRestartSec=100ms\n")
    systemctl("restart", "echod.service")
    return machine.main_pid()


def test_the_shipped_unit_has_a_watchdog(service):
    assert show("WatchdogUSec") not in ("0", "infinity", "")


def test_it_is_left_alone_while_it_works(short_watchdog, journal):
    stamp = show("WatchdogTimestampMonotonic")
    eventually(lambda: show("WatchdogTimestampMonotonic") != stamp, "the watchdog is fed")
    assert show("NRestarts") == "0"


@pytest.mark.parametrize("what", ["process", "worker"])
def test_a_hung_one_is_killed_and_started_again(short_watchdog, journal, what):
    if what == "process":
        os.kill(short_watchdog, signal.SIGSTOP)
    else:
        hang.hang(hang.thread_of(short_watchdog, "worker"))
    eventually(lambda: show("NRestarts") == "1", "a restart")
    eventually(lambda: show("ActiveState") == "active", "it is active again")
    assert machine.main_pid() != short_watchdog
    journal.next("Watchdog timeout")
    users.prove()
