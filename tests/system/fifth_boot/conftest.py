"""The packages are installed once more; whatever is done to them, nothing is left with systemd."""

import pytest

import machine
from machine import show


@pytest.fixture(scope="session", autouse=True)
def installation():
    machine.run("dpkg", "--purge", "echod")  # or a part of the tests before has left its own
    machine.run("apt-get", "install", "-y", "--no-install-recommends", *machine.PACKAGES)
    machine.SHIPPED.write_text(machine.CONFIGURATION.read_text())


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert show("NFileDescriptorStore") == "0"
    assert show("NeedDaemonReload") == "no"
