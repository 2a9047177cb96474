"""Behind real proxies, HAProxy and nginx, and in front of them."""

import re
import shutil
import socket
import ssl
import subprocess

import peers
import proxies
import pytest
from client import json_of, run
from echod import listener
from patience import PATIENCE, eventually

GREETING = {"greeting": r"%n %p\n"}
TRUSTED = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}
PROXIED = listener(**TRUSTED, **GREETING)
PLAIN = listener("plain", **GREETING)
TOLD = "192.0.2.1:1024,192.0.2.2:7"
CHECKED = "check inter 100ms fastinter 100ms downinter 100ms"

SENDING = {
    "v1": "send-proxy",
    "v2": "send-proxy-v2",
    "v2 and more": "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,crc32c,authority,unique-id",
}


def server(port, options=""):
    return f"\tserver echo 127.0.0.1:{port} {options}\n"


def greeted(port, *options):
    """What a client is told that echoes through a proxy: its own address, and as whose it came."""
    arguments = ("-n", 1, "--expect-greeting", r"*\n", *options, f"tcp://127.0.0.1:{port}", "text")
    (found,) = json_of("send", *arguments)["sockets"]
    listener_name, peer = found["greeting"].split()
    return found["address"], listener_name, peer


def assert_pipes(port, *options):
    """A stream goes through, to its last byte."""
    data = peers.payload(1 << 20)
    arguments = ("-q", "--expect-greeting", r"*\n", *options, f"tcp://127.0.0.1:{port}")
    result = run("pipe", *arguments, data=data)
    assert (result.returncode, result.stderr) == (0, "")
    peers.assert_same(result.stdout, data)


@pytest.mark.parametrize("sending", SENDING)
def test_behind_haproxy(start, workdir, sending):
    daemon = start((PROXIED,))
    with proxies.haproxy(workdir, "\tBIND\n" + server(daemon.port(), SENDING[sending])) as proxy:
        address, _, peer = greeted(proxy.ports[0])
        assert peer == address
        daemon.wait_log(
            rf"^info: connection opened: peer={re.escape(peer)} proxy=127\.0\.0\.1:\d+ "
        )
        fields = daemon.wait_closed(peer)
        assert fields["received"] == fields["sent"] == "4"
        assert_pipes(proxy.ports[0])


def make_pem():
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    command += " -subj /CN=echo.example -keyout - -out -"
    return subprocess.run(
        command.split(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    ).stdout


def test_what_haproxy_knows_of_tls_is_in_the_log(start, workdir):
    daemon = start((PROXIED,))
    section = "\tBIND ssl crt PEM alpn h2,echo\n" + server(daemon.port(), SENDING["v2 and more"])
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["echo"])
    with proxies.haproxy(workdir, section, pem=make_pem()) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.ports[0]), PATIENCE) as peer:
            name = re.escape(peers.name_of(peer))
            with context.wrap_socket(peer, server_hostname="echo.example") as secure:
                greeting = peers.receive(secure, len(f"echo-tcp {peers.name_of(secure)}\n"))
                assert greeting == f"echo-tcp {peers.name_of(secure)}\n".encode()
                peers.echo(secure, b"over TLS")
    opened = daemon.wait_log(rf"^info: connection opened: peer={name} ").string
    assert re.search(r" tls=TLSv1\.\d authority=echo\.example alpn=\S+$", opened)


@pytest.mark.parametrize("sending", ["send-proxy", "send-proxy-v2"])
def test_checks_of_haproxy_are_counted_and_not_logged(start, workdir, sending):
    daemon = start((PROXIED,))
    local = 'echod_proxy_headers_total{listener="echo-tcp",kind="local"}'
    section = f"\tBIND\n{server(daemon.port(), f'{sending} {CHECKED}')}"
    with proxies.haproxy(workdir, section) as proxy:
        eventually(lambda: (daemon.counter(local) or 0) >= 3, "checks with a header")
        address, _, peer = greeted(proxy.ports[0])
        assert peer == address
    daemon.wait_closed(peer)
    logged = daemon.log.matching(r"connection (opened|closed|refused)")
    assert len(logged) == 2, logged


def test_checks_of_haproxy_without_a_header(start, workdir):
    """They send nothing: a connect is reset before it is whole, a wait for a byte is over."""
    daemon = start((PROXIED,))
    empty = 'echod_connections_refused_total{listener="echo-tcp",reason="preamble_empty"}'
    connects = "\tBIND\n"
    waits = "\tBIND\n\ttimeout check 50ms\n\toption tcp-check\n\ttcp-check expect string x\n"
    sections = [
        text + server(daemon.port(), f"send-proxy-v2 {CHECKED} port {daemon.port()}")
        for text in (connects, waits)
    ]
    with proxies.haproxy(workdir, *sections) as proxy:
        eventually(lambda: (daemon.counter(empty) or 0) >= 3, "checks without a byte")
        address, _, peer = greeted(proxy.ports[0])
        assert peer == address
        assert not [line for line in proxy.log.lines if "number0/echo is DOWN" in line]
    daemon.wait_closed(peer)
    logged = daemon.log.matching(r"connection (opened|closed|refused)")
    assert len(logged) == 2, logged


def test_haproxy_checks_the_greeting(start, workdir):
    daemon = start((PLAIN,))
    section = "\tBIND\n\toption tcp-check\n\ttcp-check expect string plain\n"
    section += server(daemon.port("plain"), CHECKED)
    other = section.replace("string plain", "string another")
    with proxies.haproxy(workdir, section, other) as proxy:
        proxy.log.wait(r"Server number1/echo is DOWN.*expect string 'another'", PATIENCE)
        _, name, _ = greeted(proxy.ports[0])
        assert name == "plain"
        assert not [line for line in proxy.log.lines if "number0/echo is DOWN" in line]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_clients_header_is_taken_by_haproxy(start, workdir, version):
    daemon = start((PROXIED,))
    section = "\tBIND accept-proxy\n" + server(daemon.port(), "send-proxy-v2")
    with proxies.haproxy(workdir, section) as proxy:
        _, _, peer = greeted(proxy.ports[0], "--proxy", f"{version}={TOLD}")
        assert peer == "192.0.2.1:1024"
        proxy.log.wait(r"Connect from 192\.0\.2\.1:1024 to 192\.0\.2\.2:7 ", PATIENCE)
        address, _, peer = greeted(proxy.ports[0], "--proxy", version)
        assert peer == address
        assert_pipes(proxy.ports[0], "--proxy", f"{version}={TOLD}")
        told = f"{version}=[2001:db8::1]:1024,[2001:db8::2]:7"
        assert greeted(proxy.ports[0], "--proxy", told)[2] == "[2001:db8::1]:1024"
        local = "v2=local" if version == "v2" else "v1=unknown"
        address, _, peer = greeted(proxy.ports[0], "--proxy", local)
        assert peer == address


def test_behind_nginx(start, workdir):
    daemon = start((PROXIED,))
    server_text = f"""listen ADDRESS; proxy_half_close on;
        proxy_pass 127.0.0.1:{daemon.port()}; proxy_protocol on;"""
    with proxies.nginx(workdir, server_text) as proxy:
        address, _, peer = greeted(proxy.ports[0])
        assert peer == address
        daemon.wait_log(rf"^info: connection opened: peer={re.escape(peer)} proxy=")
        assert_pipes(proxy.ports[0])


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_clients_header_is_taken_by_nginx(start, workdir, version):
    daemon = start((PROXIED,))
    server_text = f"""listen ADDRESS proxy_protocol; proxy_half_close on;
        set_real_ip_from 127.0.0.1;
        proxy_pass 127.0.0.1:{daemon.port()}; proxy_protocol on;"""
    with proxies.nginx(workdir, server_text) as proxy:
        _, _, peer = greeted(proxy.ports[0], "--proxy", f"{version}={TOLD}")
        assert peer == "192.0.2.1:1024"
        assert_pipes(proxy.ports[0], "--proxy", f"{version}={TOLD}")
