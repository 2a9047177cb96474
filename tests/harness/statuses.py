"""What echod might say of itself at /status.json, and a server that says it beside the page of a
real one: for what no test can wait for, as an hour of traffic."""

import contextlib
import copy
import http.server
import json
import math
import threading

import observing

EVERY, SAMPLES = 5, 720


def nothing():
    """One that has just started."""
    names = "open accepted refused sent_bytes answered dropped".split()
    return {
        "state": "serving", "problems": [], "drain_seconds_left": None,
        "version": "0.1.0", "host": "echo-1.example", "pid": 4711, "event_method": "epoll",
        "started": "2026-11-26T11:00:00Z", "service_started": "2026-11-26T11:00:00Z",
        "configured": "2026-11-26T11:00:00Z",
        "now": "2026-11-26T11:00:02Z", "reload_failed": None, "connections_limit": 10000,
        "totals": {
            "connections_open": 0, "connections_accepted": 0, "connections_refused": {},
            "connections_closed": {}, "received_bytes": 0, "sent_bytes": 0,
            "datagrams_received": 0, "datagrams_sent": 0, "datagrams_dropped": {},
            "tls_faults": {},
        },
        "rates": dict.fromkeys(names[1:]),
        "listeners": [stream("echo-tcp", "tcp://*:7"), datagrams("echo-udp", "udp://127.0.0.1:7")],
        "workers": [worker(), worker()],
        "process": {"cpu_seconds": 0.02, "resident_memory_bytes": 6_400_000, "open_fds": 24,
                    "max_fds": 524288},
        "history": {"every": EVERY, **{name: [0] for name in names}},
    }


def stream(name, *uris):
    return {"name": name, "uris": list(uris), "accepting": True, "connections_open": 0,
            "connections_accepted": 0, "connections_refused": {}, "connections_closed": {},
            "received_bytes": 0, "sent_bytes": 0}


def datagrams(name, *uris):
    return {"name": name, "uris": list(uris), "accepting": True, "received_bytes": 0,
            "sent_bytes": 0, "datagrams_received": 0, "datagrams_sent": 0, "datagrams_dropped": {}}


def worker(**more):
    return {"hangs": False, "connections_open": 0, "blocked_connections": 0, "blocked_bytes": 0,
            "heartbeat_age_seconds": 0.312, "cpu_seconds": 0.01, **more}


def wave(i, period, least, most):
    return least + (most - least) * (0.5 + 0.4 * math.sin(i / period) + 0.1 * math.sin(i / 7.3))


def summed(rates, before):
    sums = [before]
    for rate in rates:
        sums.append(sums[-1] + int(rate * EVERY))
    return sums


def traffic():
    """An hour of much traffic, with a burst of what was refused."""
    told = nothing()
    hour = range(SAMPLES - 1)
    burst = [3000 * math.exp(-((i - 480) / 9) ** 2) for i in hour]
    history = told["history"]
    history["open"] = [int(wave(i, 90, 1200, 7400)) for i in range(SAMPLES)]
    history["accepted"] = summed((wave(i, 60, 90, 640) for i in hour), 41_000_000)
    history["refused"] = summed((wave(i, 40, 0, 12) + burst[i] for i in hour), 90_000)
    history["sent_bytes"] = summed((wave(i, 90, 2e8, 1.3e9) for i in hour), 7 * 10**14)
    history["answered"] = summed((wave(i, 50, 9e3, 34e3) for i in hour), 10**9)
    history["dropped"] = summed((wave(i, 30, 0, 40) for i in hour), 5000)
    for name in told["rates"]:
        told["rates"][name] = (history[name][-1] - history[name][-2]) / EVERY
    refused = {"denied": history["refused"][-1] - 6000, "source_rate": 6000}
    dropped = {"source_port": 5000, "source_rate": history["dropped"][-1] - 5000}
    closed = {"peer": 40_811_273, "reset": 31_204, "idle_timeout": 4711, "vanished": 90,
              "lifetime": 12, "tls": 7}
    told["totals"].update({
        "connections_open": history["open"][-1], "connections_accepted": history["accepted"][-1],
        "connections_refused": refused, "connections_closed": closed,
        "received_bytes": history["sent_bytes"][-1] + 10**6,
        "sent_bytes": history["sent_bytes"][-1], "datagrams_received": history["answered"][-1],
        "datagrams_sent": history["answered"][-1], "datagrams_dropped": dropped,
        "tls_faults": {"tls_plain": 5, "tls_version": 2},
    })
    told.update(started="2026-11-19T03:12:40Z", service_started="2026-11-12T07:41:10Z", now="2026-11-26T12:34:56Z")
    tcp, udp = told["listeners"]
    tls = stream("echo-tls", "tls://*:4007")
    told["listeners"] = [tcp, tls, udp, stream("sidecars", "unix:/run/echod/echod.sock")]
    shares = ((tcp, 0.7), (tls, 0.29), (told["listeners"][3], 0.01))
    for listener, share in shares:
        for name in "connections_open", "connections_accepted", "sent_bytes":
            listener[name] = int(told["totals"][name] * share * 0.9)
    tcp["connections_refused"] = refused
    udp.update(sent_bytes=int(history["sent_bytes"][-1] * 0.1), datagrams_dropped=dropped,
               datagrams_received=history["answered"][-1], datagrams_sent=history["answered"][-1])
    half = history["open"][-1] // 2
    told["workers"] = [
        worker(connections_open=half, blocked_connections=3, blocked_bytes=196_608, cpu_seconds=1e5),
        worker(connections_open=history["open"][-1] - half, cpu_seconds=98_000.5),
    ]
    told["process"] = {"cpu_seconds": 198_500.25, "resident_memory_bytes": 31_400_000,
                       "open_fds": 24 + history["open"][-1], "max_fds": 524288}
    return told


def later(told, seconds):
    """The same, so many seconds after."""
    told = copy.deepcopy(told)
    rates = told["rates"]
    for listener in told["listeners"]:
        share = listener["sent_bytes"] / max(told["totals"]["sent_bytes"], 1)
        listener["sent_bytes"] += int((rates["sent_bytes"] or 0) * share * seconds)
        if "connections_accepted" in listener:
            listener["connections_accepted"] += int((rates["accepted"] or 0) * share * seconds)
        else:
            listener["datagrams_received"] += int((rates["answered"] or 0) * seconds)
    for each, share in zip([told["process"], *told["workers"]], (0.61, 0.32, 0.28)):
        each["cpu_seconds"] += share * seconds
    return told


class Stage:
    """The page as `daemon` has it, with `told` where its /status.json would be; None: no answer.
    With a callable `told` is what it returns."""

    def __init__(self, daemon, told=None):
        page = observing.ask(daemon, "/")
        stage = self
        self.told = told

        class Handler(http.server.BaseHTTPRequestHandler):
            """Has the page, with the fields of its head, and what is told."""

            def do_GET(self):
                told = stage.told() if callable(stage.told) else stage.told
                if self.path == "/":
                    self.answer(200, page.body, page.fields)
                elif self.path == "/status.json" and told is not None:
                    body = told if isinstance(told, bytes) else json.dumps(told).encode()
                    self.answer(200, body, {"Content-Type": "application/json"})
                elif self.path == "/status.json":
                    self.answer(500, b"", {})
                else:
                    self.answer(404, b"", {})

            def answer(self, status, body, fields):
                fields = {**fields, "Content-Length": str(len(body)), "Connection": "close"}
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def end(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
