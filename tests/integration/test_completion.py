"""What bash completes of echod's and echod-client's command lines, at a terminal, and that it has
all that --help has, and nothing else."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from client import CLIENT
from patience import BINARY, PATIENCE

FOLDER = os.path.join(os.path.dirname(__file__), "../../etc/bash-completion")
TAB = "\t"
SCHEMES = ["tcp://", "tls://", "udp://", "unix:"]
ERASE = "\x15"  # all that was typed


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


# --- at a terminal -----------------------------------------------------------------------------


class Terminal:
    """A bash at a terminal, with the programs in its PATH and both completions read."""

    def __init__(self, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            path = f"{os.path.dirname(BINARY)}:{os.path.dirname(CLIENT)}:/usr/bin:/bin"
            named = {"PATH": path, "TERM": "dumb", "PS1": "> ", "INPUTRC": "/dev/null", "HOME": folder}
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "-i"], named)
        self.seen = ""
        for command in (
            "bind 'set show-all-if-ambiguous on'",
            *(f". {os.path.realpath(FOLDER)}/{name}" for name in ("echod", "echod-client")),
            "complete -F _echod faulty",
            "echo be''gin",
        ):
            os.write(self.fd, f"{command}\n".encode())
        self.wait("begin")

    def wait(self, text):
        """Returns what the terminal has shown up to `text`."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], f"no {text!r}: {self.seen!r}"
            self.seen += os.read(self.fd, 65536).decode(errors="replace")
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def complete(self, typed, expected):
        """A TAB behind `typed` makes `expected` of it, where typing goes on."""
        os.write(self.fd, f"{ERASE}{typed}{TAB}.".encode())
        self.wait(f"{expected}.")

    def end(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completion")
    (folder / "a file.conf").write_text('listen echo { port = 7 }\n')
    (folder / "faulty.conf").write_text("listen echo { prt = 7 }\n")
    (folder / "faulty").write_text(f"#!/bin/sh\nexec {BINARY} -c '{folder}/faulty.conf' \"$@\"\n")
    (folder / "faulty").chmod(0o755)
    made = Terminal(str(folder))
    yield made
    made.end()


@needs_bash
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("echod --fo", "echod --foreground "),
        ("echod -f --read", "echod -f --ready-fd "),
        (f"{BINARY} --vers", f"{BINARY} --version "),
        ("echod -c a", "echod -c a\\ file.conf "),
        ("echod --config=a", "echod --config=a\\ file.conf "),
        ("echod -t -c ./a", "echod -t -c ./a\\ file.conf "),
        ("echod -l tc", "echod -l tcp://"),
        ("echod -f --listen=ud", "echod -f --listen=udp://"),
        ("echod -o limits.idle", "echod -o limits.idle_timeout="),
        ("echod --set drain", "echod --set drain_timeout="),
        ("echod --set=log.fac", "echod --set=log.facility="),
        ("./faulty -o udp.max", "./faulty -o udp.max_datagram="),
        ("echod-client pip", "echod-client pipe "),
        ("echod-client ud", "echod-client udp://"),
        ("echod-client un", "echod-client unix:"),
        ("echod-client send --vers", "echod-client send --version "),
        ("echod-client --ca a", "echod-client --ca a\\ file.conf "),
        ("echod-client pipe --cert=a", "echod-client pipe --cert=a\\ file.conf "),
    ],
)
def test_a_tab_completes(terminal, typed, expected):
    terminal.complete(typed, expected)


@needs_bash
@pytest.mark.parametrize("typed", ["echod -l ", "echod --listen=", "echod-client pipe "])
def test_of_several_all_are_shown(terminal, typed):
    os.write(terminal.fd, f"{ERASE}{typed}{TAB}".encode())
    for scheme in SCHEMES:
        terminal.wait(scheme)


# --- all of them -------------------------------------------------------------------------------

COMPLETE = """
. "$1"; shift
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
name=${1##*/}
"_${name//-/_}" "$1" "${@: -1}" "${@: -2:1}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(program, *words):
    """The completions of the last word, sorted."""
    file = os.path.join(FOLDER, os.path.basename(program))
    command = ["bash", "-c", COMPLETE, "bash", file, program, *words]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return sorted(result.stdout.split())


def options_of(program, mode=None):
    """Those that --help has, of the client's for this mode and for all."""
    found, wanted = [], mode is None
    result = subprocess.run([program, "--help"], check=True, capture_output=True, text=True)
    for line in result.stdout.splitlines():
        if not line.startswith(" "):
            wanted = mode is None or line.startswith(("All modes:", f"{mode}:"))
        elif wanted:
            found += re.findall(r"^ +(?:-., )?(--[a-z0-9-]+)", line)
    return sorted(found)


@needs_bash
def test_the_options_of_the_daemon():
    expected = options_of(BINARY)
    assert {"--config", "--ready-fd"} < set(expected)
    assert complete(BINARY, "-") == expected


@needs_bash
@pytest.mark.parametrize("mode", ["bench", "ping", "pipe", "send"])
def test_the_options_of_a_mode(mode):
    expected = options_of(CLIENT, mode)
    assert {"--json", "--wait-until-up"} < set(expected)
    assert ("--max-rtt" in expected) == (mode in ("bench", "ping"))
    assert complete(CLIENT, mode, "-") == expected
    assert complete(CLIENT, mode, "--max-") == [
        each for each in expected if each.startswith("--max-")
    ]


@needs_bash
def test_ping_is_the_mode_where_none_is_named():
    assert complete(CLIENT, "-") == options_of(CLIENT, "ping")
    assert complete(CLIENT, "-q", "--wait") == ["--wait", "--wait-until-up"]


@needs_bash
def test_modes_and_schemes():
    assert complete(CLIENT, "") == ["bench", "ping", "pipe", "send", *SCHEMES]
    assert complete(CLIENT, "pi") == ["ping", "pipe"]
    assert complete(CLIENT, "pipe", "u") == ["udp://", "unix:"]
    assert complete(BINARY, "-l", "") == SCHEMES
