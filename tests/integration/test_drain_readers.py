"""A drain waits for peers that read late or slowly: each gets everything."""

import time

import peers
from patience import within

MIB = 1 << 20
PACE = 0.2  # seconds between the bites of a slow reader


def test_who_reads_late_gets_everything_too(start, back_end):
    """Who has stalled for longer than a silent connection is given has not had its say yet."""
    daemon = start(options=back_end)
    data = peers.payload(32 * MIB)
    crowd = [daemon.connect(receive_buffer=65536) for _ in range(3)]
    sent = [peers.fill(peer, data) for peer in crowd]
    assert max(sent) < len(data)
    daemon.drain(connections=3)
    for peer, count in zip(crowd, sent):
        peers.assert_same(peers.receive(peer, count), data[:count])
        peers.echo(peer, b"and this")
        assert peers.receive_to_eof(peer) == b""
        peer.close()
    assert daemon.wait_exit(within(10)) == 0


def test_who_reads_slowly_what_the_kernel_holds_gets_everything(start):
    """All is sent but lies in the kernel; the peer takes longer than a silent one may linger.

    While it takes some it is not silent: what it sends meanwhile comes back, too.
    """
    daemon = start(options={"drain_timeout": 300})
    peer = daemon.connect(receive_buffer=1152)
    data = peers.payload(12288)  # the kernel takes them all
    assert peers.fill(peer, data) == len(data)
    daemon.wait_counter('echod_sent_bytes_total{listener="echo-tcp"}', len(data))
    daemon.drain()
    received = bytearray()
    more = b"and this"
    while len(received) < len(data) + len(more):
        piece = peers.receive(peer, min(256, len(data) + len(more) - len(received)))
        assert piece, f"EOF after {len(received)} bytes"
        received += piece
        if len(received) == len(data) // 2:
            peer.sendall(more)
        time.sleep(PACE)  # its pace is what is tested: nine seconds for all of it
    peers.assert_same(received, data + more)
    peer.close()
    assert daemon.wait_exit(within(10)) == 0
