"""ping while the network changes: silence, addresses and routes that move."""

import contextlib
import re
import socket

import pytest

import network
from client import Client
from echod import listener
from patience import lasting
from pinging import LONG

LIMIT = lasting(0.6)  # seconds of silence until there is another connection or socket
QUICK = ("-W", LIMIT, "-t", 0.2, "-i", lasting(0.1))  # the longer of -W and -t is what counts
AGAIN = r"^(\S+) answers (\S+) again, after (\d+\.\d{3}) s$"
# Of the peer, who is the client here: all of its addresses leave, and another one comes.
MOVE = f"""
ip address flush dev cable
ip address add 192.0.2.3/24 dev cable
ip address add 2001:db8::3/64 dev cable nodad
"""
MOVED = {network.HOST: "192.0.2.3", network.HOST6: "[2001:db8::3]"}


@pytest.fixture
def server(start, cable):
    """An echod on the cable's host."""
    listeners = [listener("tcp", address="*"), listener("udp", protocol="udp", address="*")]
    return start(listeners, {"drain_timeout": 1}, prefix=cable.host.prefix)


def uri(protocol, server, host=network.HOST):
    host = f"[{host}]" if ":" in host else host
    return f"{protocol}://{host}:{server.port(protocol)}"


@contextlib.contextmanager
def pinging(cable, *arguments):
    """A client on the cable's other side, which has had a reply."""
    with Client(*arguments, prefix=cable.peer.prefix) as client:
        client.wait_out(" seq=1 ")
        yield client


def wait_again(client):
    """Replies come again: returns the address that they come to, and after how many seconds."""
    _, local, seconds = client.wait_out(AGAIN).groups()
    client.wait_out(r" seq=\d+ ", after=client.out.mark() - 1)
    return local, float(seconds)


def own_port(protocol, cable, to):
    """The port that the client's connected socket has."""
    kind = {"tcp": "-t", "udp": "-u"}[protocol]
    found = cable.peer.run(f"ss -Hn {kind} state established dport = {to}")
    return int(re.search(r":(\d+) +\S+:\d+", found).group(1))


# --- silence -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol, again", [("tcp", ("-R",)), ("udp", ())])
def test_what_is_between_forgets_it(server, cable, protocol, again):
    """Its packets vanish, and those of a new connection, or from another port, do not."""
    port = server.port(protocol)
    with pinging(cable, *QUICK, *again, uri(protocol, server)) as client:
        forgotten = own_port(protocol, cable, port)
        cable.host.run(f"ip rule add ipproto {protocol} dport {forgotten} blackhole priority 10")
        client.wait_out(f"^no answer from {network.HOST}:{port} for {LIMIT:g} s$")
        _, seconds = wait_again(client)
        assert LIMIT <= seconds
        assert client.interrupt() == 1
        reconnects, away = re.match(r"(\d+) reconnects, (\d+) ms ", client.out.lines[-2]).groups()
        assert int(reconnects) >= 1
        assert int(away) == pytest.approx(1000 * seconds, abs=1)


def test_without_r_a_connection_is_waited_for(server, cable):
    with pinging(cable, *QUICK, "-O", uri("tcp", server)) as client:
        port = own_port("tcp", cable, server.port("tcp"))
        cable.host.run(f"ip rule add ipproto tcp dport {port} blackhole priority 10")
        seq = int(client.wait_out(r"^no reply yet: seq=(\d+)$").group(1))
        client.wait_out(rf"^no reply yet: seq={seq + 20}$")
        assert not client.out.matching("^no answer from ")
        cable.host.run("ip rule del priority 10")
        client.wait_out(rf" seq={seq} ")
        client.interrupt()


def test_late_replies_are_no_silence(server, cable):
    """Each comes after -t, and none is waited for so long."""
    with cable.host.inside():
        echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        echo.bind((network.HOST, 0))
    target = f"udp://{network.HOST}:{echo.getsockname()[1]}"
    quick = ("-W", lasting(0.4), "-t", 0.1, "-i", lasting(0.1), "-c", 20)
    with echo, Client(*quick, target, prefix=cable.peer.prefix) as client:
        waiting = []
        for _ in range(20):
            waiting.append(echo.recvfrom(2000))
            if len(waiting) > 3:
                echo.sendto(*waiting.pop(0))
        for data, peer in waiting:
            echo.sendto(data, peer)
        client.wait_exit()
        assert not client.out.matching("^no answer from ")
        assert client.out.matching("^20 sent, 20 received, ")


@pytest.mark.parametrize("protocol, again", [("tcp", ("-R",)), ("udp", ())])
def test_the_cable_is_pulled_and_put_back(server, cable, protocol, again):
    """While it connects nobody answers either: it goes on trying."""
    with pinging(cable, *QUICK, *again, "-O", uri(protocol, server)) as client:
        cable.host.run("ip link set cable down")
        client.wait_out("^no answer from |^trouble with .*: Network is unreachable$")
        if protocol == "tcp":
            client.wait_err("^echod-client: cannot connect to ")
        cable.host.run("ip link set cable up")
        wait_again(client)
        assert client.interrupt() == 1


# --- addresses and routes ------------------------------------------------------------------------


@pytest.mark.parametrize("host", [network.HOST, network.HOST6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("protocol, again", [("tcp", ("-R",)), ("udp", ())])
def test_the_own_address_changes(server, cable, protocol, again, host):
    with pinging(cable, *QUICK, *again, uri(protocol, server, host)) as client:
        cable.peer.run(MOVE)
        local, _ = wait_again(client)
        assert local.startswith(MOVED[host] + ":")
        client.interrupt()


def test_of_an_ipv4_address_that_changes_no_datagram_is_lost(server, cable):
    """The kernel says at once that the old one is none, and the message goes by another socket."""
    arguments = ("-c", 20, "-i", lasting(0.1), *LONG)
    with pinging(cable, *arguments, uri("udp", server)) as client:
        cable.peer.run(MOVE)
        assert client.wait_exit() == 0
        assert client.out.matching("^20 sent, 20 received, 0% loss")
        assert client.out.matching("^1 reconnects, ")


def test_no_way_for_a_while(server, cable):
    """Told once, with the messages counted that nobody could be sent."""
    with pinging(cable, *QUICK, "-O", uri("udp", server)) as client:
        cable.peer.run("ip link set cable down")
        client.wait_out("^trouble with .*: Network is unreachable$")
        client.wait_out("^no reply yet: ")
        cable.peer.run("ip link set cable up")
        wait_again(client)
        assert client.interrupt() == 1
        assert len(client.out.matching("^trouble with ")) == 1
        sent, received = re.match(r"(\d+) sent, (\d+) rec", client.out.lines[-3]).groups()
        assert int(sent) > int(received) + 1


SECOND = "198.51.100."
ANYCAST = "203.0.113.7"


@pytest.mark.parametrize("protocol, again", [("tcp", ("-R",)), ("udp", ())])
def test_the_route_moves(server, cable, protocol, again):
    """To another interface, with another address of our own; the old way is dead."""
    cable.connect_again(f"{SECOND}7", f"{SECOND}1")
    cable.host.run(f"ip address add {ANYCAST}/32 dev lo")
    cable.peer.run(f"ip route add {ANYCAST} via {network.HOST}")
    with pinging(cable, *QUICK, *again, uri(protocol, server, ANYCAST)) as client:
        cable.host.run("ip link set cable down")
        cable.peer.run(f"ip route replace {ANYCAST} via {SECOND}7")
        local, _ = wait_again(client)
        assert local.startswith(f"{SECOND}1:")
        client.interrupt()
