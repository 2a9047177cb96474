"""A service manager's part: sockets that echod inherits (sd_listen_fds(3))."""

import socket
import struct
import sys

import kernel

# Puts the descriptors in their places and becomes echod: its own process number is the one to name.
_PASS = """
import fcntl, os, sys
names, descriptors, command = sys.argv[1], sys.argv[2], sys.argv[3:]
aside = [fcntl.fcntl(int(each), fcntl.F_DUPFD_CLOEXEC, 100) for each in descriptors.split(",")]
for number, each in enumerate(aside):
    os.dup2(each, 3 + number)
passed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(aside)), "LISTEN_FDNAMES": names}
os.execvpe(command[0], command, {**os.environ, **passed})
"""


def passing(*sockets, names=None, before=()):
    """Named arguments of Echod and of run() that pass `sockets`, called as systemd calls them.

    before      a prefix of its own
    """
    names = names or ["echod.socket"] * len(sockets)
    descriptors = [each.fileno() for each in sockets]
    listed = ",".join(map(str, descriptors))
    return {
        "prefix": [*before, sys.executable, "-ISc", _PASS, ":".join(names), listed],
        "descriptors": descriptors,
    }


def bound(address="127.0.0.1", port=0, kind=socket.SOCK_STREAM, only_ipv6=False, shared=False):
    """A socket as systemd would make it, without any option that it does not need.

    Without a port it has one that is free for other addresses, too.
    """
    port = port or kernel.free_port()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, kind)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_ipv6)
    if kind == socket.SOCK_STREAM:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind((address, port))
    if kind == socket.SOCK_STREAM:
        opened.listen(5)
    return opened


def port_of(bound_socket):
    return bound_socket.getsockname()[1]


def backlog_of(listening):
    """How many connections may wait there: tcpi_sacked of struct tcp_info, for one that listens."""
    info = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    return struct.unpack_from("I", info, 28)[0]
