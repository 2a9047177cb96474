"""systemctl reload: good and bad, once and many times under load."""

import itertools
import os
import socket

import pytest

import machine
import peers
from machine import eventually, run, show, systemctl

pytestmark = pytest.mark.usefixtures("service")

COUNT = int(os.environ["RELOADS"])


def test_a_reload_takes_an_edit(journal):
    pid = machine.main_pid()
    with peers.connect() as peer:
        machine.add('listen more { address = "localhost" port = 10007 }\n')
        systemctl("reload", "echod")
        journal.next("^reloaded ")
        with peers.connect(10007) as another:
            peers.echo(another)
        peers.echo(peer)
    assert machine.main_pid() == pid


def test_a_broken_edit_changes_nothing_and_status_says_why(journal):
    with peers.connect() as peer:
        machine.edit(r"idle_timeout = \d+", "idle_timeout = never")
        line = next(
            number
            for number, text in enumerate(machine.CONFIGURATION.read_text().splitlines(), 1)
            if "never" in text
        )
        systemctl("reload", "echod", status=None)
        journal.next("^reload failed")
        peers.echo(peer)
        peers.prove()
    status = eventually(
        lambda: [text for text in run("systemctl", "status", "echod").splitlines() if "reload failed" in text],
        "the status tells of the fault",
    )
    assert "Status:" in status[0]
    assert f"/etc/echod.conf:{line}: " in status[0]
    assert show("ActiveState") == "active"
    run("echod", "-t", status=78)


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 10008)):
        yield


def test_many_reloads_under_load_lose_nothing(journal, taken_port):
    """Every second one is bad. 200 peers a second connect, and a stream is compared."""
    machine.edit(r'level = "info"', 'level = "notice"')  # or journald suppresses lines
    plain = machine.CONFIGURATION.read_text()
    good = (
        plain.replace("idle_timeout = 600", "idle_timeout = 60"),
        plain + 'listen more { address = "localhost" port = 10007 }\n',
        plain.replace("connections = 10000", "connections = 9999"),
        plain,
    )
    bad = (
        plain + "nonsense\n",
        plain.replace("idle_timeout = 600", "idle_timeout = never"),
        plain + 'listen taken { address = "127.0.0.1" port = 10008 }\n',
        plain[: len(plain) // 2],
    )
    texts = itertools.cycle(text for pair in zip(good, bad) for text in pair)
    pid = machine.main_pid()
    with peers.Stream() as stream, peers.Crowd() as crowd:
        for number in range(COUNT):
            machine.CONFIGURATION.write_text(next(texts))
            systemctl("reload", "echod", status=None)
            # Each is done before the next begins: by the status, which every one changes.
            eventually(
                lambda: ("reload failed" in show("StatusText")) == (number % 2 == 1),
                f"reload {number} has come to its end",
            )
    assert set(crowd.outcomes) == {"echoed"}, crowd.outcomes
    assert stream.report["received"] == stream.report["sent"] == stream.sent > 0
    assert machine.main_pid() == pid
    systemctl("kill", "-s", "USR1", "echod")
    for result in ("success", "failure"):
        line = journal.next(f'^echod_reloads_total{{result="{result}"}} ')["MESSAGE"]
        assert int(line.split()[-1]) == COUNT // 2
    print(f"{COUNT} reloads, {stream.sent} bytes, {crowd.outcomes}")
