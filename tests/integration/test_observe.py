"""How echod does, over HTTP: its pages, where they are to be had, and until when."""

import contextlib
import os
import re
import socket
import stat
import time

import pytest

import kernel
import observing
import peers
from activation import bound, passing, port_of
from echod import listener, run
from observing import ON, ask, metrics, status, status_json
from patience import eventually, within

MANUAL = os.path.join(os.path.dirname(__file__), "../../man/echod.8")


def on_path(workdir, **more):
    return {"observe.path": f"{workdir}/observe.sock", **more}


# --- the pages -----------------------------------------------------------------------------------


def test_nobody_can_ask_by_default(start):
    daemon = start()
    assert not daemon.log.matching("observe")
    assert len(kernel.listening_sockets(daemon.pid)) == 1


def test_each_page_is_there(start, back_end):
    daemon = start(options={**ON, **back_end})
    assert daemon.log.matching(r"^notice: listening on http://127\.0\.0\.1:\d+ \(observe\)$")
    for path in "/", "/metrics", "/healthz", "/readyz", "/status.json", "/metrics?a=b":
        assert status(daemon, path) == 200, path
    for path in "//", "/metrics/", "/Metrics", "/%6detrics", "/../metrics":
        assert status(daemon, path) == 404, path
    assert ask(daemon, "/healthz").body == b"ok\n" == ask(daemon, "/readyz").body
    daemon.assert_echoes()


def test_head_has_no_body(start):
    daemon = start(options=ON)
    for path in "/healthz", "/nothing":
        with contextlib.closing(observing.connect(daemon)) as peer:
            peer.sendall(observing.request(path, "HEAD"))
            answer = observing.parse(peers.receive_to_eof(peer))
        assert answer.body == b"" and int(answer.fields["Content-Length"]) > 0


def test_at_an_address_and_at_a_path(start, workdir):
    daemon = start(options={**ON, **on_path(workdir)})
    path = f"{workdir}/observe.sock"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert status(daemon, "/readyz", place=0) == 200 == status(daemon, "/readyz", place=1)
    daemon.stop()
    assert not os.path.exists(path)


def test_metrics_are_the_statistics(start):
    daemon = start([listener("one"), listener("two"), listener("three", protocol="udp")], ON)
    peers.exchange(daemon.connect("one"), peers.payload(100_000), half_close=True)
    daemon.connect("two")
    daemon.wait_counter('echod_connections_open{listener="two"}', 1)
    daemon.wait_counter('echod_connections_open{listener="one"}', 0)
    found = metrics(daemon)
    told = daemon.statistics()
    assert found.keys() - told.keys() == {series for series in found if "_bucket{" in series}
    moving = re.compile("process_(?!start|max)|echod_worker_(cpu|heartbeat|turn)")
    assert {series: found[series] for series in told if not moving.match(series)} == {
        series: value for series, value in told.items() if not moving.match(series)
    }
    assert found['echod_sent_bytes_total{listener="one"}'] == 100_000
    assert found['echod_connections_open{listener="two"}'] == 1


def test_the_status_says_what_there_is(start):
    daemon = start([listener("pair", "localhost", kernel.free_port()), listener("other")], ON)
    peers.echo(daemon.connect("other"), b"hello")
    eventually(lambda: status_json(daemon)["totals"]["sent_bytes"] == 5, "it is counted")
    told = status_json(daemon)
    assert told["state"] == "serving" and told["problems"] == [] and told["pid"] == daemon.pid
    assert [each["name"] for each in told["listeners"]] == ["pair", "other"]
    assert len(told["listeners"][0]["uris"]) == (2 if kernel.has_ipv6() else 1)
    assert told["listeners"][1]["connections_open"] == 1
    assert sum(worker["connections_open"] for worker in told["workers"]) == 1
    assert told["rates"]["accepted"] is None and told["history"]["open"] == [0]


def test_the_status_has_rates_and_what_was(start):
    daemon = start(options=ON)
    peers.echo(daemon.connect(), peers.payload(5000))
    told = eventually(
        lambda: (told := status_json(daemon))["rates"]["accepted"] is not None and told, "5 seconds"
    )
    assert told["history"]["accepted"][-2:] == [0, 1] and told["history"]["open"][-1] == 1
    assert 0.15 < told["rates"]["accepted"] <= 0.21
    assert 750 < told["rates"]["sent_bytes"] <= 1050


def names_in(value):
    """All names in a JSON value, but for reasons, which are those of the statistics."""
    if isinstance(value, list):
        return set().union(*map(names_in, value))
    return set(value).union(*map(names_in, value.values())) if isinstance(value, dict) else set()


def test_the_manual_has_each_field_of_the_status(start):
    with open(MANUAL, encoding="utf-8") as file:
        text = file.read()
    observing_there = text[text.index(".Sh OBSERVING") : text.index(".Sh SYSTEMD")]
    told = status_json(start([listener(), listener("echo-udp", protocol="udp")], ON))
    words = set(re.findall(r"\w+", observing_there))
    statistics = set(re.findall(r"\.It Cm echod_(\w+?)(?:_total)?[ \n]", text))
    counted = names_in(told["totals"])
    assert counted <= statistics
    assert names_in(told) - counted <= words


# --- health ----------------------------------------------------------------------------------


def test_a_worker_that_hangs_is_no_health(start):
    daemon = start(options=ON)
    with kernel.hung_thread(daemon.pid, "worker-1"):
        eventually(lambda: status(daemon, "/healthz") == 503, "the hung worker is noticed")
        assert ask(daemon, "/healthz").body == b"worker-1 hangs\n"
        assert status_json(daemon)["problems"] == ["worker-1 hangs"]
        assert status_json(daemon)["workers"][1]["hangs"] is True
    eventually(lambda: status(daemon, "/healthz") == 200, "it lives again")


def test_it_is_not_ready_while_all_connections_are_taken(start, back_end):
    daemon = start(options={**ON, "limits.connections": 2, **back_end})
    held = [daemon.connect() for _ in range(3)]
    eventually(lambda: status(daemon, "/readyz") == 503, "nobody is accepted")
    assert ask(daemon, "/readyz").body == b"no listener accepts\n"
    assert status(daemon, "/healthz") == 200
    told = status_json(daemon)
    assert told["state"] == "not serving" and told["listeners"][0]["accepting"] is False
    assert told["problems"][0] == "2 connections open, the limit is 2"
    held[0].close()
    held[1].close()
    eventually(lambda: status(daemon, "/readyz") == 200, "there is room")


def test_one_listener_that_serves_is_enough(start):
    options = {**ON, "limits.connections": 1}
    daemon = start([listener(), listener("echo-udp", protocol="udp")], options)
    for _ in range(2):
        daemon.connect()
    eventually(lambda: status_json(daemon)["problems"], "no connection is accepted")
    assert status(daemon, "/readyz") == 200


def test_it_is_not_ready_in_a_drain(start, workdir):
    daemon = start(options={**ON, **on_path(workdir)})
    held = daemon.connect()
    peers.echo(held, b"held")
    daemon.drain()
    for place in 0, 1:
        assert ask(daemon, "/readyz", place).body == b"draining\n"
        assert status(daemon, "/readyz", place) == 503
        assert status(daemon, "/healthz", place) == 200
    told = status_json(daemon)
    assert told["state"] == "draining" and 20 < told["drain_seconds_left"] <= 30
    held.close()
    assert daemon.wait_exit(within(2)) == 0


def test_a_slow_request_holds_no_drain_up(start):
    daemon = start(options=ON)
    held = daemon.connect()
    peers.echo(held, b"held")
    with contextlib.closing(observing.connect(daemon)) as slow:
        slow.sendall(b"GET / HTTP")
        daemon.drain()
        held.close()
        assert daemon.seconds_to_exit() < within(1)


# --- reloads -----------------------------------------------------------------------------------


def reload(daemon, options, succeeds=True):
    daemon.listening.pop("observe", None)
    daemon.configure(options=options)
    lines = daemon.reload()
    assert lines[-1].startswith("notice: reloaded " if succeeds else "err: reload failed"), lines
    return lines


def test_a_reload_puts_it_there_and_takes_it_away(start, abstract):
    daemon = start(options={"observe.path": abstract})
    reload(daemon, ON)
    assert status(daemon, "/readyz") == 200
    with pytest.raises(ConnectionRefusedError):
        peers.connect(f"unix:{abstract}", None)
    where = daemon.listening["observe"][0]
    lines = reload(daemon, {})
    assert f"notice: no longer listening on http://127.0.0.1:{where.port} (observe)" in lines
    assert peers.is_refused("127.0.0.1", where.port)


def test_what_stays_keeps_its_sockets(start, workdir):
    options = {**ON, **on_path(workdir)}
    daemon = start(options=options)
    before, places = kernel.listening_sockets(daemon.pid), daemon.listening["observe"]
    file = os.stat(f"{workdir}/observe.sock").st_ino
    slow = observing.connect(daemon)
    slow.sendall(b"GET /readyz HTTP/1.0\r\n")
    assert not any("observe" in line for line in reload(daemon, options)[1:])
    assert kernel.listening_sockets(daemon.pid) == before
    assert os.stat(f"{workdir}/observe.sock").st_ino == file
    daemon.listening["observe"] = places
    assert status(daemon, "/readyz", 0) == 200 == status(daemon, "/readyz", 1)
    slow.sendall(b"\r\n")
    assert observing.receive(slow).status == 200
    slow.close()


@pytest.mark.parametrize("before, after", [("127.0.0.1", "*"), ("*", "127.0.0.1"),
                                           ("localhost", "127.0.0.1"), ("127.0.0.1", "localhost")])
def test_an_address_that_overlaps_the_former(start, before, after):
    port = kernel.free_port()
    daemon = start(options={"observe.address": before, "observe.port": port})
    reload(daemon, {"observe.address": after, "observe.port": port})
    with contextlib.closing(peers.connect("127.0.0.1", port)) as peer:
        peer.sendall(observing.request("/readyz"))
        assert observing.receive(peer).status == 200


def test_it_takes_the_port_of_a_listener_that_leaves(start):
    port = kernel.free_port()
    daemon = start([listener("one"), listener("two", port=port)])
    daemon.configure([listener("one")], {"observe.address": "127.0.0.1", "observe.port": port})
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    assert status(daemon, "/readyz") == 200


def test_the_mode_of_its_file_changes(start, workdir):
    daemon = start(options=on_path(workdir))
    reload(daemon, on_path(workdir, **{"observe.mode": "0666"}))
    assert stat.S_IMODE(os.stat(f"{workdir}/observe.sock").st_mode) == 0o666
    assert status(daemon, "/readyz") == 200


def test_a_file_that_was_removed_is_made_again(start, workdir):
    daemon = start(options=on_path(workdir))
    os.unlink(f"{workdir}/observe.sock")
    reload(daemon, on_path(workdir))
    assert status(daemon, "/readyz") == 200


def test_what_cannot_be_made_again_is_no_fault_of_the_file(start, workdir):
    """It goes on as it is: here with its folder gone, where nobody finds it."""
    os.mkdir(f"{workdir}/folder")
    options = {**ON, **on_path(f"{workdir}/folder")}
    daemon = start(options=options)
    tcp, _ = daemon.listening["observe"]
    os.unlink(f"{workdir}/folder/observe.sock")
    os.rmdir(f"{workdir}/folder")
    lines = reload(daemon, options)
    assert any(line.startswith("warning: cannot listen on ") for line in lines)
    assert peers.is_refused("127.0.0.1", tcp.port) is False


def test_a_reload_that_fails_changes_nothing(start, workdir, busy_port):
    options = {**ON, **on_path(workdir)}
    daemon = start(options=options)
    places, sockets = daemon.listening["observe"], kernel.listening_sockets(daemon.pid)
    busy = {"observe.address": "127.0.0.1", "observe.port": busy_port}
    lines = reload(daemon, {**busy, "observe.path": f"{workdir}/other.sock"}, succeeds=False)
    fault = f"err: cannot listen on tcp://127.0.0.1:{busy_port} (observe): Address already in use"
    assert fault in lines
    away = {"observe.address": "127.0.0.1", "observe.port": kernel.free_port()}
    reload(daemon, {**away, "observe.path": f"{workdir}/no-such-folder/x"}, succeeds=False)
    assert kernel.listening_sockets(daemon.pid) == sockets
    fault = {**on_path(workdir), "observe.mode": "0666", "observe.address": "192.0.2.1"}
    reload(daemon, fault, succeeds=False)
    assert kernel.listening_sockets(daemon.pid) == sockets
    assert stat.S_IMODE(os.stat(f"{workdir}/observe.sock").st_mode) == 0o600
    assert not os.path.exists(f"{workdir}/other.sock")
    daemon.listening["observe"] = places
    assert status(daemon, "/readyz", 0) == 200 == status(daemon, "/readyz", 1)
    assert "the last reload failed: cannot listen on " in status_json(daemon)["problems"][0]


def test_what_is_in_the_way_of_a_start_is_told(busy_port):
    where = ["-o", "observe.address=127.0.0.1", "-o", f"observe.port={busy_port}"]
    result = run("-f", "-l", "tcp://127.0.0.1:0", *where)
    assert result.returncode == 1
    fault = f"cannot listen on tcp://127.0.0.1:{busy_port} (observe): Address already in use"
    assert fault in result.stderr


# --- who may ask -------------------------------------------------------------------------------


def test_by_which_names_it_is_asked(start):
    daemon = start(options={**ON, "observe.hosts": ["metrics.example"]})
    for host in "127.0.0.1:9007", "[::1]", "LOCALHOST", socket.gethostname(), "metrics.example:80":
        assert ask(daemon, host=host).status == 200, host
    for host in "rebound.example", "localhost.rebound.example", "metrics.example.com", "2130706433":
        assert ask(daemon, host=host).status == 421, host
    assert observing.talk(daemon, b"GET /healthz HTTP/1.0\r\n\r\n").status == 200
    daemon.configure(options=ON)
    daemon.reload()
    assert ask(daemon, host="metrics.example").status == 421


@pytest.mark.parametrize("address", ["*", "127.0.0.1"])
def test_a_warning_where_others_may_ask(start, address):
    daemon = start(options={"observe.address": address, "observe.port": kernel.free_port()})
    warnings = daemon.log.matching("^warning: observe has no password, and others than this host")
    assert len(warnings) == (address == "*")


def test_inherited_sockets_are_its_own_by_their_address(start, workdir):
    if "+systemd" not in run("-V").stdout:
        pytest.skip("this echod was built without libsystemd")
    path = f"{workdir}/inherited.sock"
    with contextlib.closing(bound()) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        unix.listen()
        options = {"observe.address": "127.0.0.1", "observe.port": port_of(tcp),
                   "observe.path": path}
        daemon = start(options=options, **passing(tcp, unix, names=["a", "b"]))
        assert daemon.log.matching(r"\(observe\), inherited as a$")
        assert status(daemon, "/readyz", 0) == 200 == status(daemon, "/readyz", 1)
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        daemon.stop()
        assert os.path.exists(path)


def test_descriptors_are_kept_for_who_asks(start):
    """A listener on which all wait for descriptors keeps nobody from asking."""
    limit = 200
    daemon = start(options={**ON, "limits.connections": 1000},
                   prefix=["prlimit", f"--nofile={limit}:{limit}"])
    crowd = [daemon.connect() for _ in range(limit)]
    eventually(lambda: status(daemon, "/readyz") == 503, "no connection is accepted any more")
    slow = [observing.connect(daemon) for _ in range(100)]
    begun = time.monotonic()
    assert status(daemon, "/readyz") == 503
    assert time.monotonic() - begun < within(1)
    told = status_json(daemon)
    assert any("descriptors suffice for" in problem for problem in told["problems"])
    for peer in crowd + slow:
        peer.close()
    eventually(lambda: status(daemon, "/readyz") == 200, "there is room")
