#!/usr/bin/env python3
"""Who uses the fleet, from several sources: connections that come and go, others that stay and
talk, and flows of datagrams. Each byte that comes back is compared.

    crowd.py '{"host": …, "port": …, "sources": […], "seconds": …, …}'

Prints what became of them as JSON: of each when it began (seconds since the start), how long it
took, and its outcome, "echoed" where all came back and was right.
"""

import asyncio
import contextlib
import itertools
import json
import os
import ssl
import sys
import time

PATIENCE = 15  # seconds for one connection that comes and goes
TALK = 0.1  # seconds between two pieces of one that stays
PIECE = 1024
LATE = 1  # seconds after which a datagram is lost


def pattern(number, length):
    """Bytes of which each connection has its own, and no piece is like the one before."""
    block = number.to_bytes(8, "big") + os.urandom(8)
    return (block * (length // len(block) + 1))[:length]


def name_of(error):
    if isinstance(error, asyncio.IncompleteReadError):
        return f"ended after {len(error.partial)} of {error.expected} bytes"
    if isinstance(error, TimeoutError):
        return f"not within {PATIENCE} s"
    return getattr(error, "strerror", None) or type(error).__name__


class Crowd:
    def __init__(self, asked):
        self.host, self.port = asked["host"], asked["port"]
        self.seconds, self.rate = asked["seconds"], asked.get("rate", 0)
        self.talkers, self.flows = asked.get("talkers", 0), asked.get("flows", 0)
        self.flow_rate = asked.get("flow_rate", 50)
        self.sources = itertools.cycle(asked["sources"])
        self.tls = None
        if asked.get("ca"):
            self.tls = ssl.create_default_context(cafile=asked["ca"])
        self.started = time.monotonic()
        self.found = {"connections": [], "talkers": [], "flows": []}

    def now(self):
        return time.monotonic() - self.started

    async def open(self):
        return await asyncio.open_connection(
            self.host,
            self.port,
            local_addr=(next(self.sources), 0),
            ssl=self.tls,
            server_hostname="fleet.example" if self.tls else None,
        )

    async def end(self, reader, writer):
        """Half-close, and then nothing more comes; TLS is closed at once."""
        if not self.tls:
            writer.write_eof()
            if await reader.read(1):
                raise OSError(0, "more than was sent")
        writer.close()

    async def visit(self, number):
        begin, outcome = self.now(), "echoed"
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await self.open()
                data = pattern(number, 64 + number % 4000)
                writer.write(data)
                if await reader.readexactly(len(data)) != data:
                    outcome = "wrong bytes"
                await self.end(reader, writer)
        except (OSError, EOFError, TimeoutError) as error:
            outcome = name_of(error)
        self.found["connections"].append((begin, self.now() - begin, outcome))

    async def talk(self, number):
        sent = received = 0
        outcome, quiet_since, longest = "echoed", self.now(), 0
        try:
            reader, writer = await self.open()
            while self.now() < self.seconds:
                data = pattern(number, PIECE)
                writer.write(data)
                sent += PIECE
                if await asyncio.wait_for(reader.readexactly(PIECE), PATIENCE) != data:
                    outcome = "wrong bytes"
                received += PIECE
                longest, quiet_since = max(longest, self.now() - quiet_since), self.now()
                await asyncio.sleep(TALK)
            await self.end(reader, writer)
        except (OSError, EOFError, TimeoutError) as error:
            outcome = name_of(error)
            received += len(getattr(error, "partial", b""))
            longest = max(longest, self.now() - quiet_since)
        self.found["talkers"].append(
            {
                "outcome": outcome,
                "end": self.now(),
                "sent": sent,
                "lost": sent - received,
                "longest": longest,
            }
        )

    async def flow(self, number):
        flow = Flow()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: flow, local_addr=(next(self.sources), 0), remote_addr=(self.host, self.port)
        )
        while self.now() < self.seconds:
            flow.send(transport, number)
            await asyncio.sleep(1 / self.flow_rate)
        await asyncio.sleep(LATE)
        transport.close()
        self.found["flows"].append(flow.result())

    async def run(self):
        tasks = [asyncio.create_task(self.talk(number)) for number in range(self.talkers)]
        tasks += [asyncio.create_task(self.flow(number)) for number in range(self.flows)]
        for number in range(int(self.rate * self.seconds)):
            await asyncio.sleep(max(0, number / self.rate - self.now()))
            tasks.append(asyncio.create_task(self.visit(number)))
        await asyncio.gather(*tasks)


class Flow(asyncio.DatagramProtocol):
    """Datagrams of one source port, numbered."""

    def __init__(self):
        self.waiting, self.sent, self.echoed, self.faults = {}, [], [], 0

    def send(self, transport, number):
        data = len(self.sent).to_bytes(8, "big") + pattern(number, 56 + len(self.sent) % 1000)
        self.waiting[data[:8]] = data
        self.sent.append(time.monotonic())
        with contextlib.suppress(OSError):
            transport.sendto(data)

    def datagram_received(self, data, _):
        if self.waiting.pop(data[:8], None) != data:
            self.faults += 1
            return
        self.echoed.append(int.from_bytes(data[:8], "big"))

    def result(self):
        """And the longest time between two that came back, where one was lost in between."""
        echoed = sorted(set(self.echoed))
        gaps = [
            self.sent[after] - self.sent[before]
            for before, after in zip(echoed, echoed[1:])
            if after != before + 1
        ]
        return {
            "sent": len(self.sent),
            "lost": len(self.waiting),
            "faults": self.faults,
            "longest": max(gaps, default=0),
        }


def main():
    crowd = Crowd(json.loads(sys.argv[1]))
    print("begun", flush=True)
    asyncio.run(crowd.run())
    print(json.dumps(crowd.found))


if __name__ == "__main__":
    main()
