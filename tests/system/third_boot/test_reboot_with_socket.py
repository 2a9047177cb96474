"""With both units enabled, the service starts at boot with systemd's sockets."""

import machine
import users
from machine import run, show, systemctl


def test_the_service_has_its_sockets_from_systemd():
    for unit in ("echod.service", "echod.socket"):
        assert (unit, show("ActiveState", unit)) == (unit, "active")
    lines = [line for line in run("journalctl", "-u", "echod.service").splitlines() if "listening on" in line]
    assert len(lines) == 3
    assert all("inherited" in line for line in lines), lines
    users.prove()


def test_a_fault_is_written_for_the_next_boot():
    systemctl("disable", "--now", "echod.socket")
    machine.add("nonsense\n")
    assert "/etc/echod.conf:" in run("echod", "-t", status=78)
