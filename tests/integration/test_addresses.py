"""Addresses to listen on: IPv4, IPv6, both at once, and what the log calls them."""

import socket

import pytest

import client
import kernel
import peers
from echod import Listening, configuration, listener, run

needs_ipv6 = pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
def test_ipv6(start, back_end):
    daemon = start([listener(address="::1")], options=back_end)
    assert daemon.log.matching(r"^notice: listening on tcp://\[::1\]:\d+ \(echo-tcp\)$")
    peer = daemon.connect()
    data = peers.payload(300000)
    peers.assert_same(peers.exchange(peer, data), data)
    daemon.wait_opened(peer)
    assert peers.name_of(peer).startswith("[::1]:")


@needs_ipv6
def test_the_star_serves_both_families(start, back_end):
    daemon = start([listener(address="*")], options=back_end)
    assert daemon.log.matching(r"^notice: listening on tcp://\*:\d+ \(echo-tcp\)$")
    for host in "127.0.0.1", "127.0.0.2", "::1":
        peer = daemon.connect(host=host)
        peers.echo(peer, b"either way")
        daemon.wait_opened(peer)
    assert not daemon.log.matching("::ffff:")


@needs_ipv6
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_localhost_is_two_sockets_on_one_port(start, protocol):
    daemon = start([listener("here", address="localhost", protocol=protocol)])
    port = daemon.port("here")
    assert port > 0
    assert sorted(daemon.listening["here"]) == [
        Listening(protocol, "127.0.0.1", port),
        Listening(protocol, "::1", port),
    ]
    if protocol == "tcp":
        for host in "127.0.0.1", "::1":
            daemon.assert_echoes("here", host)


def test_an_ipv4_address_is_that_address_alone(start):
    daemon = start([listener(address="127.0.0.2")])
    daemon.assert_echoes()
    assert peers.is_refused("127.0.0.1", daemon.port())


@needs_ipv6
def test_an_ipv6_wildcard_leaves_ipv4_alone(start):
    """On a port that the kernel picked for IPv6 somebody else may listen over IPv4."""
    daemon = start([listener(address="::", port=kernel.free_port())])
    daemon.assert_echoes(host="::1")
    assert peers.is_refused("127.0.0.1", daemon.port())


@needs_ipv6
@pytest.mark.parametrize("address", ["*", "localhost", "::1", "0:0::0:1", "::ffff:127.0.0.1"])
def test_what_the_log_calls_a_listener_is_a_uri(start, address):
    """Both commands take it, and the daemon's dump says the same of it."""
    daemon = start([listener(address=address)])
    lines = daemon.log.matching("^notice: listening on ")
    for line, listening in zip(lines, daemon.listening["echo-tcp"], strict=True):
        uri = line.split()[3]
        dump = run("-T", "-l", uri)
        assert dump.returncode == 0
        assert f'address = "{listening.host}"' in dump.stdout
        if address != "*":
            assert client.run("-c", 1, "-W", 60, uri).returncode == 0


ONE_HOST_TWICE = [
    ("::1%1", "::1"),
    ("fe80::1%lo", "fe80::1%1"),
    ("2001:DB8:0::1", "2001:db8::1"),
    ("127.0.0.1", "::ffff:127.0.0.1"),
]


@pytest.mark.parametrize("hosts", ONE_HOST_TWICE, ids=lambda hosts: hosts[0])
def test_a_file_that_is_ok_has_no_address_twice(workdir, hosts):
    path = f"{workdir}/echod.conf"
    with open(path, "w", encoding="ascii") as file:
        file.write(configuration([listener(f"l{n}", host, 7007) for n, host in enumerate(hosts)], {}))
    result = run("-t", "-c", path)
    assert (result.returncode, result.stdout) == (78, "")


@needs_ipv6
def test_an_interface_that_is_not_there_is_no_fault_of_the_file(start, workdir):
    """It may be there when echod is started again, or at the next reload."""
    daemon = start()
    daemon.configure([listener(), listener("later", "fe80::1%not-there", 7007)])
    check = run("-t", "-c", daemon.file)
    assert (check.returncode, check.stderr) == (0, "")
    assert daemon.reload()[-2:] == [
        "err: cannot listen on tcp://[fe80::1%not-there]:7007 (later): No such device",
        "err: reload failed: the running configuration stays in force",
    ]
    daemon.assert_echoes()
    again = run("-f", "-c", daemon.file)
    assert again.returncode == 1
    assert "(later): No such device" in again.stderr


@needs_ipv6
def test_a_link_local_address_by_the_number_of_its_interface(start, cable):
    host = cable.host.link_local_address()
    with cable.host.inside():
        number = socket.if_nametoindex("cable")
    daemon = start([listener("all", f"{host}%{number}", 10007)], prefix=cable.host.prefix)
    assert daemon.log.matching(rf"^notice: listening on tcp://\[{host}%cable\]:10007 \(all\)$")
    daemon.configure([listener("all", f"{host}%cable", 10007)])
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    for name in f"tcp://[{host}%cable]:10007", f"tcp://[{host}%{number}]:10007":
        result = client.run("-c", 1, "-W", 60, name, prefix=cable.host.prefix)
        assert result.returncode == 0, result.stderr
