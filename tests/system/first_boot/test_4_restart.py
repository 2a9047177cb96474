"""systemctl restart with echod.socket: nobody is refused, nobody is reset."""

import os

import pytest

import machine
import users
from machine import run, show, systemctl

COUNT = int(os.environ["RESTARTS"])


@pytest.fixture
def quiet(service):
    machine.add('log { level = "notice" }\n')  # or journald suppresses lines
    systemctl("stop", "echod.service")
    systemctl("start", "echod.socket", "echod.service")


def test_many_restarts_under_load_refuse_nobody(quiet):
    with users.Crowd() as crowd:
        for _ in range(COUNT):
            before = show("InvocationID")
            systemctl("restart", "echod.service")
            assert show("InvocationID") != before
    assert set(crowd.outcomes) == {"echoed"}, crowd.outcomes
    assert sum(crowd.outcomes.values()) > COUNT
    print(f"{COUNT} restarts, {crowd.outcomes}")


def test_an_upgrade_under_load_refuses_nobody(quiet):
    before = show("InvocationID")
    with users.Crowd() as crowd:
        run("dpkg", "-i", *machine.PACKAGES)
    assert show("InvocationID") != before
    assert systemctl("is-active", "echod.socket") == "active\n"
    assert set(crowd.outcomes) == {"echoed"}, crowd.outcomes


def test_a_restart_without_the_socket_unit_serves_again(service):
    systemctl("restart", "echod.service")
    users.prove()
