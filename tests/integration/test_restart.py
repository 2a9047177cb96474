"""A restart by a service manager, which keeps what the one has for the next: no peer sees it."""

import os
import signal
import socket

import pytest

import activation
import certificates
import echod
import manager
import observing
import peers
import sealed
import successors
import tracing
from echod import listener
from patience import eventually
from traffic import Comers, Datagrams

pytestmark = pytest.mark.skipif(
    "+systemd" not in echod.run("-V").stdout, reason="this echod has no libsystemd"
)

MIB = 1 << 20
RESTARTS = int(os.environ.get("RESTARTS", "3"))
BOTH = (listener(), listener("udp", protocol="udp"))
OPTIONS = {"limits.datagram_rate_per_source": 0}
TOOK = r"^notice: took over (\d+) connections? from the service manager, unserved for \d+ ms$"


@pytest.fixture
def keeper(workdir):
    made = manager.Manager(workdir)
    yield made
    made.close()


@pytest.fixture
def serve(start, keeper):
    def of(listeners=BOTH, options=None, **named):
        return start(listeners, {**OPTIONS, **(options or {})}, environment=keeper.environment(),
                     **named)

    return of


@pytest.fixture
def restart(launch, keeper):
    def of(daemon, listeners=BOTH, options=None, **named):
        return keeper.restart(launch, daemon, listeners, {**OPTIONS, **(options or {})}, **named)

    return of


# --- what goes on ---------------------------------------------------------------------------------


def test_nobody_notices(serve, restart, back_end):
    daemon = serve(options=back_end)
    streams = [peers.Stream(daemon.connect()) for _ in range(4)]
    data = peers.payload(4 * MIB)
    slow = [daemon.connect(receive_buffer=65536) for _ in range(2)]
    sent = [peers.fill(peer, data) for peer in slow]
    slow[1].shutdown(socket.SHUT_WR)
    with Comers(daemon.at()) as comers, Datagrams(daemon.at("udp")) as datagrams:
        for stream in streams:
            stream.start()
        for _ in range(RESTARTS):
            comers.wait_rounds(3)
            datagrams.wait_rounds(10)
            for stream in streams:
                stream.wait_moved(MIB)
            daemon = restart(daemon, options=back_end)
            assert int(daemon.wait_log(TOOK)[1]) >= 6
            comers.wait_rounds(3)
    for stream in streams:
        stream.wait_moved(MIB)
        stream.finish()
    for peer, size in zip(slow, sent):
        peers.assert_same(peers.receive(peer, size), data[:size])
    assert slow[1].recv(1) == b""
    peers.echo(slow[0], b"and on")


def test_what_is_told(serve, restart, keeper):
    daemon = serve()
    peer = daemon.connect()
    peers.echo(peer, b"one")
    before = daemon
    daemon = restart(daemon)
    peers.echo(peer, b"two")
    assert successors.handed(before)[0] == 1
    assert daemon.wait_log(TOOK)[1] == "1"
    words = [next(iter(told)) for told in keeper.told]
    assert words.index("FDSTOREREMOVE", words.index("FDSTORE")) < len(words) - 1
    assert "STOPPING" in words
    daemon.wait_counter('echod_hand_overs_total{result="success"}', 1)
    assert daemon.counter('echod_sent_bytes_total{listener="echo-tcp"}') == 6


def test_unix_sockets_and_the_path_of_successors(serve, restart, workdir):
    listeners = (listener(path=f"{workdir}/echod.sock"), listener("name", path="@echod-restarts"))
    options = {"take_over.path": successors.place(workdir)}
    daemon = serve(listeners, options)
    files = [f"{workdir}/echod.sock", successors.place(workdir)]
    inodes = [os.stat(file).st_ino for file in files]
    peer = daemon.connect()
    with Comers(daemon.at()) as comers, Comers(daemon.at("name")):
        for _ in range(RESTARTS):
            daemon = restart(daemon, listeners, options)
            comers.wait_rounds(3)
            peers.echo(peer, b"on")
    assert [os.stat(file).st_ino for file in files] == inodes
    daemon.stop()
    assert not any(map(os.path.exists, files))


def test_sockets_of_the_manager_come_from_there(serve, restart, keeper):
    """Beside the parcel, by whatever name, and not twice."""
    with activation.bound() as theirs:
        port = activation.port_of(theirs)
        listeners = (listener(port=port), listener("own"))
        daemon = serve(listeners, **{**activation.passing(theirs)})
        with peers.connect("127.0.0.1", port) as peer, Comers(daemon.at()) as comers:
            own = daemon.connect("own")
            for _ in range(RESTARTS):
                daemon = restart(daemon, listeners, sockets=[theirs], names=["echo"])
                comers.wait_rounds(3)
                peers.echo(peer, b"inherited")
                peers.echo(own, b"own")
                assert daemon.log.matching(r", inherited as echo$")


def test_scrapes_see_no_counter_go_back(serve, restart):
    listeners = (listener(),)
    options = observing.ON
    daemon = serve(listeners, options)
    peers.echo(daemon.connect(), b"x" * 1000)
    for _ in range(RESTARTS):
        before = observing.metrics(daemon)
        daemon = restart(daemon, listeners, options)
        after = observing.metrics(daemon)
        assert after['echod_sent_bytes_total{listener="echo-tcp"}'] == 1000
        assert after["echod_service_start_time_seconds"] == \
            before["echod_service_start_time_seconds"]


# --- what cannot travel ----------------------------------------------------------------------------


@pytest.fixture
def secured(serve):
    """A daemon, its listeners and its options, with plain and secure peers."""
    if not certificates.BUILT:
        pytest.skip("there is no TLS here, or openssl(1)")
    listeners = (*BOTH, certificates.secure(certificates.one()))
    options = {"drain_timeout": 60}
    return serve(listeners, options), listeners, options


def test_tls_ends_first(secured, keeper, launch):
    """Whatever is plain is served meanwhile, and whoever comes for TLS waits."""
    daemon, listeners, options = secured
    idle, silent, plain = daemon.connect(), sealed.call(daemon), peers.Stream(daemon.connect())
    plain.start()
    with sealed.Talking(sealed.call(daemon)) as talking:
        daemon.signal(signal.SIGUSR2)
        daemon.wait_log("^notice: SIGUSR2: 2 TLS connections end before the hand-over, within 60 s")
        keeper.heard(STATUS="handing over once 2 TLS connections have ended, within 60 seconds")
        late = daemon.connect("echo-tls")
        late_hello = sealed.Sealed(late)
        late.sendall(late_hello.hello())
        assert silent.receive_to_eof() == b"" and silent.ended
        silent.close()
        daemon.assert_echoes()
        plain.wait_moved(MIB)
        daemon.signal(signal.SIGUSR2)
        daemon.wait_log("^notice: SIGUSR2: the hand-over is under way$")
        daemon.signal(signal.SIGHUP)
        daemon.wait_log("^notice: SIGHUP: no reload in a restart: ")
        talking.wait_rounds(3)
        assert not keeper.kept and peers.is_quiet(late, 0.05)
    keeper.wait_gone(daemon)
    successor = launch(listeners, {**OPTIONS, **options}, **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    late_hello.shake(hello=b"").echo(b"served at last")
    peers.echo(idle, b"and so is who was silent")
    plain.wait_moved(MIB)
    plain.finish()


def test_tls_that_does_not_end_is_cut(secured, restart):
    """Its peer takes nothing of what it is owed."""
    daemon, listeners, _ = secured
    options = {"drain_timeout": 2}
    daemon.configure(listeners, {**OPTIONS, **options})
    daemon.reload()
    plain, stubborn = daemon.connect(), sealed.call(daemon)
    sealed.fill([stubborn], 16 * MIB)
    successor = restart(daemon, listeners, options)
    daemon.wait_log("^notice: drain_timeout: 1 TLS connection aborted$")
    peers.echo(plain, b"and on")
    assert successor.wait_log(TOOK)[1] == "1"


def test_who_asks_is_answered_first(serve, keeper, launch):
    daemon = serve(options=observing.ON)
    plain, asker = daemon.connect(), observing.connect(daemon)
    asker.sendall(observing.request()[:20])
    eventually(lambda: peers.is_quiet(asker, 0.05), "it waits for the rest")
    daemon.signal(signal.SIGUSR2)
    keeper.heard(STATUS="handing over")
    peers.echo(plain, b"meanwhile")
    asker.sendall(observing.request()[20:])
    assert observing.receive(asker).status == 200
    asker.close()
    keeper.wait_gone(daemon)
    successor = launch(BOTH, {**OPTIONS, **observing.ON}, **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    peers.echo(plain, b"and on")


# --- what fails -------------------------------------------------------------------------------------


def failed(process):
    """One that ends with status 1, after which a manager tries again; returns what it says."""
    process.status = 1
    assert process.wait_exit() == 1, "\n".join(process.log.lines)
    return "\n".join(process.log.lines)


@pytest.mark.parametrize("refuses", [1, 2])
def test_a_manager_that_refuses_and_then_does_not(serve, restart, keeper, refuses):
    keeper.refuses = refuses
    daemon = serve()
    stream = peers.Stream(daemon.connect())
    stream.start()
    successor = restart(daemon)
    assert successor.wait_log(TOOK)[1] == "1"
    why = "the service manager keeps nothing: see FileDescriptorStoreMax="
    assert len(daemon.log.matching(f"^notice: hand-over: {why}; it is tried again$")) == refuses
    stream.wait_moved(MIB)
    stream.finish()


def test_a_manager_that_refuses(serve, keeper):
    """It is a drain then, after which the manager is to start the next one all the same."""
    keeper.refuses = 1000
    daemon = serve()
    peer = daemon.connect()
    peers.echo(peer, b"one")
    daemon.signal(signal.SIGUSR2)
    daemon.wait_log("^err: hand-over failed: the service manager keeps nothing: ")
    daemon.wait_log("^notice: restart: draining 1 connection, for at most ")
    daemon.wait_counter('echod_hand_overs_total{result="failure"}', 1)
    peers.echo(peer, b"two")
    peer.shutdown(socket.SHUT_WR)
    assert peers.receive_to_eof(peer) == b""
    keeper.wait_gone(daemon)


def test_a_manager_that_says_nothing(serve, keeper, launch):
    """What it was given late is empty: whoever starts with that starts anew."""
    daemon = serve()
    peer = daemon.connect()
    keeper.answers = False
    daemon.signal(signal.SIGUSR2)
    daemon.wait_log("^notice: hand-over: the service manager does not answer; it is tried again$")
    peers.echo(peer, b"as ever")
    keeper.answers = True
    daemon.signal(signal.SIGTERM)
    assert peers.receive_to_eof(peer) == b""
    peer.close()
    assert daemon.wait_exit() == 0
    keeper.kept = keeper.held[:1]
    del keeper.held[:1]
    successor = launch(BOTH, OPTIONS, **keeper.passing())
    successor.wait_serving()
    keeper.heard(FDSTOREREMOVE="1")
    assert not successor.log.matching("took over")
    successor.assert_echoes()


def test_sigterm_instead(secured, keeper):
    """Who is told to stop stops, and is not started again."""
    daemon, _, _ = secured
    plain, secure = daemon.connect(), sealed.call(daemon)
    daemon.signal(signal.SIGUSR2)
    daemon.wait_log("^notice: SIGUSR2: 1 TLS connection ends before ")
    daemon.drain(connections=2)
    peers.echo(plain, b"to the end")
    secure.echo(b"too")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit() == 0
    assert not keeper.kept


def test_successors_that_fail_lose_nothing(serve, keeper, launch):
    """A wrong option, too few descriptors: each is tried again, with all there is.

    A limit that may be raised is no such fault.
    """
    daemon = serve()
    stream = peers.Stream(daemon.connect())
    stream.start()
    idle = [daemon.connect() for _ in range(20)]
    stream.wait_moved(MIB)
    keeper.stop(daemon)
    usage = failed(launch(BOTH, OPTIONS, arguments=["--nonsense"], **keeper.passing()))
    assert "--nonsense" in usage
    few = failed(launch(BOTH, OPTIONS, **keeper.passing(limits=["prlimit", "--nofile=20:20"])))
    assert "its parcel: too few descriptors are allowed for it: raise LimitNOFILE" in few
    successor = launch(BOTH, OPTIONS, **keeper.passing(limits=["prlimit", "--nofile=20:1000"]))
    successor.wait_serving()
    successor.go_on_from(daemon)
    assert successor.wait_log(TOOK)[1] == "21"
    for peer in idle:
        peers.echo(peer, b"and on")
    stream.wait_moved(MIB)
    stream.finish()


def test_a_parcel_of_another_version(serve, keeper, launch):
    """Whoever cannot read it leaves it where it is."""
    daemon = serve()
    peer = daemon.connect()
    keeper.stop(daemon)
    memory = keeper.memory()
    first = os.pread(memory, 16, 0)
    version = first[:8] + (99).to_bytes(8, "little")
    os.pwrite(memory, version, 0)
    assert "its parcel: " in failed(launch(BOTH, OPTIONS, **keeper.passing()))
    os.pwrite(memory, first, 0)
    os.close(memory)
    successor = launch(BOTH, OPTIONS, **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    peers.echo(peer, b"and on")


@pytest.mark.skipif(not tracing.can_trace(), reason="strace may not attach here")
def test_crashes_before_it_is_taken(serve, keeper, launch):
    """At the last moment: the whole of it is the next one's."""
    crash = ["strace", "-D", "-f", "-o", os.devnull, "-e", "inject=recvfrom:signal=KILL:when=1"]
    daemon = serve()
    streams = [peers.Stream(daemon.connect()) for _ in range(3)]
    for stream in streams:
        stream.start()
        stream.wait_moved(MIB)
    keeper.stop(daemon)
    for _ in range(2):
        crashed = launch(BOTH, OPTIONS, **keeper.passing(before=crash))
        assert crashed.wait_exit() == -signal.SIGKILL
        crashed.kill()
    successor = launch(BOTH, OPTIONS, **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    assert successor.wait_log(TOOK)[1] == "3"
    for stream in streams:
        stream.wait_moved(MIB)
        stream.finish()


FAULTS = {
    "syntax": "listen {\n",
    "value": 'listen echo-tcp { address = "127.0.0.1" port = 70000 }\n',
    "missing": None,  # the file
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_faulty_configuration(serve, keeper, launch, workdir, fault):
    """What was in force stays so, as after a reload that failed; and the next reload mends it."""
    file = os.path.join(workdir, "faulty.conf")
    if fault is not None:
        with open(file, "w", encoding="utf-8") as out:
            out.write(fault)
    daemon = serve(options=observing.ON)
    stream = peers.Stream(daemon.connect())
    stream.start()
    stream.wait_moved(MIB)
    keeper.stop(daemon)
    successor = launch(arguments=["-c", file], **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    successor.wait_log("faulty.conf has a fault: the configuration of the process before stays in force$")
    eventually(lambda: any("STATUS" in told and "reload failed" in told["STATUS"]
                           for told in keeper.told), "the status has it")
    assert successor.counter('echod_reloads_total{result="failure"}') == 1
    stream.wait_moved(MIB)
    successor.assert_echoes()
    with open(file, "w", encoding="utf-8") as out:
        out.write(echod.configuration(BOTH, {**OPTIONS, **observing.ON}))
    assert successor.reload()[-1].startswith("notice: reloaded ")
    stream.wait_moved(MIB)
    stream.finish()


def test_an_address_that_cannot_be_had(serve, keeper, launch, busy_port):
    """It is found later than a fault of the file, and all the same."""
    daemon = serve()
    peer = daemon.connect()
    keeper.stop(daemon)
    successor = launch((listener(port=busy_port),), OPTIONS, **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    successor.wait_log("^err: .*in use")
    successor.wait_log("^err: .* has a fault: the configuration of the process before stays in force$")
    peers.echo(peer, b"and on")
    successor.assert_echoes()


def test_without_a_manager_that_listens(start, keeper):
    daemon = start()
    peer = daemon.connect()
    daemon.signal(signal.SIGUSR2)
    daemon.wait_log("^warning: SIGUSR2: nobody can take over: ")
    peers.echo(peer, b"as ever")
