"""What ping marks packets with, and what it tells of the marks of replies, through a router that may
write other ones."""

import re
import shutil
import socket

import pytest

import route
from client import Client, json_of, lines_of, run
from echod import listener
from patience import PATIENCE, lasting

PORT = 20007
LONG = ("-W", PATIENCE)
FAMILIES = pytest.mark.parametrize("family", ["ipv4", "ipv6"])
NAMES = {"ipv4": "ip", "ipv6": "ip6"}  # as nftables has them

needs_nft = pytest.mark.skipif(shutil.which("nft") is None, reason="there is no nftables here")


def uri(family, protocol="udp", port=PORT):
    return f"{protocol}://{route.HOSTS[family]}:{port}"


@pytest.fixture
def server(start, way):
    listeners = [listener("udp", "*", PORT, "udp"), listener("tcp", "*", PORT)]
    return start(listeners, {"drain_timeout": 0}, prefix=way.server.prefix)


def mark_replies(side, hook, family, dscp):
    """From now on `side` marks what comes from the server so, at this hook."""
    rule = f"udp sport {PORT} {NAMES[family]} dscp set {dscp}"
    chain = f"chain marks {{\ntype filter hook {hook} priority 0;\n{rule}\n}}"
    side.run(f"nft -f - <<'END'\nflush ruleset\ntable inet marks {{\n{chain}\n}}\nEND")


# --- of replies ----------------------------------------------------------------------------------


@needs_nft
@FAMILIES
def test_a_router_that_writes_another_dscp_is_told(way, server, family):
    mark_replies(way.server, "output", family, "ef")
    with Client("-i", 0.02, "-q", *LONG, uri(family), prefix=way.client.prefix) as client:
        client.wait_out("^PING ")
        quiet = ["-c", 3, "-i", 0.02, *LONG, "--expect-dscp", "ef", uri(family)]
        lines = lines_of(*quiet, prefix=way.client.prefix)
        assert all(f"seq={n} ttl=63 tos=0xb8 time=" in lines[n] for n in (1, 2, 3))
        assert "replies had ttl=63 tos=0xb8" in lines
        mark_replies(way.router, "forward", family, "af11")
        told = client.wait_out("^replies from .* have changed: ")
        assert told.string == (
            f"replies from {uri(family)[6:]} have changed: ttl=63 tos=0x28, they had ttl=63 tos=0xb8"
        )
        assert client.interrupt() == 0
        assert "replies had ttl=63 tos=0x28,0xb8, changed 1 time" in client.out.lines
    result = run(*quiet, prefix=way.client.prefix)
    assert result.returncode == 1
    assert result.stdout.endswith(b"\nfailed: replies had DSCP 10, not 46\n")
    result = json_of(*quiet, status=1, prefix=way.client.prefix)
    assert (result["tos"], result["ttl"], result["mark_changes"]) == ([0x28], [63], 0)
    assert result["reason"] == "replies had DSCP 10, not 46"


def test_a_stream_has_no_marks_of_its_own(way, server):
    lines = lines_of("-c", 1, *LONG, uri("ipv4", "tcp"), prefix=way.client.prefix)
    assert not [line for line in lines if "ttl=" in line or "tos=" in line]
    result = json_of("-c", 1, *LONG, uri("ipv4", "tcp"), prefix=way.client.prefix)
    assert (result["ttl"], result["tos"], result["mark_changes"]) == ([], [], 0)


# --- of what is sent -----------------------------------------------------------------------------


def arrived(way, family, *arguments):
    """The TOS and TTL of the first datagram that a ping with these sends to the server's host."""
    is_ipv4 = family == "ipv4"
    level = socket.IPPROTO_IP if is_ipv4 else socket.IPPROTO_IPV6
    asked = (socket.IP_RECVTOS, 12) if is_ipv4 else (socket.IPV6_RECVTCLASS, socket.IPV6_RECVHOPLIMIT)
    kinds = (socket.IP_TOS, socket.IP_TTL) if is_ipv4 else (socket.IPV6_TCLASS, socket.IPV6_HOPLIMIT)
    with way.server.open(socket.AF_INET if is_ipv4 else socket.AF_INET6, socket.SOCK_DGRAM) as heard:
        for option in asked:
            heard.setsockopt(level, option, 1)
        heard.bind((route.HOSTS[family].strip("[]"), PORT + 1))
        heard.settimeout(PATIENCE)
        target = uri(family, port=PORT + 1)
        with Client("-c", 1, *LONG, *arguments, target, prefix=way.client.prefix):
            _, control, _, _ = heard.recvmsg(100, 100)
    found = {kind: data[0] for _, kind, data in control}
    return tuple(found[kind] for kind in kinds)


MARKED = {
    (): (0, 63),
    ("--dscp", "ef"): (0xB8, 63),
    ("--dscp", "AF41", "--ecn", "ect0"): (0x8A, 63),
    ("--ecn", 3): (0x03, 63),
    ("--dscp", "cs6", "--ttl", 9): (0xC0, 8),
    ("--dscp", "0x3f"): (0xFC, 63),
}


@FAMILIES
def test_packets_are_marked(way, family):
    assert {arguments: arrived(way, family, *arguments) for arguments in MARKED} == MARKED


@FAMILIES
def test_a_ttl_that_ends_on_the_way(way, server, family):
    """The router tells so, and nothing comes back."""
    short = ("-c", 2, "-i", 0.1, "-W", lasting(0.5), "--ttl", 1)
    result = json_of(*short, uri(family), status=1, prefix=way.client.prefix)
    assert result["received"] == 0
    assert json_of("-c", 1, *LONG, "--ttl", 2, uri(family), prefix=way.client.prefix)["received"] == 1


@FAMILIES
def test_fragments_are_forbidden_or_allowed(way, server, family):
    """Behind the router the MTU is smaller than the message."""
    size, mtu = 1400, route.MTU
    short = ("-c", 3, "-i", 0.1, "-W", lasting(0.5), "-s", size)
    allowed = ["-c", 1, *LONG, "-s", size, "-M", "dont", uri("ipv4")]
    assert json_of(*allowed, prefix=way.client.prefix)["received"] == 1
    lines = run(*short, "-M", "do", uri(family), prefix=way.client.prefix).stdout.decode()
    address = re.escape(uri(family)[6:])
    told = rf"^trouble with {address}: Message too long \(path MTU {mtu}\)$"
    assert re.search(told, lines, re.MULTILINE), lines
    assert "3 sent, 0 received, 3 missing, 100% loss" in lines


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_each_message_has_the_next_size(start, protocol):
    daemon = start([listener("echo", protocol=protocol)])
    target = f"{protocol}://127.0.0.1:{daemon.port('echo')}"
    lines = lines_of("-c", 6, "-i", 0.02, *LONG, "-s", "64,1000-1400:200,16", target)
    assert f"PING {target} ({target[6:]}): 5 sizes, 16 to 1400 bytes" == lines[0]
    sizes = [int(line.split()[0]) for line in lines if " bytes from " in line]
    assert sizes == [64, 1000, 1200, 1400, 16, 64]
    table = lines.index(f"--- {target} statistics ---") + 1
    assert lines[table] == " size      sent  received    loss     rtt min/avg/max ms"
    assert [line.split()[:4] for line in lines[table + 1 : table + 6]] == [
        [str(size), str(count), str(count), "0%"]
        for size, count in ((64, 2), (1000, 1), (1200, 1), (1400, 1), (16, 1))
    ]


def test_which_size_is_too_long_for_the_way(way, server):
    """Those that fit come back, and no others: 1252 bytes and the headers are the MTU."""
    sweep = ("-s", "1250-1255", "-c", 24, "-i", 0.02, "-W", lasting(0.5), "-M", "do")
    result = json_of(*sweep, uri("ipv4"), status=1, prefix=way.client.prefix)
    assert result["size"] is None
    assert [row["size"] for row in result["sizes"]] == list(range(1250, 1256))
    assert [row["received"] for row in result["sizes"]] == [4, 4, 4, 0, 0, 0]
    assert [row["loss"] for row in result["sizes"]] == [0, 0, 0, 1, 1, 1]
    assert all((row["rtt_seconds"] is None) == (row["loss"] == 1) for row in result["sizes"])


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("--dscp", "eff"), "--dscp eff: give 0 to 63, or a name as ef, af41 or cs6"),
        (("--dscp", 64), "--dscp 64: give 0 to 63"),
        (("--ecn", 4), "--ecn 4: give 0 to 3, or not-ect, ect1, ect0 or ce"),
        (("--ttl", 0), "--ttl 0: give 1 to 255"),
        (("-M", "never"), "-M never: give do, "),
        (("-s", "64-"), "-s 64-: give 16 to 65507 bytes, a list as 64,1400, or a sweep"),
        (("-s", "16-65507"), "-s 16-65507: there are more than 4096 sizes"),
    ],
)
def test_wrong_usage(arguments, told):
    result = run(*arguments, "udp://127.0.0.1:7")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"echod-client: {told}"), result.stderr


@pytest.mark.parametrize("option", [("--ecn", "ce"), ("--expect-dscp", "ef")])
def test_what_is_not_for_connections(option):
    result = run(*option, "tcp://127.0.0.1:7")
    assert (result.returncode, result.stdout) == (2, b"")
    assert f"{option[0]} is for datagrams" in result.stderr


def test_what_is_not_for_unix_sockets():
    result = run("--dscp", "ef", "unix:/nowhere")
    assert result.returncode == 2
    assert "are for packets" in result.stderr
