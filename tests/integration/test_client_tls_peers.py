"""TLS with other people's servers, and through proxies that end it in front of a plain echo."""

import faulty
import kernel
import peers
import piping
import proxies
import pytest
import tls
from client import json_of, run
from echod import listener
from patience import PATIENCE

pytestmark = pytest.mark.skipif(not tls.BUILT, reason="there is no TLS here, or openssl(1)")
LONG = ("-W", PATIENCE)
DATA = piping.DATA[: piping.MIB]
# Each by PORT, CERTIFICATE, KEY and BOTH, a file of both.
ECHOES = {
    "socat": "-b 4096 OPENSSL-LISTEN:PORT,bind=127.0.0.1,fork,cert=BOTH,verify=0 PIPE",
    "ncat": "--ssl --ssl-cert CERTIFICATE --ssl-key KEY -l -k 127.0.0.1 PORT -e /bin/cat",
    "gnutls-serv": "--quiet --echo --port PORT --x509certfile CERTIFICATE --x509keyfile KEY",
    "openssl": "s_server -quiet -rev -accept 127.0.0.1:PORT -cert CERTIFICATE -key KEY",
}


def own_pair():
    return tls.pair(*tls.HOSTS, subject="peer")


def both():
    """The text of a file with the certificate and its key, and nobody's who reads it."""
    return "".join(map(tls.read, own_pair()))


def serve(name):
    """The URI of one of ECHOES, for a with statement."""
    command, made, port = proxies.program(name), own_pair(), kernel.free_port()
    words = ECHOES[name].replace("PORT", str(port))
    words = words.replace("CERTIFICATE", made.certificate).replace("KEY", made.key)
    words = words.replace("BOTH", tls.write("both-of-peer.pem", both()))
    return faulty.process("tcp", "127.0.0.1", port, command, *words.split())


def secure(uri):
    return uri.replace("tcp:", "tls:")


def pings(uri, *options):
    found = json_of("-c", 2, "-i", 0.01, *LONG, *tls.trust(), *options, secure(uri))
    assert (found["received"], found["ending"]) == (2, "done")
    assert found["tls"]["certificate"]["subject"] == "CN=peer"


def pipe(uri, data=DATA, *options):
    result = run("pipe", "-q", *LONG, *tls.trust(), *options, secure(uri), data=data)
    return result.returncode, result.stderr, result.stdout


def pipes(uri, data=DATA):
    status, told, back = pipe(uri, data)
    assert (status, told) == (0, "")
    peers.assert_same(back, data)


def test_echod(start, back_end):
    """Behind a proxy's header, with a greeting, and a certificate that it demands."""
    made = own_pair()
    files = {"certificate": [made.certificate], "key": [made.key], "alpn": ["echo"]}
    demands = {"client_ca": tls.authority().certificate, "client_certificate": "required"}
    before = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"], "greeting": r"220 %p\r\n"}
    plain = listener(protocol="tls", **files)
    demanding = listener("demanding", protocol="tls", **files, **demands, **before)
    daemon = start((plain, demanding), options=back_end)
    uri = f"tls://127.0.0.1:{daemon.port()}"
    pings(uri)
    pipes(uri, piping.DATA)
    uri = f"tls://127.0.0.1:{daemon.port('demanding')}"
    own = ("--cert", made.certificate, "--key", made.key, "--alpn", "echo")
    header = ("--proxy", "v2=192.0.2.1:1024,192.0.2.2:7", *faulty.EXPECTED)
    pings(uri, *own, *header)
    assert pipe(uri, DATA, *own, *header) == (0, "", DATA)
    status, told, _ = pipe(uri, DATA, *header)
    assert (status, "it refuses: tlsv13 alert certificate required" in told) == (1, True)


def test_socat():
    with serve("socat") as uri:
        pings(uri)
        pipes(uri)


def test_ncat():
    """It closes as soon as the client has ended, so that nothing may come back of a pipe."""
    with serve("ncat") as uri:
        pings(uri)


def test_gnutls():
    """It echoes lines."""
    with serve("gnutls-serv") as uri:
        for least in ("1.2", "1.3"):
            result = run(
                "send", "-n", 1, *LONG, *tls.trust(), "--tls-min", least, secure(uri), "line\n"
            )
            assert result.returncode == 0, result
        pipes(uri, b"line\n")


def test_openssl():
    """It sends each line back with its end first."""
    with serve("openssl") as uri:
        assert pipe(uri, b"abc\ndef\n", "--no-compare") == (0, "", b"cba\nfed\n")


def test_stunnel(start, workdir):
    daemon, port = start((listener(),)), kernel.free_port()
    made = own_pair()
    path = tls.write("stunnel.conf", f"""
foreground = quiet
pid =
[echo]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{daemon.port()}
cert = {made.certificate}
key = {made.key}
""")  # fmt: skip
    command = proxies.program("stunnel4")
    with faulty.process("tcp", "127.0.0.1", port, command, path) as uri:
        pings(uri)
        pipes(uri)


@pytest.mark.parametrize("proxied", ["", "accept-proxy"])
def test_haproxy(start, workdir, proxied):
    daemon = start((listener(),))
    options = ("--proxy", "v2=192.0.2.1:1024,192.0.2.2:7") if proxied else ()
    section = f"\tBIND {proxied} ssl crt PEM alpn echo\n\tserver echo 127.0.0.1:{daemon.port()}\n"
    with proxies.haproxy(workdir, section, pem=both()) as proxy:
        uri = f"tls://127.0.0.1:{proxy.ports[0]}"
        pings(uri, *options)
        found = json_of("-c", 1, *LONG, *tls.trust(), "--alpn", "echo", *options, uri)
        assert found["tls"]["alpn"] == "echo"
        assert pipe(uri, DATA, *options) == (0, "", DATA)


def test_nginx(start, workdir):
    """All comes back, and then it cuts; without proxy_half_close it would lose bytes, too."""
    daemon = start((listener(),))
    common = f"""listen ADDRESS ssl; ssl_certificate PEM; ssl_certificate_key PEM;
        proxy_pass 127.0.0.1:{daemon.port()};"""
    with proxies.nginx(workdir, f"{common} proxy_half_close on;", pem=both()) as proxy:
        uri = f"tls://127.0.0.1:{proxy.ports[0]}"
        pings(uri)
        status, told, back = pipe(uri)
    peers.assert_same(back, DATA)
    cut = "echod-client: all 1048576 bytes came back, but the server cut the connection, without"
    assert (status, told) in [(0, ""), (1, f"{cut} close_notify\n")]
