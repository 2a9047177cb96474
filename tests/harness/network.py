"""A network of its own for a test: echod's host and a peer's, joined by a cable (veth(4)).

What a test sends there meets nobody else, and it may forge what it likes.
"""

import contextlib
import ctypes
import os
import socket
import struct
import subprocess

from patience import eventually

CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
TENTATIVE = 0x40  # IFA_F_TENTATIVE of an address
ANSWERS_BUFFER = 64 * 1024 * 1024  # a flood fits
HOST, HOST_SECOND, PEER, PEER_SECOND = "192.0.2.7", "192.0.2.8", "192.0.2.1", "192.0.2.2"
HOST6, HOST6_SECOND, PEER6 = "2001:db8::7", "2001:db8::8", "2001:db8::1"
SOURCES, SOURCES6 = "198.18.0.0/15", ("2001:db8:1::1", "2001:db8:1::2")

# A port that the kernel chooses for a server is none that it chooses for a client: echod answers no
# datagram that comes from its own port.
SERVER_PORTS = "echo 61000 65535 >/proc/sys/net/ipv4/ip_local_port_range"

# The kernel must not judge sources before echod does; whatever the source, there is a way back.
HOST_COMMANDS = f"""
{SERVER_PORTS}
ip link set lo up
for name in rp_filter=0 accept_local=1 route_localnet=1; do
	echo ${{name#*=}} >/proc/sys/net/ipv4/conf/all/${{name%=*}}
	echo ${{name#*=}} >/proc/sys/net/ipv4/conf/cable/${{name%=*}}
done
ip address add {HOST}/24 broadcast + dev cable
ip address add {HOST_SECOND}/24 broadcast + dev cable
ip address add {HOST6}/64 dev cable nodad
ip address add {HOST6_SECOND}/64 dev cable nodad
ip link set cable up
ip route add default via {PEER}
ip -6 route add default via {PEER6}
"""
PEER_COMMANDS = f"""
ip link set lo up
ip address add {PEER}/24 broadcast + dev cable
ip address add {PEER_SECOND}/24 broadcast + dev cable
ip address add {PEER6}/64 dev cable nodad
ip link set cable up
ip route add multicast 224.0.0.0/4 dev cable
ip -6 route add multicast ff02::/16 dev cable table local
"""


class Unavailable(Exception):
    """Nothing of the kind can be made here."""


def _run(command, **named):
    result = subprocess.run(command, capture_output=True, text=True, check=False, **named)
    if result.returncode != 0:
        raise Unavailable(f"{command}: {result.stderr.strip()}")
    return result.stdout


class Side:
    """One end: a network namespace, which lives as long as a process of ours in it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.path = f"/proc/{self.holder.pid}/ns/net"
        self.prefix = ["nsenter", f"--net={self.path}"]
        eventually(self._is_apart, "a network namespace")

    def _is_apart(self):
        if self.holder.poll() is not None:
            raise Unavailable("unshare(1) makes no network namespace")
        return os.readlink(self.path) != os.readlink("/proc/self/ns/net")

    def run(self, commands):
        """Returns what they print."""
        return _run([*self.prefix, "sh", "-e", "-c", commands])

    @contextlib.contextmanager
    def inside(self):
        """Sockets that are opened in the block are on this side, for as long as they live."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", "rb") as home, open(self.path, "rb") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) == -1:
                raise OSError(ctypes.get_errno(), "setns(2)")
            try:
                yield
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)

    def open(self, *arguments):
        with self.inside():
            return socket.socket(*arguments)

    def link_local_address(self):
        """The one of its end of the cable, once the kernel has made sure that it is alone."""
        usable = []

        def found():
            with open(f"/proc/{self.holder.pid}/net/if_inet6", encoding="ascii") as addresses:
                for line in addresses:
                    digits, _, _, scope, flags, name = line.split()
                    if (name, scope) == ("cable", "20") and not int(flags, 16) & TENTATIVE:
                        usable.append(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits)))
            return usable

        eventually(found, "a link-local address")
        return usable[0]

    def hardware_address(self):
        with self.open(socket.AF_PACKET, socket.SOCK_DGRAM) as probe:
            probe.bind(("cable", 0))
            return probe.getsockname()[4]

    def end(self):
        self.holder.kill()
        self.holder.wait()


def host_with_sources():
    """A host alone, whose own are all addresses of SOURCES and SOURCES6, too: a peer there may have
    any of them."""
    side = Side()
    addresses = [SOURCES, *(f"{address}/64 nodad" for address in SOURCES6)]
    side.run("\n".join(["ip link set lo up", *(f"ip address add {a} dev lo" for a in addresses)]))
    return side


def lay_cable(name, one, other, other_name=None):
    """A pair of interfaces, each named so on its Side, or the other end otherwise."""
    named = ((one, name), (other, other_name or name))
    ends = [["name", each, "netns", str(side.holder.pid)] for side, each in named]
    _run(["ip", "link", "add", *ends[0], "type", "veth", "peer", *ends[1]])


class Network:
    """Both ends, and what the peer's can do that no honest peer does."""

    def __init__(self):
        if os.geteuid() != 0:
            raise Unavailable("only root can make networks and forge sources")
        self.host = Side()
        self.peer = Side()

    def connect_again(self, host, peer):
        """By another cable, on which they have these addresses."""
        lay_cable("second", self.host, self.peer)
        for side, address in (self.host, host), (self.peer, peer):
            side.run(f"ip address add {address}/24 dev second; ip link set second up")

    def connect(self):
        lay_cable("cable", self.host, self.peer)
        self.host.run(HOST_COMMANDS)
        self.peer.run(PEER_COMMANDS)
        self._host_hardware = self.host.hardware_address()
        self._packets = self.peer.open(socket.AF_PACKET, socket.SOCK_DGRAM)
        self._answers = self.peer.open(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        self._answers.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ANSWERS_BUFFER)
        self._answers.bind(("cable", 0x0003))

    def forge(self, source, destination, payload=b"forged"):
        """A datagram to the host as if it came from `source`; both are (address, port)."""
        is_ipv6 = ":" in source[0]
        packet = (_ipv6_packet if is_ipv6 else _ipv4_packet)(source, destination, payload)
        kind = 0x86DD if is_ipv6 else 0x0800
        self._packets.sendto(packet, ("cable", kind, 0, 0, self._host_hardware))

    def datagrams_from_host(self):
        """{(destination, port): how many} of the datagrams that the host has sent since the last
        call."""
        found = {}
        while True:
            try:
                packet, origin = self._answers.recvfrom(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            to = None if origin[2] == socket.PACKET_OUTGOING else _destination(packet)
            if to is not None:
                found[to] = found.get(to, 0) + 1

    def end(self):
        for name in "_packets", "_answers":
            if hasattr(self, name):
                getattr(self, name).close()
        for name in "host", "peer":
            if hasattr(self, name):
                getattr(self, name).end()


def _udp(source, destination, payload, checksum):
    return struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), checksum) + payload


def _sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _ipv4_packet(source, destination, payload):
    """Without a checksum of the datagram, which IPv4 allows."""
    udp = _udp(source, destination, payload, 0)
    ends = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    start = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP)
    return start + struct.pack("!H", _sum(start + b"\0\0" + ends)) + ends + udp


def _ipv6_packet(source, destination, payload):
    ends = b"".join(socket.inet_pton(socket.AF_INET6, end[0]) for end in (source, destination))
    udp = _udp(source, destination, payload, 0)
    checksum = _sum(ends + struct.pack("!IHH", len(udp), 0, socket.IPPROTO_UDP) + udp) or 0xFFFF
    udp = _udp(source, destination, payload, checksum)
    return struct.pack("!IHBB", 6 << 28, len(udp), socket.IPPROTO_UDP, 64) + ends + udp


def _destination(packet):
    """Of a UDP datagram, else None; the tests send none that is fragmented."""
    if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_UDP:
        address, start = socket.inet_ntoa(packet[16:20]), (packet[0] & 15) * 4
    elif packet[0] >> 4 == 6 and packet[6] == socket.IPPROTO_UDP:
        address, start = socket.inet_ntop(socket.AF_INET6, packet[24:40]), 40
    else:
        return None
    return address, struct.unpack("!H", packet[start + 2 : start + 4])[0]
