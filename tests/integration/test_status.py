"""echod --status: asks the one that runs, and tells by its exit status whether it serves."""

import contextlib
import json
import socket
import threading

import pytest

import kernel
import observing
import peers
from echod import listener, run
from patience import eventually

SERVES, SERVES_NOT, NOBODY = 0, 1, 2


@pytest.fixture
def on():
    return {"observe.address": "localhost", "observe.port": kernel.free_port()}


def ask(daemon, *more):
    return run("--status", "-c", daemon.file, *more)


def test_it_serves(start, on):
    daemon = start([listener(), listener("echo-udp", protocol="udp")], on)
    peers.echo(daemon.connect(), b"hello")
    eventually(lambda: "echoed       5 B\n" in ask(daemon).stdout, "the bytes are counted")
    result = ask(daemon)
    assert result.returncode == SERVES and result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0].startswith("serving      echod ")
    assert f" pid {daemon.pid}, " in lines[0]
    assert lines[1] == "connections  1 of 10000 open, 1 accepted, 0 refused"
    assert f"listener     echo-tcp tcp://127.0.0.1:{daemon.port()}" in lines
    assert max(map(len, lines)) <= 80


def test_what_is_wrong_comes_first(start, on):
    daemon = start(options=on)
    daemon.configure(options={**on, "observe.hosts": ["\x1b[31m" + "long " * 40]})
    daemon.reload()
    result = ask(daemon, "-o", "observe.hosts={}")
    lines = result.stdout.splitlines()
    assert lines[1].startswith("problem      the last reload failed: ")
    assert lines[2].startswith("             ")
    assert "\x1b" not in result.stdout
    assert max(map(len, lines)) <= 80


def test_as_json(start, on):
    daemon = start(options=on)
    result = ask(daemon, "--json")
    assert result.returncode == SERVES
    assert json.loads(result.stdout)["pid"] == daemon.pid


@pytest.mark.parametrize("address", ["*", "127.0.0.1", ""])
def test_wherever_it_is(start, workdir, address):
    options = {"observe.address": address, "observe.port": kernel.free_port(),
               "observe.path": f"{workdir}/observe.sock"}
    daemon = start(options=options)
    assert ask(daemon).returncode == SERVES
    assert ask(daemon, "-o", 'observe.address=""').returncode == SERVES
    alone = ask(daemon, "-o", 'observe.path=""')
    assert alone.returncode == (SERVES if address else NOBODY)


def test_it_does_not_serve(start, on):
    daemon = start(options=on)
    peers.echo(daemon.connect(), b"held")
    daemon.drain()
    for more in [], ["--json"]:
        result = ask(daemon, *more)
        assert result.returncode == SERVES_NOT and "draining" in result.stdout


def test_nobody_is_there(start, on):
    daemon = start(options=on)
    daemon.stop()
    result = ask(daemon)
    assert result.returncode == NOBODY and result.stdout == ""
    assert result.stderr == (
        f"echod: tcp://localhost:{on['observe.port']}: Connection refused\n"
    )


def test_observe_is_off(start):
    daemon = start()
    result = ask(daemon)
    assert result.returncode == NOBODY
    assert result.stderr == "echod: observe has no address and no path: it cannot be asked\n"
    daemon.write_file("")
    assert ask(daemon).returncode == NOBODY


def test_faults_of_the_file_elsewhere_do_not_matter(start, on):
    daemon = start(options=on)
    section = f'observe {{ address = "localhost" port = {on["observe.port"]} }}\n'
    for fault in "workers = many\n", "no_such = 1\n", 'listen a { protocol = "tls" port = 1 }\n':
        daemon.write_file(section + fault)
        assert ask(daemon).returncode == SERVES, fault
    daemon.write_file("observe { port = many }\n")
    result = ask(daemon)
    assert result.returncode == 78 and "observe.port = many" in result.stderr


ANSWERS = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\n\r\n{}",
    "no JSON": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "half": b'HTTP/1.1 200 OK\r\n\r\n{"state":"serving"',
    "other": b"HTTP/1.1 200 OK\r\n\r\n[1, 2]",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_somebody_else_is_there(workdir, answer):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve():
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(ANSWERS[answer])

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        file = f"{workdir}/any.conf"
        with open(file, "w", encoding="ascii") as out:
            out.write(f'observe {{ address = "127.0.0.1" port = {port} }}\n')
        result = run("--status", "-c", file)
        thread.join()
    assert result.returncode == SERVES_NOT
    assert result.stderr.startswith(f"echod: tcp://127.0.0.1:{port}: ")
    assert result.stdout == ""


def test_json_is_for_the_status():
    assert run("--json").returncode == 2


def test_what_it_asks_is_the_page(start, on):
    daemon = start(options=on)
    told = json.loads(ask(daemon, "--json").stdout)
    assert told.keys() == observing.status_json(daemon).keys()
