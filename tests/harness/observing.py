"""Whoever asks over HTTP how echod does: bytes there and back, and what they say."""

import contextlib
import json
import re
from collections import namedtuple

import peers

Answer = namedtuple("Answer", "status fields body")

ON = {"observe.address": "127.0.0.1", "observe.port": 0}
SERIES = re.compile(r"([a-z_]+)(\{[^}]*\})? (\S+)")


def request(path="/metrics", method="GET", host="localhost", fields=""):
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode()


def connect(daemon, place=0, **buffers):
    where = daemon.listening["observe"][place]
    host = "127.0.0.1" if where.host == "*" else where.host
    return peers.connect(host, where.port, **buffers)


def parse(data):
    """An answer, which must be one and all of it."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    version, status, _ = first.split(" ", 2)
    assert version == "HTTP/1.1"
    fields = dict(line.split(": ", 1) for line in lines)
    assert fields["Connection"] == "close" and fields["Cache-Control"] == "no-store"
    return Answer(int(status), fields, body)


def receive(peer):
    answer = parse(peers.receive_to_eof(peer))
    assert len(answer.body) == int(answer.fields["Content-Length"])
    return answer


def talk(daemon, data, place=0):
    """Sends `data` and returns the answer."""
    with contextlib.closing(connect(daemon, place)) as peer:
        peer.sendall(data)
        return receive(peer)


def ask(daemon, path="/metrics", place=0, **named):
    return talk(daemon, request(path, **named), place)


def status(daemon, path, place=0):
    return ask(daemon, path, place).status


def status_json(daemon):
    answer = ask(daemon, "/status.json")
    assert answer.status == 200 and answer.fields["Content-Type"] == "application/json"
    return json.loads(answer.body)


def metrics(daemon):
    """{series: value}, of a text in which each family stands together behind its HELP and TYPE."""
    answer = ask(daemon)
    assert answer.fields["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found, families, family, kind = {}, [], None, None
    for line in answer.body.decode().splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in families
            families.append(family)
            kind = None
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == family and kind is None
            kind = line.split(" ")[3]
            assert kind in ("counter", "gauge", "histogram")
        else:
            name, labels, value = SERIES.fullmatch(line).groups()
            assert kind and re.fullmatch(rf"{family}(_bucket|_sum|_count)?", name)
            series = name + (labels or "")
            assert series not in found
            found[series] = float(value)
    return found
