"""What the kernel says of a process and its sockets, read from /proc."""

import glob
import os
import random
import socket

LISTEN = "0A"


def _lines(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _socket_inodes(pid):
    inodes = set()
    for link in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            target = os.readlink(link)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(int(target[8:-1]))
    return inodes


def listening_sockets(pid):
    """{inode: port} of the stream sockets on which the process listens."""
    own = _socket_inodes(pid)
    found = {}
    for line in _lines("/proc/net/tcp")[1:] + _lines("/proc/net/tcp6")[1:]:
        fields = line.split()
        inode = int(fields[9])
        if fields[3] == LISTEN and inode in own:
            found[inode] = int(fields[1].rpartition(":")[2], 16)
    return found


def _status(pid, field):
    for line in _lines(f"/proc/{pid}/status"):
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    raise AssertionError(f"process {pid} has no {field}: it is gone")


def resident_bytes(pid):
    return _status(pid, "VmRSS") * 1024


def threads(pid):
    return _status(pid, "Threads")


def _stat(pid):
    """The fields of /proc/PID/stat from the third, the state, on."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()


def cpu_seconds(pid):
    """The time that the process has spent on a CPU, in user and kernel mode."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sleeps(pid):
    """True while the first thread waits for an event."""
    return _stat(pid)[0] == "S"


def highest_descriptor(pid):
    return max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def first_unprivileged_port():
    return int((_lines("/proc/sys/net/ipv4/ip_unprivileged_port_start") or ["1024"])[0])


def free_port():
    """A port on which nobody listens and from which no connection goes out by itself.

    It lies below the ephemeral range, so that no other test's connection takes it meanwhile.
    """
    low = int((_lines("/proc/sys/net/ipv4/ip_local_port_range") or ["32768 60999"])[0].split()[0])
    while True:
        port = random.randrange(max(1024, low - 12000), max(low, 1025 + 1000))
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue
