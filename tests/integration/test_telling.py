"""What has no line of its own in the log is told together: how often, and who had most of it."""

import signal

import peers
from patience import PATIENCE, within

PERIOD = 10  # seconds in which a reason has one line
GREEDY, OTHER = "127.0.0.66", "127.0.0.2"


def fields(line):
    return dict(field.split("=", 1) for field in line.split(": ", 2)[2].split())


def told(daemon, what, **wanted):
    """The lines so far that tell of many at once."""
    lines = map(fields, daemon.log.matching(rf"^notice: {what}: .*\bcount="))
    return [line for line in lines if wanted.items() <= line.items()]


def wait_told(daemon, what, count, timeout=PATIENCE, **wanted):
    """Waits until lines have told of `count`; returns them."""
    pattern = rf"^notice: {what}: .*\bcount="
    after = 0
    while sum(int(line["count"]) for line in told(daemon, what, **wanted)) < count:
        after = daemon.log.lines.index(daemon.wait_log(pattern, after, timeout).string, after) + 1
    return told(daemon, what, **wanted)


def be_refused(daemon, source):
    try:
        assert peers.ends(daemon.connect(source=source)) == "reset"
    except ConnectionResetError:
        pass


def test_refusals_are_told_when_their_time_is_over(start):
    """Nobody comes any more: what was suppressed is told all the same."""
    daemon = start(options={"access.deny": [OTHER, GREEDY]})
    be_refused(daemon, OTHER)
    for source in [GREEDY] * 7 + [OTHER] * 3:
        be_refused(daemon, source)
    assert len(daemon.log.matching("^notice: connection refused: ")) == 1
    assert not told(daemon, "connections refused")
    lines = wait_told(daemon, "connections refused", 10, PERIOD + within(1))
    assert lines == [
        {"listener": "echo-tcp", "reason": "denied", "count": "10", "source": GREEDY}
    ]
    # that was a line, too: the next one waits for the next period
    be_refused(daemon, OTHER)
    assert len(daemon.log.matching("^notice: connections? refused: ")) == 2


def test_a_stop_tells_of_the_refusals_that_are_left(start):
    daemon = start(options={"access.deny": ["127.0.0.0/8"]})
    for source in [OTHER] + [GREEDY] * 4:
        be_refused(daemon, source)
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    assert told(daemon, "connections refused") == [
        {"listener": "echo-tcp", "reason": "denied", "count": "4", "source": GREEDY}
    ]
    assert daemon.log.lines[-1] == "notice: stopped"
