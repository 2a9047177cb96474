"""How long the tests wait: long enough for a slow machine and a build with sanitizers."""

import os
import time

BINARY = os.environ.get("ECHOD", "")


def _is_sanitized():
    try:
        with open(BINARY, "rb") as file:
            code = file.read()
    except OSError:
        return False
    return any(mark in code for mark in (b"__asan_", b"__tsan_", b"__ubsan_"))


SLOWNESS = 10 if _is_sanitized() else 1
PATIENCE = 30  # seconds for what must happen but has no limit of its own


def within(seconds):
    """A limit that echod promises, or that shows it prompt; wider where sanitizers slow it."""
    return seconds * SLOWNESS


def eventually(condition, what, timeout=PATIENCE):
    """Asks `condition` again and again until it is true; returns its value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not in {timeout} s: {what}"
        time.sleep(0.01)
    return value
