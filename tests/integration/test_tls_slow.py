"""TLS with those who take long, or all that there is: others are served meanwhile."""

import time

import pytest

import certificates
import kernel
import peers
import sealed
from patience import eventually, within
from sealed import FAULTS, Sealed, call, fill

pytestmark = pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")


@pytest.fixture(name="serve")
def serving(start):
    return sealed.served_by(start)


def test_a_handshake_has_until_its_deadline_whatever_comes(serve, back_end):
    daemon = serve({**back_end, "limits.handshake_timeout": 1})
    begun = time.monotonic()
    silent, dripping = daemon.connect("echo-tls"), daemon.connect("echo-tls")
    hello = iter(Sealed(dripping).hello())
    while peers.is_quiet(dripping, 0.05):
        dripping.sendall(bytes([next(hello)]))
        assert time.monotonic() - begun < within(3)
    assert time.monotonic() - begun > 0.9
    assert peers.ends(dripping) == peers.ends(silent) == "reset"
    daemon.wait_counter(FAULTS % "tls_timeout", 2)
    call(daemon).echo(b"undisturbed")


LONG_HELLO = bytes((22, 3, 1, 2, 0, 1, 1, 255, 255))  # the first 9 bytes of 131 KB


def hold(peer):
    """Begins a handshake, and falls silent."""
    peer.sendall(LONG_HELLO)
    eventually(lambda: kernel.unread(peer) == 0, "it has begun")


def test_who_holds_up_others_makes_way(serve, back_end):
    daemon = serve({**back_end, "workers": 1, "limits.handshakes": 1})
    begun = time.monotonic()
    holding, reset, waiting = (daemon.connect("echo-tls") for _ in range(3))
    hold(holding)
    daemon.wait_opened(waiting)
    reset.sendall(LONG_HELLO)
    name = peers.name_of(reset)
    peers.reset(reset)
    Sealed(waiting).shake().echo(b"at last")
    assert time.monotonic() - begun > 0.9
    assert peers.ends(holding) == "reset"
    assert daemon.wait_closed(peers.name_of(holding))["reason"] == "tls_crowded"
    assert daemon.wait_closed(name)["reason"] == "reset"
    daemon.wait_counter(FAULTS % "tls_crowded", 1)
    assert not daemon.log.matching("reason=(tls_crowded|reset) .* tls=")


def test_a_reset_is_noticed_while_others_shake_hands(serve, back_end):
    daemon = serve({**back_end, "workers": 1, "limits.handshakes": 1})
    holding, waiting = daemon.connect("echo-tls"), daemon.connect("echo-tls")
    hold(holding)
    daemon.wait_opened(waiting)
    waiting.sendall(LONG_HELLO)
    name = peers.name_of(waiting)
    peers.reset(waiting)
    assert daemon.wait_closed(name)["reason"] == "reset"
    assert not daemon.log.matching("reason=tls_crowded")


def test_who_is_silent_is_ended_in_order(serve, back_end):
    daemon = serve({**back_end, "limits.idle_timeout": 1})
    client = call(daemon)
    client.echo(b"and then silence")
    assert client.receive_to_eof() == b"" and client.ended
    name = peers.name_of(client.peer)
    client.close()
    assert daemon.wait_closed(name)["reason"] == "idle_timeout"


def test_a_drain_ends_in_order(serve, back_end):
    """Who is in the middle of a handshake has the time for it, and for an echo."""
    daemon = serve(back_end)
    client, shaking = call(daemon), Sealed(daemon.connect("echo-tls"))
    client.echo(b"served")
    hello = shaking.hello()
    shaking.peer.sendall(hello[:50])
    daemon.wait_opened(shaking.peer)
    daemon.drain(connections=2)
    assert client.receive_to_eof() == b"" and client.ended
    shaking.peer.sendall(hello[50:])
    shaking.shake(hello).echo(b"served, too")
    assert shaking.receive_to_eof() == b"" and shaking.ended
    client.close()
    shaking.close()
    daemon.wait_exit()
    assert len(daemon.log.matching("connection closed: .* reason=drain ")) == 2


def test_peers_that_never_read_are_bounded_together(serve):
    """Their blocked bytes count, as those of other streams do; who reads is served."""
    options = {"workers": 1, "limits.write_timeout": 0, "limits.stalled_connections": 0}
    daemon = serve({**options, "limits.blocked_memory": 1})
    honest = call(daemon)
    crowd = [
        Sealed(daemon.connect("echo-tls", receive_buffer=4096, send_buffer=4096)).shake()
        for _ in range(100)
    ]
    fill(crowd, 1 << 19)
    daemon.wait_log("connection closed: .* reason=stalled ")
    honest.echo(b"undisturbed")
    assert len(daemon.log.matching("connection closed")) < len(crowd)
