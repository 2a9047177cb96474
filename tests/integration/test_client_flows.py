"""ping --flows: which of the parallel links loses, and none where all lose alike.

FLOW_RUNS says how often the runs are made of which all have to be right.
"""

import os
import re
import shutil
import socket

import pytest

import links
from client import Client, json_of, run
from echod import listener
from patience import PATIENCE, lasting

RUNS = int(os.environ.get("FLOW_RUNS", "1"))
FLOWS = 16
FAST = ("--flows", FLOWS, "-i", 0.01, "-W", lasting(1))
# Enough for a loss of 10 % to be named, but for one in a million runs; and to say what is not seen.
ENOUGH, FEW = 300, 150
NAMED = r"flows? ([\d, and]+) of 16 loses? "
HEALTHY = {
    "no loss": "",
    "5 % of all": "".join(links.losing(number, 5) for number in range(links.COUNT)),
    "70 % of all": "".join(links.losing(number, 70) for number in range(links.COUNT)),
}

pytestmark = pytest.mark.skipif(shutil.which("nft") is None, reason="there is no nftables here")


@pytest.fixture
def server(start, parallel):
    listeners = [listener("tcp", address=links.HOST), listener("udp", "*", protocol="udp")]
    options = {"limits.datagram_rate_per_source": 0, "drain_timeout": 0}
    return start(listeners, options, prefix=parallel.server.prefix)


def uri(server, protocol="udp"):
    return f"{protocol}://{links.HOST}:{server.port(protocol)}"


def ping(parallel, server, count, *arguments, status=0):
    arguments = (*FAST, "-c", count, *arguments, uri(server))
    return json_of(*arguments, status=status, prefix=parallel.client.prefix)


def flows_of(result, ports):
    """The numbers of the flows that have these ports."""
    return [flow["flow"] for flow in result["flows"] if flow["port"] in ports]


@pytest.mark.parametrize("run_number", range(RUNS))
def test_the_flows_on_bad_links_are_named(parallel, server, run_number):
    """That they are those that the links have seen."""
    parallel.impair(links.losing(1, 10) + links.losing(2, 100))
    result = ping(parallel, server, ENOUGH, status=1)
    bad = parallel.ports(1) | parallel.ports(2)
    seen = set().union(*map(parallel.ports, range(links.COUNT)))
    assert {flow["port"] for flow in result["flows"]} == seen
    assert result["verdict"]["worse"] == flows_of(result, bad), result
    assert result["verdict"]["unsure"] == []
    if bad:
        assert 0 < result["verdict"]["chance"] < 0.001
        assert re.search(NAMED, result["reason"]), result["reason"]
    for flow in result["flows"]:
        assert flow["verdict"] == ("worse" if flow["port"] in bad else "alike")
        assert (flow["loss"] == 1) == (flow["port"] in parallel.ports(2))


@pytest.mark.parametrize("run_number", range(RUNS))
@pytest.mark.parametrize("rules", HEALTHY.values(), ids=HEALTHY.keys())
def test_none_is_named_where_all_lose_alike(parallel, server, rules, run_number):
    parallel.impair(rules)
    result = ping(parallel, server, FEW, "--max-loss", 90)
    assert (result["verdict"]["worse"], result["reason"]) == ([], None)
    assert {flow["verdict"] for flow in result["flows"]} <= {"alike", "unsure"}
    assert len({flow["port"] for flow in result["flows"]}) == FLOWS
    assert 0 < result["verdict"]["visible_loss"] < 1
    assert result["verdict"]["messages_needed"] > 100


@pytest.mark.parametrize("run_number", range(RUNS))
def test_a_limit_of_rate_hits_all_alike(parallel, server, run_number):
    """It lets one through, then none for a while: of flows in turn always the same ones."""
    parallel.impair("udp dport != 0 limit rate over 800/second burst 1 packets drop")
    result = ping(parallel, server, FEW, "--max-loss", 90)
    assert result["verdict"]["worse"] == [], result
    assert 0.2 < result["loss"] < 0.9


@pytest.mark.parametrize("chosen", [(), ("--source-port", 40000)], ids=["any", "chosen"])
def test_a_flow_keeps_its_port(parallel, server, chosen):
    """Though it hears nothing and takes one socket after the other."""
    parallel.impair("".join(links.losing(number, 100) for number in range(3)))
    quick = ("--flows", FLOWS, "-i", 0.1, "-c", 15, "-W", 0.2, "-t", 0.2, *chosen)
    result = json_of(*quick, uri(server), status=1, prefix=parallel.client.prefix)
    ports = [flow["port"] for flow in result["flows"]]
    assert set(ports) == set().union(*map(parallel.ports, range(links.COUNT)))
    assert not chosen or ports == list(range(40000, 40000 + FLOWS))
    assert result["reconnects"] > 0


def test_connections_that_are_not_made(parallel, server):
    """Of a link that takes nothing: they do not end the others, and are told."""
    parallel.impair(links.losing(3, 100), protocol="tcp")
    arguments = ("--flows", FLOWS, "-i", 0.1, "-c", 5, "-t", lasting(0.5), "-W", PATIENCE, "-q")
    result = run(*arguments, uri(server, "tcp"), prefix=parallel.client.prefix)
    lines = result.stdout.decode().splitlines()
    reached = sum(": connected to " in line for line in lines)
    missing = [line for line in lines if re.match(r"flows? .* not reached$", line)]
    assert len(missing) == (reached < FLOWS)
    assert result.returncode == (1 if reached < FLOWS else 0)
    assert f"{5 * reached} sent, {5 * reached} received, 0% loss, " in "\n".join(lines)


def test_what_it_prints(parallel, server):
    """A head, a table, the statistics of all, and what is found; no line is too wide."""
    parallel.impair(links.losing(2, 100))
    arguments = ("--flows", 3, "-i", 0.05, "-c", 2, "-W", lasting(0.5))
    with Client(*arguments, uri(server), prefix=parallel.client.prefix) as client:
        status = client.wait_exit()
        lines = client.out.lines
    lost = [flow for flow in range(1, 4) if f"flow {flow}: " not in "\n".join(lines)]
    assert status == (1 if lost else 0)
    assert lines[0] == f"PING {uri(server)} ({uri(server)[6:]}): 64 bytes each, 3 flows"
    table = lines.index(f"--- {uri(server)} statistics ---") + 1
    assert lines[table].split()[:4] == ["flow", "port", "sent", "received"]
    for number in range(1, 4):
        received = 0 if number in lost else 2
        assert re.match(rf"   {number}  \d+ +2 +{received} +", lines[table + number])
    assert any(line.startswith("6 sent, ") for line in lines[table + 4 :])
    assert max(map(len, lines[table:])) <= 80


def test_a_deadline_counts_the_messages_of_all_flows():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        options = ("--flows", 3, "-c", 5, "-i", 0.01, "-W", PATIENCE, "-w", lasting(0.3))
        result = json_of(*options, f"udp://127.0.0.1:{mute.getsockname()[1]}", status=1)
    assert result["reason"] == "the deadline came after 0 of 15 messages"
    assert {flow["verdict"] for flow in result["flows"]} == {None}


def test_wrong_usage():
    for arguments, told in (
        (("--flows", 1, "localhost"), "--flows 1: give 2 to 256"),
        (("--flows", 257, "localhost"), "--flows 257: give 2 to 256"),
        (("--flows", 2, "-R", "localhost"), "-R is not for --flows"),
        (("--flows", 2, "unix:/nowhere"), "--flows is for addresses"),
        (("--flows", 2, "localhost:7", "localhost:8"), "--flows is for one target"),
        (("--flows", 2, "--source-port", 65535, "localhost"), "--source-port 65535: "),
    ):
        result = run(*arguments)
        assert (result.returncode, result.stdout) == (2, b"")
        assert result.stderr.startswith(f"echod-client: {told}"), result.stderr
