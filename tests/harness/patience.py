"""How long the tests wait: enough for a slow machine, a busy one and a build with sanitizers."""

import os
import time

BINARY = os.environ.get("ECHOD", "")


def _is_built_with(*sanitizers):
    try:
        with open(BINARY, "rb") as file:
            code = file.read()
    except OSError:
        return False
    return any(b"__%s_" % sanitizer in code for sanitizer in sanitizers)


SLOWNESS = 5 if _is_built_with(b"asan", b"tsan", b"ubsan") else 1
HOLDS_SIGNALS = _is_built_with(b"tsan")  # while the C library prints, however long that takes
HICCUP = 3  # seconds for which a busy machine may keep anybody from running
PATIENCE = 30  # seconds for what must happen but has no limit of its own


def within(seconds):
    """A limit that echod promises, or that shows it prompt, as wide as the machine makes it."""
    return seconds * SLOWNESS + HICCUP


def lasting(seconds):
    """A time that is to go by; longer where sanitizers slow what is to happen before its end."""
    return seconds * SLOWNESS


def eventually(condition, what, timeout=PATIENCE):
    """Asks `condition` again and again until it is true; returns its value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not in {timeout} s: {what}"
        time.sleep(0.01)
    return value
