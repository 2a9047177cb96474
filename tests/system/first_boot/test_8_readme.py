"""The installed README.md: its commands, as they stand, for an ordinary user of Debian's."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import readme
import users
from machine import PATIENCE, eventually, open_ports, run

README = "/usr/share/doc/echod/README.md"
USER = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "-i"]
USER += ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"]
OWN = r"(?:\S*/)?echod(?:-client)?"


@pytest.fixture
def home(tmp_path):
    """A folder of the user's own."""
    folder = pathlib.Path("/tmp/readme")
    folder.mkdir()
    shutil.chown(folder, "nobody", "nogroup")
    yield folder
    shutil.rmtree(folder)


def as_user(home, command, status=0):
    return run(*USER, f"HOME={home}", "sh", "-c", command, status=status, cwd=home)


def blocks(heading):
    found = readme.blocks(README, heading)
    assert found
    return found


@pytest.fixture
def by_hand(service, home):
    """The daemon as README.md starts it by hand."""
    (command,) = [text for text in blocks("Run") if text.startswith("/usr/sbin/echod ")]
    with open(home / "log", "w", encoding="utf-8") as log:
        daemon = subprocess.Popen(
            [*USER, f"HOME={home}", "sh", "-c", f"exec {command}"], cwd=home, stderr=log
        )
    eventually(lambda: " serving: " in (home / "log").read_text(), "it serves")
    yield
    daemon.terminate()
    assert daemon.wait(PATIENCE) == 0


def test_an_ordinary_user_finds_all_programs():
    lines = [line.strip() for line in readme.read(README) if line.startswith("    ")]
    named = {match[1] for line in lines if (match := re.match(rf"(?:\$ )?({OWN}) [-a-z]", line))}
    assert {"/usr/sbin/echod", "echod-client"} <= named
    for name in named:
        run(*USER, "sh", "-c", f"command -v {name}")


def test_the_small_configuration_is_one(home):
    text, *others = blocks("Configure")
    for other in others:
        (home / "other.conf").write_text(other)
        assert as_user(home, "/usr/sbin/echod -t -c other.conf") == "other.conf: OK\n"
    (home / "my.conf").write_text(text.partition("$ ")[0])
    check, *dumps = readme.commands(text)
    assert as_user(home, check) == "my.conf: OK\n"
    assert len(dumps) == 2
    assert [re.search(r"idle_timeout = (\d+)", as_user(home, each))[1] for each in dumps] == ["60", "5"]


def test_the_client_shows_what_the_page_shows(by_hand, home):
    shown = [text for heading in ("Run", "Prove an echo") for text in blocks(heading)
             if text.startswith("$ echod-client") and "//localhost:" in text]
    assert len(shown) == 2  # the others are of paths that are not there
    for text in shown:
        (command,) = readme.commands(text)
        output = as_user(home, command)
        expected = text.partition("\n")[2]
        figures = r"[\d.:\[\]]+"  # those and addresses differ, and how wide they are
        assert re.sub(figures, "N", output).split() == re.sub(figures, "N", expected).split()


def test_a_file_is_sent_as_the_page_sends_it(by_hand, home):
    (home / "image.iso").write_bytes(os.urandom(1 << 20))
    (command,) = [text for text in blocks("Prove an echo") if " pipe " in text]
    as_user(home, command.replace("192.0.2.7:7", "localhost:10000"))


def test_a_fixture_runs_as_it_stands(service, home):
    for text in blocks("In the tests of your program"):
        (home / "script").write_text(text)
        interpreter = "sh -e" if text.startswith("#!/bin/sh -e\n") else "python3"
        as_user(home, f"{interpreter} script")


@pytest.mark.parametrize("heading", ["Reload", "Restart", "Watch", "Stop"])
def test_root_reloads_restarts_looks_and_stops(service, heading):
    """What sudo(8) or a line of text gives to systemctl(1)."""
    text = "\n".join(readme.read(README)).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"\bsystemctl [^`#\n]*echod", text)
    assert found
    for command in found:
        run("sh", "-c", command)
    if heading == "Stop":
        assert ("tcp", "*:7") not in open_ports()
    else:
        users.prove()
