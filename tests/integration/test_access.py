"""The access list: who is not on it is reset, counted and named in the log, and no one else."""

import re

import peers
from echod import listener

REFUSED = r"^notice: connection refused: "
DENIED = 'echod_connections_refused_total{listener="echo-tcp",reason="denied"}'
OPEN = 'echod_connections_open{listener="echo-tcp"}'
ANY = (listener(address="*"),)


def test_a_denied_peer_is_reset(start, back_end):
    daemon = start(options={**back_end, "access.deny": ["127.0.0.2", "127.1.0.0/16"]})
    for source in "127.0.0.2", "127.1.2.3":
        assert daemon.resets(source=source)
    for source in "127.0.0.1", "127.0.0.3", "127.2.0.1":
        peers.echo(daemon.connect(source=source), b"welcome")
    daemon.wait_counter(DENIED, 2)
    daemon.wait_counter(OPEN, 3)
    daemon.wait_counter('echod_connections_accepted_total{listener="echo-tcp"}', 3)


def test_only_those_allowed_are_served(start):
    daemon = start(options={"access.allow": ["127.0.1.0/24"], "access.deny": ["127.0.1.128/25"]})
    peers.echo(daemon.connect(source="127.0.1.1"), b"welcome")
    for source in "127.0.0.1", "127.0.1.129":
        assert daemon.resets(source=source)


def test_peers_of_ipv4_are_that_on_a_listener_of_both(start):
    daemon = start(ANY, {"access.deny": ["127.0.0.0/8"]})
    assert daemon.resets(host="127.0.0.1")
    peers.echo(daemon.connect(host="::1"), b"welcome")
    daemon.configure(ANY, {"access.allow": ["::/0"]})
    daemon.reload()
    assert daemon.resets(host="127.0.0.1")
    peers.echo(daemon.connect(host="::1"), b"welcome")


def test_a_reload_is_for_new_connections(start):
    daemon = start()
    inside = daemon.connect()
    peers.echo(inside, b"first")
    daemon.configure(options={"access.deny": ["127.0.0.0/8"]})
    daemon.reload()
    assert daemon.resets()
    peers.echo(inside, b"stays")
    daemon.configure(options={"access.deny": []})
    daemon.reload()
    peers.echo(daemon.connect(), b"again")


def test_a_failed_reload_keeps_the_list(start):
    daemon = start(options={"access.deny": ["127.0.0.2"]})
    daemon.configure(options={"access.deny": ["127.0.0.2/8"]})
    assert "bits behind the prefix are set" in "\n".join(daemon.reload())
    assert daemon.resets(source="127.0.0.2")
    daemon.assert_echoes()


def test_the_log_names_one_in_ten_seconds(start):
    daemon = start(options={"access.deny": ["127.0.0.2"]})
    for _ in range(50):
        assert daemon.resets(source="127.0.0.2")
    daemon.wait_counter(DENIED, 50)
    lines = daemon.log.matching(REFUSED)
    assert len(lines) == 1
    assert re.search(r"peer=127\.0\.0\.2:\d+ listener=echo-tcp reason=denied$", lines[0])
