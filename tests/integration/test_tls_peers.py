"""TLS with peers that people have: what they send comes back whole, and ends in order."""

import shutil
import ssl
import subprocess

import pytest

import certificates
import peers
import proxies
import tls
from certificates import one, secure
from clients import converse
from echod import listener
from patience import PATIENCE
from sealed import Sealed

pytestmark = pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")

DATA = peers.payload(300000)
TEXT = b"".join(b"%06d: and the same once more\r\n" % number for number in range(600))

# Those who end their side, by close_notify or by FIN alone as ncat does, and read to the end.
COMMANDS = {
    "socat": "socat -t{patience} - OPENSSL:{host}:{port},cafile={ca},verify=1,commonname=localhost",
    "socat, 1.2": "socat -t{patience} -"
    " OPENSSL:{host}:{port},verify=0,openssl-max-proto-version=TLS1.2",
    "ncat": "ncat --ssl {host} {port}",
    "gnutls-cli": "gnutls-cli --logfile=/dev/null --x509cafile={ca} --verify-hostname=localhost"
    " --port={port} {host}",
    "gnutls-cli, 1.2": "gnutls-cli --logfile=/dev/null --insecure --port={port}"
    " --priority=NORMAL:-VERS-ALL:+VERS-TLS1.2 {host}",
}


def place(daemon, name="echo-tls"):
    return {
        "host": daemon.host(name),
        "port": daemon.port(name),
        "patience": PATIENCE,
        "ca": tls.authority().certificate,
    }


def closed(daemon):
    """The fields of the first connection that was closed."""
    line = daemon.wait_log("^info: connection closed: .*").string
    return dict(field.split("=", 1) for field in line.split(": ", 2)[2].split())


def assert_whole(fields, size=len(DATA)):
    assert (fields["reason"], fields["received"], fields["sent"]) == ("peer", str(size), str(size))


# --- clients -------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", COMMANDS)
def test_all_comes_back_to_who_half_closes(start, client):
    command = COMMANDS[client]
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"{command.split()[0]} is not installed")
    daemon = start([secure(one())])
    peers.assert_same(converse(command.format(**place(daemon)).split(), DATA), DATA)
    fields = closed(daemon)
    assert_whole(fields)
    assert fields["tls"] == ("TLSv1.2" if "1.2" in client else "TLSv1.3")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl(start, version):
    """It cannot half-close: it reads no more at the end of its input, or never ends."""
    daemon = start([secure(one())])
    command = "openssl s_client -quiet -verify_quiet -connect {host}:{port} -CAfile {ca}"
    command = [*command.format(**place(daemon)).split(), version, "-verify_return_error"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(DATA)
        process.stdin.flush()
        peers.assert_same(process.stdout.read(len(DATA)), DATA)
        process.terminate()
    assert_whole(closed(daemon))


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_python(start, version):
    """Its sockets verify us; unwrap() waits for our close_notify."""
    daemon = start([secure(one())])
    context = ssl.create_default_context(cafile=tls.authority().certificate)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    peer = context.wrap_socket(daemon.connect("echo-tls"), server_hostname="localhost")
    for start_at in range(0, len(DATA), 10000):
        peers.echo(peer, DATA[start_at : start_at + 10000])
    plain = peer.unwrap()
    assert plain.recv(1) == b""
    plain.close()
    assert_whole(closed(daemon))


def test_curl_through_stunnel(start, workdir):
    daemon = start([secure(one())])
    service = "client = yes\nconnect = {host}:{port}\nverifyChain = no".format(**place(daemon))
    with proxies.stunnel(workdir, service) as proxy:
        curl = "curl", "--silent", "--no-buffer", f"telnet://127.0.0.1:{proxy.ports[0]}"
        peers.assert_same(converse(curl, TEXT, len(TEXT)), TEXT)


def test_half_close_through_stunnel(start, workdir):
    """What its client shuts down is close_notify here, and the other way."""
    daemon = start([secure(one())])
    service = "client = yes\nconnect = {host}:{port}".format(**place(daemon))
    with proxies.stunnel(workdir, service) as proxy:
        with peers.connect("127.0.0.1", proxy.ports[0]) as peer:
            peers.assert_same(peers.exchange(peer, DATA, half_close=True), DATA)
        assert_whole(closed(daemon))


# --- proxies -------------------------------------------------------------------------------------


PLAIN = listener("plain", proxy_protocol=True, trusted_proxies=["127.0.0.1"])
PROXIED = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}


def pem():
    return tls.read(one().certificate) + tls.read(one().key)


def assert_goes_through(port, is_ended=True):
    """Every byte over TLS to that port, and then close_notify: after ours, and after FIN alone."""
    for says_end in True, False:
        client = Sealed(peers.connect("127.0.0.1", port)).shake()
        records = client.seal(DATA) + (client.end() if says_end else b"")
        received = peers.exchange(client.peer, records, half_close=True)
        peers.assert_same(client.open(received), DATA)
        assert client.ended or not is_ended
        client.close()


def assert_goes_through_in_plain(port):
    with peers.connect("127.0.0.1", port) as peer:
        peers.assert_same(peers.exchange(peer, DATA, half_close=True), DATA)


def server(port, options=""):
    return f"\tserver echo 127.0.0.1:{port} {options}\n"


def test_haproxy_ends_tls_before_us(start, workdir):
    daemon = start([PLAIN])
    section = "\tBIND ssl crt PEM\n" + server(daemon.port("plain"), "send-proxy-v2-ssl")
    with proxies.haproxy(workdir, section, pem=pem()) as proxy:
        assert_goes_through(proxy.ports[0])
    assert_whole(closed(daemon))
    daemon.wait_log("^info: connection opened: .* tls=TLSv1.3 ")


@pytest.mark.parametrize("sending", ["send-proxy", "send-proxy-v2"])
def test_haproxy_passes_tls_through(start, workdir, back_end, sending):
    """The header comes before TLS."""
    daemon = start([secure(one(), **PROXIED)], back_end)
    section = "\tBIND\n" + server(daemon.port("echo-tls"), sending)
    with proxies.haproxy(workdir, section) as proxy:
        assert_goes_through(proxy.ports[0])
    opened = daemon.wait_log(r"^info: connection opened: peer=(\S+) proxy=127\.0\.0\.1:\d+ ")
    fields = daemon.wait_closed(opened.group(1))
    assert_whole(fields)
    assert fields["tls"] == "TLSv1.3"


@pytest.mark.parametrize("sending", ["", "send-proxy-v2"])
def test_haproxy_seals_again(start, workdir, sending):
    daemon = start([secure(one(), **(PROXIED if sending else {}))])
    to_us = f"{sending} ssl verify none sni str(echo.example) alpn echo"
    sections = [f"\t{bind}\n" + server(daemon.port("echo-tls"), to_us)
                for bind in ("BIND", "BIND ssl crt PEM")]  # fmt: skip
    with proxies.haproxy(workdir, *sections, pem=pem()) as proxy:
        assert_goes_through_in_plain(proxy.ports[0])
        assert_goes_through(proxy.ports[1])
    fields = closed(daemon)
    assert_whole(fields)
    assert fields["sni"] == "echo.example"


def test_nginx_ends_tls_before_us(start, workdir):
    """It has no close_notify for its client, whatever we say."""
    daemon = start([PLAIN])
    text = f"""listen ADDRESS ssl; ssl_certificate PEM; ssl_certificate_key PEM;
        proxy_half_close on; proxy_pass 127.0.0.1:{daemon.port('plain')}; proxy_protocol on;"""
    with proxies.nginx(workdir, text, pem=pem()) as proxy:
        assert_goes_through(proxy.ports[0], is_ended=False)
    assert_whole(closed(daemon))


def test_nginx_seals(start, workdir):
    daemon = start([secure(one(), **PROXIED)])
    text = f"""listen ADDRESS; proxy_half_close on; proxy_ssl on; proxy_ssl_server_name on;
        proxy_ssl_name echo.example;
        proxy_pass 127.0.0.1:{daemon.port('echo-tls')}; proxy_protocol on;"""
    with proxies.nginx(workdir, text) as proxy:
        assert_goes_through_in_plain(proxy.ports[0])
    fields = closed(daemon)
    assert_whole(fields)
    assert fields["sni"] == "echo.example"
