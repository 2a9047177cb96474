"""What a listener says first: as it is written, with names, before all else, and in no book."""

import os
import socket
import subprocess

import peers
import proxying
import pytest
from echod import listener
from patience import eventually

GREETED = (listener(greeting=r"220 %h %n\t%p 100%%\r\n"),)
PROXIED = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}


def greeting(name, host=None):
    return f"220 {host or socket.gethostname()} echo-tcp\t{name} 100%\r\n".encode()


def assert_greeted(peer, expected):
    peers.assert_same(peers.receive(peer, len(expected)), expected)


def test_it_comes_first_and_is_not_counted(start, back_end):
    daemon = start(GREETED, back_end)
    peer = daemon.connect()
    assert_greeted(peer, greeting(peers.name_of(peer)))
    peers.echo(peer, peers.payload(100000))
    name = peers.name_of(peer)
    peer.close()
    fields = daemon.wait_closed(name)
    assert fields["received"] == fields["sent"] == "100000"
    assert daemon.counter('echod_sent_bytes_total{listener="echo-tcp"}') == 100000


def test_it_comes_to_those_who_say_nothing(start, back_end):
    daemon = start(GREETED, back_end)
    peer = daemon.connect()
    peer.shutdown(socket.SHUT_WR)
    name = peers.name_of(peer)
    peers.assert_same(peers.receive_to_eof(peer), greeting(name))
    assert daemon.wait_closed(name)["reason"] == "peer"


def test_it_ends_no_wait(start):
    daemon = start(GREETED, {"limits.idle_timeout": 1})
    peer = daemon.connect()
    name = peers.name_of(peer)
    peers.assert_same(peers.receive_to_eof(peer), greeting(name))
    peer.close()
    assert daemon.wait_closed(name)["reason"] == "idle_timeout"


def test_one_who_has_gone_is_closed(start):
    daemon = start(GREETED)
    for _ in range(20):
        peers.reset(daemon.connect())
    eventually(
        lambda: len(daemon.log.matching(r"^info: connection closed: .* received=0 sent=0 ")) == 20,
        "all of them are closed",
    )
    peer = daemon.connect()
    assert_greeted(peer, greeting(peers.name_of(peer)))


def test_it_waits_for_the_header_and_names_who_is_told(start):
    daemon = start((listener(greeting="%p", **PROXIED),))
    peer = daemon.connect()
    peer.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1024 7\r")
    assert peers.is_quiet(peer)
    peer.sendall(b"\nafter it")
    assert_greeted(peer, b"192.0.2.1:1024after it")
    peer = daemon.connect()
    peer.sendall(proxying.block(command=proxying.LOCAL))
    assert_greeted(peer, peers.name_of(peer).encode())


def test_a_reload_changes_it_for_those_who_come_then(start):
    daemon = start((listener(greeting="one %n", **PROXIED),))
    waiting = daemon.connect()
    waiting.sendall(b"PROXY ")
    eventually(
        lambda: daemon.counter('echod_connections_preamble{listener="echo-tcp"}') == 1, "it waits"
    )
    daemon.configure((listener(greeting="two", **PROXIED),))
    assert 'notice: option changed: name=listen.echo-tcp.greeting from="one %n" to="two"' in [
        line.replace(r"\x20", " ") for line in daemon.reload()
    ]
    waiting.sendall(b"UNKNOWN\r\n")
    assert_greeted(waiting, b"one echo-tcp")
    peer = daemon.connect()
    peer.sendall(b"PROXY UNKNOWN\r\n")
    assert_greeted(peer, b"two")
    daemon.configure((listener(**PROXIED),))
    daemon.reload()
    peer = daemon.connect()
    peer.sendall(b"PROXY UNKNOWN\r\necho")
    assert_greeted(peer, b"echo")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives the daemon a host name of its own")
def test_a_reload_looks_what_the_host_is_called(start):
    daemon = start(GREETED, prefix=["unshare", "--uts"])
    peer = daemon.connect()
    assert_greeted(peer, greeting(peers.name_of(peer)))
    rename = "echo another >/proc/sys/kernel/hostname"
    subprocess.run(["nsenter", f"--target={daemon.pid}", "--uts", "sh", "-c", rename], check=True)
    peer = daemon.connect()
    assert_greeted(peer, greeting(peers.name_of(peer)))
    daemon.reload()
    peer = daemon.connect()
    assert_greeted(peer, greeting(peers.name_of(peer), "another"))
