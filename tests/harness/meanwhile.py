"""All that is to go on unharmed while a daemon is restarted, however that is done: by a successor
that takes over, or by a service manager.

The daemon has no limits that this would meet: `limits` has what they are.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess

import peers
from patience import PATIENCE, eventually
from traffic import Asking, Comers, Datagrams, Sessions

CLIENT = os.environ.get("ECHOD_CLIENT") or shutil.which("echod-client")
BESIDE = 100  # connections, at most, besides those that stream


def limits(connections):
    """By name, of the section of that name."""
    none = ("connections_per_source", "write_timeout", "stalled_connections",
            "datagram_rate_per_source")  # fmt: skip
    return {"connections": connections + BESIDE, **dict.fromkeys(none, 0)}


class Streams:
    """So many connections, each of which has a message on its way all the time, or that share
    `rate` messages a second; each byte is compared, by the client's bench.  What is not back
    within `wait` seconds is missing."""

    def __init__(self, where, connections, rate=None, wait=10):
        self._connections = connections
        self._wait = wait
        pace = () if rate is None else ("-r", str(rate))
        uri = "tcp://[{}]:{}" if ":" in where[0] else "tcp://{}:{}"
        self._process = subprocess.Popen(
            [CLIENT, "bench", "--json", "-n", str(connections), "-d", "86400", "-s", "256",
             "-W", str(wait), *pace, uri.format(*where)],
            stdout=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def wait_open(self):
        descriptors = f"/proc/{self._process.pid}/fd"
        eventually(lambda: len(os.listdir(descriptors)) > self._connections, "all are open")

    def check(self):
        """Ends them, once all that was sent before is back or known to be missing."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._wait + 1)
        assert self._process.poll() is None, "the streams have ended by themselves"
        self._process.send_signal(signal.SIGINT)
        result = json.loads(self._process.communicate(timeout=PATIENCE)[0])
        counts = result["counts"]
        errors = {name: count for name, count in result["errors"].items() if count != 0}
        assert not errors and self._process.returncode == 0, errors
        assert counts["opened"] == self._connections
        assert counts["undecided"] <= self._connections  # those of the last moment
        assert counts["sent"] == counts["echoed"] + counts["undecided"]
        return counts


class Slow:
    """Peers that send and read nothing before check(); some have shut down their side by then."""

    DATA = peers.payload(1 << 24)

    def __init__(self, where, blocked=10, half_closing=10):
        slow = [peers.connect(*where, receive_buffer=65536) for _ in range(blocked + half_closing)]
        self._sent = peers.fill_all(slow, self.DATA)
        self._half_closing = slow[blocked:]
        for peer in self._half_closing:
            peer.shutdown(socket.SHUT_WR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self._sent:
            peer.close()

    def check(self):
        for peer, size in self._sent.items():
            peers.assert_same(peers.receive(peer, size), self.DATA[:size])
            if peer in self._half_closing:
                assert peer.recv(1) == b""
            else:
                peers.echo(peer, b"and on")


class Everything:
    """All of it at once, between the begin and the end of a block, which fails where one byte, one
    connection or one datagram has been lost.

    see_through() each restart.  What they took is in milliseconds: `unserved`, as one peer saw
    each, and `otherwise`, what the same peer saw between them.

    tcp, udp, tls   where the listeners are; without the last nobody speaks TLS
    connections     that stream, with `rate` messages a second or as fast as they come back
    """

    RATE = 1000  # of datagrams; nobody else may keep this process from 95 % of it
    SESSIONS = 10
    WAIT = 10  # seconds: what is not back by then is missing

    def __init__(self, tcp, udp, tls=None, connections=1000, rate=None):
        self.unserved, self.otherwise = [], []
        self._where = tcp, udp, tls
        self._connections = connections
        self._rate = rate
        self._counts = {}

    def __enter__(self):
        tcp, udp, tls = self._where
        with contextlib.ExitStack() as stack:
            self._slow = stack.enter_context(Slow(tcp))
            self._streams = stack.enter_context(Streams(tcp, self._connections, self._rate, self.WAIT))
            self._streams.wait_open()
            self._asking = stack.enter_context(Asking(tcp))
            self._comers = stack.enter_context(Comers(tcp))
            self._sessions = [
                stack.enter_context(Sessions(tls, seed))
                for seed in range(self.SESSIONS if tls is not None else 0)
            ]
            self._datagrams = stack.enter_context(Datagrams(udp, self.RATE))
            self._wait_rounds()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failed):
        if failed[0] is None:
            self._traffic_is_well()
        self._stack.__exit__(*failed)

    def _traffic_is_well(self):
        self._counts = self._streams.check()
        self._slow.check()
        assert self._datagrams.rate() > 0.95 * self.RATE, f"{self._datagrams.rate()} a second"

    def _wait_rounds(self):
        self._comers.wait_rounds(2)
        self._datagrams.wait_rounds(20)
        for session in self._sessions:
            session.wait_rounds(2)

    def _longest(self):
        """Milliseconds that the peer that asks was not answered since it was asked before."""
        self._asking.wait_rounds(3)
        longest, self._asking.longest = 1000 * self._asking.longest, 0
        return longest

    def see_through(self, restart):
        """Calls it, and returns once all have gone on, with what it returns."""
        self._asking.wait_rounds(20)
        self.otherwise.append(self._longest())
        result = restart()
        self.unserved.append(self._longest())
        self._wait_rounds()
        return result

    def __str__(self):
        datagrams, sessions = self._datagrams, self._sessions
        return (
            f"unserved, as one saw it: {told(self.unserved)}; otherwise {told(self.otherwise)}; "
            f"{self._counts['echoed']} messages; {self._comers.count} new connections, the longest "
            f"{1000 * self._comers.longest:.0f} ms; {datagrams.count} datagrams, "
            f"{datagrams.rate():.0f}/s; {sum(each.count for each in sessions)} messages over TLS, "
            f"{sum(each.ended for each in sessions)} sessions ended and begun anew"
        )


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def told(values):
    """Of milliseconds."""
    return (
        f"p50 {percentile(values, 0.5):.1f}, p99 {percentile(values, 0.99):.1f}, "
        f"max {max(values):.1f} ms"
    )
