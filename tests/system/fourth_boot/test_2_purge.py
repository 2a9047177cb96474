"""Removing and purging the packages."""

import pytest

import machine
import traces
import users
from machine import run, systemctl


@pytest.mark.usefixtures("service")
def test_a_removal_stops_it_under_load_and_keeps_the_configuration(socket_unit):
    systemctl("enable", "echod.socket")
    with users.Crowd():
        run("apt-get", "remove", "-y", "echod")
    assert machine.CONFIGURATION.exists()
    assert run("pgrep", "-x", "echod", status=1) == ""
    assert ("tcp", "*:7") not in machine.open_ports()


def test_a_purge_leaves_nothing():
    run("apt-get", "purge", "-y", "echod", "echod-client")
    assert traces.take() == traces.remembered()
