"""Three echods behind HAProxy and nftables, each host a network namespace, with the configuration
files of doc/fleet as they are.

    clients 198.51.100.1-20 -- 198.51.100.254 balancer 192.0.2.254 -- 192.0.2.1-3 nodes
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/harness"))

import network  # noqa: E402  # pylint: disable=wrong-import-position
from patience import PATIENCE, eventually  # noqa: E402  # pylint: disable=wrong-import-position

FILES = TOP / "doc/fleet"
CROWD = pathlib.Path(__file__).with_name("crowd.py")
SERVICE = "198.51.100.254"
SOURCES = [f"198.51.100.{number}" for number in range(1, 21)]
NODES = {1: "192.0.2.1", 2: "192.0.2.2", 3: "192.0.2.3"}


class Fleet:
    """The hosts, and the programs that run on them; `folder` has the certificate and all logs."""

    def __init__(self, build, haproxy, folder):
        self.build, self.haproxy, self.folder = pathlib.Path(build), haproxy, pathlib.Path(folder)
        self.stack = contextlib.ExitStack()
        self.echods, self.balancing = {}, None
        self.clients, self.balancer, *nodes = [self._host() for _ in range(5)]
        self.nodes = dict(zip(NODES, nodes))

    def __enter__(self):
        try:
            self._set_up()
        except BaseException:
            self.stack.close()
            raise
        return self

    def _set_up(self):
        self._lay_cables()
        self._make_certificate()
        for number in NODES:
            self.start(number)
        self._run(self.balancer, ["nft", "-f", FILES / "nftables.conf"])
        command = [self.haproxy, "-db", "-f", FILES / "haproxy.cfg"]
        self.balancing = self.spawn(self.balancer, "haproxy", command)
        eventually(self._serves, "an echo by each way")

    def __exit__(self, *_):
        self.stack.close()

    def _host(self):
        side = network.Side()
        self.stack.callback(side.end)
        side.run("ip link set lo up")
        return side

    def _lay_cables(self):
        network.lay_cable("out", self.clients, self.balancer, "front")
        self.clients.run("".join(f"ip address add {each}/24 dev out\n" for each in SOURCES))
        self.clients.run("ip link set out up")
        self.balancer.run(
            f"""
            ip address add {SERVICE}/24 dev front; ip link set front up
            ip link add back type bridge
            ip address add 192.0.2.254/24 dev back; ip link set back up
            echo 1 >/proc/sys/net/ipv4/ip_forward"""
        )
        for number, address in NODES.items():
            network.lay_cable("out", self.nodes[number], self.balancer, f"node{number}")
            self.balancer.run(f"ip link set node{number} master back up")
            self.nodes[number].run(
                f"""
                ip address add {address}/24 dev out; ip link set out up
                ip route add default via 192.0.2.254"""
            )

    def _make_certificate(self):
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 60"
        command += " -subj /CN=fleet.example -addext subjectAltName=DNS:fleet.example"
        command += " -keyout fleet.key -out fleet.crt"
        subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)
        both = (self.folder / "fleet.crt").read_text() + (self.folder / "fleet.key").read_text()
        (self.folder / "fleet.pem").write_text(both)
        (self.folder / "fleet.pem").chmod(0o600)

    def spawn(self, side, name, command, **named):
        """A program of a host, whose log is NAME.log; it is ended with the fleet."""
        with open(self.folder / f"{name}.log", "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*side.prefix, *map(str, command)],
                cwd=self.folder,
                stderr=log,
                stdout=named.pop("stdout", log),
                **named,
            )
        self.stack.callback(self._end, process)
        return process

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self, side, command):
        subprocess.run([*side.prefix, *map(str, command)], cwd=self.folder, check=True)

    def _serves(self):
        """By each port of the service, and with each node that is there among its servers."""
        client = self.build / "echod-client"
        log = (self.folder / "haproxy.log").read_text(encoding="utf-8")
        if self.balancing.poll() is not None:
            raise RuntimeError(log)
        for uri in (
            "tcp://{}:7",
            "tls://{}:4007",
            "tls://{}:4008",
            "udp://{}:10007",
            "udp://{}:10008",
        ):
            command = [client, "-q", "-c", "3", "-i", "0.02", "-t", "2", uri.format(SERVICE)]
            if uri.startswith("tls"):
                command[1:1] = ["--ca", "fleet.crt", "--sni", "fleet.example"]
            done = subprocess.run(
                [*self.clients.prefix, *command], cwd=self.folder, check=False, capture_output=True
            )
            if done.returncode != 0:
                return False
        return True

    # --- what befalls a node ---------------------------------------------------------------------

    def start(self, number):
        command = [self.build / "echod", "-f", "-c", FILES / "echod.conf", "--ready-fd", "1"]
        echod = self.spawn(self.nodes[number], f"node{number}", command, stdout=subprocess.PIPE)
        assert echod.stdout.readline(), f"node{number} does not serve"
        self.echods[number] = echod

    def stop(self, number):
        """SIGTERM; does not wait."""
        self.echods[number].send_signal(signal.SIGTERM)

    def wait(self, number):
        return self.echods[number].wait(PATIENCE * 2)

    def cut(self, number):
        """Nothing comes through any more, and nobody is told: the cable of the node is dead."""
        self.balancer.run(f"ip link set node{number} nomaster")

    def mend(self, number):
        self.balancer.run(f"ip link set node{number} master back")

    def watch(self):
        """doc/fleet/watch-nodes on the balancer, until the block ends."""
        path = f"{self.build}:{os.environ['PATH']}"
        return self.spawn(
            self.balancer,
            "watch",
            [FILES / "watch-nodes"],
            env={**os.environ, "PATH": path},
            start_new_session=True,
        )

    @contextlib.contextmanager
    def crowd(self, **asked):
        """What is asked of crowd.py; the dictionary has what it found when the block has ended."""
        asked = {"host": SERVICE, "sources": SOURCES, **asked}
        found = {}
        process = self.spawn(
            self.clients,
            "crowd",
            [sys.executable, "-B", CROWD, json.dumps(asked)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout.readline() == b"begun\n"
        yield found
        output = process.stdout.read()
        assert process.wait(PATIENCE) == 0, (self.folder / "crowd.log").read_text()
        found.update(json.loads(output))


def haproxy_below(folder):
    """The program: unpacked below the folder, or installed."""
    folder = os.path.realpath(folder)
    return shutil.which("haproxy", path=f"{folder}/usr/sbin:/usr/sbin:{os.environ['PATH']}")
