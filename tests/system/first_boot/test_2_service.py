"""The service as shipped: how it shows itself, what it logs, what it may do, how it stops."""

import subprocess

import pytest

import machine
import users
from machine import eventually, run, show, systemctl

pytestmark = pytest.mark.usefixtures("service")


def test_status_says_that_it_serves():
    status = run("systemctl", "status", "--no-pager", "echod")
    assert "Active: active (running)" in status
    assert 'Status: "serving ' in status


def test_the_client_is_echoed_over_tcp():
    run("echod-client", "ping", "-q", "-c", "20", "-i", "0.02", "tcp://localhost:7")
    run("bash", "-c", "seq 1000000 | echod-client pipe tcp://localhost:7 | cmp - <(seq 1000000)")


def test_the_client_is_echoed_over_udp():
    for host in ("127.0.0.1", "[::1]"):
        run("echod-client", "ping", "-q", "-c", "20", "-i", "0.02", f"udp://{host}:7")


@pytest.mark.parametrize(
    ("cause", "message", "priority"),
    [
        ("restart", "^listening on tcp://", "5"),
        ("restart", " serving: ", "5"),
        ("connection", "^connection opened: ", "6"),
        ("connection", "^connection closed: .* reason=peer ", "6"),
        ("fault", "^reload failed: ", "3"),
        ("fault", r"^/etc/echod\.conf:\d+: ", "3"),
    ],
    ids=["listening", "serving", "opened", "closed", "failed", "fault"],
)
def test_the_journal_has_the_line_with_its_priority(journal, cause, message, priority):
    if cause == "restart":
        systemctl("restart", "echod")
    elif cause == "fault":
        machine.add("nonsense\n")
        systemctl("reload", "echod", status=1)
    else:
        with users.connect() as peer:
            users.echo(peer)
    entry = journal.next(message)
    assert entry["PRIORITY"] == priority
    assert entry["SYSLOG_FACILITY"] == "3"  # daemon
    assert entry["SYSLOG_IDENTIFIER"] == "echod"


def test_it_runs_without_rights_but_for_low_ports():
    fields = machine.process_fields()
    assert "0" not in fields["Uid"].split()
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 1 << 10  # NET_BIND_SERVICE
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"


def test_the_exposure_is_small():
    print(machine.exposure(16))


def test_stop_drains():
    with users.connect() as peer:
        users.echo(peer)
        stop = subprocess.Popen(["systemctl", "stop", "echod"])
        eventually(lambda: show("ActiveState") == "deactivating", "the stop begins")
        eventually(lambda: ("tcp", "*:7") not in machine.open_ports(), "listening stops")
        with pytest.raises(ConnectionRefusedError):
            users.connect()
        users.echo(peer, b"still served" * 1000)
        assert peer.recv(1) == b"", "once it is silent it is closed in order"
    assert stop.wait(machine.PATIENCE) == 0
    assert (show("Result"), show("ExecMainStatus")) == ("success", "0")
