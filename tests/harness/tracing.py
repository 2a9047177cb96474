"""System calls of a running echod that fail on order, by strace(1)."""

import contextlib
import os
import signal
import subprocess

import kernel
from patience import PATIENCE, eventually


def can_trace():
    """True where strace may attach to a process of the test's own."""
    try:
        with subprocess.Popen(["sleep", "60"]) as process:
            command = ["strace", "-o", os.devnull, "-p", str(process.pid)]
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as strace:
                while strace.poll() is None and not kernel.tracers(process.pid)[0]:
                    pass
                attached = strace.poll() is None
                strace.terminate()
            process.kill()
        return attached
    except FileNotFoundError:
        return False


class Tracer:
    """strace on all threads of a process: a context manager that detaches at its end.

    call    which system call fails
    error   with which errno, by name
    when    at which calls of each thread, counted from the start: strace(1), "when="
    also    another call that is written down, but does not fail
    """

    def __init__(self, pid, workdir, call, error, when, also=None):
        self._pid = pid
        self._path = os.path.join(workdir, "strace")
        self._inject = f"inject={call}:error={error}:when={when}"
        self._trace = "trace=" + ",".join(filter(None, [call, also]))
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(
            ["strace", "-f", "-p", str(self._pid), "-o", self._path]
            + ["-e", self._trace, "-e", self._inject],
            stderr=subprocess.PIPE,
        )
        eventually(lambda: all(kernel.tracers(self._pid)), "strace has attached to all threads")
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        _, said = self._process.communicate(timeout=PATIENCE)
        assert not any(kernel.tracers(self._pid)), said.decode()

    def count(self, mark="(INJECTED)"):
        """In how many calls this appears, by thread: by default, how many were made to fail."""
        found = {}
        with open(self._path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if mark in line:
                    thread = int(line.split()[0])
                    found[thread] = found.get(thread, 0) + 1
        return found
