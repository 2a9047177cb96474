"""echod.socket: systemd holds the ports, and starts the service for whoever comes first."""

import pytest

import machine
import users
from machine import eventually, show, systemctl


@pytest.fixture
def only_socket(service):
    systemctl("stop", "echod.service")
    systemctl("start", "echod.socket")
    assert show("ActiveState") == "inactive"


def test_the_socket_unit_has_the_ports_of_the_shipped_configuration(service):
    own = set(machine.open_ports())
    systemctl("stop", "echod.service")
    systemctl("start", "echod.socket")
    assert set(machine.open_ports()) == own


def test_the_first_connection_starts_it_and_is_served(only_socket):
    with users.connect() as peer:
        users.echo(peer)
    assert show("ActiveState") == "active"
    users.prove()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_first_datagram_starts_it_and_is_answered(only_socket, host):
    users.echo_datagram(host)
    eventually(lambda: show("ActiveState") == "active", "the service has started")
    users.prove()


def test_after_a_stop_the_next_connection_starts_it_again(socket_unit):
    systemctl("stop", "echod.service")
    with users.connect() as peer:
        users.echo(peer)


def test_a_bad_configuration_does_not_start_it_without_end(only_socket):
    machine.add("nonsense\n")
    machine.drop_in("[Service]\nExecStartPre=/bin/sleep 0.1\n")  # as on a machine that is slow
    with users.connect():
        eventually(lambda: show("ActiveState", "echod.socket") == "failed", "systemd gives up")
    assert show("ExecMainStatus") == "78"


def test_least_privileges_suffice_with_the_sockets_passed(only_socket):
    """The drop-in of the package's documentation, in place of the tests' own."""
    machine.drop_in(machine.LEAST_PRIVILEGE.read_text())
    users.prove()
    fields = machine.process_fields()
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    print(machine.exposure(6))
