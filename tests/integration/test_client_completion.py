"""What bash completes of echod-client's command lines: all that --help has, and nothing else."""

import os
import re
import subprocess

import pytest

from client import CLIENT, run

FILE = os.path.join(os.path.dirname(__file__), "../../etc/bash-completion/echod-client")
COMPLETE = """
. "$1"; shift
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_echod_client "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(*words):
    """The completions of the last word, sorted."""
    command = ["bash", "-c", COMPLETE, "bash", FILE, CLIENT, *words]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return sorted(result.stdout.split())


def options_of(mode):
    """Those that --help has for this mode and for all."""
    found, wanted = [], False
    for line in run("--help").stdout.decode().splitlines():
        if not line.startswith(" "):
            wanted = line.startswith(("All modes:", f"{mode}:"))
        elif wanted:
            found += re.findall(r"^ +(?:-., )?(--[a-z0-9-]+)", line)
    return sorted(found)


@pytest.mark.parametrize("mode", ["ping", "pipe", "send"])
def test_the_options_of_a_mode(mode):
    expected = options_of(mode)
    assert {"--json", "--wait-until-up"} < set(expected)
    assert ("--max-rtt" in expected) == (mode == "ping")
    assert complete(mode, "-") == expected
    assert complete(mode, "--max-") == [each for each in expected if each.startswith("--max-")]


def test_ping_is_the_mode_where_none_is_named():
    assert complete("-") == options_of("ping")
    assert complete("-q", "--wait") == ["--wait", "--wait-until-up"]


def test_modes_and_schemes():
    assert complete("") == ["ping", "pipe", "send", "tcp://", "udp://", "unix:"]
    assert complete("pi") == ["ping", "pipe"]
    assert complete("pipe", "u") == ["udp://", "unix:"]
