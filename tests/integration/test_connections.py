"""Who is connected: what /connections and echod --status --connections tell, and to whom."""

import contextlib
import json
import os
import re
import signal
import socket
import threading
import time

import pytest

import certificates
import kernel
import memory
import observing
import peers
import sealed
from echod import listener, run
from observing import ON, ask
from patience import SLOWNESS, eventually, lasting, within

PEERS = {**ON, "observe.peers": True}
MANUAL = os.path.join(os.path.dirname(__file__), "../../man/echod.8")
FIELDS = {"peer", "proxy", "listener", "state", "age_seconds", "received_bytes", "sent_bytes",
          "waiting_bytes", "worker", "tls"}


def connections(daemon, query="", place=0):
    """The rows, and the last line."""
    answer = ask(daemon, f"/connections?{query}", place)
    assert answer.status == 200, answer.body
    assert answer.fields["Content-Type"] == "application/x-ndjson"
    *rows, end = map(json.loads, answer.body.splitlines())
    assert all(set(row) == FIELDS for row in rows)
    assert set(end) == {"shown", "more", "busiest_sources"} and end["shown"] == len(rows)
    return rows, end


def rows_of(daemon, query=""):
    return connections(daemon, query)[0]


def names(rows):
    return [row["peer"] for row in rows]


def echoing(daemon, size, **named):
    """A connection that moved so many bytes each way."""
    peer = daemon.connect(**named)
    peers.echo(peer, peers.payload(size))
    return peer


# --- to whom ---------------------------------------------------------------------------------


def test_nobody_is_told_by_default(start):
    daemon = start(options=ON)
    echoing(daemon, 1)
    answer = ask(daemon, "/connections")
    assert answer.status == 404
    assert answer.body == b"observe.peers is false: nobody is told who is connected\n"
    assert answer.fields["Content-Type"] == "text/plain; charset=utf-8"


def test_a_reload_turns_it_on_and_off(start):
    daemon = start(options=ON)
    echoing(daemon, 1)
    for is_on in True, False:
        daemon.configure(options={**ON, "observe.peers": is_on})
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        assert ask(daemon, "/connections").status == (200 if is_on else 404)


def own_address():
    """An address of this host that is not of the loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


def test_none_is_told_at_an_address_that_others_reach(start):
    address = own_address()
    if address is None:
        pytest.skip("this host has the loopback alone")
    daemon = start(options={**PEERS, "observe.address": "*"})
    port = daemon.listening["observe"][0].port
    with contextlib.closing(peers.connect(address, port)) as peer:
        peer.sendall(observing.request("/connections"))
        answer = observing.receive(peer)
    assert answer.status == 403 and b"loopback" in answer.body
    assert ask(daemon, "/connections").status == 200


def test_at_a_path_all_who_may_are_told(start, workdir):
    options = {"observe.path": f"{workdir}/observe.sock", "observe.peers": True}
    daemon = start(options=options)
    one = echoing(daemon, 1)
    assert names(rows_of(daemon)) == [peers.name_of(one)]


# --- what is told ----------------------------------------------------------------------------


def test_each_connection_is_a_line(start, back_end):
    daemon = start([listener("one"), listener("two")], {**PEERS, **back_end})
    first, second = echoing(daemon, 1000, name="one"), echoing(daemon, 10, name="two")
    rows, end = connections(daemon)
    assert sorted(names(rows)) == sorted(map(peers.name_of, (first, second)))
    row = next(row for row in rows if row["peer"] == peers.name_of(first))
    assert row["listener"] == "one" and row["state"] == "reading"
    assert row["received_bytes"] == row["sent_bytes"] == 1000 and row["waiting_bytes"] == 0
    assert 0 <= row["age_seconds"] < within(10) and row["proxy"] is None and row["tls"] is None
    assert sorted(row["worker"] for row in rows) == [0, 1]
    assert end["more"] == 0


def test_one_that_is_blocked(start, back_end):
    daemon = start(options={**PEERS, **back_end, "limits.socket_buffer": 4096})
    peer = daemon.connect(receive_buffer=4096, send_buffer=4096)
    peers.fill(peer, peers.payload(1 << 20))
    row, = eventually(lambda: rows_of(daemon, "state=blocked"), "it is blocked")
    assert 0 < row["waiting_bytes"] <= 65536
    assert row["received_bytes"] - row["sent_bytes"] == row["waiting_bytes"]
    assert rows_of(daemon, "state=reading") == []


@pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")
def test_what_tls_agreed_on(start):
    daemon = sealed.served_by(start)(PEERS)
    client = sealed.call(daemon, server_hostname="echo.example")
    client.echo(b"hello")
    row, = eventually(lambda: rows_of(daemon, "state=reading"), "the handshake is over")
    assert row["tls"]["version"].startswith("TLSv1.") and row["tls"]["cipher"]
    assert row["tls"]["server_name"] == "echo.example"
    daemon.connect("echo-tls")
    row, = eventually(lambda: rows_of(daemon, "state=expected"), "another has said nothing yet")
    assert row["tls"] is None
    client.close()


def test_by_whom_a_proxy_says_that_it_comes(start):
    options = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}
    daemon = start([listener(**options)], PEERS)
    peer = daemon.connect()
    peer.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 7\r\n")
    peers.echo(peer, b"hello")
    row, = rows_of(daemon, "source=192.0.2.0/24")
    assert row["peer"] == "192.0.2.7:1234" and row["proxy"] == peers.name_of(peer)


def test_users_of_a_unix_socket(start, workdir):
    daemon = start([listener("local", path=f"{workdir}/echo.sock")], PEERS)
    peers.echo(daemon.connect("local"), b"hello")
    row, = rows_of(daemon)
    assert re.fullmatch(r"uid:\d+,pid:\d+", row["peer"])
    user = row["peer"].partition(",")[0]
    assert len(rows_of(daemon, f"source={user}")) == 1
    assert rows_of(daemon, "source=uid:4242") == [] == rows_of(daemon, "source=0.0.0.0/0")


def names_in(value):
    """All names in a JSON value."""
    if isinstance(value, list):
        return set().union(*map(names_in, value))
    return set(value).union(*map(names_in, value.values())) if isinstance(value, dict) else set()


def test_the_manual_has_each_field(start):
    with open(MANUAL, encoding="utf-8") as file:
        text = file.read()
    words = set(re.findall(r"\w+", text[text.index(".Ss Connections") : text.index(".Sh SYSTEMD")]))
    daemon = start(options=PEERS)
    echoing(daemon, 1)
    assert names_in(connections(daemon)) <= words
    states = ask(daemon, "/connections?state=").body.decode().partition("one of ")[2]
    assert {"version", "cipher", "server_name", *re.findall(r"\w+", states)} <= words


# --- which, and in which order -----------------------------------------------------------------


def test_which_are_asked_for(start):
    daemon = start([listener("one"), listener("two")], {**PEERS, "limits.connections_per_source": 0})
    moved = {peers.name_of(echoing(daemon, size, name="one")): size for size in (5, 500, 50)}
    echoing(daemon, 7, name="two")
    assert len(rows_of(daemon)) == 4
    assert set(names(rows_of(daemon, "listener=one"))) == set(moved)
    assert rows_of(daemon, "listener=three") == [] == rows_of(daemon, "listener=one&state=paced")
    rows, end = connections(daemon, "listener=one&sort=bytes&limit=2")
    assert [row["sent_bytes"] for row in rows] == [500, 50] and end["more"] == 1
    assert rows_of(daemon, "source=192.0.2.0/24") == []
    assert len(rows_of(daemon, "source=127.0.0.0/8")) == 4


def test_the_oldest_comes_first(start):
    daemon = start(options={**PEERS, "workers": 1})
    crowd = []
    for _ in range(3):
        crowd.append(peers.name_of(echoing(daemon, 1)))
        time.sleep(lasting(0.05))  # ages differ by what the kernel's tick tells apart
    peers.echo(daemon._peers[0], b"active again")
    assert names(rows_of(daemon)) == crowd
    assert names(rows_of(daemon, "limit=1")) == crowd[:1]


@pytest.mark.parametrize("query, right", [
    ("limit=0", "limit: give a number from 1 to 10000"),
    ("state=open", "state: give one of expected, "),
    ("source=here", "source: give "),
    ("peer=1", "give listener, source, state, sort or limit"),
])
def test_a_query_that_is_wrong(start, query, right):
    daemon = start(options=PEERS)
    answer = ask(daemon, f"/connections?{query}")
    assert answer.status == 400 and answer.body.decode().startswith(right)


def test_the_busiest_sources(start):
    options = {**PEERS, "limits.connections_per_source": 2, "access.deny": ["127.0.0.3"],
               "udp.max_datagram": 10}
    daemon = start([listener(address="0.0.0.0"), listener("echo-udp", protocol="udp")], options)
    for source in "127.0.0.1", "127.0.0.2", "127.0.0.2":
        echoing(daemon, 1, host="127.0.0.1", source=source)
    assert daemon.resets(source="127.0.0.3")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(bytes(11), ("127.0.0.1", daemon.port("echo-udp")))

        def found():
            busiest = connections(daemon)[1]["busiest_sources"]
            return busiest["dropped"] and busiest

        busiest = eventually(found, "the control thread is told of what was dropped")
    two_and_one = [{"source": "127.0.0.2", "count": 2}, {"source": "127.0.0.1", "count": 1}]
    assert busiest["open"] == busiest["opened"] == two_and_one
    assert busiest["refused"] == [{"source": "127.0.0.3", "count": 1}]
    assert busiest["dropped"] == [{"source": "127.0.0.1", "count": 1}]
    assert 0 <= busiest["seconds"] < 120


# --- while the world goes on -------------------------------------------------------------------


def test_those_that_stay_are_told_whatever_others_do(start, back_end):
    """While connections come, echo and go, all that were there before and stay are told, once."""
    daemon = start(options={**PEERS, **back_end})
    stay = [echoing(daemon, 1) for _ in range(100)]
    expected = set(map(peers.name_of, stay))
    ended = threading.Event()

    def stir():
        while not ended.is_set():
            with contextlib.closing(peers.connect("127.0.0.1", daemon.port())) as peer:
                peers.echo(peer, b"gone at once")
            for peer in stay[::7]:
                peers.echo(peer, b"x")

    stirring = threading.Thread(target=stir)
    stirring.start()
    try:
        for _ in range(30):
            told = names(rows_of(daemon, "limit=10000"))
            assert len(told) == len(set(told)) and expected <= set(told)
    finally:
        ended.set()
        stirring.join()


def least_held(daemon):
    connections(daemon, "limit=10000")
    pattern = r"no worker was held up for more than (\d+) us"
    daemon.wait_log(pattern)
    return min(int(found.group(1)) for found in map(re.compile(pattern).search, daemon.log.lines) if found)


def test_a_crowd_is_told_of_without_holding_it_up(start):
    """No worker is held up for more than 1 ms, and it has all in a second."""
    size = 10_000 // SLOWNESS
    daemon = start(options={**PEERS, "workers": 1, "limits.connections": size + 10},
                   arguments=["-o", "log.level=debug"])
    crowd = [daemon.connect() for _ in range(size)]
    peers.echo(crowd[-1], b"all are there")
    begun = time.monotonic()
    rows, end = connections(daemon, "limit=10000")
    assert time.monotonic() - begun < within(1)
    assert len(rows) == size and end["more"] == 0
    # By the clock: somebody else may have had the CPU meanwhile.
    eventually(lambda: least_held(daemon) < 1000 * SLOWNESS, "no worker is held up for 1 ms")
    end = connections(daemon)[1]
    assert (end["shown"], end["more"]) == (100, size - 100)


def test_several_ask_at_once(start):
    daemon = start(options=PEERS)
    one = echoing(daemon, 1)
    askers = [observing.connect(daemon) for _ in range(20)]
    for asker in askers:
        asker.sendall(observing.request("/connections"))
    for asker in askers[::2]:
        peers.reset(asker)
    for asker in askers[1::2]:
        answer = observing.receive(asker)
        assert answer.status == 200 and peers.name_of(one).encode() in answer.body
        asker.close()
    assert names(rows_of(daemon)) == [peers.name_of(one)]


@pytest.mark.parametrize("per_mille", [5, 50, 300])
def test_memory_runs_out(start, workdir, per_mille):
    """An answer is whole, or none; and whoever asks when there is memory again has his."""
    orders = memory.Orders(workdir, seed=per_mille)
    daemon = start(options=PEERS, environment=orders.environment)
    crowd = [echoing(daemon, 1) for _ in range(20)]
    orders.fail(per_mille)
    answers, tries = [], 0
    while orders.failed < 60 and tries < 5000:
        tries += 1
        with contextlib.suppress(ConnectionError), observing.connect(daemon) as peer:
            peer.sendall(observing.request("/connections"))
            data = peers.receive_to_eof(peer)
            answers += [observing.parse(data)] if data else []
    orders.fail(0)
    assert orders.failed >= 60
    assert {answer.status for answer in answers} <= {200, 500}
    for answer in answers:
        assert answer.status == 500 or len(answer.body.splitlines()) == len(crowd) + 1
    assert sorted(names(rows_of(daemon))) == sorted(map(peers.name_of, crowd))


def test_head_has_no_body(start):
    daemon = start(options=PEERS)
    with contextlib.closing(observing.connect(daemon)) as peer:
        peer.sendall(observing.request("/connections", "HEAD"))
        answer = observing.parse(peers.receive_to_eof(peer))
    assert answer.body == b"" and int(answer.fields["Content-Length"]) > 0


def test_a_worker_that_hangs_has_nobody_wait(start):
    """Who asks too early is let go after 5 seconds; then why is said, and nothing is held up."""
    daemon = start(options=PEERS)
    echoing(daemon, 1)
    with kernel.hung_thread(daemon.pid, "worker-1"):
        with contextlib.closing(observing.connect(daemon)) as early:
            early.sendall(observing.request("/connections"))
            eventually(lambda: ask(daemon, "/healthz").status == 503, "the hung worker is noticed")
            answer = ask(daemon, "/connections")
            assert answer.status == 503 and answer.body == b"worker-1 hangs\n"
            assert peers.ends(early)
    eventually(lambda: ask(daemon, "/connections").status == 200, "it lives again")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_is_not_held_up(start, number):
    daemon = start(options=PEERS)
    held = echoing(daemon, 1)
    daemon.drain(number)
    assert len(rows_of(daemon)) == 1
    with contextlib.closing(observing.connect(daemon)) as asker:
        asker.sendall(observing.request("/connections"))
        held.close()
        assert daemon.seconds_to_exit() < within(1)


def test_a_stop_is_not_held_up_by_who_waits_for_a_worker(start):
    daemon = start(options=PEERS)
    echoing(daemon, 1)
    askers = [observing.connect(daemon) for _ in range(3)]
    with kernel.hung_thread(daemon.pid, "worker-1"):
        for asker in askers:
            asker.sendall(observing.request("/connections"))
        eventually(lambda: kernel.sleeps(daemon.pid), "the requests are taken")
        daemon.drain()
        daemon.signal(signal.SIGTERM)
        daemon.wait_log("stopping now")
    assert daemon.seconds_to_exit() < within(1)
    for asker in askers:
        asker.close()


# --- at a terminal -----------------------------------------------------------------------------


@pytest.fixture
def on():
    return {"observe.address": "localhost", "observe.port": kernel.free_port(),
            "observe.peers": True}


def ask_by_command(daemon, *more):
    return run("--status", "-c", daemon.file, *more)


def test_the_command_prints_a_table(start, on):
    daemon = start([listener(), listener("a-listener-with-a-long-name")], on)
    small, large = echoing(daemon, 5), echoing(daemon, 150_000, name="a-listener-with-a-long-name")
    result = ask_by_command(daemon, "--connections=sort=bytes")
    assert result.returncode == 0 and result.stderr == ""
    head, first, second, *rest = result.stdout.splitlines()
    assert head.split() == ["peer", "state", "age", "received", "sent", "waiting", "listener"]
    assert first.split()[:2] == [peers.name_of(large), "reading"]
    assert "150 kB" in first and first.endswith(" a-listener-w+")
    assert second.split()[:2] == [peers.name_of(small), "reading"] and "5 B" in second
    assert "open         127.0.0.1 (2)" in rest
    assert max(map(len, result.stdout.splitlines())) <= 80
    result = ask_by_command(daemon, "--connections=limit=1")
    assert "\nand 1 more\n" in result.stdout


def test_the_command_gives_the_lines_as_they_are(start, on):
    daemon = start(options=on)
    one = echoing(daemon, 5)
    result = ask_by_command(daemon, "--connections", "--json")
    row, end = map(json.loads, result.stdout.splitlines())
    assert row["peer"] == peers.name_of(one) and end["shown"] == 1


def test_the_command_says_why_not(start, on):
    daemon = start(options={**on, "observe.peers": False})
    result = ask_by_command(daemon, "--connections")
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr == (f"echod: tcp://localhost:{on['observe.port']}: "
                             "observe.peers is false: nobody is told who is connected\n")
    daemon.configure(options=on)
    daemon.reload()
    result = ask_by_command(daemon, "--connections=limit=0")
    assert result.returncode == 1 and "limit: give a number" in result.stderr
    daemon.stop()
    assert ask_by_command(daemon, "--connections").returncode == 2


def test_the_command_line():
    assert run("--connections").returncode == 2
    result = run("--status", "--connections=a b")
    assert result.returncode == 2 and "without spaces" in result.stderr
    assert run("--status", "--connections=" + "a" * 5000).returncode == 2
