"""README.md: what it gives to the tests of others does what it says."""

import os
import subprocess
import sys

import pytest

import echod
import readme
from client import CLIENT
from patience import BINARY, PATIENCE, eventually

README = os.path.join(os.path.dirname(__file__), "../../README.md")
INSTALLED = "/usr/sbin/echod"
FIXTURES = readme.blocks(README, "In the tests of your program")
needs_systemd = pytest.mark.skipif(
    "+systemd" not in echod.run("-V").stdout, reason="this echod was built without libsystemd"
)


def test_there_are_three_fixtures():
    assert len(FIXTURES) == 3
    assert all(INSTALLED in text for text in FIXTURES)


@pytest.mark.parametrize("number", [0, 1, pytest.param(2, marks=needs_systemd)])
def test_a_fixture_runs_as_it_stands(workdir, number):
    """But for where echod is."""
    text = FIXTURES[number].replace(INSTALLED, BINARY)
    interpreter = ["sh", "-e"] if text.startswith("#!/bin/sh -e\n") else [sys.executable]
    script = os.path.join(workdir, "script")
    with open(script, "w", encoding="utf-8") as file:
        file.write(text)
    result = subprocess.run(
        [*interpreter, script],
        cwd=workdir,
        env={**os.environ, "PATH": f"{os.path.dirname(CLIENT)}:{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )

    def told():
        """By the daemon, on stderr or to its file."""
        text = result.stderr
        if os.path.exists(log := os.path.join(workdir, "echod.log")):
            with open(log, encoding="utf-8") as file:
                text += file.read()
        return text

    assert result.returncode == 0, told()
    eventually(lambda: "notice: stopped" in told(), "the daemon has ended in order")
    assert set(os.listdir(workdir)) <= {"script", "echod.log"}
