"""bench: load over each protocol, kept to its schedule, and its end."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

import certificates
import faulty
import kernel
import network
import peers
import tls
from client import command, run
from echod import listener
from patience import PATIENCE, eventually, lasting

FREE = {"limits.datagram_rate_per_source": 0}
COLD = ("--warm-up", 0)
LONG = ("-W", PATIENCE)


def bench(*arguments, status=0, **named):
    """The object of a run that ends with `status`."""
    result = run("bench", "--json", *arguments, **named)
    assert (result.returncode, result.stderr) == (status, ""), (result.stdout[-600:], result.stderr)
    return json.loads(result.stdout)


def check_all_back(found, messages):
    counts = found["counts"]
    assert (counts["sent"], counts["echoed"]) == (messages, messages), counts
    assert counts["sent_bytes"] == counts["echoed_bytes"]
    assert found["loss"] == 0 and not any(found["errors"].values()), found["errors"]
    for name in ("corrected", "uncorrected", "slip"):
        assert found["latency"][name]["count"] == messages


def received(daemon):
    """Bytes, of streams."""
    return daemon.counter('echod_received_bytes_total{listener="echo-tcp"}')


@pytest.fixture
def uri(start):
    return f"tcp://127.0.0.1:{start().port()}"


# --- over each protocol --------------------------------------------------------------------------


def serve(start, workdir, protocol):
    """Starts a daemon; returns its URI, and the client's options for that."""
    if protocol == "unix":
        path = os.path.join(workdir, "bench.sock")
        start([listener("echo-unix", protocol="unix", path=path)])
        return f"unix:{path}", ()
    if protocol == "tls":
        if not tls.BUILT:
            pytest.skip("there is no TLS here, or openssl(1)")
        daemon = start([certificates.secure(tls.pair("localhost", "127.0.0.1"))])
        return f"tls://127.0.0.1:{daemon.port('echo-tls')}", tls.trust()
    daemon = start([listener(protocol=protocol)], FREE)
    return f"{protocol}://127.0.0.1:{daemon.port()}", ()


@pytest.mark.parametrize("protocol", ["tcp", "udp", "unix", "tls"])
@pytest.mark.parametrize("options", [("-p", 1), ("-p", 7, "-w", 3)])
def test_all_comes_back(start, workdir, protocol, options):
    where, more = serve(start, workdir, protocol)
    # What is in flight of datagrams has room in a socket's buffer, however slow its reader is.
    sizes = "1:1,64:6,1400:2" if protocol == "udp" else "1:1,64:6,5000:2,20K:1"
    found = bench("-N", 1000, "-n", 5, "-s", sizes, *LONG, *options, *more, where)
    check_all_back(found, 1000)
    assert found["counts"]["opened"] == 5


@pytest.mark.parametrize("protocol", ["tcp", "unix", "tls"])
def test_messages_larger_than_any_buffer(start, workdir, protocol):
    where, more = serve(start, workdir, protocol)
    check_all_back(bench("-N", 12, "-n", 2, "-s", "3M", "-p", 2, *LONG, *more, where), 12)


@pytest.mark.parametrize("protocol", ["tcp", "unix", "tls"])
@pytest.mark.parametrize("rate", [(), ("-r", 1000)])
def test_a_connection_for_each_message(start, workdir, protocol, rate):
    where, more = serve(start, workdir, protocol)
    found = bench("--churn", "-N", 100, "-n", 4, *rate, *LONG, *more, where)
    check_all_back(found, 100)
    assert found["counts"]["churned"] == found["counts"]["opened"] == 100


def test_a_thousand_connections(start):
    daemon = start(options={"limits.connections": 2000, "limits.connections_per_source": 2000})
    found = bench("-n", 1000, "-N", 3000, *LONG, f"tcp://127.0.0.1:{daemon.port()}")
    check_all_back(found, 3000)
    assert found["latency"]["connect"]["count"] == found["counts"]["opened"] == 1000


def test_the_header_of_a_proxy_and_a_greeting(start):
    daemon = start([listener(proxy_protocol=True, trusted_proxies=["127.0.0.1"],
                             greeting=r"hello %p\n")])
    where = f"tcp://127.0.0.1:{daemon.port()}"
    options = ("--proxy", "v1=192.0.2.1:1000,192.0.2.2:7", "--expect-greeting", r"hello *\n")
    check_all_back(bench("-N", 50, "-n", 3, *LONG, *options, where), 50)
    found = bench("-N", 50, "--churn", "-n", 3, *LONG, *options, where)
    check_all_back(found, 50)


def test_it_comes_from_the_sources_in_turn(start):
    daemon = start()
    bench("-N", 10, "-n", 4, "--source", "127.0.0.2,127.0.0.3", f"tcp://127.0.0.1:{daemon.port()}")
    for source in ("127.0.0.2", "127.0.0.3"):
        daemon.wait_log(rf"{re.escape(source)}:\d+")


def test_the_kernel_times_what_comes_back(uri):
    check_all_back(bench("-N", 100, "--kernel-time", *LONG, uri), 100)


def test_it_can_spin(uri):
    check_all_back(bench("-r", 500, "-N", 100, "--spin", *LONG, uri), 100)


# --- the schedule --------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_it_keeps_to_its_rate(uri, threads):
    found = bench("-r", "0.7K", "-d", 1, *COLD, "-n", 7, "-w", threads, *LONG, uri)
    check_all_back(found, 700)
    assert found["seconds"] == pytest.approx(1, abs=1e-6) or found["seconds"] > 1.001  # a busy machine
    assert found["messages_per_second"] == pytest.approx(700 / found["seconds"])
    corrected, uncorrected = (found["latency"][name] for name in ("corrected", "uncorrected"))
    assert corrected["p50"] >= uncorrected["p50"]
    assert sum(row["sent"] for row in found["rows"]) == 700


def test_what_warms_up_does_not_count(uri):
    found = bench("-r", 500, "-d", 0.4, "--warm-up", 0.4, *LONG, uri)
    check_all_back(found, 200)


def test_a_stop_of_the_server_is_seen(start):
    daemon = start()
    client = subprocess.Popen(
        command("bench", "--json", "-r", 2000, "-d", 3, *COLD, "-n", 8, *LONG,
                f"tcp://127.0.0.1:{daemon.port()}"),
        stdout=subprocess.PIPE,
    )
    eventually(lambda: received(daemon), "it has begun")
    daemon.signal(signal.SIGSTOP)
    time.sleep(1)
    daemon.signal(signal.SIGCONT)
    found = json.loads(client.communicate(timeout=PATIENCE)[0])
    assert client.returncode == 0
    check_all_back(found, 6000)
    assert found["latency"]["corrected"]["p90"] > 0.5
    assert found["latency"]["uncorrected"]["p90"] < found["latency"]["corrected"]["p90"] / 2


def test_what_comes_back_late_takes_its_time():
    """A rate is of the time until the last message came back, whose second has its own row."""

    def fault(connection):
        connection.sendall(peers.receive(connection, 64))
        time.sleep(2.2)
        faulty.echo(connection)

    with faulty.stream(fault) as server:
        found = bench("-n", 1, "-r", 200, "-d", 1, *COLD, *LONG, "--min-rate", 150, server.uri,
                      status=1)
    check_all_back(found, 200)
    assert found["seconds"] > 1.9
    assert found["messages_per_second"] == pytest.approx(200 / found["seconds"])
    assert [row["second"] for row in found["rows"]] == list(range(int(found["seconds"]) + 1))
    assert found["rows"][0]["echoed"] <= 2


# --- its end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("long", [("-d", 600), ("-N", 10**12, "-r", 100)])
def test_an_interrupt_prints_what_was_so_far(start, long):
    """However long the run was to be."""
    daemon = start()
    client = subprocess.Popen(
        command("bench", *long, *COLD, *LONG, f"tcp://127.0.0.1:{daemon.port()}"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    eventually(lambda: received(daemon) > 8 * 64, "one that had its first echo sends again")
    client.send_signal(signal.SIGINT)
    out, errors = client.communicate(timeout=PATIENCE)
    assert (client.returncode, errors) == (0, "")
    assert re.search(r"messages +[1-9]\d* sent, [1-9]\d* came back", out), out


def test_thresholds(uri):
    run_of = ("-N", 200, *LONG, uri)
    bench("--max-loss", "0%", "--max-rtt", "p99:60s", "--min-rate", 1, *run_of)
    found = bench("--max-loss", "0%", "--max-rtt", "p99:0us", "--min-rate", "99M", *run_of, status=1)
    assert found["ending"] == "failed"
    assert re.search(r"p99 is [\d.]+ ms, more than 0 ms", found["reason"])
    assert re.search(r"rate is \d+\S*/s, less than 99000000/s", found["reason"])
    assert "loss" not in found["reason"]


def test_loss_of_datagrams_has_a_likely_reason(start):
    daemon = start([listener(protocol="udp")])
    where = f"udp://127.0.0.1:{daemon.port()}"
    run_of = ("-r", 4000, "-d", 1, *COLD, "-W", 0.2, where)
    found = bench(*run_of, status=1)
    counts = found["counts"]
    assert counts["sent"] == 4000 and counts["not_sent"] == 0
    assert found["errors"]["missing"] == 4000 - counts["echoed"] > 1000
    assert "1000 datagrams a second" in found["reason"]
    assert bench("--max-loss", "99%", *run_of)["reason"] is None
    assert "loss is" in bench("--max-loss", "1%", *run_of, status=1)["reason"]


def test_nobody_is_there(uri):
    del uri
    port = 1
    result = run("bench", f"tcp://127.0.0.1:{port}")
    assert result.returncode == 2
    assert "Connection refused" in result.stderr
    found = bench("-N", 1, "-W", 0.2, f"udp://127.0.0.1:{port}", status=2)
    assert found["ending"] == "refused"


def test_there_are_too_few_descriptors(uri):
    limit = ["prlimit", "--nofile=200:200"]
    result = run("bench", "-n", 1000, uri, prefix=limit)
    assert result.returncode == 2
    assert "200 descriptors" in result.stderr
    raised = ["prlimit", "--nofile=64:400"]
    assert run("bench", "-n", 200, "-N", 200, uri, prefix=raised).returncode == 0


def test_there_are_too_few_ports():
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "-r", "--net"]
    narrow = "echo 40000 40099 >/proc/sys/net/ipv4/ip_local_port_range"
    if subprocess.run([*namespace, "sh", "-c", narrow], check=False).returncode != 0:
        pytest.skip("no network namespace with ports of its own")
    prefix = [*namespace, "sh", "-c", f'{narrow} && exec "$@"', "sh"]
    result = run("bench", "-n", 101, "tcp://127.0.0.1:1", prefix=prefix)
    assert result.returncode == 2
    assert "100 ports" in result.stderr and "--source" in result.stderr
    result = run("bench", "-n", 100, "tcp://127.0.0.1:1", prefix=prefix)
    assert "ports" not in result.stderr


def test_a_file_that_cannot_be_written_is_told_first(workdir):
    path = os.path.join(workdir, "none", "rows.csv")
    result = run("bench", "--csv", path, "tcp://127.0.0.1:1")
    assert result.returncode == 2
    assert path in result.stderr and "refused" not in result.stderr


def test_wrong_usage():
    for arguments, told in (
        (["--churn", "udp://127.0.0.1:1"], "--churn is for connections"),
        (["--churn", "-p", 2, "tcp://127.0.0.1:1"], "--churn has one message"),
        (["-s", "70000", "udp://127.0.0.1:1"], "-s 70000: give"),
        (["-d", 1, "-N", 1, "tcp://127.0.0.1:1"], "-d and -N: give one"),
        (["-r", "50G", "tcp://127.0.0.1:1"], "-r 50G: give 1 to 100000000 a second"),
        (["-r", "0.5", "tcp://127.0.0.1:1"], "-r 0.5: give 1 to"),
        (["--ramp", "200M", "tcp://127.0.0.1:1"], "--ramp 200M: give 1 to"),
        (["--min-rate", "nan", "tcp://127.0.0.1:1"], "--min-rate nan: give 0 to"),
        (["--source", "example.org", "tcp://127.0.0.1:1"], "--source example.org: give addresses"),
        (["--source", "127.0.0.1", "unix:/nowhere"], "--source is for addresses"),
        (["--rounds", 2, "--against", "tcp://[::1]:1", "tcp://127.0.0.1:1"], "--rounds 2: give 3"),
        (["--against", "udp://127.0.0.1:1", "tcp://127.0.0.1:1"],
         "--against udp://127.0.0.1:1: give another"),
        (["--merge"], "--merge: give files"),
    ):
        result = run("bench", *arguments)
        assert (result.returncode, result.stdout) == (2, b"")
        assert result.stderr.startswith(f"echod-client: {told}"), result.stderr


# --- faults --------------------------------------------------------------------------------------


def fails(fault, *options, **named):
    """What is told of a connection with that fault."""
    with faulty.stream(fault, **named) as server:
        return bench("-n", 1, *options, server.uri, status=1)


def check_first(found, kind, **expected):
    first = found["first_error"]
    assert first["kind"] == kind, first
    for name, value in expected.items():
        assert first[name] == value, (name, first)


@pytest.mark.parametrize("size", [64, 16384])
def test_a_wrong_byte(size):
    at = 5 * size + 40
    found = fails(faulty.flip(at), "-s", size, "-N", 10)
    check_first(found, "wrong", connection=0, message=5, offset=at)
    first = found["first_error"]
    assert first["expected"] ^ first["seen"] == 1


def test_a_connection_that_is_closed():
    found = fails(faulty.close_after(640, more=640), "-p", 10, "-N", 20)
    check_first(found, "closed", connection=0, message=10)
    assert (found["counts"]["echoed"], found["errors"]["missing"]) == (10, 10)


def test_a_connection_that_is_reset():
    check_first(fails(faulty.reset_after(640, more=640), "-p", 10, "-N", 20), "reset", message=10)


def test_a_connection_that_is_mute():
    found = fails(faulty.mute_after(640), "-p", 10, "-N", 20, "-W", 0.5)
    check_first(found, "mute", message=10)
    assert found["errors"]["missing"] == 10


def test_a_message_that_comes_in_pieces():
    """After long silences, of which one has the message sent that is to tell what is missing."""

    def fault(connection):
        data = peers.receive(connection, 2 * 64)
        connection.sendall(data[:32])
        peers.readable([connection], 1.2)
        connection.sendall(data[32:])
        faulty.echo(connection)

    with faulty.stream(fault) as server:
        found = bench("-n", 1, "-N", 1, "-W", 2, *COLD, server.uri)
    check_all_back(found, 1)
    assert found["latency"]["corrected"]["max"] > 1.5


def test_more_than_was_sent():
    assert fails(faulty.surplus(b"x" * 100), "-N", 20)["errors"]["foreign"] == 1


def test_more_than_was_sent_while_it_ends():
    """The server does not close."""
    found = fails(faulty.surplus(b"x" * 100, closes=False), "-N", 20)
    assert (found["errors"]["foreign"], found["counts"]["echoed"]) == (1, 20)


def test_more_than_was_sent_on_each_of_many_short_connections():
    """The same: each is given up, and the next one begun."""

    def fault(connection):
        connection.sendall(peers.receive(connection, 64) + b"x")

    with faulty.stream(*3 * [fault]) as server:
        found = bench("--churn", "-n", 1, "-N", 3, "-W", 1, server.uri, status=1)
    assert (found["errors"]["foreign"], found["counts"]["echoed"]) == (3, 3)


def test_more_than_was_sent_that_does_not_end():
    """The client ends, and tells it."""

    def fault(connection):
        faulty.surplus(b"x", closes=False)(connection)
        while True:
            time.sleep(0.02)
            connection.sendall(b"x")

    assert fails(fault, "-N", 20)["errors"]["foreign"] == 1


def test_what_is_not_taken_is_not_lost():
    found = fails(faulty.unread, "-r", 100, "-p", 1000, "-s", "64K", "-d", 0.5, *COLD, "-W", 0.5,
                  receive_buffer=4096, segment=536)
    counts, errors = found["counts"], found["errors"]
    assert counts["not_sent"] > 10
    assert counts["sent"] + counts["not_sent"] == 50
    assert errors["missing"] == counts["sent"]
    assert "could not be sent" in found["reason"]


@pytest.mark.parametrize(
    "fault, kind, status",
    [
        (faulty.only(3, faulty.flipped(40)), "wrong", 1),
        (faulty.only(3, faulty.truncated(50)), "truncated", 1),
        (faulty.only(3, faulty.duplicated), "duplicate", 1),
        (faulty.only(3, faulty.dropped), "missing", 1),
        (faulty.reordered(3), "reordered", 0),
        (faulty.only(3, faulty.preceded(b"x" * 64)), "foreign", 1),
    ],
)
def test_faults_of_datagrams(fault, kind, status):
    with faulty.datagrams(fault) as server:
        found = bench("-n", 1, "-p", 4, "-N", 40, "-W", 0.5, server.uri, status=status)
    assert {name: count for name, count in found["errors"].items() if count} == {kind: 1}
    lost = 1 if kind in ("wrong", "truncated", "missing") else 0
    assert found["counts"]["echoed"] == 40 - lost


def dropped_of(port):
    """Datagrams of this peer for which a socket of this host had no room."""
    with open("/proc/net/udp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return sum(int(row[-1]) for row in rows if row[2].endswith(f":{port:04X}"))


def test_what_has_no_room_on_this_host_is_told_apart():
    clients = []

    def fault(count, data):
        if count > 1:
            return [data]
        eventually(lambda: clients, "the client is known")
        clients[0].send_signal(signal.SIGSTOP)
        eventually(lambda: kernel.is_stopped(clients[0].pid), "the client is stopped")
        return [data] * 2000

    with faulty.datagrams(fault) as server:
        port = int(server.uri.rpartition(":")[2])
        clients.append(subprocess.Popen(
            command("bench", "--json", "-n", 1, "-s", "1K", "-N", 3, "-W", lasting(1), server.uri),
            stdout=subprocess.PIPE,
        ))
        eventually(lambda: dropped_of(port), "a datagram has no room")
        clients[0].send_signal(signal.SIGCONT)
        found = json.loads(clients[0].communicate(timeout=PATIENCE)[0])
    assert found["counts"]["dropped"] > 0
    assert "this host's own buffers" in found["reason"]


def test_datagrams_that_cannot_be_sent(cable):
    """The network is gone, and the run goes to its end."""
    with cable.host.open(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.settimeout(PATIENCE)
        server.bind((network.HOST, 0))
        where = f"udp://{network.HOST}:{server.getsockname()[1]}"
        client = subprocess.Popen([*cable.peer.prefix, *command(
            "bench", "--json", "-n", 1, "-N", 20, "-W", 0.5, *COLD, where)], stdout=subprocess.PIPE)
        server.recv(100)
        cable.peer.run("ip link set cable down")
        found = json.loads(client.communicate(timeout=PATIENCE)[0])
    counts, errors = found["counts"], found["errors"]
    assert counts["sent"] + counts["not_sent"] == 20 and counts["not_sent"] > 0, counts
    assert errors["broken"] == 1 and errors["missing"] == counts["sent"]


# --- two targets ---------------------------------------------------------------------------------


def test_two_targets_are_compared_in_turn(start):
    first, second = start(), start()
    uris = [f"tcp://127.0.0.1:{each.port()}" for each in (first, second)]
    run_of = ("-d", 0.2, *COLD, "-n", 2, *LONG, "--against", uris[1], uris[0])
    found = bench(*run_of)
    assert (found["uri"], found["against"]) == tuple(uris)
    assert len(found["rounds"]) == 3
    for name in ("rate", "p50", "p99"):
        ratio = found["ratios"][name]
        assert 0 < ratio["least"] <= ratio["median"] <= ratio["most"]
    for each in range(2):
        assert sum(both[each]["counts"]["opened"] for both in found["rounds"]) == 6
    text = run("bench", *run_of).stdout.decode()
    assert re.search(r"3 rounds in turn", text)
    assert "No verdict from fewer than 5 rounds." in text
