"""What installing the packages does, and does not."""

import pathlib

import pytest

import machine
import users
from machine import run, show, systemctl

AUTOPKGTEST = pathlib.Path("/run/box/installed")


def test_apt_installs_both(installation):
    for package in ("echod", "echod-client"):
        assert run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package).strip() == "ii"
        assert run("dpkg", "--verify", package) == ""


def test_the_service_is_started_and_enabled_and_the_socket_unit_is_not():
    assert systemctl("is-active", "echod.service") == "active\n"
    assert systemctl("is-enabled", "echod.service") == "enabled\n"
    assert systemctl("is-active", "echod.socket", status=3) == "inactive\n"
    assert systemctl("is-enabled", "echod.socket", status=1) == "disabled\n"


def test_port_7_is_open_as_the_shipped_configuration_says_and_no_other():
    assert machine.open_ports() == {
        ("tcp", "*:7"): "echod",
        ("udp", "127.0.0.1:7"): "echod",
        ("udp", "[::1]:7"): "echod",
    }


def test_the_version_is_that_of_the_package():
    package = run("dpkg-query", "-W", "-f", "${Version}", "echod").rpartition("-")[0]
    assert run("echod", "-V").split()[1] == package
    assert run("echod-client", "-V").split()[1].rstrip(",") == package


@pytest.mark.parametrize("name", ["echod", "echod-client"])
def test_the_completion_is_where_bash_looks_for_it(name):
    file = f"/usr/share/bash-completion/completions/{name}"
    assert name in run("bash", "-c", f". {file}; complete -p {name}")


def test_the_package_depends_on_the_mended_libevent():
    for package in ("echod", "echod-client"):
        depends = run("dpkg-query", "-W", "-f", "${Depends}", package)
        assert "libevent-core-2.1-7 (>= 2.1.12-stable-8+deb12u1)" in depends


def test_an_upgrade_keeps_the_configuration_and_restarts_the_service(service):
    machine.add("drain_timeout = 31\n")
    changed = machine.CONFIGURATION.read_text()
    before = show("MainPID")
    run("dpkg", "-i", *machine.PACKAGES)
    assert machine.CONFIGURATION.read_text() == changed
    assert show("MainPID") not in ("0", before)
    users.prove()


def test_the_packages_own_test(service):
    if not AUTOPKGTEST.exists():
        pytest.skip("debian/tests is not here")
    run(AUTOPKGTEST)
