"""The packages are installed before the first test, as a user would."""

import pytest

import machine
import traces


@pytest.fixture(scope="session", autouse=True)
def installation():
    """What apt said."""
    traces.remember()
    output = machine.run("apt-get", "install", "-y", "--no-install-recommends", *machine.PACKAGES)
    machine.SHIPPED.write_text(machine.CONFIGURATION.read_text())
    return output
