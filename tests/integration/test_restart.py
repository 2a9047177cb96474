"""A restart by a service manager, which keeps what the one has for the next: no peer sees it."""

import os
import signal
import socket

import pytest

import activation
import certificates
import echod
import observing
import peers
import sealed
import successors
from echod import listener
from manager import BOTH, OPTIONS, TOOK
from patience import eventually
from traffic import Comers

pytestmark = pytest.mark.skipif(
    "+systemd" not in echod.run("-V").stdout, reason="this echod has no libsystemd"
)

MIB = 1 << 20
RESTARTS = int(os.environ.get("RESTARTS", "3"))


# --- what goes on ---------------------------------------------------------------------------------


def test_nobody_notices(serve, restart, back_end):
    daemon = serve(options=back_end)
    successors.see_through(daemon, lambda now: restart(now, options=back_end), RESTARTS)


def test_what_is_told(serve, restart, keeper):
    daemon = serve()
    peer = daemon.connect()
    peers.echo(peer, b"one")
    before = daemon
    daemon = restart(daemon)
    peers.echo(peer, b"two")
    assert successors.handed(before)[0] == 1
    assert daemon.wait_log(TOOK)[1] == "1"
    words = [next(iter(told)) for told in keeper.told]
    assert words.index("FDSTOREREMOVE", words.index("FDSTORE")) < len(words) - 1
    assert "STOPPING" in words
    daemon.wait_counter('echod_hand_overs_total{result="success"}', 1)
    daemon.wait_counter('echod_sent_bytes_total{listener="echo-tcp"}', 6)


def test_unix_sockets_and_the_path_of_successors(serve, restart, workdir, abstract):
    listeners = (listener(path=f"{workdir}/echod.sock"), listener("name", path=abstract))
    options = {"take_over.path": successors.place(workdir)}
    daemon = serve(listeners, options)
    files = [f"{workdir}/echod.sock", successors.place(workdir)]
    inodes = [os.stat(file).st_ino for file in files]
    peer = daemon.connect()
    with Comers(daemon.at()) as comers, Comers(daemon.at("name")):
        for _ in range(RESTARTS):
            daemon = restart(daemon, listeners, options)
            comers.wait_rounds(3)
            peers.echo(peer, b"on")
    assert [os.stat(file).st_ino for file in files] == inodes
    daemon.stop()
    assert not any(map(os.path.exists, files))


def test_sockets_of_the_manager_come_from_there(serve, restart, keeper):
    """Beside the parcel, by whatever name, and not twice."""
    with activation.bound() as theirs:
        port = activation.port_of(theirs)
        listeners = (listener(port=port), listener("own"))
        daemon = serve(listeners, **{**activation.passing(theirs)})
        with peers.connect("127.0.0.1", port) as peer, Comers(daemon.at()) as comers:
            own = daemon.connect("own")
            for _ in range(RESTARTS):
                daemon = restart(daemon, listeners, sockets=[theirs], names=["echo"])
                comers.wait_rounds(3)
                peers.echo(peer, b"inherited")
                peers.echo(own, b"own")
                assert daemon.log.matching(r", inherited as echo$")


def test_scrapes_see_no_counter_go_back(serve, restart):
    listeners = (listener(),)
    options = observing.ON
    daemon = serve(listeners, options)
    peers.echo(daemon.connect(), b"x" * 1000)
    for _ in range(RESTARTS):
        before = observing.metrics(daemon)
        daemon = restart(daemon, listeners, options)
        after = observing.metrics(daemon)
        assert after['echod_sent_bytes_total{listener="echo-tcp"}'] == 1000
        assert after["echod_service_start_time_seconds"] == \
            before["echod_service_start_time_seconds"]


# --- what cannot travel ----------------------------------------------------------------------------


def test_tls_ends_first(secured, keeper, launch):
    """Whatever is plain is served meanwhile, and whoever comes for TLS waits."""
    daemon, listeners, options = secured
    idle, silent, plain = daemon.connect(), sealed.call(daemon), peers.Stream(daemon.connect())
    plain.start()
    with sealed.Talking(sealed.call(daemon)) as talking:
        daemon.signal(signal.SIGUSR2)
        daemon.wait_log("^notice: SIGUSR2: 2 TLS connections end before the hand-over, within 60 s")
        keeper.heard(STATUS="handing over once 2 TLS connections have ended, within 60 seconds")
        assert daemon.counter("echod_restarting") == 1
        late = daemon.connect("echo-tls")
        late_hello = sealed.Sealed(late)
        late.sendall(late_hello.hello())
        assert silent.receive_to_eof() == b"" and silent.ended
        silent.close()
        daemon.assert_echoes()
        plain.wait_moved(MIB)
        daemon.signal(signal.SIGUSR2)
        daemon.wait_log("^notice: SIGUSR2: the hand-over is under way$")
        daemon.signal(signal.SIGHUP)
        daemon.wait_log("^notice: SIGHUP: no reload in a restart: ")
        talking.wait_rounds(3)
        assert not keeper.kept and peers.is_quiet(late, 0.05)
    keeper.wait_gone(daemon)
    successor = launch(listeners, options, **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    late_hello.shake(hello=b"").echo(b"served at last")
    peers.echo(idle, b"and so is who was silent")
    plain.wait_moved(MIB)
    plain.finish()


def test_tls_that_does_not_end_is_cut(secured, restart):
    """Its peer takes nothing of what it is owed."""
    daemon, listeners, _ = secured
    options = {"drain_timeout": 2}
    daemon.configure(listeners, {**OPTIONS, **options})
    daemon.reload()
    plain, stubborn = daemon.connect(), sealed.call(daemon)
    sealed.fill([stubborn], 16 * MIB)
    successor = restart(daemon, listeners, options)
    daemon.wait_log("^notice: drain_timeout: 1 TLS connection aborted$")
    peers.echo(plain, b"and on")
    assert successor.wait_log(TOOK)[1] == "1"


def test_who_asks_is_answered_first(serve, keeper, launch):
    daemon = serve(options=observing.ON)
    plain, asker = daemon.connect(), observing.connect(daemon)
    asker.sendall(observing.request()[:20])
    eventually(lambda: peers.is_quiet(asker, 0.05), "it waits for the rest")
    daemon.signal(signal.SIGUSR2)
    keeper.heard(STATUS="handing over")
    peers.echo(plain, b"meanwhile")
    assert observing.status(daemon, "/metrics") == 200
    asker.sendall(observing.request()[20:])
    assert observing.receive(asker).status == 200
    asker.close()
    keeper.wait_gone(daemon)
    successor = launch(BOTH, {**OPTIONS, **observing.ON}, **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    peers.echo(plain, b"and on")


def test_a_header_that_is_not_whole(serve, restart):
    """It goes on where it stopped."""
    listeners = (listener(proxy_protocol=True, trusted_proxies=["127.0.0.1"], greeting="%p\\r\\n"),)
    daemon = serve(listeners)
    peer = daemon.connect()
    peer.sendall(b"PROXY TCP4 192.0.2.7 192")
    daemon.wait_counter('echod_connections_preamble{listener="echo-tcp"}', 1)
    restart(daemon, listeners)
    peer.sendall(b".0.2.1 4711 7\r\n")
    assert peers.receive(peer, 14) == b"192.0.2.7:4711"[:14]


@pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")
def test_a_header_before_tls_ends_first(serve, keeper, launch):
    """It cannot travel: whoever is behind it ends as all do that speak TLS, and plain ones go on."""
    proxied = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}
    listeners = (*BOTH, certificates.secure(certificates.one(), **proxied))
    daemon = serve(listeners)
    plain, behind = daemon.connect(), daemon.connect("echo-tls")
    behind.sendall(b"PROXY TCP4 192.0.2.7 192")
    daemon.wait_counter('echod_connections_preamble{listener="echo-tls"}', 1)
    daemon.signal(signal.SIGUSR2)
    daemon.wait_log("^notice: SIGUSR2: 1 TLS connection ends before the hand-over, ")
    behind.sendall(b".0.2.1 4711 7\r\n")
    with certificates.client().wrap_socket(behind) as secure:
        secure.sendall(b"whole")
        assert secure.recv(64) == b"whole"
        peers.echo(plain, b"as ever")
        assert not keeper.kept and secure.recv(64) == b""
    keeper.wait_gone(daemon)
    successor = launch(listeners, OPTIONS, **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    peers.echo(plain, b"and on")


@pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")
def test_who_is_idle_meanwhile_ends_as_ever(serve, keeper, launch):
    """By limits.idle_timeout, which is no drain."""
    listeners = (*BOTH, certificates.secure(certificates.one()))
    daemon = serve(listeners, {"limits.idle_timeout": 2})
    plain = daemon.connect()
    name = peers.name_of(plain)
    with sealed.Talking(sealed.call(daemon)) as talking:
        daemon.signal(signal.SIGUSR2)
        assert peers.receive_to_eof(plain) == b""
        plain.close()
        assert daemon.wait_closed(name)["reason"] == "idle_timeout"
        talking.wait_rounds(2)
    keeper.wait_gone(daemon)


def test_the_path_of_successors_changes(serve, restart, workdir):
    """The file of the former one goes, though this process did not make it, where it may touch files
    at all."""
    paths = [f"{workdir}/{name}.sock" for name in ("first", "second")]
    daemon = serve(options={"take_over.path": paths[0]})
    daemon = restart(daemon, options={"take_over.path": paths[1]})
    assert [os.path.exists(path) for path in paths] == [False, True]
    daemon = restart(daemon)
    daemon.assert_echoes()
    if not os.path.exists(paths[1]):
        return
    daemon.wait_log("^notice: the file of the former take_over.path is left: the sandbox lets none")


def test_restarts_after_each_other(serve, restart):
    """Those that are about to close do not pile up."""
    daemon = serve()
    for _ in range(5):
        closing = daemon.connect(receive_buffer=4096)
        closing.sendall(bytes(100000))
        closing.shutdown(socket.SHUT_WR)
        daemon = restart(daemon)
        assert len(peers.receive_to_eof(closing)) == 100000
    daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', 0)
