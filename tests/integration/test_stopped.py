"""What waited while echod did not run: a process that was stopped, or a host that was starved.

SIGSTOP makes it sure that all of it waits at once when echod runs again.
"""

import signal

import peers
from patience import eventually, within

import kernel

# More than a listener accepts in one turn, and than epoll_wait(2) returns at first.
CROWD = 300


def stop(daemon):
    daemon.signal(signal.SIGSTOP)
    eventually(lambda: kernel.is_stopped(daemon.pid), "echod is stopped")


def crowd_that_has_sent(daemon):
    crowd = [daemon.connect() for _ in range(CROWD)]
    for number, peer in enumerate(crowd):
        peer.sendall(b"%d" % number)
    return crowd


def assert_all_served(crowd):
    for number, peer in enumerate(crowd):
        expected = b"%d" % number
        assert peers.receive(peer, len(expected)) == expected


def test_a_drain_serves_who_waits_at_the_listener(start, back_end):
    daemon = start(options=back_end)
    stop(daemon)
    crowd = crowd_that_has_sent(daemon)
    daemon.signal(signal.SIGTERM)
    daemon.signal(signal.SIGCONT)
    assert_all_served(crowd)
    daemon.close_peers()
    assert daemon.wait_exit(within(10)) == 0


def test_a_removed_listener_serves_who_waits_at_it(start, back_end):
    daemon = start(options=back_end)
    stop(daemon)
    crowd = crowd_that_has_sent(daemon)
    daemon.configure([], back_end)
    daemon.write_file('listen other { address = "127.0.0.1" port = 0 }\n')
    daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGCONT)
    daemon.wait_log("^notice: reloaded .*: 1 listener added, 1 removed, 0 kept")
    assert_all_served(crowd)


def test_nobody_is_idle_whose_bytes_were_not_read_yet(start, back_end):
    limit = 2
    daemon = start(options={**back_end, "limits.idle_timeout": limit})
    crowd = [daemon.connect() for _ in range(CROWD)]
    for peer in crowd:
        peers.echo(peer, b"here")
    stop(daemon)
    for number, peer in enumerate(crowd):
        peer.sendall(b"%d" % number)
    # Nothing happens that could be waited for: time itself is the condition.
    peers.is_quiet(crowd[0], 1.5 * limit)
    daemon.signal(signal.SIGCONT)
    assert_all_served(crowd)
