"""A reload is a transaction: it happens whole, or not at all and says why."""

import contextlib
import os
import re
import signal
import socket

import pytest

import kernel
import peers
from echod import listener
from patience import PATIENCE, eventually, lasting

FAILED = "err: reload failed: the running configuration stays in force"

NEW = listener("new")
BAD_FILES = {
    "syntax": NEW + "workers =\n",
    "unknown option": NEW + "no_such_option = 1\n",
    "range": NEW + "limits { connections = -1 }\n",
    "no listener": "workers = 2\n",
    "empty": "",
}


def fixed(name="echo-tcp", address="127.0.0.1", port=0):
    return listener(name, address, port or kernel.free_port())


def test_a_listener_is_added(start):
    daemon = start([listener("first")])
    kept = kernel.listening_sockets(daemon.pid)
    daemon.configure([listener("first"), listener("second")])
    verdict = daemon.reload()[-1]
    assert verdict == f"notice: reloaded {daemon.file}: 1 listener added, 0 removed, 1 kept"
    daemon.assert_echoes("first")
    daemon.assert_echoes("second")
    assert kept.items() < kernel.listening_sockets(daemon.pid).items()


def test_a_listener_is_removed(start):
    daemon = start([listener("first"), listener("second")])
    established = daemon.connect("second")
    peers.echo(established, b"before")
    daemon.configure([listener("first")])
    verdict = daemon.reload()[-1]
    assert verdict == f"notice: reloaded {daemon.file}: 0 listeners added, 1 removed, 1 kept"
    daemon.assert_echoes("first")
    assert peers.is_refused("127.0.0.1", daemon.port("second"))
    peers.assert_same(peers.exchange(established, peers.payload(1 << 20)), peers.payload(1 << 20))


@pytest.mark.parametrize("option", ["protocol", "address", "port"])
def test_what_binds_a_listener_makes_another_of_its_name(start, option):
    before = {"address": "127.0.0.1", "port": kernel.free_port(), "protocol": "tcp"}
    after = {"address": "127.0.0.2", "port": kernel.free_port(), "protocol": "udp"}
    after = {**before, option: after[option]}
    daemon = start([listener("same", **before)])
    daemon.configure([listener("same", **after)])
    assert daemon.reload()[-1].endswith(": 1 listener added, 1 removed, 0 kept")
    assert peers.is_refused(before["address"], before["port"])
    kind = socket.SOCK_STREAM if after["protocol"] == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as peer:
        peer.settimeout(PATIENCE)
        peer.connect((after["address"], after["port"]))
        peer.send(b"moved")
        assert peer.recv(100) == b"moved"


def test_a_datagram_listener_is_added_and_removed(start):
    daemon = start([listener("stream")])
    daemon.configure([listener("stream"), listener("datagrams", protocol="udp")])
    assert daemon.reload()[-1].endswith(": 1 listener added, 0 removed, 1 kept")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        peer.connect(("127.0.0.1", daemon.port("datagrams")))
        peer.send(b"new here")
        assert peer.recv(100) == b"new here"
        daemon.configure([listener("stream")])
        assert daemon.reload()[-1].endswith(": 0 listeners added, 1 removed, 1 kept")

        peer.settimeout(lasting(0.1))

        def is_gone():
            try:
                peer.send(b"anybody?")
                return not peer.recv(100)
            except TimeoutError:  # it came in the moment before the socket was closed
                return False
            except ConnectionRefusedError:
                return True

        eventually(is_gone, "the datagram socket is closed")


def test_a_kept_datagram_listener_keeps_its_sockets(start):
    daemon = start([listener("kept", protocol="udp")])
    sockets = kernel.waiting_datagrams(daemon.pid, daemon.port("kept"))
    assert len(sockets) == 2
    daemon.configure([listener("kept", protocol="udp"), listener("new")])
    assert daemon.reload()[-1].endswith(": 1 listener added, 0 removed, 1 kept")
    assert kernel.waiting_datagrams(daemon.pid, daemon.port("kept")) == sockets


@pytest.mark.parametrize("workers", [1, 3])
def test_datagrams_from_one_address_to_all_and_back(start, workers):
    """Sources that ask while the sockets change hands are all answered."""
    port = kernel.free_port()
    options = {"workers": workers, "limits.datagram_rate_per_source": 0}
    daemon = start([listener("turn", port=port, protocol="udp")], options)
    with contextlib.ExitStack() as stack:
        crowd = [
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            for _ in range(32)
        ]
        for turn, address in enumerate(["*", "127.0.0.1", "127.0.0.1", "0.0.0.0", "*"]):
            # a name of its own, since an address that only changes its name changes hands too
            listening = listener(f"turn-{turn}", address, port, protocol="udp")
            daemon.configure([listening], options)
            after = daemon.log.mark()
            daemon.signal(signal.SIGHUP)
            while not daemon.log.matching("^notice: reloaded |^err: ", after):
                for peer in crowd:
                    peer.settimeout(PATIENCE)
                    peer.sendto(b"%d" % turn, ("127.0.0.1", port))
                for peer in crowd:
                    assert peer.recv(100) == b"%d" % turn
            assert not daemon.log.matching("^err: ", after)
            assert len(kernel.waiting_datagrams(daemon.pid, port)) >= workers


def test_a_datagram_listener_that_leaves_answers_what_has_arrived(start):
    daemon = start([listener("stream"), listener("datagrams", protocol="udp")])
    daemon.configure([listener("stream")])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        peer.connect(("127.0.0.1", daemon.port("datagrams")))
        daemon.signal(signal.SIGSTOP)
        for number in range(100):
            peer.send(b"%d" % number)
        daemon.signal(signal.SIGHUP)
        daemon.signal(signal.SIGCONT)
        assert [peer.recv(100) for _ in range(100)] == [b"%d" % n for n in range(100)]


def test_a_kept_listener_keeps_its_socket_and_its_queue(start):
    daemon = start(options={"limits.connections": 1})
    inside = daemon.connect()
    peers.echo(inside, b"inside")
    waiting = daemon.connect()
    waiting.sendall(b"waiting")
    sockets = kernel.listening_sockets(daemon.pid)
    daemon.configure(options={"limits.connections": 1, "drain_timeout": 20})
    assert daemon.reload()[-1].endswith(": 0 listeners added, 0 removed, 1 kept")
    assert kernel.listening_sockets(daemon.pid) == sockets
    peers.echo(inside, b"still inside")
    assert peers.is_quiet(waiting)
    inside.close()
    assert peers.receive(waiting, 7) == b"waiting"


@pytest.mark.parametrize("text", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_changes_nothing(start, text):
    daemon = start(options={"limits.connections": 1})
    inside = daemon.connect()
    peers.echo(inside, b"inside")
    sockets = kernel.listening_sockets(daemon.pid)
    daemon.write_file(text)
    lines = [line for line in daemon.reload() if line.startswith("err: ")]
    assert len(lines) >= 2
    assert all(daemon.file in line for line in lines[:-1])
    assert lines[-1] == FAILED
    assert kernel.listening_sockets(daemon.pid) == sockets
    peers.echo(inside, b"undisturbed")
    waiting = daemon.connect()
    waiting.sendall(b"the limit still holds")
    assert peers.is_quiet(waiting)


@pytest.mark.parametrize("instead", ["nothing", "directory", "fifo"])
def test_a_file_that_is_gone_is_a_fault(start, instead):
    daemon = start()
    os.unlink(daemon.file)
    if instead == "directory":
        os.mkdir(daemon.file)
    elif instead == "fifo":
        os.mkfifo(daemon.file)
    lines = daemon.reload()
    assert any(line.startswith(f"err: {daemon.file}: ") for line in lines)
    assert lines[-1] == FAILED
    daemon.assert_echoes()


def test_a_busy_port_changes_nothing(start, busy_port):
    """What was bound before the fault is found is given back; what was to go stays."""
    daemon = start([listener("first"), listener("second")])
    sockets = kernel.listening_sockets(daemon.pid)
    daemon.configure([listener("first"), listener("new"), listener("busy", port=busy_port)])
    lines = daemon.reload()
    uri = f"tcp://127.0.0.1:{busy_port}"
    assert f"err: cannot listen on {uri} (busy): Address already in use" in lines
    assert lines[-1] == FAILED
    assert kernel.listening_sockets(daemon.pid) == sockets
    daemon.assert_echoes("first")
    daemon.assert_echoes("second")


def test_the_next_good_file_after_bad_ones_counts(start, busy_port):
    daemon = start()
    for _ in range(12):
        daemon.write_file("workers = -1\n")
        assert daemon.reload()[-1] == FAILED
        daemon.configure([listener(), listener("busy", port=busy_port)])
        assert daemon.reload()[-1] == FAILED
    descriptors = kernel.highest_descriptor(daemon.pid)
    daemon.configure([listener(), listener("new")])
    assert daemon.reload()[-1].endswith(": 1 listener added, 0 removed, 1 kept")
    daemon.assert_echoes("new")
    assert kernel.highest_descriptor(daemon.pid) <= descriptors + 2


def test_from_one_address_to_all_and_back(start):
    """The kernel refuses to bind both at once; established connections do not notice."""
    one = fixed()
    daemon = start([one])
    port = daemon.port()
    stream = peers.Stream(daemon.connect())
    stream.start()
    stream.wait_moved(1)
    for _ in range(3):
        daemon.configure([fixed(address="*", port=port)])
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        daemon.assert_echoes(host="127.0.0.2")
        if kernel.has_ipv6():
            daemon.assert_echoes(host="::1")
        daemon.configure([one])
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        daemon.assert_echoes()
        assert peers.is_refused("127.0.0.2", port)
        stream.wait_moved(1 << 16)
    stream.finish()


def test_an_overlapping_change_that_fails_is_undone(start, busy_port):
    one = fixed()
    daemon = start([one])
    stream = peers.Stream(daemon.connect())
    stream.start()
    daemon.configure(
        [fixed(address="*", port=daemon.port()), fixed("busy", port=busy_port)]
    )
    assert daemon.reload()[-1] == FAILED
    daemon.assert_echoes()
    assert peers.is_refused("127.0.0.2", daemon.port())
    stream.wait_moved(1 << 16)
    stream.finish()


def test_who_already_waited_survives_an_overlapping_change(start):
    """Closing a socket resets the connections in its queue: they are accepted first."""
    daemon = start([fixed()])
    daemon.configure([fixed(address="*", port=daemon.port())])
    daemon.signal(signal.SIGSTOP)
    crowd = [daemon.connect() for _ in range(100)]
    for peer in crowd:
        peer.sendall(b"in the queue")
    daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGCONT)
    daemon.wait_log("^notice: reloaded ")
    for peer in crowd:
        assert peers.receive(peer, 12) == b"in the queue"


def test_under_load_not_a_byte_is_lost(start, back_end):
    """Clients stream while listeners come and go, half of the files being bad."""
    daemon = start([listener("kept")], options=back_end)
    streams = [peers.Stream(daemon.connect("kept")) for _ in range(4)]
    for stream in streams:
        stream.start()
    for turn in range(5):
        daemon.configure([listener("kept"), listener(f"turn-{turn}")], back_end)
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        daemon.assert_echoes(f"turn-{turn}")
        daemon.write_file("listen kept { port = 70000 }\n")
        assert daemon.reload()[-1] == FAILED
        for stream in streams:
            stream.wait_moved(1 << 18)
    for stream in streams:
        stream.finish()


def test_connecting_over_reloads_never_fails(start):
    daemon = start([listener("kept")])
    for turn in range(20):
        early = daemon.connect("kept")
        early.sendall(b"early")
        daemon.configure([listener("kept"), listener(f"turn-{turn}")])
        daemon.reload()
        assert peers.receive(early, 5) == b"early"
        peers.reset(early)


def test_options_that_need_a_restart_are_named(start):
    daemon = start()
    daemon.configure(options={"workers": 4, "event_method": "poll", "drain_timeout": 5})
    lines = daemon.reload()
    assert "warning: workers = 4 needs a restart: 2 stays in force" in lines
    assert 'warning: event_method = "poll" needs a restart: "auto" stays in force' in lines
    assert not [line for line in lines if line.startswith("warning") and "drain_timeout" in line]
    assert lines[-1].startswith("notice: reloaded ")
    # what stays in force is compared with the next file, too
    assert "warning: workers = 4 needs a restart: 2 stays in force" in daemon.reload()
    daemon.configure()
    assert not [line for line in daemon.reload() if line.startswith("warning: ")]


def test_a_higher_limit_lets_in_who_waits(start):
    daemon = start(options={"limits.connections": 1})
    peers.echo(daemon.connect(), b"inside")
    waiting = daemon.connect()
    waiting.sendall(b"waiting")
    assert peers.is_quiet(waiting)
    daemon.configure(options={"limits.connections": 2})
    daemon.reload()
    assert peers.receive(waiting, 7) == b"waiting"


def test_a_lower_limit_ends_nobody(start):
    daemon = start()
    crowd = [daemon.connect() for _ in range(4)]
    for peer in crowd:
        peers.echo(peer, b"inside")
    daemon.configure(options={"limits.connections": 2})
    daemon.reload()
    waiting = daemon.connect()
    waiting.sendall(b"waiting")
    for peer in crowd[:2]:
        peer.close()
    assert peers.is_quiet(waiting)
    for peer in crowd[2:]:
        peers.echo(peer, b"still inside")
    crowd[2].close()
    assert peers.receive(waiting, 7) == b"waiting"


def test_a_new_idle_timeout_takes_effect(start):
    daemon = start(options={"limits.idle_timeout": 0})
    daemon.configure(options={"limits.idle_timeout": 1})
    daemon.reload()
    peer = daemon.connect()
    assert peers.ends(peer) == "eof"
    name = peers.name_of(peer)
    peer.close()
    assert daemon.wait_closed(name)["reason"] == "idle_timeout"


def test_a_new_log_level_takes_effect(start):
    daemon = start()
    daemon.configure(options={"log.level": "debug"})
    daemon.reload()
    after = daemon.log.mark()
    daemon.assert_echoes()
    daemon.wait_log("^debug: closing ", after)
    daemon.configure(options={"log.level": "notice"})
    daemon.reload()
    after = daemon.log.mark()
    daemon.assert_echoes()
    daemon.wait_counter('echod_connections_open{listener="echo-tcp"}', 0)
    assert not daemon.log.matching("^(info|debug): ", after)


def test_the_command_line_still_counts(start):
    daemon = start([], arguments=["-l", "tcp://127.0.0.1:0", "-o", "limits.connections=1"])
    sockets = kernel.listening_sockets(daemon.pid)
    daemon.configure([listener("ignored")], {"limits.connections": 100})
    assert daemon.reload()[-1].endswith(": 0 listeners added, 0 removed, 1 kept")
    assert kernel.listening_sockets(daemon.pid) == sockets
    peers.echo(daemon.connect("tcp-1"), b"inside")
    waiting = daemon.connect("tcp-1")
    waiting.sendall(b"waiting")
    assert peers.is_quiet(waiting)


# --- what has changed is told ---------------------------------------------------------------------

CHANGED = "notice: option changed: name="


def changes(daemon, listeners=(listener(),), options=None):
    """What a reload of these says of options, a line each."""
    daemon.configure(listeners, options)
    lines = daemon.reload()
    assert lines[-1].startswith("notice: reloaded ")
    assert all(len(line) < 1000 for line in lines)
    return [line for line in lines if "changed" in line or "restart" in line]


def test_changed_options_are_told_with_both_values(start):
    daemon = start(options={"limits.idle_timeout": 300, "access.deny": ["192.0.2.1"]})
    assert changes(
        daemon,
        options={
            "drain_timeout": 7,
            "log.facility": "local3",
            "access.deny": ["198.51.100.0/24", "192.0.2.1"],
            "udp.refuse_source_ports": [],
        },
    ) == [
        f"{CHANGED}drain_timeout from=30 to=7",
        f'{CHANGED}log.facility from="daemon" to="local3"',
        f"{CHANGED}limits.idle_timeout from=300 to=600",
        f'{CHANGED}access.deny added={{"198.51.100.0/24"}} removed={{}}',
        f'{CHANGED}udp.refuse_source_ports added={{}} removed={{"0-1023", "2049"}}',
    ]


def test_what_is_as_before_is_not_told(start):
    override = ["-o", "limits.idle_timeout=5", "-o", "access.allow={127.0.0.1}"]
    daemon = start(options={"access.deny": ["192.0.2.1", "192.0.2.2"]}, arguments=override)
    options = {
        "access.deny": ["192.0.2.2", "192.0.2.1"],
        "limits.idle_timeout": 77,
        "access.allow": ["127.0.0.2"],
        "log.target": "syslog",
    }
    assert changes(daemon, options=options) == []
    assert changes(daemon, options=options) == []


def test_what_waits_for_a_restart_is_told_once(start):
    daemon = start()
    assert changes(daemon, options={"workers": 3, "drain_timeout": 9}) == [
        "warning: workers = 3 needs a restart: 2 stays in force",
        f"{CHANGED}drain_timeout from=30 to=9",
    ]


def test_options_of_a_listener_that_stays_under_its_name_are_told(start):
    before, after = kernel.free_port(), kernel.free_port()
    daemon = start([listener("first", port=before), listener("second")])
    assert changes(daemon, [listener("second"), listener("first", "127.0.0.2", after), NEW]) == [
        f'{CHANGED}listen.first.address from="127.0.0.1" to="127.0.0.2"',
        f"{CHANGED}listen.first.port from={before} to={after}",
    ]


def test_of_a_long_list_a_part_is_told_and_how_many_more(start):
    networks = [f"10.{i // 256}.{i % 256}.0/24" for i in range(1000)]
    daemon = start(options={"access.deny": networks[:500]})
    (line,) = changes(daemon, options={"access.deny": networks[1:]})
    added = r'\{("10\.\d+\.\d+\.0/24", )+"10\.\d+\.\d+\.0/24" and (\d+) more\}'
    told = re.fullmatch(rf'{CHANGED}access\.deny added={added} removed=\{{"10\.0\.0\.0/24"\}}', line)
    assert int(told.group(2)) + line.count("/24") - 1 == 500
    (line,) = changes(daemon)
    assert re.fullmatch(rf"{CHANGED}access\.deny added=\{{\}} removed=\{{.*\}}", line)


@pytest.mark.parametrize("text", [BAD_FILES["range"], BAD_FILES["unknown option"]])
def test_a_reload_that_fails_changes_no_option(start, text):
    daemon = start()
    daemon.write_file(text + "drain_timeout = 7\n")
    assert not any(line.startswith(CHANGED) for line in daemon.reload())
