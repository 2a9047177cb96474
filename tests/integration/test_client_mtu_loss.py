"""mtu where datagrams are lost, cut, changed or late: by servers that are faulty in these ways."""

import collections
import concurrent.futures
import random
import re
import signal
import time

import pytest

import faulty
from client import Client, json_of, lines_of
from patience import PATIENCE, eventually, lasting, within

QUICK = ("-W", lasting(0.3))
LONG = ("-W", PATIENCE)


def check(found, size, limit):
    assert (found["datagram"], found["lost_datagram"]) == (size, size + 1), found
    assert found["limited_by"] == limit, found


# --- servers that limit ---------------------------------------------------------------------------


def at_most(size, change=faulty.dropped):
    return lambda _, data: [data] if len(data) <= size else change(data)


def test_a_server_that_takes_no_longer_ones():
    """Each is tried thrice, and the limit again, and in fragments."""
    with faulty.datagrams(at_most(1000)) as server:
        found = json_of("mtu", server.uri, status=1)
        check(found, 1000, "silence")
        tried = collections.Counter(size for size in map(len, server.received) if size > 1000)
    assert tried.pop(1001) == 9
    assert set(tried.values()) == {3}


def test_a_server_that_cuts_them():
    with faulty.datagrams(at_most(1000, faulty.truncated(1000))) as server:
        found = json_of("mtu", server.uri, status=1)
        check(found, 1000, "server")
        assert found["reason"] == "the server cuts datagrams of more than 1000 bytes"
        lines = lines_of("mtu", server.uri, status=1)
    assert "1001 bytes: came back cut to 1000" in lines


def test_replies_that_are_wrong_are_none():
    with faulty.datagrams(at_most(1000, faulty.flipped(500))) as server:
        found = json_of("mtu", server.uri, status=1)
    check(found, 1000, "silence")
    assert found["corrupt"] > 0
    assert re.search(r", \d+ corrupt$", found["reason"])


# --- paths that lose -----------------------------------------------------------------------------


def losing(seed, part, size):
    """A path that loses this part of all, and each that is longer than `size`."""
    chance = random.Random(seed)

    def answer(_, data):
        return [] if chance.random() < part or len(data) > size else [data]

    return answer


@pytest.mark.parametrize("size", [1372, 65507])
def test_a_lost_datagram_is_no_limit(size):
    """A tenth each way; six runs, side by side."""

    def look(seed):
        with faulty.datagrams(losing(seed, 0.19, size)) as server:
            return json_of("mtu", server.uri, status=0 if size == 65507 else 1)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for found in pool.map(look, range(6)):
            assert found["datagram"] == size, found


def test_a_path_that_loses_all_for_a_while():
    """For two seconds: each try without a witness waits longer than the one before."""
    over = []

    def answer(count, data):
        if count == 8:
            over.append(time.monotonic() + 2)
        lost = over and time.monotonic() < over[0]
        return [] if lost or len(data) > 1372 else [data]

    with faulty.datagrams(answer) as server:
        found = json_of("mtu", *QUICK, server.uri, status=1)
    assert found["datagram"] == 1372, found


def test_a_limit_that_changes_meanwhile():
    """What has come back does not any more."""

    def answer(count, data):
        return [data] if len(data) <= (4000 if count < 40 else 1372) else []

    with faulty.datagrams(answer) as server:
        found = json_of("mtu", *QUICK, server.uri, status=1)
    assert found["datagram"] == 1372
    assert found["changes"] > 0


def test_a_server_that_falls_silent():

    def answer(count, data):
        return [data] if count < 10 and len(data) <= 1372 else []

    with faulty.datagrams(answer) as server:
        found = json_of("mtu", "-W", lasting(0.1), server.uri, status=1)
    assert (found["ending"], found["mtu"]) == ("timeout", None)
    assert found["reason"].startswith("nothing came back any more, the longest has ")


def test_who_was_stopped_reads_first_what_came():
    with faulty.datagrams(at_most(1372)) as server:
        with Client("mtu", server.uri) as client:
            for count in 5, 20, 35:
                eventually(lambda count=count: len(server.received) >= count, "some datagrams")
                client.process.send_signal(signal.SIGSTOP)
                stopped_for = time.monotonic() + 0.3
                eventually(lambda: time.monotonic() > stopped_for, "its waits are over")
                client.process.send_signal(signal.SIGCONT)
            assert client.wait_exit() == 1
    assert client.out.matching("^MTU 1400: the longest datagram that came back has 1372 bytes$")


def test_the_end_comes_at_the_deadline():
    """With what is known by then."""

    def answer(count, data):
        return [data] if count < 10 and len(data) <= 1372 else []

    with faulty.datagrams(answer) as server:
        found = json_of("mtu", *LONG, "-w", lasting(1.5), server.uri, status=1)
    assert found["ending"] == "deadline"
    least, most = re.fullmatch(
        r"the deadline came first, the longest has (\d+) to (\d+) bytes", found["reason"]
    ).groups()
    assert int(least) <= 1372 <= int(most)
    assert (found["datagram"], found["lost_datagram"]) == (int(least), int(most) + 1)
    assert found["seconds"] < within(1.5)
