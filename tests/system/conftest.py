"""What every test finds: the service as shipped, just started; and what a failed one shows."""

import subprocess

import pytest

import machine


@pytest.fixture
def service():
    """The service runs with the shipped configuration; the socket unit does not."""
    machine.systemctl("stop", "echod.socket", "echod.service")
    machine.systemctl("reset-failed", "echod.service", "echod.socket", status=None)
    machine.systemctl("start", "echod.service")
    yield
    machine.remove_drop_in()
    machine.CONFIGURATION.write_text(machine.SHIPPED.read_text())


@pytest.fixture
def another_file(service):
    """What is done to the configuration's file itself is undone."""
    yield machine.CONFIGURATION
    machine.mend()


@pytest.fixture
def socket_unit(service):
    """systemd holds the ports and has started the service with them."""
    machine.systemctl("stop", "echod.service")
    machine.systemctl("start", "echod.socket", "echod.service")


@pytest.fixture
def journal():
    with machine.Journal() as journal:
        yield journal


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for command in (
            ("systemctl", "status", "--no-pager", "-n", "0", "echod.service", "echod.socket"),
            ("journalctl", "--no-pager", "-o", "short-precise", "-n", "50"),
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            report.sections.append((" ".join(command), done.stdout))
