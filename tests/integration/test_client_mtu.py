"""mtu: the longest datagram that comes back, to the byte, and why no longer one does; segments."""

import concurrent.futures
import contextlib
import json
import os
import socket
import struct
import threading

import pytest

import faulty
import kernel
import network
import route
from client import Client, hosts_file, json_of, lines_of, match_lines, run
from echod import listener
from patience import PATIENCE, lasting, within

PORT = 20007
BOTH = [listener("tcp", "*", PORT), listener("udp", "*", PORT, "udp")]
HEADERS = {"ipv4": 28, "ipv6": 48}
SEGMENT_HEADERS = {"ipv4": 52, "ipv6": 72}  # with timestamps
ROUTER = {"ipv4": "192.0.2.2", "ipv6": "2001:db8:1::2"}
FAMILIES = list(HEADERS)


@pytest.fixture
def far(start, way):
    """An echod behind the router; the way to it takes 9600 bytes up to there."""
    way.set_mtu("near", 9600)
    way.set_mtu("far", 9600)
    start(BOTH, {"drain_timeout": 0}, prefix=way.server.prefix)
    return way


def uri_of(family, protocol="udp"):
    return f"{protocol}://{route.HOSTS[family]}:{PORT}"


def mtu_of(way, uri, *arguments, status=0):
    return json_of("mtu", *arguments, uri, status=status, prefix=way.client.prefix)


def of_each_family(way, *arguments, families=tuple(FAMILIES), **named):
    """{family: what was found}."""
    with concurrent.futures.ThreadPoolExecutor(len(families)) as pool:
        return dict(zip(families, pool.map(
            lambda family: mtu_of(way, uri_of(family), *arguments, **named), families)))


def check_datagrams(found, family, mtu, limit):
    size = mtu - HEADERS[family]
    assert (found["mtu"], found["datagram"]) == (mtu, size), found
    assert (found["lost_datagram"], found["limited_by"]) == (size + 1, limit), found
    assert found["seconds"] < within(5) or found["status"] == 1, found


# --- a limit that is told ------------------------------------------------------------------------


def check_link(far, mtu, families):
    far.set_mtu("far", mtu)
    for family, found in of_each_family(far, families=families).items():
        check_datagrams(found, family, mtu, "hop")
        assert found["hops"] == [{"address": ROUTER[family], "mtu": mtu}]
        assert (found["interface_mtu"], found["reply_fragment"]) == (9600, None)
        assert (found["changes"], found["sent"] < 60) == (0, True)
        segments = mtu_of(far, uri_of(family, "tcp"))["segments"]
        size = mtu - SEGMENT_HEADERS[family]
        assert (segments["there"], segments["back"], segments["path_mtu"]) == (size, size, mtu)


def test_a_link_on_the_way(far):
    for mtu in 9000, 1500, 1400, 1280:  # TCP goes by what it remembers of the one before
        check_link(far, mtu, FAMILIES)
    check_link(far, 576, ["ipv4"])


def test_this_hosts_interface(far):
    far.set_mtu("near", 1400)
    for family, found in of_each_family(far).items():
        check_datagrams(found, family, 1400, "interface")
        assert (found["interface_mtu"], found["hops"]) == (1400, [])
        segments = mtu_of(far, uri_of(family, "tcp"))["segments"]
        assert segments["announced"] == 1400 - SEGMENT_HEADERS[family] + 12


def test_what_the_system_remembers_of_the_path_does_not_count(far):
    far.set_mtu("far", 1400)
    of_each_family(far)
    assert "mtu 1400" in far.client.run(f"ip route get {route.HOSTS['ipv4']}")
    far.set_mtu("far", 1500)
    for family, found in of_each_family(far).items():
        check_datagrams(found, family, 1500, "hop")


def test_as_text(far):
    far.set_mtu("far", 1400)
    uri = uri_of("ipv4")
    address, gone = uri.removeprefix("udp://"), "lost 3 times"
    said = rf"{gone}; 192\.0\.2\.2 says MTU 1400"
    head = rf"MTU {uri} \({address}\): unfragmented datagrams"
    end = [
        "", f"--- {uri} path ---", "MTU 1400: the longest datagram that came back has 1372 bytes",
        r"the limit is on the way: 192\.0\.2\.2 says MTU 1400",
        r"\d+ datagrams sent, \d+ came back, time \d+ ms",
    ]
    steps = [
        r"16 bytes: came back in \d+\.\d{3} ms",
        "65507 bytes: too long for this host's interface, of MTU 9600",
        f"9572 bytes: {said}", r"1372 bytes: came back in \d+\.\d{3} ms",
        f"1373 bytes: {said}", f"1373 bytes again: {said}",
    ]
    prefix = far.client.prefix
    match_lines(lines_of("mtu", uri, prefix=prefix), [head, *steps, *end])
    threshold = ["mtu", "-q", "--min-mtu", 1500, uri]
    match_lines(lines_of(*threshold, status=1, prefix=prefix),
                [head, *end, "failed: mtu is 1400, less than 1500"])


# --- the way back --------------------------------------------------------------------------------


def test_replies_that_come_in_fragments(far):
    """Only the way back is smaller: it limits nothing, and is told."""
    far.set_mtu("near", 1500)
    far.set_mtu("far", 1500)
    far.limit("near", 1280)
    for family, found in of_each_family(far).items():
        check_datagrams(found, family, 1500, "interface")
        assert 1272 <= found["reply_fragment"] <= 1280
        segments = mtu_of(far, uri_of(family, "tcp"))["segments"]
        size = SEGMENT_HEADERS[family]
        assert (segments["there"], segments["back"]) == (1500 - size, 1280 - size) or (
            segments["there"] == 1280 - size  # the system took the same way for both
        )
    lines = lines_of("mtu", uri_of("ipv4"), prefix=far.client.prefix)
    assert any(line.startswith("the way back is smaller: fragments of 12") for line in lines), lines


# --- black holes ---------------------------------------------------------------------------------


def test_a_black_hole(far):
    """The router says nothing: in fragments they come back."""
    far.set_mtu("far", 1400)
    far.mute_router()
    for family, found in of_each_family(far, status=1).items():
        check_datagrams(found, family, 1400, "black hole")
        assert (found["hops"], found["fragments"]) == ([], True)
        size = 1400 - HEADERS[family]
        assert found["reason"] == f"black hole: more than {size} bytes vanish in silence"


def test_a_black_hole_both_ways(far):
    """Replies meet it, too, and would in fragments, which the server does not make."""
    far.limit("near", 1400)
    far.limit("far", 1400)
    far.mute_router()
    for family, found in of_each_family(far, status=1).items():
        check_datagrams(found, family, 1400, "silence")
        assert found["fragments"] is False
        assert found["reason"].startswith("black hole or server's limit: more than ")


def test_a_black_hole_behind_a_limit_that_is_told(far):
    """What the router says is true, and not all."""
    far.set_mtu("far", 1400)

    def answer(_, data):
        return [data] if len(data) <= 1352 else []

    with far.server.inside(), faulty.datagrams(answer, "192.0.2.130") as server:
        found = mtu_of(far, server.uri, status=1)
        lines = lines_of("mtu", "-q", server.uri, status=1, prefix=far.client.prefix)
    check_datagrams(found, "ipv4", 1380, "silence")
    assert found["hops"] == [{"address": "192.0.2.2", "mtu": 1400}]
    assert "on the way too: 192.0.2.2 says MTU 1400" in lines


def test_full_segments_vanish(far):
    """A few bytes do not tell a black hole from a good path."""
    far.limit("far", 1400)
    far.mute_router()
    found = mtu_of(far, uri_of("ipv4", "tcp"), "-W", lasting(0.1), status=1)
    assert (found["limited_by"], found["ending"]) == ("black hole", "timeout")
    assert found["received"] == 16
    assert found["reason"] == "black hole: 16 of 65552 bytes came back, no full segments"
    assert found["segments"]["back"] is None


# --- a server that limits ------------------------------------------------------------------------


def test_a_server_that_answers_few_of_one_source(start, far):
    """Each try and its witness are within its budget, or none of them counts."""
    far.set_mtu("far", 1400)
    far.mute_router()
    limited = [listener("udp", "*", PORT + 1, "udp")]
    limits = {"limits.datagram_rate_per_source": 15, "drain_timeout": 0}
    start(limited, limits, prefix=far.server.prefix)
    uri = f"udp://{route.HOSTS['ipv4']}:{PORT + 1}"
    found = json_of("mtu", uri, status=1, prefix=far.client.prefix)
    assert (found["mtu"], found["limited_by"], found["changes"]) == (1400, "black hole", 0)


# --- what others say of it -----------------------------------------------------------------------


def too_big(packet_from, data, mtu):
    """What a router would say of this datagram: RFC 792, RFC 1191."""
    (host, port), to = packet_from
    udp = struct.pack("!HHHH", port, to[1], 8 + len(data), 0) + data
    ends = socket.inet_aton(host) + socket.inet_aton(to[0])
    quoted = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0x4000, 64, 17, 0) + ends + udp
    icmp = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quoted[:500]
    return icmp[:2] + struct.pack("!H", network._sum(icmp)) + icmp[4:]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can forge ICMP")
@pytest.mark.parametrize("mtu", [0, 600, 1450])
def test_a_lie_is_no_limit(apart, mtu):
    """Somebody says of each datagram of more than 100 bytes that it is too long, long before what
    passes comes back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, socket.socket(
        socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP
    ) as liar:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        name = server.getsockname()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    data, client = server.recvfrom(70000)
                    if data == b"end":
                        return
                    if len(data) > 100:
                        liar.sendto(too_big((client, name), data, mtu), ("127.0.0.1", 0))
                    if len(data) <= 1372:
                        threading.Timer(0.05, server.sendto, (data, client)).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        found = json_of("mtu", f"udp://127.0.0.1:{name[1]}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", name)
        thread.join(PATIENCE)
    assert (found["datagram"], found["limited_by"], found["changes"]) == (1372, "hop", 0)
    assert found["hops"][0] == {"address": "127.0.0.1", "mtu": mtu or None}


# --- this host -----------------------------------------------------------------------------------


def test_on_this_host(start):
    server = start([listener("udp", protocol="udp"), listener("tcp")])
    found = json_of("mtu", f"udp://127.0.0.1:{server.port('udp')}")
    assert (found["datagram"], found["mtu"], found["limited_by"]) == (65507, 65535, "datagram")
    assert found["lost_datagram"] is None
    segments = json_of("mtu", f"tcp://127.0.0.1:{server.port('tcp')}")["segments"]
    assert segments["announced"] > 65000, segments


@pytest.mark.skipif(not kernel.has_ipv6(), reason="the kernel has no IPv6")
def test_on_this_host_over_ipv6(start):
    server = start([listener("udp", "::1", protocol="udp")])
    found = json_of("mtu", f"udp://[::1]:{server.port('udp')}")
    assert (found["datagram"], found["mtu"], found["limited_by"]) == (65488, 65536, "interface")


def test_of_a_name_the_address_that_was_reached_is_told(start, workdir):
    server = start([listener("udp", protocol="udp")])
    prefix = hosts_file(workdir, "127.0.0.1 several.test\n127.0.0.2 several.test\n")
    found = json_of("mtu", f"udp://several.test:{server.port('udp')}", prefix=prefix)
    assert found["address"] == f"127.0.0.1:{server.port('udp')}"
    assert found["datagram"] == 65507


def test_who_answered_instead():
    with contextlib.ExitStack() as stack:
        server, stranger = (
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)
        )
        for each in server, stranger:
            each.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        asked, answered = ("127.0.0.1:%d" % each.getsockname()[1] for each in (server, stranger))
        arguments = ("mtu", "--json", "-W", lasting(0.3), f"udp://{asked}")
        client = stack.enter_context(Client(*arguments))
        data, peer = server.recvfrom(100)
        stranger.sendto(data, peer)
        assert client.wait_exit() == 1
    found = json.loads(client.out.lines[0])
    assert found["reason"] == f"nothing came back, {answered} has sent a datagram and was not asked"
    assert (found["strangers"], found["stranger"]) == (1, answered)


# --- wrong usage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, right",
    [
        (["unix:/run/echod/echod.sock"], "mtu is for paths of a network: give tcp, udp"),
        (["--min-mtu", 1500, "tcp://127.0.0.1:7"], "--min-mtu is for datagrams: give udp://"),
        (["--min-mss", 1448, "udp://127.0.0.1:7"], "--min-mss is for connections: give tcp://"),
        (["--min-mtu", "1500B", "udp://127.0.0.1:7"], "--min-mtu 1500B: give 1 to 65575"),
    ],
)
def test_what_has_no_use_here(arguments, right):
    result = run("mtu", *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(f"echod-client: {right}"), result.stderr
    assert max(map(len, result.stderr.splitlines())) <= 80
