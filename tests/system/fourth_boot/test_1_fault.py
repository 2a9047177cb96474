"""A boot with a faulty configuration: one try, a clear status, and a cure without a reboot."""

import re

import machine
import users
from machine import run, show, systemctl


def test_a_bad_configuration_fails_once_with_its_status():
    assert show("ActiveState") == "failed"
    assert show("Result") == "exit-code"
    assert show("ExecMainStatus") == "78"
    assert show("NRestarts") == "0"


def test_status_says_where_the_fault_is():
    status = run("systemctl", "status", "--no-pager", "echod", status=3)
    assert "status=78/CONFIG" in status
    assert re.search(r"/etc/echod\.conf:\d+: ", status)


def test_a_start_after_the_cure_serves():
    machine.CONFIGURATION.write_text(machine.SHIPPED.read_text())
    systemctl("start", "echod")
    users.prove()
