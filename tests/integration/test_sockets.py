"""What the kernel is told of each connection, and which worker has it."""

import socket

import pytest

import kernel
import peers

OPTIONS = {
    "urgent bytes in line": (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1),
    "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    "keepalive after": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    "keepalive every": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    "keepalive probes": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    "no delay": (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
}


@pytest.mark.skipif(not kernel.can_borrow(), reason="the kernel does not lend other's descriptors")
def test_options_of_a_connection(start):
    daemon = start()
    peer = daemon.connect()
    peers.echo(peer, b"here")
    with kernel.borrow_connection(daemon.pid, peer.getsockname()) as connection:
        told = {
            name: connection.getsockopt(level, option)
            for name, (level, option, _) in OPTIONS.items()
        }
    assert told == {name: value for name, (_, _, value) in OPTIONS.items()}


def test_connections_go_to_the_worker_with_the_fewest(start):
    workers = 4
    daemon = start(options={"event_method": "epoll", "workers": workers})
    before = kernel.watched_descriptors(daemon.pid)
    crowd = [daemon.connect() for _ in range(4 * workers)]
    for peer in crowd:
        peers.echo(peer, b"here")

    def spread():
        now = kernel.watched_descriptors(daemon.pid)
        return sorted(now[epoll] - before[epoll] for epoll in before)

    # The control thread has an epoll of its own, and connections of none.
    assert spread() == [0] + [4] * workers
    for peer in crowd[::workers]:  # all of one worker's
        peer.close()
    daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', 3 * workers)
    assert spread() == [0, 0] + [4] * (workers - 1)
    crowd += [daemon.connect() for _ in range(4)]
    for peer in crowd[-4:]:
        peers.echo(peer, b"here")
    assert spread() == [0] + [4] * workers
