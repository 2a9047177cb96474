"""As many connections as a process may hold, all at once, each echoed."""

import resource

import peers

CROWD = 15000
SPARE = 200  # descriptors of the test and of the daemon that are no connections


def room():
    """How many connections both sides have descriptors for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CROWD if hard == resource.RLIM_INFINITY else min(CROWD, hard - SPARE)


def admitted(daemon, wanted):
    """How many the daemon says it has room for."""
    said = daemon.log.matching(r"^warning: select\(\) has room for \d+ descriptors: at most \d+ ")
    return int(said[0].split("at most ")[1].split()[0]) if said else wanted


def test_a_crowd_is_held_and_echoed(start, back_end):
    wanted = room()
    daemon = start(options={**back_end, "limits.connections": wanted, "log.level": "notice"})
    count = admitted(daemon, wanted)
    crowd = [daemon.connect() for _ in range(count)]
    for number, peer in enumerate(crowd):
        peer.sendall(b"%d" % number)
    for number, peer in enumerate(crowd):
        expected = b"%d" % number
        assert peers.receive(peer, len(expected)) == expected
    daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', count)
    for peer in crowd:
        peers.reset(peer)  # leaves no TIME_WAIT to the tests that follow
    daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', 0)
