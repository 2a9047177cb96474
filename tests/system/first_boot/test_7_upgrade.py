"""/etc/echod.conf is the administrator's: no upgrade changes what is written there, or asks.

Up to 0.1.0-1 it was a conffile with every option; the way from there asks nothing either.
"""

import pathlib

import pytest

import machine
import users
from machine import run
from packages import NOW, install, repack

SHORT = pathlib.Path("/usr/share/echod/echod.conf")
SAMPLE = pathlib.Path("/usr/share/doc/echod/examples/echod.conf")


def with_conffile(tree):
    (tree / "etc").mkdir(exist_ok=True)
    (tree / "etc/echod.conf").write_text("# Every option.\n" + SAMPLE.read_text())
    (tree / "DEBIAN/conffiles").write_text("/etc/echod.conf\n")


def with_another_short_one(tree):
    for file in (tree / SHORT.relative_to("/"), tree / SAMPLE.relative_to("/")):
        file.write_text(file.read_text() + "# of another version\n")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    return repack(tmp_path_factory.mktemp("earlier"), "0.0.9-1", with_conffile)


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    return repack(tmp_path_factory.mktemp("later"), "9.9.9-1", with_another_short_one)


@pytest.fixture
def purged(service):
    """Nothing is installed, and what a test installs is purged."""
    machine.CONFIGURATION.write_text(machine.SHIPPED.read_text())
    run("dpkg", "--purge", "echod")
    yield
    run("dpkg", "--purge", "echod")
    assert list(machine.CONFIGURATION.parent.glob("echod*")) == []
    install(NOW)
    assert machine.CONFIGURATION.read_text() == machine.SHIPPED.read_text()


EDITS = {
    "edited": lambda file: file.write_text(file.read_text() + "listen more { port = 10007 }\n"),
    "removed": lambda file: file.unlink(),
}


def state():
    return machine.CONFIGURATION.exists() and machine.CONFIGURATION.read_text()


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_what_was_edited_stays_over_all_upgrades(purged, earlier, later, edit):
    install(earlier)
    edit(machine.CONFIGURATION)
    expected = state()
    for package in NOW, NOW, later:
        install(package)
        assert state() == expected


def test_what_nobody_edited_becomes_the_short_file(purged, earlier, later):
    install(earlier)
    assert "Every option" in state()
    for package in NOW, later:
        install(package)
        assert state() == machine.SHIPPED.read_text()
        assert machine.CONFIGURATION.stat().st_mode & 0o777 == 0o644
    users.prove()


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_the_short_file_is_the_administrators(purged, later, edit):
    install(NOW)
    edit(machine.CONFIGURATION)
    expected = state()
    install(later)
    assert state() == expected


def test_what_was_there_before_the_first_installation_stays(purged):
    machine.CONFIGURATION.write_text('listen mine { address = "localhost" port = 7 }\n')
    expected = state()
    install(NOW)
    assert state() == expected


def test_a_removal_keeps_it_for_the_next_installation(purged):
    install(NOW)
    EDITS["edited"](machine.CONFIGURATION)
    expected = state()
    run("dpkg", "--remove", "echod")
    assert state() == expected
    install(NOW)
    assert state() == expected
