"""Headers of the PROXY protocol that the client sends, as a proxy would."""

import faulty
import peers
import proxying
import pytest
from client import json_of, lines_of, run
from echod import listener
from patience import PATIENCE

PROXIED = listener(
    proxy_protocol=True, trusted_proxies=["127.0.0.1", "::1"], greeting=r"%p\n", address="localhost"
)
TOLD = {
    "v1=192.0.2.1:1024,192.0.2.2:7": proxying.line(),
    "v1=[2001:db8::1]:1024,[2001:db8::2]:7": proxying.line("2001:db8::1"),
    "v2=192.0.2.1:1024,192.0.2.2:7": proxying.told(),
    "v2=[2001:db8::1]:1024,[::2]:7": proxying.told("2001:db8::1"),
    "v1=unknown": b"PROXY UNKNOWN\r\n",
    "v2=unknown": proxying.block(),
    "v2=local": proxying.block(command=proxying.LOCAL),
}
MODES = {"ping": (["-c", 1], []), "pipe": ([], []), "send": (["-n", 1], ["text"])}


def heard(size, headers):
    """Takes the first `size` bytes into `headers`, then echoes."""

    def fault(connection):
        headers.append(peers.receive(connection, size))
        faulty.echo(connection)

    return fault


@pytest.mark.parametrize("told", TOLD)
def test_what_is_told_comes_first(told):
    expected, headers = TOLD[told], []
    faults = [heard(len(expected), headers)] * len(MODES)
    with faulty.stream(*faults) as server:
        for mode, (before, after) in MODES.items():
            options = [*before, "-W", PATIENCE, "--proxy", told]
            assert run(mode, *options, server.uri, *after, data=b"text").returncode == 0
    assert headers == [expected] * len(MODES)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_of_itself_it_tells_its_own_ends(start, version, host):
    daemon = start((PROXIED,))
    options = ("-n", 3, "--proxy", version, "--expect-greeting", r"*\n")
    if host == "[::1]" and not daemon.listening["echo-tcp"][1:]:
        pytest.skip("no IPv6 here")
    port = {each.host: each.port for each in daemon.listening["echo-tcp"]}[host.strip("[]")]
    found = json_of("send", *options, f"tcp://{host}:{port}", "text")
    for each in found["sockets"]:
        assert each["greeting"] == each["address"] + "\n"


def test_each_connection_has_one():
    headers, expected = [], TOLD["v2=local"]
    size = len(expected)

    def once(connection):
        headers.append(peers.receive(connection, size))
        faulty.close_after(64)(connection)

    with faulty.stream(once, heard(size, headers)) as server:
        options = ("-R", "-c", 20, "-i", 0.05, "-W", PATIENCE, "--proxy", "v2=local")
        lines_of(*options, server.uri, status=1)
    assert headers == [expected, expected]


def test_it_is_up_for_those_who_send_one(start):
    daemon = start((PROXIED,))
    uri = f"tcp://127.0.0.1:{daemon.port()}"
    options = ("-c", 1, "-W", PATIENCE, "--wait-until-up", PATIENCE, "--expect-greeting", r"*\n")
    told = json_of(*options, "--proxy", "v1=192.0.2.1:1024,192.0.2.2:7", uri)
    assert told["greeting"] == "192.0.2.1:1024\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v",
        "v3",
        "v10",
        "v1=",
        "v1=local",
        "v2=LOCAL",
        "v1=192.0.2.1:1024",
        "v1=192.0.2.1:1024,",
        "v1=192.0.2.1,192.0.2.2",
        "v1=192.0.2.1:65536,192.0.2.2:7",
        "v1=192.0.2.1:1024,[2001:db8::1]:7",
        "v1=2001:db8::1:7,[2001:db8::1]:7",
        "v2=[fe80::1%lo]:1,[fe80::2]:2",
        "v2=localhost:1,localhost:2",
        "v2=192.0.2.1:1024,192.0.2.2:7,192.0.2.3:8",
        "v2=192.0.2.1:1024/,192.0.2.2:7",
        "v2=x" + 500 * "x" + ":1,192.0.2.2:7",
    ],
)
def test_what_is_wrong_with_it_is_told(text):
    result = run("--proxy", text, "127.0.0.1")
    assert result.returncode == 2
    assert result.stderr.startswith(f"echod-client: --proxy {text}: give v1 or v2, ")


def test_datagrams_have_none():
    result = run("--proxy", "v1", "udp://127.0.0.1:7")
    assert result.returncode == 2
    assert "--proxy is for connections" in result.stderr
