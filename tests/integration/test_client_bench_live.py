"""How bench shows a run while it lasts: a block on a terminal, lines elsewhere."""

import contextlib
import os
import re
import signal
import subprocess

import pytest

from client import command
from patience import lasting
from screen import Screen, width_of

UTF8 = {"LC_ALL": "C.UTF-8", "TERM": "screen"}
LONG = ("-d", lasting(60), "--warm-up", 0, "-r", 500)
SHORT = ("-d", lasting(2), "--warm-up", 0, "-r", 500)


@pytest.fixture
def uri(start):
    return f"tcp://127.0.0.1:{start().port()}"


def is_drawn(lines):
    """A block with a second of it."""
    return len(lines) == 5 and re.match(r"\d.*/s", lines[2]) and lines[4].strip(" ")


@contextlib.contextmanager
def screens(columns, *arguments, **named):
    """A run on a terminal of each width, all at once."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Screen(each, command("bench", *arguments), **named))
               for each in columns]


def test_a_block_of_five_lines(uri):
    widths = (40, 80, 200)
    with screens(widths, *LONG, uri, **UTF8) as shown:
        for columns, screen in zip(widths, shown):
            lines = screen.wait(is_drawn, "a block")
            assert all(width_of(line) < columns for line in lines), lines
            assert re.match(rf"\d+ s of {lasting(60)} s  8 of 8 connections", lines[0]), lines
            assert re.fullmatch(r"[█░]+ +\d+%", lines[1]), lines
            assert re.match(r"\d+/s  p50 [\d.]+ .?s  p99 [\d.]+ .?s", lines[2]), lines
            assert re.match(r"no errors  \d+ echoed", lines[3]), lines
            assert (uri in lines[0]) is (columns >= 80)
            assert ("max" in lines[2]) is (columns >= 80)
            assert len(screen.all_lines()) == 5  # nothing of those before has scrolled away


def test_ten_columns(uri):
    with Screen(10, command("bench", *LONG, uri), **UTF8) as screen:
        lines = screen.wait(is_drawn, "a block")
        assert all(width_of(line) < 10 for line in lines), lines


def test_what_there_is_before_it_counts(start):
    """Connections as they open, and errors as they are closed: each time is that of its phase."""
    served, closed = (f"tcp://127.0.0.1:{start(options=options).port()}"
                      for options in ({}, {"limits.lifetime": 1}))
    connects = ("-n", 10 * lasting(60), "--ramp", 10)
    of_all = rf"[1-9]\d* s  {{}} of {connects[1]} connections"
    with screens((80,), *connects, served, **UTF8) as (good,), \
            screens((80,), *connects, closed, **UTF8) as (bad,), \
            screens((80,), "--warm-up", lasting(60), served, **UTF8) as (warm,):
        good.wait(lambda lines: re.match("connecting, " + of_all.format(r"[1-9]\d+"), lines[0])
                  and lines[3].startswith("no errors"), "connections")
        bad.wait(lambda lines: re.match("connecting, " + of_all.format(r"\d+"), lines[0])
                 and re.match(r"[1-9]\d* errors", lines[3]), "errors")
        warm.wait(lambda lines: re.match(r"warming up, [1-9]\d* s  8 of 8 connections", lines[0]),
                  "connections")


def test_it_is_rewritten_in_place(uri):
    """And what it leaves is the result alone."""
    with Screen(80, ["sh", "-c", 'echo before; exec "$@"', "sh", *command("bench", *SHORT, uri)],
                **UTF8) as screen:
        screen.wait(lambda lines: is_drawn(lines[1:]), "a block")
        assert screen.wait_end() == 0
        lines = screen.all_lines()
        assert lines[:2] == ["before", f"--- {uri} statistics ---"]
        assert not any("░" in line or "echoed" in line for line in lines), lines


def test_a_terminal_of_another_size(uri):
    before, after = (80, 40, 80), (40, 100, 15)
    with screens(before, *LONG, uri, **UTF8) as shown:
        for screen, columns in zip(shown, after):
            screen.wait(is_drawn, "a block")
            screen.resize(columns)
        for screen, columns in zip(shown, after):
            screen.wait(lambda lines, wide=columns - 1: is_drawn(lines)
                        and width_of(lines[1]) == wide, f"a block of {columns - 1} columns")


def test_what_was_said_while_it_was_stopped_stands(uri, workdir):
    script = ('"$@" & while [ ! -e "$0" ]; do sleep 0.1; done; kill -STOP $!; '
              'until grep -q "^State:.T" /proc/$!/status; do sleep 0.1; done; '
              'echo "  between"; kill -CONT $!; wait $!')
    go = os.path.join(workdir, "go")
    with Screen(80, ["sh", "-c", script, go, *command("bench", *LONG, uri)], **UTF8) as screen:
        screen.wait(is_drawn, "a block")
        with open(go, "wb"):
            screen.wait(lambda lines: any("between" in line for line in lines), "the word")
        lines = screen.wait(lambda lines: len(lines) == 10, "another block")
        assert lines[4].endswith("  between") and is_drawn(lines[5:])


def test_without_utf8(uri):
    with Screen(80, command("bench", *LONG, uri), TERM="screen", LC_ALL="C") as screen:
        lines = screen.wait(is_drawn, "a block")
        assert re.fullmatch(r"#*-+ +\d+%", lines[1]), lines
        assert "".join(lines).isascii(), lines


def test_errors_are_red_where_that_is_wanted(uri):
    """More than one source is answered in a second."""
    arguments = ("-d", lasting(60), "--warm-up", 0, "-r", 4000, "-W", 0.1,
                 uri.replace("tcp", "udp"))
    with screens((80,), *arguments, **UTF8, NO_COLOR="") as (red,), \
            screens((80,), *arguments, **UTF8, NO_COLOR="1") as (plain,):
        for screen in (red, plain):
            screen.wait(lambda lines: is_drawn(lines) and re.match(r"\d+ errors", lines[3]),
                        "errors")
        assert "\x1b[31m" in red.colours()
        assert "\x1b[31m" not in plain.colours()


def test_a_line_each_ten_seconds(uri):
    """On a terminal that cannot rewrite and in a pipe; beside an object there is none."""
    arguments = command("bench", "-d", 11, "--warm-up", 0, "-r", 500, uri)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    connects = command("bench", "-n", 1000, "--ramp", 2, uri)
    with Screen(100, arguments, **UTF8 | {"TERM": "dumb"}) as screen, \
            subprocess.Popen(arguments, **pipes) as plain, \
            subprocess.Popen([*arguments, "--json"], **pipes) as quiet, \
            subprocess.Popen(connects, **pipes) as slow:
        assert screen.wait_end() == 0
        texts = [screen.all_lines(), plain.communicate()[0].decode().split("\n")]
        assert quiet.communicate()[0].count(b"\n") == 1
        before = slow.stdout.readline().decode()
        slow.send_signal(signal.SIGINT)
        slow.communicate()
    assert re.fullmatch(r"1\d s: connecting, 2\d of 1000 connections, 0 errors\n", before), before
    for lines in texts:
        assert re.fullmatch(r"1\d s: \d+/s, [\d.]+ KiB/s, p50 [\d.]+ .?s, p99 [\d.]+ .?s, 0 errors",
                            lines[0]), lines
        assert lines[1] == f"--- {uri} statistics ---"
