"""The log as JSON: one object a line, with the fields that the text has, each of one type."""

import json
import re
import signal

import peers
from echod import listener, run

JSON = {"log.format": "json", "log.level": "debug"}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
LISTENER = "7"


def is_named(name):
    return rf'"message":"{name}"'


def start(launch, **options):
    """A daemon with one listener, called "7"."""
    daemon = launch([listener(LISTENER)], options={**JSON, **options})
    daemon.wait_listening_unseen()
    daemon.listening[LISTENER] = daemon.listening.pop("echo-tcp")
    return daemon


def test_each_line_of_a_life_is_an_object(launch):
    daemon = start(launch)
    peer = daemon.connect(LISTENER)
    peers.echo(peer, b'"\\\n\x00\xff\xed\xa0\x80\x1b[2J\xc3\xa4')
    peer.close()
    daemon.wait_log(is_named("connection closed"))
    for number in (signal.SIGUSR1, signal.SIGHUP):
        daemon.signal(number)
    daemon.wait_log("reloaded ")
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    objects = [json.loads(line) for line in daemon.log.lines]
    assert len(objects) > 30
    for line in objects:
        assert list(line)[:3] == ["time", "level", "message"]
        assert re.fullmatch(TIME, line["time"])
    assert {line["level"] for line in objects} >= {"notice", "info", "debug"}
    assert objects[-1]["message"] == "stopped"


def test_the_fields_of_a_connection(launch):
    daemon = start(launch)
    peer = daemon.connect(LISTENER)
    name = peers.name_of(peer)
    peers.echo(peer, b"x" * 123)
    peer.close()
    closed = json.loads(daemon.wait_log(is_named("connection closed")).string)
    opened = json.loads(daemon.wait_log(is_named("connection opened")).string)
    del opened["time"], closed["time"]
    assert opened == {
        "level": "info", "message": "connection opened", "peer": name, "listener": "7"
    }
    assert isinstance(closed.pop("seconds"), float)
    assert closed == {
        "level": "info", "message": "connection closed", "peer": name, "listener": "7",
        "reason": "peer", "received": 123, "sent": 123,
    }


def test_a_reload_changes_the_format(launch):
    daemon = start(launch)
    for form, verdict in (("text", "^notice: reloaded "), ("json", is_named("reloaded .*"))):
        daemon.configure([listener(LISTENER)], {**JSON, "log.format": form})
        after = daemon.log.mark()
        daemon.signal(signal.SIGHUP)
        daemon.wait_log(verdict, after)
    after = daemon.log.mark()
    daemon.connect(LISTENER).close()
    daemon.wait_log(is_named("connection closed"), after)


def test_a_reload_that_fails_is_told_in_objects(launch):
    daemon = start(launch)
    daemon.write_file('log { level = "loud\xe4\x1b" }\n')
    daemon.signal(signal.SIGHUP)
    daemon.wait_log("reload failed: ")
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    assert [line for line in map(json.loads, daemon.log.lines) if "loud" in line["message"]]


def test_faults_at_start_stay_text(workdir):
    path = f"{workdir}/faulty.conf"
    with open(path, "w", encoding="utf-8") as file:
        file.write('log { format = "json" level = "loud" }\n')
    result = run("-c", path, "-f")
    assert result.returncode == 78
    assert result.stderr.startswith(f"echod: {path}:1: log.level = loud: ")


def test_the_fields_of_what_is_told_together(launch):
    daemon = start(launch, **{"access.deny": ["127.0.0.66"]})
    daemon.assert_echoes(LISTENER)
    for _ in range(3):
        assert daemon.resets(LISTENER, source="127.0.0.66")
    daemon.wait_log(is_named("connection refused"))
    daemon.signal(signal.SIGTERM)
    daemon.wait_exit()
    objects = {line["message"]: line for line in map(json.loads, daemon.log.lines)}
    told, summary = objects["connections refused"], objects["summary"]
    del told["time"], summary["time"], summary["seconds"]
    assert told == {
        "level": "notice", "message": "connections refused", "listener": "7", "reason": "denied",
        "count": 2, "source": "127.0.0.66",
    }
    assert summary == {
        "level": "notice", "message": "summary", "opened": 1, "closed_peer": 1,
        "refused_denied": 3, "received": 14, "sent": 14,
    }
