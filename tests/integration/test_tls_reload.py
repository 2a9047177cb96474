"""A reload reads certificates and keys again: all of them come into force, or nothing changes."""

import glob
import os
import ssl
import threading
import time

import pytest

import certificates
import kernel
import peers
import tls
from certificates import is_presented, of_time, put, secure, secured
from echod import listener, run
from patience import eventually

pytestmark = pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")

SWAPS = int(os.environ.get("SWAPS", "10"))
FEATURES = run("-V").stdout
MODULE = next(iter(glob.glob("/usr/lib/*/ossl-modules/legacy.so")), None)


@pytest.fixture(name="pair")
def made_pair(workdir):
    return put(tls.pair("localhost", days=60), workdir)


def another():
    return tls.pair("localhost", subject="another", days=60)


def of_reload(daemon):
    """Its lines, without those of connections that end or begin meanwhile."""
    return [line for line in daemon.reload() if not line.startswith("info: ")]


# --- what comes into force -------------------------------------------------------------------------


def test_a_certificate_that_was_renewed(start, back_end, workdir, pair):
    """No option has changed, the one who is connected goes on, and the sandbox has no objection."""
    options = {**back_end, "sandbox": "true" if "+seccomp" in FEATURES else "auto"}
    daemon = start([secure(pair)], {**options, "limits.connections": 500})
    with secured(daemon) as peer:
        put(another(), workdir)
        lines = of_reload(daemon)
        assert lines[1:] == [
            f"notice: certificate changed: listener=echo-tls file={pair.certificate}"
            f" end={shown(another())}",
            f"notice: reloaded {daemon.file}: 0 listeners added, 0 removed, 1 kept",
        ]
        assert is_presented(daemon, another())
        peers.echo(peer, b"still there?")
    assert len(of_reload(daemon)) == 2


def shown(pair):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(certificates.end_of(pair)))


def test_the_first_tls_listener(start, back_end, pair):
    """What OpenSSL needs of the system it has had before the sandbox."""
    daemon = start(options=back_end)
    daemon.configure([listener(), secure(pair)], back_end)
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    assert is_presented(daemon, pair)
    daemon.assert_echoes()


@pytest.mark.skipif(not MODULE, reason="there is no provider to load")
def test_what_openssl_loads_is_there_before_the_sandbox(start, workdir):
    """Its own configuration may name providers, also where no listener speaks TLS yet."""
    path = os.path.join(workdir, "openssl.cnf")
    with open(path, "w", encoding="ascii") as file:
        file.write(
            "openssl_conf = all\n[all]\nproviders = some\n[some]\ndefault = used\nlegacy = used\n"
            "[used]\nactivate = 1\n"
        )
    daemon = start(environment={"OPENSSL_CONF": path})
    with open(f"/proc/{daemon.pid}/maps", encoding="ascii") as file:
        assert MODULE in file.read()


def test_a_listener_that_speaks_tls_from_now_on(start, pair):
    port = kernel.free_port()
    daemon = start([listener("echo", port=port)])
    with daemon.connect("echo") as plain:
        peers.echo(plain, b"before")
        daemon.configure([secure(pair, "echo", port=port)])
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        assert is_presented(daemon, pair, "echo")
        peers.echo(plain, b"after")
    daemon.configure([listener("echo", port=port)])
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    daemon.assert_echoes("echo")


def test_what_listeners_have_of_the_section(start, pair):
    other = another()
    options = {"tls.certificate": [pair.certificate], "tls.key": [pair.key]}
    renewed = {"tls.certificate": [other.certificate], "tls.key": [other.key]}
    listeners = [listener("has", protocol="tls"), secure(pair, "own"), listener()]
    daemon = start(listeners, options)
    daemon.configure(listeners, renewed)
    changes = [line for line in daemon.reload() if "option changed: " in line]
    change = f'from={{"{pair.certificate}"}} to={{"{other.certificate}"}}'
    assert changes[0] == f"notice: option changed: name=tls.certificate {change}"
    assert changes[2] == f"notice: option changed: name=listen.has.certificate {change}"
    assert len(changes) == 4  # and the keys
    assert is_presented(daemon, other, "has")
    assert is_presented(daemon, pair, "own")


# --- faults ----------------------------------------------------------------------------------------------


def spoil_pair(there, workdir):
    os.replace(tls.write("copy", tls.read(another().key)), there.key)
    return f"{there.key}: the key does not match the certificate in {there.certificate}"


def remove_key(there, workdir):
    os.unlink(there.key)
    return f"{there.key}: No such file or directory"


def empty_certificate(there, workdir):
    os.truncate(there.certificate, 0)
    return f"{there.certificate}: no certificate in it: give a PEM file, with the server's certificate first"


def end_certificate(there, workdir):
    put(of_time(-2, -1), workdir)
    return f"{there.certificate}: the certificate has ended: give one that is valid"


@pytest.mark.parametrize("spoil", [spoil_pair, remove_key, empty_certificate, end_certificate])
def test_all_is_as_before(start, workdir, pair, spoil):
    daemon = start([secure(pair), listener()])
    old = tls.write("old", tls.read(pair.certificate))
    descriptors = kernel.highest_descriptor(daemon.pid)
    fault = spoil(pair, workdir)
    daemon.configure([secure(pair), listener(), listener("new")], {"drain_timeout": 7})
    for _ in range(3):
        lines = of_reload(daemon)
        assert lines[1:] == [
            f'err: {daemon.file}:1: listener "echo-tls": {fault}',
            "err: reload failed: the running configuration stays in force",
        ]
    assert kernel.highest_descriptor(daemon.pid) == descriptors
    assert is_presented(daemon, tls.Pair(old, None))
    put(another(), workdir)
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    assert is_presented(daemon, another())


def test_one_that_has_ended_and_is_presented_is_no_fault(start, workdir):
    """Whatever else is changed, by a listener of another name, too; beside it one is renewed."""
    ended, other = of_time(-2, -1), put(tls.pair("localhost", days=60), workdir)
    both = {"certificate": [ended.certificate, other.certificate], "key": [ended.key, other.key]}
    daemon = start([listener("first", protocol="tls", **both)])
    put(another(), workdir)
    daemon.configure([listener("second", protocol="tls", **both), listener()])
    lines = daemon.reload()
    assert lines[-1].startswith("notice: reloaded ")
    assert any("warning: certificate has ended: listener=second " in line for line in lines)
    daemon.configure([secure(of_time(-2, -1))])
    assert daemon.reload()[-1].startswith("err: reload failed")


# --- sessions -------------------------------------------------------------------------------------------------


def session_of(daemon, context):
    """What a client has agreed on: the ticket of TLS 1.3 comes with the first data."""
    with secured(daemon, context=context) as peer:
        peers.echo(peer, b"a ticket?")
        return peer.session


def is_resumed(daemon, context, session):
    with secured(daemon, context=context, session=session) as peer:
        peers.echo(peer, b"and again")
        return peer.session_reused


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tickets_outlive_a_reload(start, workdir, pair, version):
    daemon = start([secure(pair)])
    context = certificates.client(maximum_version=version)
    session = session_of(daemon, context)
    put(another(), workdir)
    daemon.reload()
    assert is_resumed(daemon, context, session)
    assert is_presented(daemon, another())


def test_tickets_do_not_go_round_another_client_ca(start, pair):
    asking = {"client_certificate": "optional"}
    daemon = start([secure(pair, client_ca=tls.authority().certificate, **asking)])
    context = certificates.client()
    context.load_cert_chain(*tls.pair("client"))
    session = session_of(daemon, context)
    assert is_resumed(daemon, context, session)
    session = session_of(daemon, context)
    daemon.configure([secure(pair, client_ca=tls.authority("others").certificate, **asking)])
    daemon.reload()
    with pytest.raises(OSError):  # its certificate is not to be trusted any more
        is_resumed(daemon, context, session)


# --- under load ---------------------------------------------------------------------------------------------------


class Load(threading.Thread):
    """Clients that come one after the other until they are ended, each verified and echoed."""

    def __init__(self, daemon):
        super().__init__()
        self.where = daemon.host("echo-tls"), daemon.port("echo-tls")
        self.context = certificates.client(tls.authority().certificate)
        self.ended = threading.Event()
        self.served, self.failure = 0, None
        self.seen = set()

    def run(self):
        data = peers.payload(20000)
        try:
            while not self.ended.is_set():
                with self.context.wrap_socket(peers.connect(*self.where)) as peer:
                    self.seen.add(peer.getpeercert(True))
                    peers.echo(peer, data)
                self.served += 1
        except (OSError, AssertionError) as failure:
            self.failure = failure

    def end(self):
        self.ended.set()
        self.join()


def test_certificates_are_swapped_under_load(start, workdir, pair):
    """SWAPS=100 for more of them."""
    daemon = start([secure(pair)], {"limits.connections": 1000})
    both = tls.pair("localhost", days=60), another()
    loads = [Load(daemon) for _ in range(4)]
    with secured(daemon) as stays:
        for load in loads:
            load.start()
        try:
            for swap in range(SWAPS):
                before = [load.served for load in loads]
                put(both[(swap + 1) % 2], workdir)
                assert daemon.reload()[-1].startswith("notice: reloaded ")
                eventually(
                    lambda: all(load.failure or load.served > was + 1 for load, was in zip(loads, before)),
                    "each is served again",
                )
                peers.echo(stays, b"swap %d" % swap)
        finally:
            for load in loads:
                load.end()
    assert [load.failure for load in loads] == [None] * len(loads)
    assert {ssl.DER_cert_to_PEM_cert(der) for load in loads for der in load.seen} == {
        tls.read(one.certificate) for one in both
    }
