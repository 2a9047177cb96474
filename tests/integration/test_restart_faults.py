"""A restart by a service manager, and what may be wrong with it: nothing that can go on is lost."""

import os
import signal
import socket

import pytest

import certificates
import echod
import manager
import observing
import peers
import sealed
import successors
import tracing
from echod import listener
from manager import BOTH, OPTIONS, TOOK
from patience import eventually

pytestmark = pytest.mark.skipif(
    "+systemd" not in echod.run("-V").stdout, reason="this echod has no libsystemd"
)

MIB = 1 << 20


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
    successor.wait_log(r"^err: .*faulty\.conf.*: ")
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


def start_next(launch, keeper, daemon, *arguments, **named):
    """The one after `daemon`, once it serves."""
    successor = launch(*arguments, **named, **keeper.passing())
    successor.wait_serving()
    successor.go_on_from(daemon)
    return successor


def falls_back(successor):
    successor.wait_log("^err: .* has a fault: the configuration of the process before stays in force$")


def test_a_path_of_successors_that_cannot_be_had(serve, keeper, launch, workdir):
    """The one before had another, which is there to be used again."""
    options = {**OPTIONS, "take_over.path": successors.place(workdir)}
    daemon = serve(options=options)
    peer = daemon.connect()
    keeper.stop(daemon)
    options["take_over.path"] = f"{workdir}/nowhere/sock"
    successor = start_next(launch, keeper, daemon, BOTH, options)
    falls_back(successor)
    peers.echo(peer, b"and on")
    with successors.Successor(workdir) as other:
        other.go_to(successors.SOCKETS)


def test_more_than_select_has_room_for(serve, keeper, launch):
    options = {**OPTIONS, "limits.connections": 3000, "limits.connections_per_source": 0}
    daemon = serve(options=options)
    crowd = [daemon.connect() for _ in range(1200)]
    peers.echo(crowd[-1], b"the last one")
    keeper.stop(daemon)
    options["event_method"] = "select"
    successor = start_next(launch, keeper, daemon, BOTH, options)
    falls_back(successor)
    for peer in crowd[:: len(crowd) // 10]:
        peers.echo(peer, b"and on")


@pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")
def test_a_certificate_that_cannot_be_read_any_more(start, keeper, launch, workdir):
    """What does not need it goes on, and the rest once it is mended."""
    pair = certificates.put(certificates.one(), workdir)
    listeners = (*BOTH, certificates.secure(pair))
    daemon = start(listeners, OPTIONS, environment=keeper.environment())
    peer = daemon.connect()
    keeper.stop(daemon)
    os.truncate(pair.certificate, 0)
    successor = start_next(launch, keeper, daemon, listeners, OPTIONS)
    falls_back(successor)
    peers.echo(peer, b"and on")
    successor.wait_log('^err: .*listener "echo-tls": .*; it is not served until a reload finds that')
    certificates.put(certificates.one(), workdir)
    del successor.listening["echo-tls"]
    assert successor.reload()[-1].startswith("notice: reloaded ")
    with certificates.secured(successor) as secure:
        secure.sendall(b"served again")
        assert secure.recv(64) == b"served again"


def test_who_makes_ready_by_hand_is_given_up(serve, restart, workdir):
    """Whoever waits at take_over.path must not keep the manager."""
    options = {"take_over.path": successors.place(workdir)}
    daemon = serve(options=options)
    peer = daemon.connect()
    with successors.Successor(workdir) as other:
        other.go_to(successors.SOCKETS)
        restart(daemon, options=options)
        assert other.hear_end() == "the service manager restarts it"
    peers.echo(peer, b"and on")


@pytest.mark.skipif(not tracing.can_trace(), reason="strace may not attach here")
def test_a_look_that_is_interrupted(start, keeper, launch, workdir):
    """Whether the manager keeps it is looked at again."""
    file = f"{workdir}/strace"
    interrupt = ["strace", "-D", "-f", "-o", file, "-e", "inject=poll:error=EINTR:when=1"]
    # LeakSanitizer cannot look at what is traced.
    environment = {**keeper.environment(), "ASAN_OPTIONS": "detect_leaks=0"}
    options = {**OPTIONS, "sandbox": "false"}
    daemon = start(BOTH, options, environment=environment, prefix=interrupt)
    peer = daemon.connect()
    keeper.stop(daemon)
    with open(file, encoding="utf-8") as traced:
        assert traced.read().count("(INJECTED)") == 1
    assert not daemon.log.matching("it is tried again")
    start_next(launch, keeper, daemon, BOTH, OPTIONS)
    peers.echo(peer, b"and on")
