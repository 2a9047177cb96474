"""SIGUSR1 logs the statistics: they say what has happened, listener by listener."""

import signal
import socket

import peers
from echod import listener


def test_streams_are_counted(start, back_end):
    daemon = start([listener("one"), listener("other")], options=back_end)
    for size in 1000, 20000, 300000:
        peers.exchange(daemon.connect("one"), peers.payload(size))
    ended = daemon.connect("one")
    ended.close()
    other = daemon.connect("other")
    peers.echo(other, b"12345")
    peers.reset(other)
    for name, value in {
        'echod_connections_accepted_total{listener="one"}': 4,
        'echod_connections_open{listener="one"}': 3,
        'echod_received_bytes_total{listener="one"}': 321000,
        'echod_sent_bytes_total{listener="one"}': 321000,
        'echod_connections_accepted_total{listener="other"}': 1,
        'echod_connections_open{listener="other"}': 0,
        'echod_sent_bytes_total{listener="other"}': 5,
        'echod_connections_closed_total{listener="one",reason="peer"}': 1,
        'echod_connections_closed_total{listener="one",reason="reset"}': 0,
        'echod_connections_closed_total{listener="other",reason="reset"}': 1,
        'echod_connections_closed_total{listener="other",reason="idle_timeout"}': 0,
    }.items():
        daemon.wait_counter(name, value)


def test_datagrams_are_counted(start, back_end):
    daemon = start([listener("echo-udp", protocol="udp")], options=back_end)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", daemon.port("echo-udp")))
        for _ in range(3):
            peer.send(b"count me")
            peer.recv(100)
    daemon.wait_counter('echod_datagrams_received_total{listener="echo-udp"}', 3)
    daemon.wait_counter('echod_datagrams_sent_total{listener="echo-udp"}', 3)


def test_reloads_are_counted(start):
    daemon = start()
    daemon.reload()
    daemon.reload()
    daemon.write_file("nonsense")
    daemon.reload()
    daemon.wait_counter('echod_reloads_total{result="success"}', 2)
    daemon.wait_counter('echod_reloads_total{result="failure"}', 1)


def test_sigusr1_disturbs_nobody(start):
    daemon = start()
    stream = peers.Stream(daemon.connect())
    stream.start()
    for _ in range(20):
        after = daemon.log.mark()
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log(r"^notice: echod_connections_open\{", after)
    stream.wait_moved(1 << 20)
    stream.finish()


def test_sigpipe_is_harmless(start):
    daemon = start()
    daemon.signal(signal.SIGPIPE)
    daemon.assert_echoes()
