"""Containers of the image, by podman and runc, and what the kernel says of their processes."""

import contextlib
import json
import pathlib
import socket
import subprocess

from machine import PATIENCE, eventually, run
from users import MESSAGE, echo

IMAGE = "localhost/echod:image"
PORT = 10007
PROBE = ("echod-client", "--wait-until-up", "1", "-q", "-c", "1", f"tcp://127.0.0.1:{PORT}")
# All that can be taken from it, besides what the image itself does without.
HARDENED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all")
HARDENED += ("--security-opt=no-new-privileges",)
PUBLISHED = ("-p", f"{PORT}:{PORT}", "-p", f"{PORT}:{PORT}/udp")

# This system has no controllers for cgroups, and runc alone is content with that.
CONTAINERS = """
[containers]
pids_limit = 0
[engine]
runtime = "runc"
cgroup_manager = "systemd"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "/run/store"
runroot = "/run/store-state"
"""


def prepare():
    """podman as this system can have it, with the image in its store."""
    for name, text in ("containers.conf", CONTAINERS), ("storage.conf", STORAGE):
        pathlib.Path("/etc/containers", name).write_text(text, encoding="ascii")
    loaded = podman("load", "-q", "-i", "/run/box/echod.oci.tar")
    podman("tag", loaded.rpartition(" ")[2].strip(), IMAGE)


def podman(*arguments, status=0, timeout=PATIENCE * 3):
    """What it printed on both streams."""
    return run("podman", *map(str, arguments), status=status, timeout=timeout)


def inspect(name, *path):
    value = json.loads(podman("inspect", name))[0]
    for member in path:
        value = value[member]
    return value


class Container:
    """One that runs, by its name."""

    def __init__(self, name):
        self.name = name
        self.stopping = None

    def pid(self):
        return inspect(self.name, "State", "Pid")

    def fields(self):
        """What /proc/PID/status says, by name."""
        lines = pathlib.Path(f"/proc/{self.pid()}/status").read_text(encoding="ascii").splitlines()
        return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}

    def root_options(self):
        """Of the mount that is its root."""
        lines = pathlib.Path(f"/proc/{self.pid()}/mountinfo").read_text(encoding="utf-8")
        mounts = [line.split() for line in lines.splitlines()]
        return next(set(fields[5].split(",")) for fields in mounts if fields[4] == "/")

    def log(self):
        return podman("logs", self.name)

    def wait_log(self, text):
        def told():
            log = self.log()
            assert text in log or self.state() != "exited", log
            return text in log

        eventually(told, f"in its log: {text}")

    def execute(self, *command, status=0):
        return podman("exec", self.name, *command, status=status)

    def probe(self, status=0):
        return self.execute(*PROBE, status=status)

    def state(self):
        return inspect(self.name, "State", "Status")

    def stop(self, seconds):
        """By podman, which kills it after so many; does not wait."""
        command = ["podman", "stop", "-t", str(seconds), self.name]
        self.stopping = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def wait_stopped(self):
        if self.stopping is not None:
            assert self.stopping.wait(PATIENCE * 3) == 0

    def status(self):
        """With which it has ended."""
        return inspect(self.name, "State", "ExitCode")


@contextlib.contextmanager
def container(*options, arguments=(), name="echod"):
    """Runs the image; it serves before the block begins."""
    podman("run", "-d", "--name", name, *options, IMAGE, *arguments)
    running = Container(name)
    try:
        running.wait_log(" serving: ")
        yield running
    finally:
        running.wait_stopped()
        podman("rm", "-f", "-t", "0", name)


def connect(port=PORT):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def assert_echoes(port=PORT):
    """Over TCP and UDP, by the published port."""
    with connect(port) as peer:
        echo(peer)
    # The first datagram may be gone before the network of the container knows its neighbour.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", port))
        peer.settimeout(1)

        def answered():
            peer.send(MESSAGE)
            with contextlib.suppress(TimeoutError):
                return peer.recv(65536) == MESSAGE
            return False

        eventually(answered, "an echo over UDP")


class Stream:
    """A peer that sends in pieces and reads what comes back; each byte is compared."""

    PIECE = bytes(range(256)) * 256

    def __init__(self, port=PORT):
        self.peer = connect(port)
        self.sent = self.received = 0

    def exchange(self):
        """A piece there and back."""
        self.peer.sendall(self.PIECE)
        self.sent += len(self.PIECE)
        self.read(len(self.PIECE))

    def push(self):
        """As much as the way takes, of which nothing is read."""
        self.peer.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while True:
                self.sent += self.peer.send(self._from(self.sent))
        self.peer.settimeout(PATIENCE)

    def _from(self, offset):
        begin = offset % 256
        return self.PIECE[begin:] + self.PIECE[:begin]

    def read(self, count):
        while count:
            data = self.peer.recv(min(count, 65536))
            assert data, f"the end after {self.received} of {self.sent} bytes"
            assert data == self._from(self.received)[: len(data)]
            self.received += len(data)
            count -= len(data)

    def read_to_end(self):
        """All that is owed, and then the end of the stream."""
        self.read(self.sent - self.received)
        assert self.peer.recv(1) == b""
        self.peer.close()
