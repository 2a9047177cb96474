"""Peers that do not read or that vanish cost little and disturb nobody, on each back end."""

import time

import peers
import kernel
from patience import within

MIB = 1 << 20


def test_never_readers_cost_little_memory_and_no_time(start, served, back_end):
    daemon = start(
        served,
        options={**back_end, "workers": 1},
        # memory that is freed is to leave the sanitizer's quarantine, or it looks like a leak
        environment={"ASAN_OPTIONS": "quarantine_size_mb=1"},
    )
    daemon.assert_echoes()
    before = kernel.resident_bytes(daemon.pid)
    data = peers.payload(48 * MIB)
    for _ in range(6):
        stalled = daemon.connect(receive_buffer=65536)
        assert peers.fill(stalled, data) < len(data), "echod took what it could not give back"
    assert kernel.resident_bytes(daemon.pid) - before < 16 * MIB

    active = daemon.connect()
    start_time = time.monotonic()
    for _ in range(100):
        peers.echo(active, b"still served")
    assert time.monotonic() - start_time < within(1)


def test_a_stalled_peer_gets_everything_once_it_reads(start, served, back_end):
    daemon = start(served, options=back_end)
    data = peers.payload(48 * MIB)
    peer = daemon.connect(receive_buffer=65536)
    for _ in range(2):
        sent = peers.fill(peer, data)
        peers.assert_same(peers.receive(peer, sent), data[:sent])
    peers.echo(peer, b"in step again")


def test_resets_of_idle_connections(start, back_end):
    daemon = start(options=back_end)
    for _ in range(20):
        peer = daemon.connect()
        peers.echo(peer, b"before the reset")
        name = peers.name_of(peer)
        peers.reset(peer)
        assert daemon.wait_closed(name)["reason"] in ("reset", "error")
    daemon.assert_echoes()


def test_resets_while_bytes_wait(start, back_end):
    daemon = start(options=back_end)
    data = peers.payload(48 * MIB)
    stalled = [daemon.connect(receive_buffer=65536) for _ in range(3)]
    for peer in stalled:
        assert peers.fill(peer, data) < len(data)
        name = peers.name_of(peer)
        peers.reset(peer)
        closed = daemon.wait_closed(name)
        assert closed["reason"] in ("reset", "error")
        assert int(closed["sent"]) < int(closed["received"])
    daemon.assert_echoes()


def test_peers_that_reset_at_once(start, back_end):
    daemon = start(options=back_end)
    for number in range(200):
        peer = daemon.connect()
        if number % 2:
            peer.sendall(b"never read back")
        peers.reset(peer)
    daemon.assert_echoes()
    daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', 0)
