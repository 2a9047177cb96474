"""--take-over: a successor goes on with all that there is, and no peer sees anything of it."""

import contextlib
import os
import re
import signal
import socket
import time

import pytest

import activation
import certificates
import observing
import peers
import sealed
import successors
from echod import listener, run
from patience import eventually, within
from traffic import Comers, Datagrams

MIB = 1 << 20
TAKE_OVERS = int(os.environ.get("TAKE_OVERS", "3"))

BOTH = (listener(), listener("udp", protocol="udp"))


@pytest.fixture
def succeed(launch, workdir):
    """Has a successor take over; the options are those of both where there are no others."""

    def of(daemon, listeners=BOTH, options=None, **named):
        options = successors.options(workdir, **(options or {}))
        return successors.succeed(launch, daemon, listeners, options, **named)

    return of


@pytest.fixture
def serve(start, workdir):
    def of(listeners=BOTH, options=None, **named):
        return start(listeners, successors.options(workdir, **(options or {})), **named)

    return of


# --- what goes on ---------------------------------------------------------------------------------


def test_nobody_notices(serve, succeed, back_end):
    daemon = serve(options=back_end)
    successors.see_through(daemon, lambda now: succeed(now, options=back_end), TAKE_OVERS)


def test_unix_connections_go_on(serve, succeed, workdir, abstract):
    """The path as well, which whoever ends last removes."""
    listeners = (listener(path=f"{workdir}/echod.sock"), listener("name", path=abstract))
    daemon = serve(listeners)
    file = os.stat(f"{workdir}/echod.sock").st_ino
    stream = peers.Stream(daemon.connect())
    stream.start()
    with Comers(daemon.at()) as comers, Comers(daemon.at("name")):
        for _ in range(TAKE_OVERS):
            stream.wait_moved(MIB)
            comers.wait_rounds(3)
            daemon = succeed(daemon, listeners)
            assert os.stat(f"{workdir}/echod.sock").st_ino == file
    stream.finish()
    daemon.stop()
    assert not os.path.exists(f"{workdir}/echod.sock")
    assert not os.path.exists(successors.place(workdir))


def test_in_every_state(serve, succeed, back_end):
    """Idle, paced, blocked, flushing, lingering and closing ones: each loses nothing."""
    options = {**back_end, "limits.bandwidth_per_connection": 8 * MIB}
    daemon = serve(options=options)
    data = peers.payload(8 * MIB)
    idle, paced, lingering = (daemon.connect() for _ in range(3))
    blocked, flushing = (daemon.connect(receive_buffer=65536) for _ in range(2))
    closing = daemon.connect(receive_buffer=4096)
    peers.echo(idle, b"first")
    sent = {peer: peers.fill(peer, data) for peer in (blocked, flushing)}
    flushing.shutdown(socket.SHUT_WR)
    stream = peers.Stream(paced)
    stream.start()
    stream.wait_moved(MIB)
    for peer, size in (lingering, 5), (closing, 100000):
        peer.sendall(data[:size])
        peer.shutdown(socket.SHUT_WR)
    for _ in range(2):
        daemon = succeed(daemon, options=options)
    peers.echo(idle, b"second")
    assert peers.receive_to_eof(lingering) == data[:5]
    peers.assert_same(peers.receive_to_eof(closing), data[:100000])
    assert daemon.wait_closed(peers.name_of(closing))["reason"] == "peer"
    stream.wait_moved(MIB)
    stream.finish()
    for peer in blocked, flushing:
        peers.assert_same(peers.receive(peer, sent[peer]), data[: sent[peer]])
    assert flushing.recv(1) == b""
    peers.echo(blocked, b"third")


def test_a_header_that_is_not_whole(serve, succeed):
    """It goes on where it stopped, and so does the time that there is for it."""
    listeners = (listener(proxy_protocol=True, trusted_proxies=["127.0.0.1"], greeting="%p\\r\\n"),)
    daemon = serve(listeners)
    silent, whole = daemon.connect(), daemon.connect()
    whole.sendall(b"PROXY TCP4 192.0.2.7 192")
    begun = time.monotonic()
    daemon.wait_counter('echod_connections_preamble{listener="echo-tcp"}', 2)
    daemon = succeed(daemon, listeners)
    whole.sendall(b".0.2.1 4711 7\r\nhello")
    assert peers.receive(whole, len("192.0.2.7:4711\r\nhello")) == b"192.0.2.7:4711\r\nhello"
    assert peers.ends(silent) == "reset"
    assert time.monotonic() - begun < within(5)


@pytest.mark.parametrize("is_reloaded", [True, False], ids=["before", "by the successor"])
def test_a_header_of_a_listener_that_is_gone(serve, succeed, workdir, is_reloaded):
    proxied = listener("proxied", proxy_protocol=True, trusted_proxies=["127.0.0.1"])
    daemon = serve((listener(), proxied))
    peer = daemon.connect("proxied")
    peer.sendall(b"PROXY TCP4 192.0.2.7 192")
    daemon.wait_counter('echod_connections_preamble{listener="proxied"}', 1)
    if is_reloaded:
        daemon.configure((listener(),), successors.options(workdir))
        daemon.reload()
    daemon = succeed(daemon, (listener(),))
    peer.sendall(b".0.2.1 4711 7\r\nwhole")
    assert peers.receive(peer, 5) == b"whole"
    peers.echo(peer, b"and on")


def test_ages_go_on(serve, succeed):
    """Who was silent before is as silent after."""
    options = {"limits.idle_timeout": 3}
    daemon = serve(options=options)
    peer = daemon.connect()
    peers.echo(peer, b"and now silence")
    silent = time.monotonic()
    time.sleep(1.5)
    daemon = succeed(daemon, options=options)
    assert peers.ends(peer) == "eof"
    assert 2.5 < time.monotonic() - silent < within(3.2)
    name = peers.name_of(peer)
    peer.close()
    closed = daemon.wait_closed(name)
    assert closed["reason"] == "idle_timeout" and float(closed["seconds"]) > 2.5
    assert closed["received"] == closed["sent"] == str(len("and now silence"))


def is_counter(name):
    """Of the service, not of the process."""
    family = name.split("{")[0]
    return re.search("_(total|sum|count)$", family) and not re.search("_cpu_seconds_total$", family)


def test_what_is_counted_goes_on(serve, succeed, workdir):
    on = {**observing.ON, "observe.path": f"{workdir}/observe.sock"}
    daemon = serve(options=on)
    before = observing.status_json(daemon)
    eventually(lambda: observing.status_json(daemon)["now"] > before["now"], "another second")
    peer, other = daemon.connect(), daemon.connect()
    peers.echo(peer, b"counted")
    peers.echo(other, b"too")
    name = peers.name_of(other)
    other.close()
    daemon.wait_closed(name)
    counted = daemon.statistics()
    daemon = succeed(daemon, options=on)
    now = daemon.statistics()
    assert not {name for name in counted if is_counter(name) and counted[name] > now[name]}
    assert now['echod_connections_open{listener="echo-tcp"}'] == 1
    assert now['echod_connections_accepted_total{listener="echo-tcp"}'] == 2
    assert now['echod_received_bytes_total{listener="echo-tcp"}'] == len("counted" "too")
    assert now['echod_hand_overs_total{result="success"}'] == 1
    history = observing.status_json(daemon)["history"]
    assert history["accepted"][0] == 0
    status = observing.status_json(daemon)
    assert status["service_started"] == before["started"] < status["started"]
    assert status["pid"] == daemon.pid != before["pid"]
    told = run("--status", "-o", f"observe.path={on['observe.path']}", "-c", daemon.file).stdout
    since = status["service_started"], status["started"]
    assert "since {} (this process since {})".format(*since) in " ".join(told.split()), told
    peer.close()
    daemon.wait_counter('echod_connections_closed_total{listener="echo-tcp",reason="peer"}', 2)
    daemon = succeed(daemon, options=on)
    daemon.wait_counter('echod_hand_overs_total{result="success"}', 2)
    daemon.wait_counter('echod_connections_closed_total{listener="echo-tcp",reason="peer"}', 2)
    daemon.stop()
    assert not daemon.log.matching("^notice: summary: "), "what the others have told"


def worker_seconds(statistics):
    name = "echod_worker_cpu_seconds_total{"
    return sum(number for each, number in statistics.items() if each.startswith(name))


def test_the_time_of_workers_is_of_the_process(serve, succeed):
    """As that of the process is, of which it is a part."""
    daemon = serve()
    stream = peers.Stream(daemon.connect())
    stream.start()
    eventually(lambda: worker_seconds(daemon.statistics()) > 0.2, "a worker has worked")
    stream.finish()
    daemon = succeed(daemon)
    statistics = daemon.statistics()
    assert worker_seconds(statistics) <= statistics["process_cpu_seconds_total"]


@pytest.mark.skipif("+systemd" not in run("-V").stdout, reason="built without libsystemd")
def test_inherited_sockets_go_on(serve, succeed):
    """Those of a service manager, which has not started the successor and still has them."""
    stream = activation.bound()
    datagrams = activation.bound(kind=socket.SOCK_DGRAM)
    with stream, datagrams:
        listeners = (listener(port=activation.port_of(stream)),
                     listener("udp", protocol="udp", port=activation.port_of(datagrams)))
        daemon = serve(listeners, **activation.passing(stream, datagrams))
        peer = peers.Stream(daemon.connect())
        peer.start()
        with Comers(daemon.at()) as comers, Datagrams(daemon.at("udp")) as sent:
            for _ in range(TAKE_OVERS):
                peer.wait_moved(MIB)
                comers.wait_rounds(3)
                sent.wait_rounds(10)
                daemon = succeed(daemon, listeners)
                daemon.wait_log(r"^notice: listening on tcp://.* \(echo-tcp\), inherited as echod.socket$")
        peer.finish()
        daemon.stop()
        with contextlib.closing(peers.connect(*stream.getsockname())) as waiting:
            assert peers.is_quiet(waiting)  # the manager's queue has it


# --- what does not travel ------------------------------------------------------------------------


@pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")
def test_tls_behind_a_header_that_is_not_whole(serve, launch, workdir):
    """It cannot travel, and may become whole where it is: it has its time there."""
    proxied = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}
    listeners = (listener(), certificates.secure(certificates.one(), **proxied))
    daemon = serve(listeners)
    peer, silent = daemon.connect("echo-tls"), daemon.connect("echo-tls")
    peer.sendall(b"PROXY TCP4 192.0.2.7 192")
    daemon.wait_counter('echod_connections_preamble{listener="echo-tls"}', 2)
    launch(listeners, successors.options(workdir), arguments=["--take-over"]).wait_serving()
    peer.sendall(b".0.2.1 4711 7\r\n")
    with certificates.client().wrap_socket(peer) as secured:
        secured.sendall(b"whole")
        assert secured.recv(64) == b"whole"
    assert peers.ends(silent) == "reset"
    assert daemon.wait_exit() == 0


@pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")
def test_tls_ends_where_it_began(serve, launch, workdir):
    """New connections are the successor's at once; those that are there are served to their end."""
    listeners = (*BOTH, certificates.secure(certificates.one()))
    daemon = serve(listeners)
    plain = peers.Stream(daemon.connect())
    plain.start()
    talking = [sealed.Talking(sealed.call(daemon)) for _ in range(4)]
    with contextlib.ExitStack() as stack:
        for each in talking:
            stack.enter_context(each)
            each.wait_rounds(3)
        successor = launch(listeners, successors.options(workdir), arguments=["--take-over"])
        successor.wait_serving()
        assert successors.handed(daemon)[0] == 1
        daemon.wait_log(r"^notice: hand-over: draining 4 connections, for at most \d+ seconds$")
        successor.go_on_from(daemon)
        sealed.call(successor).echo(b"by the successor")
        plain.wait_moved(4 * MIB)
        for each in talking:
            each.wait_rounds(100)
    assert daemon.wait_exit() == 0
    plain.wait_moved(MIB)
    plain.finish()


def test_a_request_is_answered_by_whom_it_was_sent_to(serve, succeed, launch, workdir):
    daemon = serve(options=observing.ON)
    asker = observing.connect(daemon)
    asker.sendall(observing.request()[:20])
    eventually(lambda: peers.is_quiet(asker, 0.05), "it waits for the rest")
    options = successors.options(workdir, **observing.ON)
    successor = launch(BOTH, options, arguments=["--take-over"])
    successor.wait_serving()
    successors.handed(daemon)
    asker.sendall(observing.request()[20:])
    answer = observing.receive(asker)
    assert answer.status == 200 and b"echod_draining 1" in answer.body
    asker.close()
    assert daemon.wait_exit() == 0


# --- another configuration ------------------------------------------------------------------------


def test_a_listener_that_is_gone(serve, succeed):
    """Its connections are served to their end, and new ones refused."""
    listeners = (listener(), listener("more"))
    daemon = serve(listeners)
    port = daemon.port("more")
    stream = peers.Stream(daemon.connect("more"))
    stream.start()
    stream.wait_moved(MIB)
    daemon = succeed(daemon, listeners[:1])
    assert peers.is_refused("127.0.0.1", port)
    stream.wait_moved(MIB)
    assert daemon.counter('echod_connections_open{listener="more"}') == 1
    stream.finish()
    daemon.wait_counter('echod_connections_closed_total{listener="more",reason="peer"}', 1)


def test_a_lower_limit(serve, succeed):
    """Those beyond it are served to their end, and others come as soon as there is room."""
    daemon = serve(options={"limits.connections": 10})
    crowd = [daemon.connect() for _ in range(6)]
    for peer in crowd:
        peers.echo(peer, b"served")
    daemon = succeed(daemon, options={"limits.connections": 3})
    for peer in crowd:
        peers.echo(peer, b"still served")
    waiting = daemon.connect()
    waiting.sendall(b"when there is room")
    assert peers.is_quiet(waiting)
    for peer in crowd[:4]:
        peer.close()
    assert peers.receive(waiting, 18) == b"when there is room"


@pytest.mark.parametrize("before, after", [(4, 1), (1, 4), (3, 2)])
def test_other_workers(serve, succeed, before, after):
    """No datagram is lost, whatever socket the kernel has given it to."""
    daemon = serve(options={"workers": before})
    stream = peers.Stream(daemon.connect())
    stream.start()
    with Datagrams(daemon.at("udp")) as datagrams:
        datagrams.wait_rounds(50)
        daemon = succeed(daemon, options={"workers": after})
        datagrams.wait_rounds(50)
    daemon.wait_log(f"serving: {after} workers?,")
    stream.wait_moved(MIB)
    stream.finish()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes other users")
@pytest.mark.parametrize("before, after", [(1, 3), (3, 1)])
def test_as_a_user(serve, succeed, workdir, before, after):
    """Both were started as root and have become somebody else, with sockets that are his."""
    os.chmod(workdir, 0o755)
    daemon = serve(options={"user": "daemon", "workers": before})
    stream = peers.Stream(daemon.connect())
    stream.start()
    with Datagrams(daemon.at("udp")) as datagrams:
        for workers in after, before:
            datagrams.wait_rounds(20)
            daemon = succeed(daemon, options={"user": "daemon", "workers": workers})
        datagrams.wait_rounds(20)
    assert os.stat(f"/proc/{daemon.pid}").st_uid != 0
    stream.wait_moved(MIB)
    stream.finish()


def test_a_path_that_vanished(serve, succeed, workdir):
    """It is bound anew, and who waits at the other one is served."""
    path = f"{workdir}/echod.sock"
    listeners = (listener(path=path),)
    daemon = serve(listeners)
    peer = daemon.connect()
    peers.echo(peer, b"there")
    os.unlink(path)
    daemon = succeed(daemon, listeners)
    peers.echo(peer, b"still there")
    with contextlib.closing(peers.connect(f"unix:{path}", None)) as new:
        peers.echo(new, b"there again")


def test_what_needs_a_restart_is_in_force(serve, succeed):
    daemon = serve(options={"event_method": "poll"})
    stream = peers.Stream(daemon.connect())
    stream.start()
    for method in "select", "epoll":
        stream.wait_moved(MIB)
        daemon = succeed(daemon, options={"event_method": method})
        daemon.wait_log(f"serving: 2 workers, {method}")
    stream.wait_moved(MIB)
    stream.finish()


def test_who_started_it_is_told(serve, succeed, workdir):
    """--ready-fd has the addresses that were taken over, too."""
    daemon = serve()
    reading, writing = os.pipe()
    with open(reading, encoding="ascii") as line:
        successor = succeed(daemon, arguments=["--ready-fd", writing], descriptors=(writing,))
        os.close(writing)
        assert f'"tcp://127.0.0.1:{daemon.port()}"' in line.read()
    successor.assert_echoes()


# --- who asks for what there is not -----------------------------------------------------------------


def test_nobody_is_there(workdir):
    where = f"take_over.path={successors.place(workdir)}"
    result = run("--take-over", "-f", "-l", "tcp://127.0.0.1:0", "-o", where)
    assert result.returncode == 1
    assert "nobody serves at" in result.stderr


def test_no_place_to_ask_at():
    result = run("--take-over", "-f", "-l", "tcp://127.0.0.1:0")
    assert result.returncode == 2
    assert "take_over.path names no socket" in result.stderr


def test_a_signal_without_a_successor(serve, start):
    daemon = serve()
    daemon.signal(signal.SIGUSR2)
    daemon.wait_log("^warning: SIGUSR2: there is no successor: start one with --take-over$")
    daemon.assert_echoes()


def test_a_signal_to_one_that_nobody_can_take_over_from(start):
    daemon = start()
    daemon.signal(signal.SIGUSR2)
    daemon.wait_log("^warning: SIGUSR2: nobody can take over: take_over.path names no socket$")
    daemon.assert_echoes()
