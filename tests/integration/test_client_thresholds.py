"""Thresholds of ping: what exceeds one is named, and decides on the exit status."""

import concurrent.futures
import re

import pytest

import faulty
from client import json_of, lines_of, run
from patience import lasting
from pinging import FAST, LONG, SHORT

LOSSY = ("-c", 5, *FAST, "-W", SHORT)


def losing(number):
    return faulty.datagrams(faulty.only(number, faulty.dropped))


def check(serve, arguments, status, failed):
    """The same as text and as JSON; returns the object."""

    def run_as(kind):
        with serve() as server:
            return kind(*arguments, server.uri, status=status)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        result, lines = pool.map(run_as, (json_of, lines_of))
    told = [line for line in lines if line.startswith("failed: ")]
    assert result["failed"] == failed, result
    assert [re.match(r"failed: (\S+) is ", line).group(1) for line in told] == failed
    assert lines[len(lines) - len(told) :] == told, "they come after the statistics"
    for name in failed:
        assert f"{name} is " in result["reason"]
    return result


def max_loss(*percents):
    return [f"--max-loss={percent}" for percent in percents]


def test_what_may_be_lost_is_no_fault():
    result = check(lambda: losing(2), [*LOSSY, *max_loss("20%", "20", "20.0 %", "100%")], 0, [])
    assert (result["missing"], result["reason"]) == (1, None)


def test_what_is_lost_beyond_it_is_one():
    limits = max_loss("0", "0.5%", "30%", "19.9%")
    result = check(lambda: losing(2), [*LOSSY, *limits], 1, ["loss"] * 3)
    told = (f"loss is 20%, more than {percent}%" for percent in ("0", "0.5", "19.9"))
    assert result["reason"] == ", ".join(told)


def test_a_threshold_of_loss_lets_replies_be_late():
    late = ["-c", 2, "-i", 1.5 * SHORT, "-W", SHORT]
    result = check(lambda: faulty.stream(faulty.hold(64)), [*late, "--max-loss", "0"], 0, [])
    assert result["late"] == 1


@pytest.mark.parametrize(
    "change, count", [(faulty.flipped(40), "corrupt"), (faulty.duplicated, "duplicate")]
)
def test_it_lets_no_other_fault_pass(change, count):
    serve = lambda: faulty.datagrams(faulty.only(2, change))
    result = check(serve, ["-c", 5, *FAST, *LONG, "--max-loss", "100%"], 1, [])
    assert result["reason"] == f"1 {count}"


def test_that_all_is_lost_is_a_fault_whatever_may_be():
    with faulty.stream(faulty.mute) as server:
        result = json_of("-c", 1, "-W", SHORT, "--max-loss", "100%", server.uri, status=1)
    assert result["reason"] == "nothing came back"


LOOSE = ["min:60s", "avg:60s", "mean:60s", "max:60s", "mdev:60s", "p50:60s", "p99.9:60s"]


def test_round_trip_times_below_theirs():
    limits = ["--max-rtt", ",".join(LOOSE[:3]), *(f"--max-rtt={each}" for each in LOOSE[3:])]
    check(lambda: faulty.stream(faulty.echo), ["-c", 5, *FAST, *LONG, *limits], 0, [])


def test_each_that_is_exceeded_is_named():
    limits = "min:0us,max:60s,p99:0.000001ms,mean:0s"
    check(
        lambda: faulty.stream(faulty.echo),
        ["-c", 5, *FAST, *LONG, "--max-rtt", limits, "--max-loss", "0"],
        1,
        ["min", "p99", "avg"],
    )


def test_a_slow_reply_exceeds_a_time():
    """Of two the second is prompt."""
    slow = lasting(0.3)
    arguments = ["-c", 2, "-i", slow, *LONG, "--max-rtt", f"max:{slow * 900:.0f}ms,min:60s"]
    check(lambda: faulty.stream(faulty.hold(64)), arguments, 1, ["max"])


def test_of_nothing_no_threshold_holds():
    """The peer takes the connection and ends it."""
    limits = ["--max-loss", "100%", "--max-rtt", "p99:60s"]
    with faulty.stream(faulty.close_after(0, more=64)) as server:
        result = json_of(*limits, *LONG, server.uri, status=1)
    assert result["failed"] == ["loss", "p99"]
    assert "loss is unknown, p99 is unknown" in result["reason"]


def test_the_deadline_hides_nothing_of_a_count():
    """What may be lost was judged; what was never sent was not."""
    arguments = ("-c", 1000, *FAST, "-w", lasting(0.3), *LONG, "--max-loss", "50%")
    with faulty.stream(faulty.echo) as server:
        result = json_of(*arguments, server.uri, status=1)
    assert re.fullmatch(r"the deadline came after \d+ of 1000 messages", result["reason"])


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (["--max-loss", "101%"], "give a percentage from 0 to 100, as in 0.5%"),
        (["--max-loss", "-1"], "give a percentage"),
        (["--max-loss", "1ms"], "give a percentage"),
        (["--max-rtt", "5ms"], "give STATISTIC:TIME, as in p99:5ms"),
        (["--max-rtt", "p99:5"], "the time has a unit"),
        (["--max-rtt", "p99:5ms,"], "give STATISTIC:TIME"),
        (["--max-rtt", "q99:5ms"], "give STATISTIC:TIME"),
        (["--max-rtt", ",".join(["p99:5ms"] * 17)], "more than 16"),
    ],
)
def test_what_is_none_is_told(arguments, hint):
    result = run(*arguments, "127.0.0.1")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"echod-client: {arguments[0]} {arguments[1]}: ")
    assert hint in result.stderr
