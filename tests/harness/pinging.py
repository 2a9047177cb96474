"""What the tests of ping share: its lines as patterns, its counts, its usual arguments."""

import contextlib
import re
import signal

import kernel
from client import match_lines
from echod import listener
from patience import PATIENCE, eventually, lasting

BOTH = [listener(), listener("echo-udp", protocol="udp")]
NAMES = {"tcp": "echo-tcp", "udp": "echo-udp"}
FAST = ("-i", "0.01")
SLOW = ("-i", str(lasting(0.3)))  # no second message is due before the first one's fate is known
SHORT = lasting(1)  # a wait that a test lets run out; a reply over loopback comes well before
LONG = ("-W", PATIENCE)  # a wait that must not run out

HEAD = r"PING {uri} \({address}\): {size} bytes each"
CONNECTED = r"connected to {address} in \d+\.\d{{3}} ms"
MARKS = r"(?:ttl=\d+ tos=0x[0-9a-f]{2} )?"  # of datagrams
REPLY = r"{size} bytes from {address}: seq={seq} {marks}time=(\d+\.\d{{3}}) ms{remark}"
AGAIN = r"{address} answers \S+ again, after (\d+\.\d{{3}}) s"
RECONNECTED = r"1 reconnect, (\d+) ms without an answer"
RTT = (
    r"rtt min/avg/max/mdev = (\d+\.\d{3})/(\d+\.\d{3})/(\d+\.\d{3})/(\d+\.\d{3}) ms, "
    r"p50/p99 = (\d+\.\d{3})/(\d+\.\d{3}) ms"
)
UNSENT = r"(?:, \d+ not sent)?"
COUNTS = ("received", "missing", "late", "duplicate", "reordered", "corrupt", "cut", "undecided")


class Target:
    """What the patterns of the client's lines are filled with."""

    def __init__(self, uri):
        self.uri = uri
        self.address = uri.partition("://")[2]
        self.is_stream = uri.startswith("tcp:")
        self.is_datagram = uri.startswith("udp:")

    def pattern(self, pattern, **fields):
        fields = {"size": 64, "seq": 1, "remark": "", "marks": MARKS, **fields}
        return pattern.format(uri=re.escape(self.uri), address=re.escape(self.address), **fields)

    def reply(self, seq, remark="", size=64):
        return self.pattern(REPLY, seq=seq, remark=re.escape(remark), size=size)

    def head(self, size=64):
        connected = [self.pattern(CONNECTED)] if self.is_stream else []
        return [self.pattern(HEAD, size=size), *connected]

    def summary(self, counts, reconnected=False):
        """`counts` is the line up to the time, but for what a busy machine keeps from being sent."""
        judged, _, loss = counts.rpartition(", ")
        answered = " 0 received" not in counts
        marks = [r"replies had ttl=\d+ tos=0x[0-9a-f]{2}"] if self.is_datagram and answered else []
        lines = [
            "",
            self.pattern("--- {uri} statistics ---"),
            *marks,
            rf"{re.escape(judged)}{UNSENT}, {re.escape(loss)}, time (\d+) ms",
        ]
        if reconnected:
            lines.append(RECONNECTED)
        return [*lines, RTT] if answered else lines


@contextlib.contextmanager
def stopped(client):
    """The client is stopped for the time of the block."""
    client.process.send_signal(signal.SIGSTOP)
    eventually(lambda: kernel.is_stopped(client.process.pid), "the client is stopped")
    yield
    client.process.send_signal(signal.SIGCONT)


def at(server):
    return Target(server.uri)


def match_quiet(target, lines):
    """What is printed with -q of one message that came back right."""
    match_lines(lines, target.head() + target.summary("1 sent, 1 received, 0% loss"))


def check_counts(result, **counts):
    """The counts of a JSON object; those not given are 0."""
    expected = {**dict.fromkeys(COUNTS, 0), **counts}
    assert {name: result[name] for name in expected} == expected
    assert (result["rtt_seconds"] is None) == (result["received"] == 0)
