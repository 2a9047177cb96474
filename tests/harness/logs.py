"""What a daemon has logged: collected as it comes, waited for by pattern.

A thread of its own reads the daemon's stderr or the system logger's socket, so that a test waits
for a line and not for a while.
"""

import re
import threading
import time

STDERR_LINE = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) "
    r"((?:emerg|alert|crit|err|warning|notice|info|debug): .*)"
)
SYSLOG_LINE = re.compile(r"<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d echod(?:\[\d+\])?: (.*)", re.DOTALL)
LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
SANITIZER_REPORTS = (
    "ERROR: AddressSanitizer",
    "ERROR: LeakSanitizer",
    "WARNING: ThreadSanitizer",
    "runtime error:",
)


class Log:
    """The lines of one daemon as "LEVEL: TEXT"; what is no log line is kept as it is.

    time    when the last of them was logged, as the daemon wrote it
    """

    def __init__(self):
        self.lines = []
        self.time = None
        self.ended = False
        self._changed = threading.Condition()

    def add(self, line):
        if line.startswith("profiling:"):
            return  # a build for coverage, run as a user who cannot write its counts
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def end(self):
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def mark(self):
        """The place after the last line so far, for `after`."""
        return len(self.lines)

    def wait(self, pattern, timeout, after=0):
        """The match of the first line that has `pattern`; fails at the timeout or the log's end."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                while after < len(self.lines):
                    match = expression.search(self.lines[after])
                    if match:
                        return match
                    after += 1
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    why = "the log ended" if self.ended else f"{timeout} s went by"
                    raise AssertionError(f"{why} without a line that has {pattern!r}")
                self._changed.wait(left)

    def wait_count(self, pattern, count, timeout):
        """Returns all matches as soon as there are `count` of them."""
        matches = []
        after = 0
        deadline = time.monotonic() + timeout
        while len(matches) < count:
            match = self.wait(pattern, max(0, deadline - time.monotonic()), after)
            after = self._index_of(match, after) + 1
            matches.append(match)
        return matches

    def _index_of(self, match, after):
        return next(i for i in range(after, len(self.lines)) if self.lines[i] is match.string)

    def matching(self, pattern, after=0):
        """The lines so far that have `pattern`."""
        return [line for line in self.lines[after:] if re.search(pattern, line)]

    def sanitizer_reports(self):
        return [line for line in self.lines if any(report in line for report in SANITIZER_REPORTS)]


def follow_stderr(log, stream):
    """Starts the thread that reads a daemon's stderr, a binary stream, to its end."""

    def read():
        with stream:
            for raw in stream:
                text = raw.decode("utf-8", "backslashreplace").rstrip("\n")
                match = STDERR_LINE.fullmatch(text)
                log.time = match.group(1) if match else log.time
                log.add(match.group(2) if match else text)
        log.end()

    threading.Thread(target=read, daemon=True).start()


def follow_syslog(log, server):
    """Starts the thread that reads what syslog(3) sends to `server`, a datagram socket.

    Returns the list of priorities, which grows beside the log's lines.
    """
    priorities = []

    def read():
        while True:
            text = server.recv(65536).decode("utf-8", "backslashreplace").rstrip("\0\n")
            match = SYSLOG_LINE.fullmatch(text)
            priorities.append(int(match.group(1)) if match else None)
            log.add(f"{LEVELS[priorities[-1] & 7]}: {match.group(2)}" if match else text)

    threading.Thread(target=read, daemon=True).start()
    return priorities
