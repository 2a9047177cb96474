"""One client as it is against a daemon as it is: no mode of it meets a limit, on this host or on a
way whose MTU is smaller."""

import concurrent.futures
import json

import pytest

import kernel
import route
import tls
from client import run
from echod import listener
from patience import PATIENCE
from piping import DATA

LONG = ("-W", PATIENCE)
LISTENERS = [listener("echo-tcp", "*"), listener("echo-udp", "*", protocol="udp")]
MESSAGES = [f"message {i} " + "." * (i % 5 * 350) for i in range(160)]

# Each sends more than a source may at once: 250 datagrams.
MODES = {
    "ping": ["ping", "-c", 3, "-i", 0.2, *LONG],
    "fast ping": ["ping", "-c", 320, "-i", 0.001, *LONG],
    "pipe": ["pipe", *LONG],
    "send": ["send", *LONG],
    "send on many sockets": ["send", "-n", 320, *LONG],
    "mtu": ["mtu", *LONG],
}


def fault_of(mode, uri, prefix=()):
    """What is wrong, or None; those over UDP share the budget of a source, so they take turns."""
    messages = {"send": MESSAGES, "send on many sockets": ["text"]}.get(mode, [])
    data = DATA[: 320 * 1400] if mode == "pipe" else b""
    result = run(*MODES[mode], "--json", uri, *messages, data=data, prefix=prefix)
    found = json.loads(result.stderr if mode == "pipe" else result.stdout)
    if (result.returncode, found["reason"]) == (0, None):
        return None
    return f"{mode} {uri}: {found}"[:2000]


def faults(daemon, hosts, prefix=()):
    uris = {
        f"{name}://{host}:{daemon.port('echo-' + name)}" for name in ("tcp", "udp") for host in hosts
    }

    def all_modes(uri):
        return [fault_of(mode, uri, prefix) for mode in MODES]

    with concurrent.futures.ThreadPoolExecutor(len(uris)) as pool:
        return [fault for each in pool.map(all_modes, uris) for fault in each if fault]


@pytest.mark.skipif(not kernel.has_ipv6(), reason="the kernel has no IPv6")
def test_on_this_host(start):
    assert not faults(start(LISTENERS), ["127.0.0.1", "[::1]"])


def test_where_the_mtu_is_smaller_on_the_way(start, way):
    """Before each mode the path's MTU is unknown again."""
    daemon = start(LISTENERS, prefix=way.server.prefix)
    assert not faults(daemon, route.HOSTS.values(), way.client.prefix)


@pytest.mark.skipif(tls.BUILT, reason="this echod has TLS")
@pytest.mark.parametrize("mode", ["ping", "pipe", "send", "mtu"])
def test_without_openssl_it_says_that_there_is_no_tls(mode):
    assert " -openssl, " in run("-V").stdout.decode()
    result = run(mode, "--json", "tls://127.0.0.1:4007", *(["text"] if mode == "send" else []))
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr == "echod-client: there is no TLS: this echod was built without OpenSSL\n"
