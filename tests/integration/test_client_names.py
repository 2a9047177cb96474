"""Names that are looked up without end, anew, or no more; and deadlines that hold meanwhile."""

import contextlib
import json
import os
import re
import signal
import socket
import time

import pytest

import faulty
import kernel
import tracing
from client import Client, json_of, run
from patience import PATIENCE, eventually, lasting, within
from pinging import LONG, stopped

NAME = "echo.example.test"
MOUNT = 'mount --bind {0}/{1} /etc/{1} && '


def in_a_host_with(workdir, **files):
    """A prefix that runs the client with these files in /etc, or skips the test."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a mount namespace")
    mounts = ""
    for name, text in files.items():
        name = {"resolv": "resolv.conf", "nsswitch": "nsswitch.conf"}.get(name, name)
        with open(os.path.join(workdir, name), "w", encoding="ascii") as file:
            file.write(text)
        mounts += MOUNT.format(workdir, name)
    return ["unshare", "--mount", "sh", "-c", mounts + 'exec "$@"', "sh"]


def set_hosts(workdir, text):
    """What the client's /etc/hosts has from now on."""
    with open(os.path.join(workdir, "hosts"), "w", encoding="ascii") as file:
        file.write(text)


# --- a name server that never answers -------------------------------------------------------------


@pytest.fixture
def name_server(cable):
    """It never answers."""
    with cable.peer.inside():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
        server.settimeout(PATIENCE)
    with server:
        yield server


@pytest.fixture
def silence(cable, workdir, name_server):
    """A prefix that runs the client where no name is found, ever."""
    resolv = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n"
    prefix = in_a_host_with(workdir, resolv=resolv, nsswitch="hosts: files dns\n")
    return [*cable.peer.prefix, *prefix]


MODES = {
    "ping": ["ping", "-c", 1, f"tcp://{NAME}:7"],
    "ping-udp": ["ping", "-c", 1, f"udp://{NAME}:7"],
    "pipe": ["pipe", f"tcp://{NAME}:7"],
    "send": ["send", f"tcp://{NAME}:7", "text"],
}


@pytest.mark.parametrize("arguments", MODES.values(), ids=MODES.keys())
def test_the_connect_timeout_is_for_the_name_too(silence, arguments):
    start = time.monotonic()
    result = run(arguments[0], "-t", 0.3, *arguments[1:], prefix=silence)
    assert 0.3 <= time.monotonic() - start < within(3)
    assert result.returncode == 2
    assert result.stderr == f"echod-client: cannot find {NAME}: no answer for 0.3 s\n"


def check_cut_short(lines, faults):
    """Of a run that ended before anybody was reached."""
    assert faults == [f"echod-client: cannot find {NAME}: no answer yet"]
    assert lines[-2] == f"--- tcp://{NAME}:7 statistics ---"
    assert re.match("0 sent, 0 received, ", lines[-1])


def test_the_deadline_is_for_the_name_too(silence):
    start = time.monotonic()
    with Client("-w", 0.3, f"tcp://{NAME}:7", prefix=silence) as client:
        assert client.wait_exit() == 2
        assert 0.3 <= time.monotonic() - start < within(3)
        check_cut_short(client.out.lines, client.err.lines)


def test_an_interrupt_ends_the_search_for_a_name(silence, name_server):
    with Client("-t", 600, f"tcp://{NAME}:7", prefix=silence) as client:
        name_server.recv(512)
        start = time.monotonic()
        assert client.interrupt() == 2
        assert time.monotonic() - start < within(2)
        check_cut_short(client.out.lines, client.err.lines)


def test_the_object_tells_an_end_before_anybody_was_reached(silence):
    result = json_of("-w", 0.2, f"tcp://{NAME}:7", status=2, prefix=silence)
    assert result["ending"] == "deadline"
    assert result["reason"] == f"cannot find {NAME}: no answer yet"
    assert (result["address"], result["status"], result["sent"]) == (None, 2, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("mode", ["ping", "pipe", "send"])
def test_a_signal_ends_the_search_in_each_mode(silence, name_server, mode, number):
    with Client(mode, "--json", "-t", 600, *MODES[mode][1:], prefix=silence) as client:
        name_server.recv(512)
        start = time.monotonic()
        client.process.send_signal(number)
        assert client.wait_exit() == 2
        assert time.monotonic() - start < within(2)
    found = json.loads("\n".join((client.err if mode == "pipe" else client.out).lines))
    told = (found["ending"], found["status"], found["reason"])
    assert told == ("interrupted", 2, f"cannot find {NAME}: no answer yet")


@pytest.mark.skipif(not tracing.can_trace(), reason="strace(1) may attach to nobody")
def test_a_numeric_address_has_no_thread(workdir):
    calls = os.path.join(workdir, "calls")
    prefix = ["strace", "-f", "-o", calls, "-e", "trace=clone,clone3", "-e", "signal=none"]
    leaks = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    environment = {**os.environ, "ASAN_OPTIONS": leaks}
    threads = []
    for host in "127.0.0.1", "localhost":
        target = ("-c", 1, "-4", host, kernel.free_port())
        assert run(*target, prefix=prefix, env=environment).returncode == 2
        with open(calls, encoding="ascii") as file:
            threads.append(file.read().count("CLONE_THREAD"))
    assert threads[0] == 0 < threads[1]


def test_the_search_for_a_name_ends_with_its_target(cable, workdir, name_server):
    """Where others go on nothing more is sent to one that has ended."""
    prefix = in_a_host_with(
        workdir, hosts=f"127.0.0.1 {NAME}\n", nsswitch="hosts: files dns\n",
        resolv="nameserver 127.0.0.1\noptions timeout:30 attempts:5\n",
    )  # fmt: skip
    with cable.peer.inside():
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with first, second:  # neither answers
        for each in first, second:
            each.bind(("127.0.0.1", 0))
        targets = [f"udp://{host}:{each.getsockname()[1]}"
                   for host, each in ((NAME, first), ("127.0.0.1", second))]
        # The name is looked up from 1 s to 1.3 s; its target ends at 1.1 s, the other at 1.6 s.
        with Client("-R", "-i", 1, "-c", 2, "-W", 0.1, "-t", 0.3, *targets,
                    prefix=[*cable.peer.prefix, *prefix]) as client:
            first.recv(512)
            set_hosts(workdir, "")
            name_server.recv(512)
            assert client.wait_exit() == 1
        first.setblocking(False)
        with pytest.raises(BlockingIOError):
            first.recv(512)


# --- the deadline while it connects ----------------------------------------------------------------


@pytest.fixture
def deaf():
    """A listener whose queue is full answers no SYN: its address."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(5):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_the_deadline_is_for_connecting_too(deaf):
    start = time.monotonic()
    result = run("-w", 0.3, f"tcp://{deaf}")
    assert 0.3 <= time.monotonic() - start < within(3)
    assert result.returncode == 2
    assert result.stderr == f"echod-client: cannot connect to {deaf}: no answer yet\n"


def test_an_interrupt_ends_connecting(deaf):
    port = int(deaf.rpartition(":")[2])
    others = kernel.syns_sent(port)
    with Client(f"tcp://{deaf}") as client:
        eventually(lambda: kernel.syns_sent(port) > others, "it connects")
        assert client.interrupt() == 2
        assert client.out.matching("^0 sent, 0 received, ")


@pytest.mark.parametrize("mode", ["ping", "pipe", "send"])
def test_sigterm_ends_connecting_in_each_mode(deaf, mode):
    port = int(deaf.rpartition(":")[2])
    others = kernel.syns_sent(port)
    messages = ["text"] if mode == "send" else []
    with Client(mode, "--json", f"tcp://{deaf}", *messages) as client:
        eventually(lambda: kernel.syns_sent(port) > others, "it connects")
        client.process.send_signal(signal.SIGTERM)
        assert client.wait_exit() == 2
    found = json.loads("\n".join((client.err if mode == "pipe" else client.out).lines))
    assert (found["ending"], found["status"]) == ("interrupted", 2)
    assert found["reason"] == f"cannot connect to {deaf}: no answer yet"


def test_a_connection_that_was_there_in_time():
    """The process was stopped, and only its timer tells when it wakes up."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        server.setblocking(False)
        port = server.getsockname()[1]
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        others = kernel.syns_sent(port)

        def all_are_connected():
            with contextlib.suppress(BlockingIOError):
                stack.enter_context(server.accept()[0])
            return not kernel.syns_sent(port)

        timeout = lasting(1.5)
        arguments = ("-t", timeout, "-w", PATIENCE, f"tcp://127.0.0.1:{port}")
        client = stack.enter_context(Client(*arguments))
        eventually(lambda: kernel.syns_sent(port) > others, "it connects")
        begun = time.monotonic()
        with stopped(client):
            eventually(all_are_connected, "the connection is there")
            eventually(lambda: time.monotonic() > begun + 1.2 * timeout, "the time is over")
        client.wait_out("^connected to ")


# --- connecting again ------------------------------------------------------------------------------


def test_a_name_is_looked_up_anew(workdir):
    """Its address has changed when the connection ends."""
    prefix = in_a_host_with(workdir, hosts=f"127.0.0.11 {NAME}\n")
    with faulty.stream(faulty.close_after(64), host="127.0.0.11") as old:
        with faulty.stream(faulty.echo, host="127.0.0.12", port=old.port) as new:
            target = f"tcp://{NAME}:{old.port}"
            with Client("-R", "-i", lasting(0.2), *LONG, target, prefix=prefix) as client:
                client.wait_out(f"^connected to {old.address} in ")
                set_hosts(workdir, f"127.0.0.12 {NAME}\n")
                client.wait_out(f"^connected to {new.address} in ")
                client.wait_out(f" bytes from {new.address}: seq=")
                client.interrupt()


def test_a_name_that_is_gone_has_the_address_that_it_had(workdir):
    prefix = in_a_host_with(
        workdir, hosts=f"127.0.0.11 {NAME}\n", nsswitch="hosts: files\n"
    )
    with faulty.stream(faulty.close_after(64), faulty.echo, host="127.0.0.11") as server:
        target = f"tcp://{NAME}:{server.port}"
        with Client("-R", "-i", lasting(0.2), *LONG, target, prefix=prefix) as client:
            client.wait_out(f"^connected to {server.address} in ")
            set_hosts(workdir, "")
            client.wait_out("^connection (closed|reset) by ")
            ended = client.out.mark()
            client.wait_out(f"^connected to {server.address} in ", after=ended)
            client.wait_out(r" seq=\d+ ", after=ended)
            assert client.interrupt() == 1
            assert client.err.lines == []


def test_each_of_twenty_addresses_that_fail_is_told(workdir):
    """To the last character, whatever room that takes."""
    hosts = [f"127.0.0.{number}" for number in range(100, 120)]
    prefix = in_a_host_with(workdir, hosts="".join(f"{host} {NAME}\n" for host in hosts))
    port = kernel.free_port()
    for arguments in MODES.values():
        if "udp" not in arguments[-1]:
            arguments = [str(each).replace(":7", f":{port}") for each in arguments]
            result = run(*arguments, prefix=prefix)
            assert result.returncode == 2
            head = "echod-client: cannot connect to "
            assert result.stderr.startswith(head) and result.stderr.endswith("\n")
            told = result.stderr[len(head) : -1].split("; ")
            assert sorted(told) == sorted(f"{host}:{port}: Connection refused" for host in hosts)
