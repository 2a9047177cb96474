"""A terminal that shows what a user would see: tmux, each of its own."""

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
import unicodedata

import pytest

from patience import eventually

ROWS = 24


def width_of(line):
    """In columns, as a terminal has them."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)


class Screen:
    """A command that runs on a terminal of its own; a context manager that ends both.

    Skips the test where tmux is not installed.

    named       variables of the environment
    """

    def __init__(self, columns, command, **named):
        if shutil.which("tmux") is None:
            pytest.skip("tmux is not installed")
        self._folder = tempfile.TemporaryDirectory(prefix="echod-test-")
        variables = [f"{name}={value}" for name, value in named.items()]
        # What runs behind the command keeps the terminal as it left it.
        line = shlex.join(["env", *variables, *command]) + "; echo $? >" + self._path("status")
        self._tmux("-f", os.devnull, "new-session", "-d", "-x", str(columns), "-y", str(ROWS),
                   "sh", "-c", line + "; exec sleep 3600")

    def _path(self, name):
        return os.path.join(self._folder.name, name)

    def _tmux(self, *arguments):
        return subprocess.run(["tmux", "-u", "-S", self._path("tmux"), *arguments], check=True,
                              stdout=subprocess.PIPE).stdout.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")
        self._folder.cleanup()

    def lines(self):
        """What it shows, without what is empty at its end."""
        return self._tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def all_lines(self):
        """The same with what has scrolled away."""
        return self._tmux("capture-pane", "-p", "-S", "-").rstrip("\n").split("\n")

    def colours(self):
        """What it shows with escape sequences for its colours."""
        return self._tmux("capture-pane", "-p", "-e")

    def resize(self, columns):
        self._tmux("resize-window", "-x", str(columns), "-y", str(ROWS))

    def wait(self, holds, what):
        """Returns the lines that it shows when `holds` of them does."""
        try:
            return eventually(lambda: (lines := self.lines()) and holds(lines) and lines, what)
        except AssertionError as fault:
            raise AssertionError(f"{fault}: {self.lines()}") from None

    def wait_end(self):
        """Returns the exit status of the command."""
        def status():
            with contextlib.suppress(FileNotFoundError, ValueError):
                with open(self._path("status"), encoding="ascii") as file:
                    return [int(file.read())]
            return None

        return eventually(status, "the end of the command")[0]
