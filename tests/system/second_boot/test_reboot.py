"""After a reboot the enabled service is there, with its own sockets."""

import machine
import users
from machine import run, show, systemctl


def test_the_enabled_service_has_been_started_by_the_boot():
    assert systemctl("is-enabled", "echod.service") == "enabled\n"
    assert (show("ActiveState"), show("NRestarts")) == ("active", "0")
    assert "inherited" not in run("journalctl", "-u", "echod.service")
    users.prove()


def test_the_socket_unit_can_be_enabled_for_the_next_boot():
    systemctl("enable", "echod.socket")
