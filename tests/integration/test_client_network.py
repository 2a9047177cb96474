"""ping while the network changes: silence, addresses and routes that move, strangers who answer."""

import contextlib
import re
import socket
import threading
import time

import pytest

import kernel
import network
from client import Client, json_of, run
from echod import listener
from patience import eventually, lasting
from pinging import FAST, LONG, UNSENT, check_counts

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
    return start(listeners, {"drain_timeout": 0}, prefix=cable.host.prefix)


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
        reconnects, away = re.match(r"(\d+) reconnects?, (\d+) ms ", client.out.lines[-2]).groups()
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
    arguments = ("-c", 6, "-i", lasting(0.5), *LONG)  # none is on its way when the address goes
    with pinging(cable, *arguments, uri("udp", server)) as client:
        cable.peer.run(MOVE)
        assert client.wait_exit() == 0
        assert client.out.matching(f"^6 sent, 6 received{UNSENT}, 0% loss")
        assert client.out.matching("^1 reconnect, ")


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


@pytest.mark.parametrize("host", ["192.0.2.99", "[2001:db8::99]"])
def test_a_host_that_does_not_answer_on_its_link(cable, host):
    """The system finds that out after some seconds, and tells it of each message since."""
    with Client(*FAST, *LONG, f"udp://{host}:7", prefix=cable.peer.prefix) as client:
        client.wait_out(f"^trouble with {re.escape(host)}:7: No route to host$")
        begun, used = time.monotonic(), kernel.cpu_seconds(client.process.pid)
        eventually(lambda: time.monotonic() > begun + 1, "some more messages")
        assert kernel.cpu_seconds(client.process.pid) - used < 0.5, "it waits"
        assert client.interrupt() == 1
    assert len(client.out.matching("^trouble with ")) == 1


def test_the_object_has_what_the_way_said(cable):
    arguments = ("-w", lasting(4.5), "-W", lasting(0.1), "udp://192.0.2.99:7")
    result = json_of(*arguments, status=1, prefix=cable.peer.prefix)
    assert re.fullmatch(r"\d+ missing, No route to host", result["reason"])


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


# --- strangers -----------------------------------------------------------------------------------


class Answers(threading.Thread):
    """Takes datagrams at `asked`, and has each answered by answer(number, data, client)."""

    def __init__(self, asked, answer):
        super().__init__(daemon=True)
        self._asked, self._answer = asked, answer
        self.start()

    def run(self):
        number = 0
        with contextlib.suppress(OSError):
            while True:
                data, client = self._asked.recvfrom(65536)
                number += 1
                self._answer(number, data, client)


def bound(host, port=0):
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, port))
    return made


def named(which):
    host, port = which.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


HOSTS = {
    "another port": ("127.0.0.1", "127.0.0.1"),
    "another address": ("127.0.0.1", "127.0.0.5"),
    "ipv6": ("::1", "::1"),
}


@pytest.mark.parametrize("asked, other", HOSTS.values(), ids=HOSTS.keys())
def test_who_answered_instead(asked, other):
    with bound(asked) as server, bound(other) as stranger:
        Answers(server, lambda _, data, client: stranger.sendto(data, client))
        arguments = ("-c", 2, "-i", lasting(0.1), "-W", lasting(0.5), f"udp://{named(server)}")
        with Client(*arguments) as client:
            assert client.wait_exit() == 1
        for seq in (1, 2):
            assert f"64 bytes from {named(stranger)}: seq={seq} (stranger)" in client.out.lines
        assert client.out.matching(f"^2 sent, 0 received, 2 missing, 2 from strangers{UNSENT}, 100% loss")
        result = json_of(*arguments, status=1)
        check_counts(result, sent=2, missing=2)
        assert (result["strangers"], result["stranger"]) == (2, named(stranger))


def test_strangers_neither_falsify_nor_end_it():
    """Whatever they send, and however much; each message has one line of theirs at most."""
    stopping = threading.Event()

    def flood(client):
        with bound("127.0.0.5") as stranger:
            while not stopping.is_set():
                stranger.sendto(b"anything", client)

    def answer(number, data, client):
        if number == 1:
            threading.Thread(target=flood, args=[client], daemon=True).start()
        server.sendto(data, client)

    with bound("127.0.0.1") as server:
        Answers(server, answer)
        target = f"udp://{named(server)}"
        with Client("-c", 50, "-i", 0.02, *LONG, target) as client:
            assert client.wait_exit() == 0
            stopping.set()
        assert client.out.matching(f"^50 sent, 50 received, [0-9]+ from strangers{UNSENT}, 0% loss")
        assert 1 <= len(client.out.matching(r" \(stranger\)$")) <= 50


def test_a_quiet_ping_tells_a_stranger_once():
    with bound("127.0.0.1") as server, bound("127.0.0.1") as stranger:
        Answers(server, lambda _, data, client: stranger.sendto(data, client))
        arguments = ("-q", "-c", 3, "-i", lasting(0.05), "-W", lasting(0.2))
        with Client(*arguments, f"udp://{named(server)}") as client:
            client.wait_exit()
        assert len(client.out.matching(r" \(stranger\)$")) == 1


MODES = {"pipe": (("pipe",), ()), "send": (("send", "-n", 1), ("text",))}


@pytest.mark.parametrize("mode, messages", MODES.values(), ids=MODES.keys())
def test_the_other_modes_tell_a_stranger_too(mode, messages):
    """Once, of a reply that they wait for in vain."""
    with bound("127.0.0.1") as server, bound("127.0.0.1") as stranger:

        def answer(_, data, client):
            for _ in range(3):
                stranger.sendto(data, client)

        Answers(server, answer)
        result = run(*mode, "-W", lasting(0.5), f"udp://{named(server)}", *messages, data=b"text")
        other = named(stranger)
    assert result.returncode == 1
    told = f"{other} has sent a datagram and was not asked"
    lines = (result.stdout.decode() + result.stderr).splitlines()
    assert len([line for line in lines if line.endswith(f": {told}")]) == 1
