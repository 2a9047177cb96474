"""--take-over, where an address is used otherwise than before: for something else, or by sockets
that cover more of it, or less."""

import contextlib
import socket

import pytest

import certificates
import observing
import peers
import successors
from echod import configuration, listener
from patience import PATIENCE, eventually
from successors import PARCEL, READY, TAKEN, Between
from traffic import Comers, Datagrams

MIB = 1 << 20
CROWD = 8


def free_port(family=socket.AF_INET):
    with socket.socket(family) as other:
        other.bind(("", 0))
        return other.getsockname()[1]


def ask(host, port):
    """The status that observe answers with."""
    with contextlib.closing(peers.connect(host, port)) as peer:
        peer.sendall(observing.request("/healthz"))
        return observing.receive(peer).status


@pytest.fixture
def serve(start, workdir):
    def of(listeners, options=None):
        return start(listeners, successors.options(workdir, **(options or {})))

    return of


@pytest.fixture
def follow(launch, workdir):
    """Starts a successor, and does not wait for it."""

    def of(listeners, options=None):
        options = successors.options(workdir, **(options or {}))
        return launch(listeners, options, arguments=["--take-over"])

    return of


def succeed(follow, daemon, listeners, options=None):
    successor = follow(listeners, options)
    successor.wait_serving()
    successors.handed_over(daemon)
    successor.go_on_from(daemon)
    return successor


# --- for something else --------------------------------------------------------------------------


class Place:
    """An address or a path for both, where there is nobody yet."""

    def __init__(self, kind, workdir):
        self.host, self.port = "127.0.0.1", free_port()
        if kind == "unix":
            self.host, self.port = f"unix:{workdir}/place.sock", None

    def connect(self):
        return peers.connect(self.host, self.port)

    def listener(self):
        if self.port is None:
            return listener("here", path=self.host.removeprefix("unix:"))
        return listener("here", port=self.port)

    def observed(self):
        if self.port is None:
            return {"observe.path": self.host.removeprefix("unix:")}
        return {"observe.address": self.host, "observe.port": self.port}

    def ask(self):
        return ask(self.host, self.port)


@pytest.fixture(params=["tcp", "unix"])
def place(request, workdir):
    return Place(request.param, workdir)


@pytest.mark.parametrize("dies", [False, True], ids=["takes over", "dies"])
def test_observe_takes_what_an_echo_had(serve, follow, workdir, place, dies):
    """Who came before it does is echoed, to the last one, whoever does it then."""
    daemon = serve((listener(), place.listener()))
    crowd = []
    following = []

    def come(word):
        if word not in (READY, PARCEL):
            return
        crowd.extend(place.connect() for _ in range(CROWD))
        for peer in crowd[-CROWD:]:
            peer.sendall(b"there?")
        if word == READY:
            assert [peer.recv(100) for peer in crowd] == CROWD * [b"there?"]
        elif dies:
            eventually(lambda: following, "it is started")
            following[0].kill()

    with Between(workdir, come):
        following.append(follow((listener(),), place.observed()))
        if dies:
            following[0].process.wait(PATIENCE)
        else:
            following[0].wait_serving()
    assert [peers.receive(peer, 6) for peer in crowd[CROWD:]] == CROWD * [b"there?"]
    for peer in crowd:
        peers.echo(peer, b"and on")
        peer.close()
    if not dies:
        successors.handed_over(daemon)
        following[0].go_on_from(daemon)
        assert place.ask() == 200


def test_what_observe_has_is_no_echo(serve, launch, follow, workdir, place):
    """As in a reload: it is refused, and both go on as they were."""
    listeners = (listener(), place.listener())
    daemon = serve(listeners[:1], place.observed())
    stream = peers.Stream(daemon.connect())
    stream.start()
    daemon.write_file(configuration(listeners, successors.options(workdir)))
    refused = daemon.reload()[-2:]
    assert "Address already in use" in refused[0]
    assert refused[1] == "err: reload failed: the running configuration stays in force"
    successor = follow(listeners)
    assert successor.process.wait(PATIENCE) == 1
    eventually(lambda: successor.log.ended, "the log's end")
    successor.kill()
    assert successor.log.matching("^err: ") == refused[:1]
    daemon.wait_log("^err: hand-over failed: the successor ended; all goes on as it was$")
    assert place.ask() == 200
    stream.wait_moved(MIB)
    stream.finish()


@pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")
@pytest.mark.parametrize("before, echo", [("tcp", True), ("tls", False)])
def test_another_protocol(serve, follow, workdir, before, echo):
    """Who waits is served by the one that he came for, or not at all."""
    port = free_port()
    pair = certificates.one()
    each = {
        "tcp": listener("plain", port=port),
        "tls": listener("secure", protocol="tls", port=port, certificate=[pair.certificate],
                        key=[pair.key]),
    }  # fmt: skip
    first = each.pop(before)
    waiting = []
    daemon = serve((listener(), first))

    def come(word):
        if word == PARCEL:
            waiting.append(peers.connect("127.0.0.1", port))
            waiting[0].sendall(b"there?")

    with Between(workdir, come):
        succeed(follow, daemon, (listener(), *each.values()))
    if echo:
        assert peers.receive(waiting[0], 6) == b"there?"
        waiting[0].close()
    else:
        assert peers.ends(waiting[0]) == "reset"
    with contextlib.closing(peers.connect("127.0.0.1", port)) as new:
        if echo:
            certificates.client().wrap_socket(new).close()
        else:
            peers.echo(new, b"in plain text")


# --- more of it, or less -------------------------------------------------------------------------


def is_answered(host, port, kind):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as peer:
        peer.settimeout(PATIENCE)
        try:
            peer.connect((host, port))
            peer.send(b"there?")
            return peer.recv(100) == b"there?"
        except OSError:
            return False


HOSTS = "127.0.0.1", "127.0.0.2", "::1"
COVERED = {
    "*": HOSTS,
    "::": HOSTS[2:],
    "0.0.0.0": HOSTS[:2],
    "127.0.0.1": HOSTS[:1],
    "::1": HOSTS[2:],
}


def listeners_at(address, port):
    return (listener(address=address, port=port),
            listener("udp", protocol="udp", address=address, port=port))  # fmt: skip


NARROWER = [("*", "0.0.0.0"), ("*", "127.0.0.1"), ("*", "::1"), ("0.0.0.0", "127.0.0.1")]
WIDER = [(after, before) for before, after in NARROWER]


@pytest.mark.parametrize("before, after", [*NARROWER, *WIDER, ("*", "::"), ("::", "*")])
def test_other_addresses(serve, follow, before, after):
    """Who is where both are sees nothing of it; connections go on where new ones are refused."""
    port = free_port(socket.AF_INET6)
    shared = [(host, port) for host in COVERED[before] if host in COVERED[after]]
    daemon = serve(listeners_at(before, port))
    streams = [peers.Stream(peers.connect(host, port)) for host in COVERED[before]]
    with contextlib.ExitStack() as stack:
        going_on = [stack.enter_context(Datagrams(where)) for where in shared]
        # New ones are the narrower's: where that is the one of before, it may close on one of them.
        if (before, after) in NARROWER:
            going_on += [stack.enter_context(Comers(where)) for where in shared]
        for each in going_on:
            each.wait_rounds(10)
        for stream in streams:
            stream.start()
            stream.wait_moved(MIB)
        succeed(follow, daemon, listeners_at(after, port))
        for each in going_on:
            each.wait_rounds(10)
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        answered = tuple(host for host in HOSTS if is_answered(host, port, kind))
        assert answered == COVERED[after]
    for stream in streams:
        stream.wait_moved(MIB)
        stream.finish()


@pytest.mark.parametrize("before, after", WIDER)
def test_a_wider_address_serves_at_once(serve, follow, workdir, before, after):
    """Though the process before has not ended, and has the narrower one that has precedence."""
    port, observed = free_port(socket.AF_INET6), free_port(socket.AF_INET6)
    observe = {"observe.port": observed}
    daemon = serve(listeners_at(before, port), {**observe, "observe.address": before})
    following, served = [], []

    def come(word):
        if word == TAKEN:
            eventually(lambda: following, "it is started")
            following[0].wait_serving()
            served.extend(host for host in COVERED[after]
                          if is_answered(host, port, socket.SOCK_STREAM) and
                          ask(host, observed) == 200)  # fmt: skip

    with Between(workdir, come):
        following.append(
            follow(listeners_at(after, port), {**observe, "observe.address": after})
        )
        successors.handed_over(daemon)
    assert tuple(served) == COVERED[after]
