"""Sockets that a service manager opened: served as if they were echod's own, and never closed."""

import contextlib
import os
import pwd
import signal
import socket
import struct

import pytest

import kernel
import peers
import test_sockets
import test_stopped
from activation import backlog_of, bound, passing, port_of
from echod import listener, run
from patience import PATIENCE, eventually

pytestmark = pytest.mark.skipif(
    "+systemd" not in run("-V").stdout, reason="this echod was built without libsystemd"
)
needs_ipv6 = pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")

DATAGRAM = socket.SOCK_DGRAM
UNLIMITED = {"limits.datagram_rate_per_source": 0}
BUFFERS_LOCKED = 72  # SO_BUF_LOCK, not in Python
TIMESTAMPS = 35  # SO_TIMESTAMPNS, not in Python: Timestamping= of a socket unit


@pytest.fixture
def own():
    """Keeps sockets and closes them after the test."""
    with contextlib.ExitStack() as stack:
        yield stack.enter_context


def tcp(port, name="echo-tcp", address="127.0.0.1"):
    return listener(name, address, port)


def udp(port, name="echo-udp", address="127.0.0.1"):
    return listener(name, address, port, "udp")


def asking(own, port, host="127.0.0.1"):
    peer = own(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, DATAGRAM))
    peer.settimeout(PATIENCE)
    peer.connect((host, port))
    return peer


def ask(peer, data=b"who answers?"):
    peer.send(data)
    assert peer.recv(65536) == data


def serve(start, sockets, listeners, **named):
    return start(listeners, **passing(*sockets), **named)


# --- served as its own ------------------------------------------------------------------------


def test_a_stream_listener_has_the_socket_of_its_address(start, back_end, own):
    listening = own(bound())
    port = port_of(listening)
    daemon = serve(start, [listening], [tcp(port)], options=back_end)
    assert daemon.log.matching(
        rf"^notice: listening on tcp://127.0.0.1:{port} \(echo-tcp\), inherited as echod.socket$"
    )
    assert kernel.listening_sockets(daemon.pid).keys() == {os.fstat(listening.fileno()).st_ino}
    for _ in range(3):
        daemon.assert_echoes()
    # An accept(2) that waits would keep the control thread from its signals.
    assert daemon.counter('echod_connections_accepted_total{listener="echo-tcp"}') == 3


def test_datagram_listeners_have_the_sockets_of_their_addresses(start, back_end, own):
    first = own(bound(kind=DATAGRAM))
    second = own(bound("127.0.0.2", port_of(first), DATAGRAM))
    listeners = [udp(port_of(first)), udp(port_of(first), "other", "127.0.0.2")]
    serve(start, [first, second], listeners, options=back_end)
    for host in "127.0.0.1", "127.0.0.2":
        peer = asking(own, port_of(first), host)
        for number in range(100):
            ask(peer, b"%d" % number)


@needs_ipv6
def test_the_star_has_a_dual_stack_socket(start, own):
    listening = own(bound("::"))
    port = port_of(listening)
    asked = own(bound("::", port, DATAGRAM))
    daemon = serve(
        start, [listening, asked], [tcp(port, address="*"), udp(port, address="*")]
    )
    assert daemon.log.matching(rf"^notice: listening on tcp://\*:{port} \(echo-tcp\), inherited")
    for host in "127.0.0.1", "::1":
        peer = daemon.connect(host=host)
        peers.echo(peer, b"either way")
        daemon.wait_opened(peer)
        ask(asking(own, port, host))


@needs_ipv6
def test_the_star_has_a_socket_of_each_family(start, own):
    six = own(bound("::", only_ipv6=True))
    port = port_of(six)
    four = own(bound("0.0.0.0", port))
    daemon = serve(start, [four, six], [tcp(port, address="*")])
    for host in "127.0.0.1", "::1":
        daemon.assert_echoes(host=host)


def test_the_star_has_an_ipv4_socket_where_that_is_all_there_is(start, own):
    listening = own(bound("0.0.0.0"))
    daemon = serve(start, [listening], [tcp(port_of(listening), address="*")])
    assert daemon.log.matching(r"^notice: listening on tcp://0\.0\.0\.0:\d+ \(echo-tcp\), inh")
    daemon.assert_echoes(host="127.0.0.1")


@needs_ipv6
def test_localhost_has_two(start, own):
    first = own(bound(kind=DATAGRAM))
    port = port_of(first)
    second = own(bound("::1", port, DATAGRAM))
    daemon = serve(start, [second, first], [udp(port, address="localhost")])
    assert len(daemon.log.matching("^notice: listening on .*, inherited as ")) == 2
    for host in "127.0.0.1", "::1":
        ask(asking(own, port, host))


@needs_ipv6
def test_localhost_binds_the_one_that_was_not_inherited(start, own):
    listening = own(bound("::1"))
    daemon = serve(start, [listening], [tcp(port_of(listening), address="localhost")])
    assert len(daemon.log.matching("^notice: listening on .*, inherited as ")) == 1
    for host in "127.0.0.1", "::1":
        daemon.assert_echoes(host=host)


def test_what_was_not_inherited_is_bound(start, own):
    listening = own(bound())
    daemon = serve(start, [listening], [tcp(port_of(listening)), udp(0), tcp(0, "other")])
    daemon.assert_echoes()
    daemon.assert_echoes("other")
    ask(asking(own, daemon.port("echo-udp")))


def test_listeners_of_the_command_line(start, own):
    listening = own(bound())
    uri = f"tcp://127.0.0.1:{port_of(listening)}"
    daemon = serve(start, [listening], [listener(port=0)], arguments=["-l", uri])
    assert daemon.listening.keys() == {"tcp-1"}
    daemon.assert_echoes("tcp-1")


def test_sockets_for_another_process_are_none_of_echods(start):
    daemon = start([tcp(0)], environment={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    daemon.assert_echoes()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_several_datagram_sockets_of_one_address_are_all_answered(start, own, workers):
    """The kernel spreads sources over them: by ReusePort= and several ListenDatagram= lines."""
    first = own(bound(kind=DATAGRAM, shared=True))
    second = own(bound(port=port_of(first), kind=DATAGRAM, shared=True))
    options = {"workers": workers}
    daemon = serve(start, [first, second], [udp(port_of(first))], options=options)
    assert len(daemon.log.matching("^notice: listening on ")) == 1
    for _ in range(30):
        ask(asking(own, port_of(first)))


@needs_ipv6
def test_datagram_sockets_of_one_address_are_for_different_workers(start, own):
    first = own(bound(kind=DATAGRAM, shared=True))
    port = port_of(first)
    same = {"port": port, "kind": DATAGRAM, "shared": True}
    sockets = [first, own(bound("::1", **same)), own(bound(**same)), own(bound("::1", **same))]
    options = {"workers": 2, "event_method": "epoll"}
    daemon = serve(start, sockets, [udp(port, address="localhost")], options=options)

    def worker_of(each):
        return kernel.watchers(daemon.pid, os.fstat(each.fileno()).st_ino)

    workers = [eventually(lambda each=each: worker_of(each), "a worker has it") for each in sockets]
    assert workers[0] == workers[3] != workers[1] == workers[2]


def test_a_burst_comes_back_in_order(start, own):
    """However many workers there are, one answers: two would overtake each other."""
    asked = own(bound(kind=DATAGRAM))
    serve(start, [asked], [udp(port_of(asked))], options={"workers": 4, **UNLIMITED})
    peer = asking(own, port_of(asked))
    for turn in range(50):
        burst = [b"%d %d" % (turn, number) for number in range(100)]
        for data in burst:
            peer.send(data)
        assert [peer.recv(100) for _ in burst] == burst


# --- what echod sets on its own sockets -----------------------------------------------------------


@pytest.mark.skipif(not kernel.can_borrow(), reason="the kernel does not lend other's descriptors")
def test_options_of_a_connection(start, own):
    listening = own(bound())
    daemon = serve(start, [listening], [tcp(port_of(listening))])
    peer = daemon.connect()
    peers.echo(peer, b"here")
    with kernel.borrow_connection(daemon.pid, peer.getsockname()) as connection:
        for name, (level, option, value) in test_sockets.OPTIONS.items():
            assert connection.getsockopt(level, option) == value, name


@pytest.mark.skipif(not kernel.can_borrow(), reason="the kernel does not lend other's descriptors")
def test_no_close_waits_for_a_peer(start, own):
    listening = own(bound())
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
    daemon = serve(start, [listening], [tcp(port_of(listening))])
    peer = daemon.connect()
    peers.echo(peer, b"here")
    with kernel.borrow_connection(daemon.pid, peer.getsockname()) as connection:
        lingers = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert struct.unpack("ii", lingers)[0] == 0


def test_the_backlog_is_echods(start, own):
    listening = own(bound())
    passed, bound_by_echod = backlog_of(listening), own(bound())
    bound_by_echod.listen(4096)
    serve(start, [listening], [tcp(port_of(listening))])
    assert passed < backlog_of(listening) == backlog_of(bound_by_echod)


def test_limits_socket_buffer_holds_and_is_taken_back(start, own):
    listening = own(bound())
    for size in 65536, 0:
        options = {"limits.socket_buffer": size}
        daemon = serve(start, [listening], [tcp(port_of(listening))], options=options)
        assert bool(listening.getsockopt(socket.SOL_SOCKET, BUFFERS_LOCKED)) == bool(size)
        daemon.stop()


@pytest.mark.parametrize(
    "address", ["0.0.0.0", pytest.param("::", marks=needs_ipv6)], ids=["ipv4", "dual-stack"]
)
def test_datagrams_are_answered_from_the_address_that_was_asked(start, own, address):
    asked = own(bound(address, kind=DATAGRAM))
    asked.setsockopt(socket.SOL_SOCKET, TIMESTAMPS, 1)
    serve(start, [asked], [udp(port_of(asked), address="*")])
    for host in "127.0.0.2", "127.3.4.5":
        peer = own(socket.socket(socket.AF_INET, DATAGRAM))
        peer.settimeout(PATIENCE)
        peer.bind(("127.0.0.1", 0))
        peer.sendto(b"who answers?", (host, port_of(asked)))
        assert peer.recvfrom(100) == (b"who answers?", (host, port_of(asked)))
    # There is room to be told that, and no more.
    assert not asked.getsockopt(socket.SOL_SOCKET, TIMESTAMPS)


# --- whose they are -------------------------------------------------------------------------------


def refused(workdir, sockets, text, names=None):
    """Echod does not start; returns what it says."""
    path = os.path.join(workdir, "echod.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    result = run("-f", "-c", path, **passing(*sockets, names=names))
    assert result.returncode == 78, result.stderr
    return result.stderr.splitlines()


def test_each_socket_that_no_listener_has_is_told(workdir, own):
    listening, other = own(bound()), own(bound("127.0.0.2"))
    asked = own(bound(kind=DATAGRAM, port=port_of(listening)))
    uris = f"tcp://127.0.0.2:{port_of(other)}", f"udp://127.0.0.1:{port_of(listening)}"
    assert refused(workdir, [other, listening, asked], tcp(port_of(listening))) == [
        f"echod: inherited socket {uri} (echod.socket): no listener has that address: give one "
        "to the configuration, or take it from the socket unit"
        for uri in uris
    ]


def test_a_socket_that_is_named_after_a_listener_of_another_address(workdir, own):
    listening = own(bound())
    text = tcp(7) + tcp(8, "other")
    assert refused(workdir, [listening], text, names=["other"]) == [
        f"echod: inherited socket tcp://127.0.0.1:{port_of(listening)} (other): the listener of "
        "that name has tcp://127.0.0.1:8: give both the same address"
    ]


@needs_ipv6
@pytest.mark.parametrize("address", ["0.0.0.0", "::", "127.0.0.1"])
def test_a_dual_stack_socket_is_the_stars_alone(workdir, own, address):
    listening = own(bound("::"))
    told = refused(workdir, [listening], tcp(port_of(listening), address=address))
    assert told[0].startswith(f"echod: inherited socket tcp://*:{port_of(listening)} ")


def test_a_port_that_the_kernel_picks_is_no_inherited_one(workdir, own):
    assert "no listener has that address" in refused(workdir, [own(bound())], tcp(0))[0]


def test_a_connection_is_no_listener(workdir, own):
    listening = own(bound())
    peer = own(socket.create_connection(listening.getsockname()))
    assert refused(workdir, [peer], tcp(7), names=["connection"]) == [
        "echod: inherited descriptor 3 (connection) is a connection: give its socket unit "
        "Accept=no"
    ]


@pytest.mark.parametrize("kind", [socket.SOCK_SEQPACKET, DATAGRAM])
def test_other_kinds_of_sockets(workdir, own, kind):
    local = own(socket.socket(socket.AF_UNIX, kind))
    assert refused(workdir, [local], tcp(7)) == [
        "echod: inherited descriptor 3 (echod.socket) is no TCP, UDP or Unix stream socket: echod "
        "serves ListenStream=, and ListenDatagram= with a port"
    ]


def test_a_unix_socket_that_nobody_has(workdir, own):
    local = own(socket.socket(socket.AF_UNIX))
    local.bind(f"{workdir}/local.sock")
    local.listen()
    (line,) = refused(workdir, [local], tcp(7))
    assert f"inherited socket unix:{workdir}/local.sock (echod.socket): no listener has" in line


def test_a_socket_as_it_is_wanted_next_to_one_that_is_not_there(workdir, own):
    """What is to be bound by echod itself and cannot be is a failure like any other."""
    listening, taken = own(bound()), own(bound("127.0.0.2"))
    path = os.path.join(workdir, "echod.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(tcp(port_of(listening)) + tcp(port_of(taken), "taken", "127.0.0.2"))
    result = run("-f", "-c", path, **passing(listening))
    assert result.returncode == 1
    assert "Address already in use" in result.stderr
    assert "inherited" not in result.stderr.splitlines()[-1]


# --- they outlive it ------------------------------------------------------------------------------


def test_what_woke_it_is_read(start, back_end, own):
    listening = own(bound())
    port = port_of(listening)
    asked = own(bound(port=port, kind=DATAGRAM))
    peer, waiting = own(peers.connect("127.0.0.1", port)), asking(own, port)
    peer.sendall(b"wake up")
    waiting.send(b"wake up")
    serve(start, [listening, asked], [tcp(port), udp(port)], options=back_end)
    assert peers.receive(peer, 7) == b"wake up"
    assert waiting.recv(100) == b"wake up"


@needs_ipv6
def test_a_datagram_that_woke_it_by_ipv6_is_answered(start, back_end, own):
    """It came before the filter against forged own addresses; from ::1 none can be forged."""
    asked = own(bound("::1", kind=DATAGRAM))
    port = port_of(asked)
    waiting = asking(own, port, "::1")
    waiting.send(b"wake up")
    serve(start, [asked], [udp(port, address="::1")], options=back_end)
    assert waiting.recv(100) == b"wake up"


def test_who_comes_in_a_drain_and_after_it_is_served_by_the_next(start, back_end, own):
    listening = own(bound())
    port = port_of(listening)
    asked = own(bound(port=port, kind=DATAGRAM))
    listeners = [tcp(port), udp(port)]
    daemon = serve(start, [listening, asked], listeners, options={**back_end, "workers": 1})
    peer = daemon.connect()
    peers.echo(peer, b"hold on")
    daemon.signal(signal.SIGTERM)
    daemon.wait_log("^notice: SIGTERM: draining 1 connection,")
    # The worker has given its socket back before it comes to the second.
    for word in b"still", b"served":
        peers.echo(peer, word)
    late = [own(peers.connect("127.0.0.1", port)) for _ in range(100)]
    asks = [asking(own, port)]
    late[0].sendall(b"in the drain")
    asks[0].send(b"in the drain")
    # Still its own: the drain goes on, and takes nobody else.
    peers.echo(peer, b"still served")
    assert peers.is_quiet(late[0]) and peers.is_quiet(asks[0])
    peer.close()
    assert daemon.wait_exit() == 0
    late.append(own(peers.connect("127.0.0.1", port)))
    asks.append(asking(own, port))
    late[-1].sendall(b"after it")
    asks[-1].send(b"after it")
    serve(start, [listening, asked], listeners, options=back_end)
    for one in late[0], asks[0]:
        assert one.recv(100) == b"in the drain"
    for one in late[-1], asks[-1]:
        assert one.recv(100) == b"after it"
    for one in late:
        peers.echo(one, b"and on")


def test_who_waits_when_a_drain_begins_is_served_by_the_next(start, own):
    listening = own(bound())
    port = port_of(listening)
    daemon = serve(start, [listening], [tcp(port)])
    test_stopped.stop(daemon)
    # More than one turn accepts, before the signal is seen or after it.
    crowd = [own(peers.connect("127.0.0.1", port)) for _ in range(test_stopped.CROWD)]
    for number, peer in enumerate(crowd):
        peer.sendall(b"%d" % number)
    daemon.signal(signal.SIGTERM)
    daemon.signal(signal.SIGCONT)
    daemon.wait_exit()
    assert len(daemon.log.matching("^info: connection opened")) < test_stopped.CROWD / 2
    serve(start, [listening], [tcp(port)])
    test_stopped.assert_all_served(crowd)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_reload_leaves_them_and_takes_them_again(start, own, workers):
    listening = own(bound())
    port = port_of(listening)
    asked = own(bound(port=port, kind=DATAGRAM))
    options = {"workers": workers}
    daemon = serve(start, [listening, asked], [tcp(port), udp(port)], options=options)
    for _ in range(3):
        daemon.configure([tcp(0, "other")], options)
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        for uri in f"tcp://127.0.0.1:{port}", f"udp://127.0.0.1:{port}":
            daemon.wait_log(
                rf"^warning: no listener has {uri} any more, inherited as echod.socket: what "
                "arrives there waits$"
            )
        peer, waiting = own(peers.connect("127.0.0.1", port)), asking(own, port)
        peer.sendall(b"are you there?")
        waiting.send(b"are you there?")
        assert peers.is_quiet(peer) and peers.is_quiet(waiting)
        daemon.configure([tcp(port), udp(port)], options)
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        assert peers.receive(peer, 14) == b"are you there?"
        assert waiting.recv(100) == b"are you there?"


def test_another_name_takes_the_socket_over(start, own):
    listening = own(bound())
    port = port_of(listening)
    asked = own(bound(port=port, kind=DATAGRAM))
    daemon = serve(start, [listening, asked], [tcp(port), udp(port)])
    peer = daemon.connect()
    peers.echo(peer, b"before")
    daemon.configure([tcp(port, "new-tcp"), udp(port, "new-udp")])
    assert daemon.reload()[-1].endswith(": 2 listeners added, 2 removed, 0 kept")
    assert not daemon.log.matching("^warning: no listener")
    peers.echo(peer, b"and after")
    daemon.assert_echoes("new-tcp")
    ask(asking(own, port))


def test_an_address_in_its_way_is_named(start, own):
    listening = own(bound())
    port = port_of(listening)
    daemon = serve(start, [listening], [tcp(port)])
    daemon.configure([tcp(port, address="*")])
    fault, verdict = daemon.reload()[-2:]
    assert fault.endswith(
        f": Address already in use; tcp://127.0.0.1:{port} is inherited (echod.socket): give the "
        "listener that address"
    )
    assert verdict.startswith("err: reload failed: ")
    daemon.assert_echoes()


def test_its_descriptors_do_not_grow_in_number(start, own):
    listening = own(bound())
    port = port_of(listening)
    asked = own(bound(port=port, kind=DATAGRAM))
    listeners = [tcp(port), udp(port)]
    daemon = serve(start, [listening, asked], listeners)

    def sockets():
        return sum(
            os.readlink(f"/proc/{daemon.pid}/fd/{each}").startswith("socket:")
            for each in os.listdir(f"/proc/{daemon.pid}/fd")
        )

    before = sockets()
    for _ in range(3):
        daemon.configure([tcp(0, "other")])
        daemon.reload()
        daemon.configure(listeners)
        daemon.reload()
    eventually(lambda: sockets() == before, "as many sockets as before")


# --- another user ---------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_started_as_root_it_leaves_their_owner(start, own, workdir):
    os.chmod(workdir, 0o755)
    listening = own(bound())
    port = port_of(listening)
    asked = own(bound(port=port, kind=DATAGRAM))
    options = {"user": "nobody"}
    listeners = [tcp(port), udp(port), tcp(0, "own")]
    daemon = serve(start, [listening, asked], listeners, options=options)
    assert kernel.user_ids(daemon.pid) == [pwd.getpwnam("nobody").pw_uid] * 4
    assert os.fstat(listening.fileno()).st_uid == os.fstat(asked.fileno()).st_uid == 0
    daemon.assert_echoes()
    ask(asking(own, port))
