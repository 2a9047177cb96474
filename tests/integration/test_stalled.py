"""Peers that do not take what they are sent: none holds the daemon's or the kernel's memory."""

import signal
import socket
import time

import pytest

import kernel
import loads
import peers
from patience import SLOWNESS, eventually, within

MIB = 1 << 20
SMALL = {"limits.socket_buffer": 16384}


def stall(daemon, size=2 * MIB):
    """A peer that sends until it is blocked, and reads nothing."""
    peer = daemon.connect(receive_buffer=16384)
    daemon.wait_opened(peer)
    peers.fill(peer, peers.payload(size))
    return peer


def reason(daemon, peer):
    return daemon.wait_closed(peers.name_of(peer))["reason"]


def wait_while_served(peer, seconds):
    """Lets time go by, in which an honest peer is served."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        peers.echo(peer, b"undisturbed")
        peers.is_quiet(peer, 0.05)


def test_a_peer_that_takes_nothing_is_aborted(start, back_end):
    daemon = start(options={**back_end, **SMALL, "limits.write_timeout": 3})
    begun = time.monotonic()
    blocked, honest = stall(daemon), daemon.connect()
    wait_while_served(honest, 2)
    assert reason(daemon, blocked) == "write_timeout"
    assert 2.9 < time.monotonic() - begun < within(6)
    peers.echo(honest, b"undisturbed")


def test_beyond_the_limit_one_stalled_for_longer_is_aborted(start):
    daemon = start(
        options={**SMALL, "workers": 1, "limits.stalled_connections": 2, "limits.write_timeout": 0}
    )
    stalled = [stall(daemon) for _ in range(2)]
    honest = daemon.connect()
    wait_while_served(honest, 3)
    assert not daemon.log.matching("connection closed")
    stalled.append(stall(daemon))
    line = daemon.wait_log("connection closed: peer=(.*?) .* reason=stalled ")
    # a probe may have brought either of them some bytes more, but the newest is not the longest
    assert line.group(1) in [peers.name_of(peer) for peer in stalled[:2]]
    peers.echo(honest, b"undisturbed")
    assert len(daemon.log.matching("connection closed")) == 1


def test_beyond_the_memory_some_of_the_blocked_are_aborted(start):
    """Each holds some 40 KiB of the kernel's: a hundred are too many for a MiB, one is not."""
    options = {"workers": 1, "limits.stalled_connections": 0, "limits.write_timeout": 0}
    daemon = start(options={**options, "limits.blocked_memory": 0})
    blocked = [daemon.connect(receive_buffer=4096, send_buffer=4096) for _ in range(100)]
    honest = daemon.connect()
    loads.fill(blocked, seconds=1)
    wait_while_served(honest, 1)
    assert not daemon.log.matching("connection closed")
    daemon.configure(options={**options, "limits.blocked_memory": 1})
    daemon.reload()
    daemon.wait_log("connection closed: .* reason=stalled ")
    wait_while_served(honest, 1)
    assert len(daemon.log.matching("connection closed")) < len(blocked)
    assert len(daemon.log.matching("reason=stalled")) == len(daemon.log.matching("closed"))


@pytest.mark.skipif(SLOWNESS > 1, reason="a sanitizer keeps what is freed")
def test_memory_that_waiting_bytes_held_is_given_back(start):
    """The C library would keep what a crowd made it allocate."""
    daemon = start(
        options={"workers": 1, "limits.stalled_connections": 0, "log.level": "notice"}
    )
    before = kernel.resident_bytes(daemon.pid)
    crowd = [daemon.connect(receive_buffer=4096) for _ in range(2500)]
    loads.fill(crowd, seconds=1)
    held = kernel.resident_bytes(daemon.pid)
    assert held > before + 24 * MIB  # or there would be nothing to give back
    for peer in crowd:
        peers.reset(peer)
    eventually(
        lambda: kernel.resident_bytes(daemon.pid) < before + (held - before) / 2,
        "its memory is given back",
    )


def test_who_never_reads_makes_the_kernel_keep_little(start):
    """Autotuned buffers would take megabytes of it, in both directions."""
    daemon = start()
    peer = daemon.connect(receive_buffer=4096, send_buffer=4096)
    daemon.wait_opened(peer)
    assert peers.fill(peer, peers.payload(8 * MIB)) < MIB // 4


@pytest.mark.skipif(not kernel.can_borrow(), reason="may not look at another's sockets")
def test_the_kernel_makes_room_for_who_reads_alone(start, back_end):
    """The receive buffer of a connection is autotuned once its peer has shown that it reads."""
    daemon = start(options=back_end)
    # segments as a network has them: long ones make the kernel widen the window by themselves
    peer = daemon.connect(receive_buffer=4096, send_buffer=4096, segment=1448)
    daemon.wait_opened(peer)
    data = peers.payload(4 * MIB)
    sent = peers.fill(peer, data)

    def room():
        with kernel.borrow_connection(daemon.pid, peer.getsockname()) as connection:
            return (
                connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
                connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP),
            )

    assert max(room()) <= 32768
    peers.assert_same(peers.receive(peer, sent), data[:sent])
    peers.assert_same(peers.exchange(peer, data[: MIB // 4]), data[: MIB // 4])
    buffer, window = room()
    assert buffer >= 262144
    assert window >= 131072


def test_nobody_sends_much_before_it_is_read(start):
    daemon = start()
    peer = daemon.connect(send_buffer=4096)
    daemon.wait_opened(peer)
    daemon.signal(signal.SIGSTOP)
    eventually(lambda: kernel.is_stopped(daemon.pid), "echod is stopped")
    sent = peers.fill(peer, peers.payload(MIB))
    daemon.signal(signal.SIGCONT)
    assert sent < 65536
    peers.receive(peer, sent)


def test_a_slow_reader_is_not_stalled(start):
    """It takes its bytes bit by bit: whoever moves is left alone, and loses nothing."""
    daemon = start(
        options={**SMALL, "workers": 1, "limits.stalled_connections": 1, "limits.write_timeout": 2}
    )
    data = peers.payload(MIB)
    slow, honest = daemon.connect(receive_buffer=16384), daemon.connect()
    sent, received = peers.fill(slow, data), bytearray()
    other = stall(daemon)
    begun = time.monotonic()
    while time.monotonic() - begun < 5:
        received += peers.receive(slow, min(8192, sent - len(received)))
        sent += peers.fill(slow, data[sent : sent + 8192])
        wait_while_served(honest, 0.1)
    assert reason(daemon, other) == "write_timeout"
    assert len(daemon.log.matching("connection closed")) == 1
    received += peers.receive(slow, sent - len(received))
    peers.assert_same(received, data[:sent])


def test_a_peer_that_ends_its_side_and_never_reads(start):
    """The kernel would keep its echo for minutes; it is neither forgotten nor kept for long."""
    daemon = start(options={**SMALL, "limits.write_timeout": 2})
    peer = daemon.connect(receive_buffer=16384)
    peer.sendall(peers.payload(40000))
    peer.shutdown(socket.SHUT_WR)
    assert reason(daemon, peer) == "write_timeout"


def test_limits_change_by_a_reload(start):
    daemon = start(options={**SMALL, "limits.write_timeout": 0, "limits.stalled_connections": 0})
    peer, honest = stall(daemon), daemon.connect()
    wait_while_served(honest, 3)
    assert not daemon.log.matching("connection closed")
    daemon.configure(options={**SMALL, "limits.write_timeout": 2})
    daemon.reload()
    assert reason(daemon, peer) == "write_timeout"
