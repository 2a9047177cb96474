"""A host of a test's own, whose interfaces and addresses come and go."""

import itertools
import os
import select
import socket

import memory
import network
from patience import PATIENCE, eventually

ADDRESS = "fe80::7"  # of each interface
PORT = 20007
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
LATE_IPV6 = os.environ.get("LATE_IPV6_LIBRARY", "")


class Host(network.Side):
    def __init__(self):
        if os.geteuid() != 0:
            raise network.Unavailable("only root can make networks")
        super().__init__()
        self._peers = (f"peer-{number}" for number in itertools.count())
        self.run("ip link set lo up")

    def add(self, name="late", number=0):
        """An interface, with a number of its choice or the kernel's."""
        index = f"index {number}" if number else ""
        peer = next(self._peers)
        self.run(
            f"ip link add {name} {index} type veth peer name {peer}\n"
            f"ip link set {name} addrgenmode none up && ip link set {peer} up\n"
            f"ip -6 address add {ADDRESS}/64 dev {name} nodad"
        )

    def remove(self, name="late"):
        self.run(f"ip link del {name}")

    def rename(self, before, after):
        self.run(f"ip link set {before} down && ip link set {before} name {after} up")
        self.run(f"ip -6 address replace {ADDRESS}/64 dev {after} nodad")

    def number(self, name="late"):
        with self.inside():
            return socket.if_nametoindex(name)

    def set_ipv6(self, is_on, interface="lo"):
        self.run(f"echo {0 if is_on else 1} >/proc/sys/net/ipv6/conf/{interface}/disable_ipv6")

    def name(self, host, port=PORT):
        """A socket's address: Python takes an interface by its number alone."""
        with self.inside():
            return socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)[0][4]

    def bound(self, host, protocol):
        """A socket as a service manager would make it."""
        opened = self.open(socket.AF_INET6 if ":" in host else socket.AF_INET, KINDS[protocol])
        opened.bind(self.name(host))
        if protocol == "tcp":
            opened.listen()
        return opened

    def connect(self, host, protocol="tcp", port=PORT):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        peer = self.open(family, KINDS[protocol])
        peer.settimeout(PATIENCE)
        try:
            peer.connect(self.name(host, port))
        except OSError:
            peer.close()
            raise
        return peer

    def serves(self, host, protocol="tcp", port=PORT):
        """False where nobody listens.

        The first datagrams from an address of the host may get no answer, before it is known.
        """

        def answer():
            peer.send(b"served?")
            return bool(select.select([peer], [], [], 0.2)[0])

        try:
            with self.connect(host, protocol, port) as peer:
                eventually(answer, f"an answer from {host}")
                return peer.recv(7) == b"served?"
        except ConnectionRefusedError:
            return False


def without_ipv6(path):
    """The environment of a daemon that has no IPv6 until the file is gone, which this makes."""
    with open(path, "w", encoding="ascii"):
        pass
    return memory.preloading(LATE_IPV6, LATE_IPV6=path)
