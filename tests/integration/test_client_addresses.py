"""Where the client goes: URIs, hosts and ports, names with several addresses, and wrong usage."""

import contextlib
import re
import socket
import time

import pytest

import kernel
from client import hosts_file, json_of, lines_of, run
from echod import listener
from patience import PATIENCE, within

LONG = ("-W", PATIENCE)  # a wait that must not run out
needs_ipv6 = pytest.mark.skipif(not kernel.has_ipv6(), reason="the kernel has no IPv6")


# --- nothing to talk to --------------------------------------------------------------------------


def test_a_refused_connection():
    port = kernel.free_port()
    result = run("-c", 1, f"tcp://127.0.0.1:{port}")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr == (
        f"echod-client: cannot connect to 127.0.0.1:{port}: Connection refused\n"
    )


def test_a_name_that_does_not_exist():
    result = run("-c", 1, "tcp://no-such-host.invalid:7")
    assert (result.returncode, result.stdout) == (2, b"")
    assert re.fullmatch(r"echod-client: cannot find no-such-host\.invalid: .+\n", result.stderr)


def test_the_connect_timeout():
    """A listener whose queue is full answers no SYN."""
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        start = time.monotonic()
        result = run("-t", 0.3, "-c", 1, f"tcp://127.0.0.1:{address[1]}")
        elapsed = time.monotonic() - start
    assert result.returncode == 2
    assert result.stderr == (
        f"echod-client: cannot connect to 127.0.0.1:{address[1]}: Connection timed out\n"
    )
    assert 0.3 <= elapsed < within(3)


USAGE = {
    "no target": [],
    "surplus argument": ["127.0.0.1", "7", "9"],
    "surplus argument after a URI": ["tcp://127.0.0.1:7", "9"],
    "unknown scheme": ["http://127.0.0.1:7"],
    "port 0": ["tcp://127.0.0.1:0"],
    "port too large": ["tcp://127.0.0.1:65536"],
    "port without digits": ["127.0.0.1", "echo"],
    "port missing": ["tcp://127.0.0.1"],
    "port missing after a colon": ["127.0.0.1:"],
    "port twice": ["127.0.0.1:7", "7"],
    "any host": ["tcp://*:7"],
    "a scope where it means nothing": ["tcp://[::1%1]:7"],
    "a scope of IPv4": ["127.0.0.1%lo"],
    "link-local without its interface": ["fe80::1"],
    "a name in brackets": ["[localhost]:7"],
    "no IPv6 address": ["tcp://[1:2]:7"],
    "count 0": ["-c", "0", "127.0.0.1"],
    "count with a tail": ["-c", "1x", "127.0.0.1"],
    "size too small": ["-s", "15", "127.0.0.1"],
    "size too large": ["-s", "65508", "127.0.0.1"],
    "interval too small": ["-i", "0.0009", "127.0.0.1"],
    "interval no number": ["-i", "nan", "127.0.0.1"],
    "wait 0": ["-W", "0", "127.0.0.1"],
    "wait with a tail": ["-W", "1s", "127.0.0.1"],
    "deadline negative": ["-w", "-1", "127.0.0.1"],
    "connect timeout 0": ["-t", "0", "127.0.0.1"],
    "unknown option": ["--no-such-option", "127.0.0.1"],
    "option of pipe": ["--no-compare", "127.0.0.1"],
    "option without its value": ["127.0.0.1", "-c"],
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE.keys())
@pytest.mark.parametrize("mode", [(), ("ping",)], ids=["default", "ping"])
def test_wrong_usage(mode, arguments):
    """Told before anything is looked up or connected to."""
    result = run(*mode, *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert re.match("echod-client: (?!cannot )", result.stderr)


FIRST = "the mode comes first, as in "
HINTS = {
    "-c 3 pipe localhost": f'{FIRST}"echod-client pipe localhost"',
    "-c 3 localhost pipe": f'{FIRST}"echod-client pipe localhost"',
    "-c 3 send tcp://localhost:7 text": f'{FIRST}"echod-client send tcp://localhost:7"',
    "pipe ping localhost": f'{FIRST}"echod-client ping localhost"',
    "-n 2 send tcp://localhost:7 text": f'-n is an option of send: {FIRST}"echod-client send -n"',
    "--no-compare localhost": f'{FIRST}"echod-client pipe --no-compare"',
    "PIPE localhost": f'{FIRST}"echod-client pipe localhost"',
    "png localhost": "png: there is no such mode: did you mean ping?",
    "pong localhost": "did you mean ping?",
    "pipes localhost": "did you mean pipe?",
    "sned tcp://localhost:7 text": "did you mean send?",
    "--jsno localhost": "there is no option --jsno: did you mean --json?",
    "--jsno=1 localhost": "did you mean --json?",
    "-json localhost": "did you mean --json?",
    "--cuont 3 localhost": "did you mean --count?",
    "pipe --nocompare localhost": "did you mean --no-compare?",
    "--nothing-like-it localhost": "there is no option --nothing-like-it\n",
    "-x localhost": "there is no option -x\n",
    "--wai 1 localhost": "--wai may be --wait-until-up or --wait\n",
    "--json=1 localhost": "--json takes no value\n",
    "localhost -c": "-c needs a value\n",
    "localhost --count": "--count needs a value\n",
    "-W 500ms localhost": "give seconds without a unit: -W 0.5\n",
    "-i 20ms localhost": "-i 0.02\n",
    "-t 3s localhost": "-t 3\n",
    "-w 2m localhost": "-w 120\n",
    "pipe -W 250us localhost": "-W 250us: give 0.001 to 86400 seconds\n",
    "--wait-until-up 1.5min localhost": "--wait-until-up 90\n",
    "-W 1parsec localhost": "-W 1parsec: give 0.001 to 86400 seconds\n",
    "tcp://localhost:7/path": "nothing may follow the port\n",
    "127.0.0.1/7": "client: 127.0.0.1/7: the port is missing: write it after the host, as in tcp:",
    "localhost/7 9": "client: localhost/7 9: the port is missing: ",
    "[::1]/7": "client: [::1]/7: the port is missing: ",
    "tcp://127.0.0.1/8:7": "client: tcp://127.0.0.1/8:7: the port is missing: ",
    "tcp://user@localhost:7": "client: tcp://user@localhost:7: no user stands before the host: ",
    "user@localhost": "client: user@localhost: no user stands before the host: ",
    "user:secret@localhost": ": write URI, HOST, HOST:PORT or HOST PORT\n",
    "tcp://user:secret@localhost:7": "no user stands before the host: ",
    "tcp:127.0.0.1:7": "client: tcp:127.0.0.1:7: write tcp://HOST:PORT, ",
    "UDP:localhost": "client: UDP:localhost: write tcp://HOST:PORT, ",
    "tcp:/localhost:7": "client: tcp:/localhost:7: write tcp://HOST:PORT, ",
    "http:localhost:7": "client: http:localhost:7: write URI, HOST, HOST:PORT or HOST PORT\n",
    "localhost%lo": "client: localhost%lo: write URI, HOST, HOST:PORT or HOST PORT\n",
    "localhost 123456": "client: localhost 123456: ",
    "localhost 1234567": "client: localhost 1234567: write URI, HOST, HOST:PORT or HOST PORT\n",
    "localhost:0": "client: localhost:0: give a port from 1 to 65535\n",
    "-4 unix:/run/echod.sock": "client: -4 is for addresses: give tcp, udp or tls\n",
    "pipe --ipv6 unix:@echod": "client: -6 is for addresses: give tcp, udp or tls\n",
    "send unix:@echod -6 text": "client: -6 is for addresses: give tcp, udp or tls\n",
}


@pytest.mark.parametrize("line", HINTS)
def test_what_was_meant_is_told(line):
    result = run(*line.split())
    assert (result.returncode, result.stdout) == (2, b"")
    assert HINTS[line] in result.stderr, result.stderr


@pytest.mark.parametrize(
    "operands, told",
    [
        (["localhost", "7", "{}"], 'unexpected argument "{}"'),
        (["localhost", "{}"], "localhost {}: write URI, HOST, HOST:PORT or HOST PORT"),
        (["-c", "{}", "localhost"], "-c {}: give 1 to 1000000000"),
        (["--rate={}", "localhost"], "--rate={} is an option of pipe: "),
        (["tcp://{}:7"], "cannot find {}: "),
    ],
)
def test_what_it_quotes_stays_one_line(operands, told):
    result = run("-t", 2, *(each.format("a\n\x1b[31mµ") for each in operands))
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith("echod-client: " + told.format(r"a\n\x1b[31mµ"))
    assert result.stderr.count("\n") == 1 or "--rate" in told


@pytest.mark.parametrize(
    "host, hint",
    [
        ("png", "; did you mean the mode ping?\n"),
        ("pong", "; did you mean the mode ping?\n"),
        ("pipe", '; the mode comes first, as in "echod-client pipe HOST"\n'),
        ("no-such-host.invalid", None),
        ("tcp://png:7", None),
    ],
)
def test_a_host_that_is_not_found_may_be_a_mode(host, hint):
    result = run("-c", 1, host)
    assert result.returncode == 2
    assert result.stderr.startswith("echod-client: cannot find ")
    assert result.stderr.endswith(hint) if hint else ";" not in result.stderr


def test_a_host_that_is_called_as_a_mode(workdir, start):
    """It is a host where it is found, or has a port."""
    prefix = hosts_file(workdir, "127.0.0.1 several.test pong ping\n")
    port = start().port()
    for host in ("pong", "ping"):
        assert json_of("-c", 1, *LONG, host, port, prefix=prefix)["uri"] == f"tcp://{host}:{port}"


def test_options_may_be_abbreviated(start):
    port = start().port()
    found = json_of("--cou", 1, "--max-los", "1%", *LONG, "127.0.0.1", port)
    assert (found["sent"], found["failed"]) == (1, [])


@pytest.mark.parametrize("mode", ["ping", "pipe", "send"])
def test_help_and_version(mode):
    help_text = run(mode, "--help")
    assert (help_text.returncode, help_text.stderr) == (0, "")
    assert help_text.stdout.startswith(b"Usage: echod-client [ping] [OPTION]...")
    assert help_text.stdout == run("-h").stdout
    assert max(map(len, help_text.stdout.splitlines())) <= 80
    version = run(mode, "-V")
    assert (version.returncode, version.stderr) == (0, "")
    assert re.match(rb"echod-client \d+\.\d+", version.stdout)


# --- addresses -----------------------------------------------------------------------------------


def test_host_and_port(start):
    port = start().port()
    assert lines_of("-c", 1, *LONG, "127.0.0.1", port)[0] == (
        f"PING tcp://127.0.0.1:{port} (127.0.0.1:{port}): 64 bytes each"
    )


FORMS = [
    ("127.0.0.1", "{port}"),
    ("127.0.0.1:{port}",),
    ("127.0.0.1:{port}/",),
    ("tcp://127.0.0.1:{port}",),
    ("tcp://127.0.0.1:{port}/",),
    ("TCP://127.0.0.1:{port}",),
]
IPV6_FORMS = [
    ("::1", "{port}"),
    ("[::1]", "{port}"),
    ("[::1]:{port}",),
    ("tcp://[::1]:{port}",),
    ("Tcp://[::1]:{port}/",),
]


def check_form(form, port, host):
    operands = [part.format(port=port) for part in form]
    uri = f"tcp://{host}:{port}"
    assert json_of("-c", 1, *LONG, *operands)["uri"] == uri
    piped = run("pipe", "--json", *LONG, *operands, data=b"text")
    assert piped.returncode == 0 and f'"uri": "{uri}"' in piped.stderr
    if len(operands) == 1:
        assert json_of("send", *LONG, *operands, "text")["uri"] == uri


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_every_form_in_every_mode(start, form):
    check_form(form, start().port(), "127.0.0.1")


@needs_ipv6
@pytest.mark.parametrize("form", IPV6_FORMS, ids=" ".join)
def test_every_form_of_ipv6_in_every_mode(start, form):
    check_form(form, start([listener(address="::1")]).port(), "[::1]")


@pytest.mark.parametrize("scope", ["%nowhere", "%25nowhere"])
@pytest.mark.parametrize("form", ["tcp://[fe80::1{}]:7", "[fe80::1{}]:7", "fe80::1{}"])
def test_an_interface_as_in_a_uri(form, scope):
    """The "%" before it may be escaped (RFC 6874)."""
    found = json_of("-c", 1, form.format(scope), status=2)
    assert found["uri"] == "tcp://[fe80::1%nowhere]:7"
    assert "fe80::1%nowhere" in found["reason"]


def test_a_host_alone_means_port_7():
    result = run("-c", 1, "127.0.0.123")
    assert result.returncode == 2
    assert result.stderr == "echod-client: cannot connect to 127.0.0.123:7: Connection refused\n"


@needs_ipv6
def test_an_address_as_it_is_printed(start):
    port = start([listener(address="::1")]).port()
    address = json_of("-c", 1, *LONG, "::1", port)["address"]
    assert address == f"[::1]:{port}"
    result = json_of("-c", 1, *LONG, address)
    assert (result["uri"], result["address"]) == (f"tcp://[::1]:{port}", address)
    assert run("-c", 1, "[::1]").stderr.startswith("echod-client: cannot connect to [::1]:7: ")


def test_a_family_that_the_host_does_not_have():
    for family, host in (("-6", "127.0.0.1"), ("-4", "::1")):
        result = run(family, "-c", 1, host, 9)
        assert (result.returncode, result.stdout) == (2, b"")
        assert result.stderr.startswith(f"echod-client: cannot find {host}: ")


@pytest.mark.parametrize("listening", ["127.0.0.11", "127.0.0.12", "127.0.0.13"])
def test_every_address_of_a_name_is_tried(start, workdir, listening):
    prefix = hosts_file(workdir, "".join(f"127.0.0.1{n} several.test\n" for n in (1, 2, 3)))
    port = start([listener(address=listening)]).port()
    result = json_of("-c", 1, *LONG, f"tcp://several.test:{port}", prefix=prefix)
    assert result["address"] == f"{listening}:{port}"
    assert result["uri"] == f"tcp://several.test:{port}"


def test_each_address_that_fails_is_told(workdir):
    prefix = hosts_file(workdir, "127.0.0.11 several.test\n127.0.0.12 several.test\n")
    port = kernel.free_port()
    result = run("-c", 1, f"tcp://several.test:{port}", prefix=prefix)
    assert result.returncode == 2
    addresses = re.findall(r"(127\.0\.0\.1\d:\d+): Connection refused", result.stderr)
    assert sorted(addresses) == [f"127.0.0.11:{port}", f"127.0.0.12:{port}"]
    assert result.stderr.startswith("echod-client: cannot connect to ")


@needs_ipv6
@pytest.mark.parametrize("listening", ["127.0.0.1", "::1"])
def test_the_family_of_a_name_that_listens_is_found(start, workdir, listening):
    prefix = hosts_file(workdir, "127.0.0.1 several.test\n::1 several.test\n")
    port = start([listener(address=listening)]).port()
    uri = f"tcp://several.test:{port}"
    address = f"[::1]:{port}" if listening == "::1" else f"127.0.0.1:{port}"
    own, other = ("-6", "-4") if listening == "::1" else ("-4", "-6")
    assert json_of("-c", 1, *LONG, uri, prefix=prefix)["address"] == address
    assert json_of(own, "-c", 1, *LONG, uri, prefix=prefix)["address"] == address
    assert run(other, "-c", 1, uri, prefix=prefix).returncode == 2


def test_localhost(start):
    port = start([listener(address="localhost")]).port()
    result = json_of("-c", 1, *LONG, "localhost", port)
    assert result["uri"] == f"tcp://localhost:{port}"
    assert result["address"] in (f"127.0.0.1:{port}", f"[::1]:{port}")
