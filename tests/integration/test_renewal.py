"""Reloads where the file says what it said, but an address means something else by now: an
interface is another one, or IPv6 has come or gone."""

import contextlib
import os
import signal
import socket

import pytest

import kernel
import peers
import test_stopped
from activation import passing
from echod import listener, run, without_capabilities
from interfaces import ADDRESS, KINDS, PORT, without_ipv6

FAILED = "err: reload failed: the running configuration stays in force"
OTHER_PORT, LOW_PORT = 20008, 7
ACCEPTED = 'echod_connections_accepted_total{listener="a"}'
SOURCE_PORT = 'echod_datagrams_dropped_total{listener="a",reason="source_port"}'
PROTOCOLS = list(KINDS)
UNPRIVILEGED_PORT = "/proc/sys/net/ipv4/ip_unprivileged_port_start"

pytestmark = pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")


def sockets(daemon):
    """Those that it serves, by their numbers."""
    return {
        *kernel.listening_sockets(daemon.pid),
        *kernel.waiting_datagrams(daemon.pid, PORT),
    }


def verdict(daemon, added=0, removed=0, kept=0, renewed=0):
    """Reloads; returns the warnings, once the last line is that."""
    *lines, last = daemon.reload()
    listeners = "listener" if added == 1 else "listeners"
    expected = f"{added} {listeners} added, {removed} removed, {kept} kept"
    expected += f", {renewed} made anew" if renewed else ""
    assert last == f"notice: reloaded {daemon.file}: {expected}", "\n".join(lines)
    others = "select()", "access.allow has no prefix"
    warnings = (line for line in lines if line.startswith("warning: "))
    return [line for line in warnings if not any(other in line for other in others)]


def on_late(protocol="tcp", address=f"{ADDRESS}%late", port=PORT):
    return listener("a", address, port, protocol)


# --- interfaces -----------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_interface_that_was_made_anew(start, host, back_end, protocol):
    host.add()
    before = host.number()
    daemon = start([on_late(protocol)], back_end, prefix=host.prefix)
    assert host.serves(f"{ADDRESS}%late", protocol)
    host.remove()
    host.add()
    assert host.number() != before
    assert not verdict(daemon, renewed=1)
    assert host.serves(f"{ADDRESS}%late", protocol)
    assert not verdict(daemon, kept=1)
    assert not daemon.log.matching("^notice: no longer")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_that_has_the_number_of_the_former(start, host, protocol):
    """The kernel knows it by that alone: the socket lives again."""
    host.add()
    number = host.number()
    daemon = start([on_late(protocol)], prefix=host.prefix)
    before = sockets(daemon)
    host.remove()
    host.add(number=number)
    assert not verdict(daemon, kept=1)
    assert sockets(daemon) == before
    assert host.serves(f"{ADDRESS}%late", protocol)


def test_one_that_is_gone_and_comes_back(start, host):
    host.add()
    daemon = start([on_late(), listener("b")], prefix=host.prefix)
    host.remove()
    uri = f"tcp://[{ADDRESS}%late]:{PORT}"
    for _ in range(2):
        assert verdict(daemon, kept=2) == [
            f"warning: cannot listen on {uri} (a): No such device; the listener stays as it is, "
            "which reaches nobody"
        ]
    host.add()
    assert not verdict(daemon, kept=1, renewed=1)
    assert host.serves(f"{ADDRESS}%late")


def test_one_that_is_named_by_a_number(start, host):
    host.add()
    number = host.number()
    daemon = start([on_late(address=f"{ADDRESS}%{number}")], prefix=host.prefix)
    host.remove()
    assert verdict(daemon, kept=1) == [
        f"warning: cannot listen on tcp://[{ADDRESS}%{number}]:{PORT} (a): No such device; "
        "the listener stays as it is, which reaches nobody"
    ]
    host.add(number=number)
    assert not verdict(daemon, kept=1)
    assert host.serves(f"{ADDRESS}%late")


def test_one_that_was_renamed(start, host):
    host.add()
    daemon = start([on_late()], prefix=host.prefix)
    before = sockets(daemon)
    host.rename("late", "other")
    assert verdict(daemon, kept=1) == [
        f"warning: cannot listen on tcp://[{ADDRESS}%late]:{PORT} (a): No such device; "
        "the listener stays as it is"
    ]
    assert host.serves(f"{ADDRESS}%other")
    # Written by its new name, or its number, it is what is bound.
    for scope in "other", host.number("other"):
        daemon.configure([on_late(address=f"{ADDRESS}%{scope}")])
        assert not verdict(daemon, kept=1)
    assert sockets(daemon) == before


def test_another_one_under_the_name(start, host):
    host.add()
    daemon = start([on_late()], prefix=host.prefix)
    host.rename("late", "other")
    host.add("late")
    assert not verdict(daemon, renewed=1)
    assert host.serves(f"{ADDRESS}%late")
    assert not host.serves(f"{ADDRESS}%other")


def test_two_that_changed_their_names(start, host):
    """Each needs what the other one leaves."""
    host.add("one")
    host.add("two")
    listeners = [listener(name, f"{ADDRESS}%{name}", PORT) for name in ("one", "two")]
    daemon = start(listeners, prefix=host.prefix)
    for before, after in ("one", "three"), ("two", "one"), ("three", "two"):
        host.rename(before, after)
    verdict(daemon, renewed=2)
    for name in "one", "two":
        assert host.serves(f"{ADDRESS}%{name}")
        daemon.wait_log(rf"^info: connection opened: peer=\[{ADDRESS}%{name}\]:\d+ listener={name}$")


def test_one_whose_address_is_anothers_by_now(start, host):
    """What cannot be given up cannot be had."""
    host.add("one")
    host.add("two")
    listeners = [listener(name, f"{ADDRESS}%{name}", PORT) for name in ("one", "two")]
    daemon = start(listeners, prefix=host.prefix)
    before = sockets(daemon)
    host.remove("two")
    host.rename("one", "two")
    assert daemon.reload()[-2:] == [
        f"err: tcp://[{ADDRESS}%one]:{PORT} is another listener's address now, and the one that has "
        "it cannot be made anew",
        FAILED,
    ]
    assert sockets(daemon) == before
    host.add("one")
    verdict(daemon, renewed=2)
    assert host.serves(f"{ADDRESS}%one") and host.serves(f"{ADDRESS}%two")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_port_that_the_kernel_picked_stays(start, host, protocol):
    host.add()
    daemon = start([on_late(protocol, port=0)], prefix=host.prefix)
    port = daemon.port("a")
    assert not verdict(daemon, kept=1)
    host.remove()
    host.add()
    assert not verdict(daemon, renewed=1)
    assert host.serves(f"{ADDRESS}%late", protocol, port)


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_localhost_gets_its_second_address(start, host, back_end, protocol):
    host.set_ipv6(False)
    daemon = start([on_late(protocol, "localhost")], back_end, prefix=host.prefix)
    before = sockets(daemon)
    assert not verdict(daemon, kept=1)
    assert sockets(daemon) == before
    host.set_ipv6(True)
    assert not verdict(daemon, renewed=1)
    assert before < sockets(daemon)
    for address in "127.0.0.1", "::1":
        assert host.serves(address, protocol)
    assert not verdict(daemon, kept=1)


def test_who_waits_at_the_first_address_does_not_notice(start, host):
    host.set_ipv6(False)
    limit = {"limits.connections": 1}
    daemon = start([on_late(address="localhost")], limit, prefix=host.prefix)
    with contextlib.closing(host.connect("127.0.0.1")) as inside:
        peers.echo(inside, b"inside")
        waiting = host.connect("127.0.0.1")
        waiting.sendall(b"waiting")
        host.set_ipv6(True)
        verdict(daemon, renewed=1)
        peers.echo(inside, b"still inside")
        late = host.connect("::1")
        late.sendall(b"waiting")
        assert peers.is_quiet(waiting) and peers.is_quiet(late)
    for peer in waiting, late:
        assert peers.receive(peer, 7) == b"waiting"
        peer.close()


def test_under_load_not_a_byte_is_lost(start, host, back_end):
    """Sockets come and go beside the one that serves."""
    daemon = start([on_late(address="127.0.0.1")], back_end, prefix=host.prefix)
    streams = [peers.Stream(host.connect("127.0.0.1")) for _ in range(4)]
    for stream in streams:
        stream.start()
    for address in ["localhost", "127.0.0.1"] * 5:
        daemon.configure([on_late(address=address)], back_end)
        assert not verdict(daemon, renewed=1)
        assert host.serves("127.0.0.1")
        assert host.serves("::1") == (address == "localhost")
        for stream in streams:
            stream.wait_moved(1 << 16)
    for stream in streams:
        stream.finish()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_localhost_loses_its_second_address(start, host, protocol):
    """The socket is kept: it serves again at once when the address is back."""
    daemon = start([on_late(protocol, "localhost")], prefix=host.prefix)
    before = sockets(daemon)
    host.set_ipv6(False)
    assert verdict(daemon, kept=1) == [
        f"warning: the host does not have the address of {protocol}://[::1]:{PORT} (a) now: "
        "nothing reaches it there"
    ]
    assert host.serves("127.0.0.1", protocol)
    host.set_ipv6(True)
    assert host.serves("::1", protocol)
    assert not verdict(daemon, kept=1)
    assert sockets(daemon) == before


def test_port_0_is_one_port_on_both(start, host):
    host.set_ipv6(False)
    daemon = start([on_late(address="localhost", port=0)], prefix=host.prefix)
    port = daemon.port("a")
    host.set_ipv6(True)
    verdict(daemon, renewed=1)
    assert host.serves("::1", port=port)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("address", ["*", "::", "0.0.0.0"])
def test_a_wildcard_is_whatever_comes(start, host, protocol, address):
    host.set_ipv6(False, "all")
    daemon = start([on_late(protocol, address)], prefix=host.prefix)
    host.set_ipv6(True, "all")
    host.run("echo 1 >/proc/sys/net/ipv6/bindv6only")
    host.add()
    assert not verdict(daemon, kept=1)
    for reached in ["127.0.0.1"] * (address != "::") + ["::1", f"{ADDRESS}%late"] * (":" in address):
        assert host.serves(reached, protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_star_gets_ipv6(start, host, workdir, protocol):
    missing = os.path.join(workdir, "no-ipv6")
    environment = without_ipv6(missing)
    daemon = start([on_late(protocol, "*")], prefix=host.prefix, environment=environment)
    assert not verdict(daemon, kept=1)
    assert host.serves("127.0.0.1", protocol) and not host.serves("::1", protocol)
    os.unlink(missing)
    assert not verdict(daemon, renewed=1)
    for address in "127.0.0.1", "::1":
        assert host.serves(address, protocol)
    assert not verdict(daemon, kept=1)


def test_connections_of_the_socket_that_leaves_go_on(start, host, workdir):
    missing = os.path.join(workdir, "no-ipv6")
    environment = without_ipv6(missing)
    daemon = start([on_late(address="*")], prefix=host.prefix, environment=environment)
    accepted = host.connect("127.0.0.1")
    peers.echo(accepted, b"accepted")
    os.unlink(missing)
    daemon.signal(signal.SIGSTOP)
    # More than the turns accept that come before the signal is seen.
    waiting = [host.connect("127.0.0.1") for _ in range(test_stopped.CROWD)]
    for peer in waiting:
        peer.sendall(b"in the queue")
    daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGCONT)
    daemon.wait_log("^notice: reloaded .* 1 made anew$")
    for peer in waiting:
        assert peers.receive(peer, 12) == b"in the queue"
        peer.close()
    peers.echo(accepted, b"goes on")
    accepted.close()
    # Its books go by its name, and the books of both sockets are one.
    daemon.wait_counter('echod_connections_open{listener="a"}', 0)
    assert daemon.counter(ACCEPTED) == 1 + test_stopped.CROWD


def test_an_address_that_the_file_adds_to(start, host):
    """Of what is written anew it keeps what it has, too."""
    daemon = start([on_late(address="127.0.0.1")], prefix=host.prefix)
    before = sockets(daemon)
    daemon.configure([on_late(address="localhost")])
    assert not verdict(daemon, renewed=1)
    assert before < sockets(daemon)
    daemon.configure([on_late(address="127.0.0.1")])
    assert not verdict(daemon, renewed=1)
    assert sockets(daemon) == before
    assert daemon.log.matching(rf"^notice: no longer listening on tcp://\[::1\]:{PORT} \(a\)$")


# --- what may not be ------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_the_right_to_bind_what_lives_is_kept(start, host, protocol):
    host.run(f"echo 0 >{UNPRIVILEGED_PORT}")
    host.set_ipv6(False)
    without = without_capabilities("net_bind_service")
    daemon = start([on_late(protocol, "localhost", LOW_PORT)], prefix=[*host.prefix, *without])
    host.run(f"echo 1024 >{UNPRIVILEGED_PORT}")
    assert not verdict(daemon, kept=1)
    host.set_ipv6(True)
    assert verdict(daemon, kept=1) == [
        f"warning: cannot listen on {protocol}://[::1]:{LOW_PORT} (a): Permission denied; a port "
        "below 1024 needs root or CAP_NET_BIND_SERVICE; the listener stays as it is"
    ]
    assert host.serves("127.0.0.1", protocol, LOW_PORT)
    host.run(f"echo 0 >{UNPRIVILEGED_PORT}")
    assert not verdict(daemon, renewed=1)
    assert host.serves("::1", protocol, LOW_PORT)


def test_a_stranger_has_the_address_that_came(start, host):
    host.set_ipv6(False)
    daemon = start([on_late(address="localhost"), listener("b")], prefix=host.prefix)
    host.set_ipv6(True)
    with host.bound("::1", "tcp"):
        assert verdict(daemon, kept=2) == [
            f"warning: cannot listen on tcp://[::1]:{PORT} (a): Address already in use; the "
            "listener stays as it is"
        ]
        assert host.serves("127.0.0.1")


def test_a_fault_elsewhere_leaves_all_as_it_was(start, host):
    host.add()
    host.set_ipv6(False)
    listeners = [on_late(), listener("b", "localhost", OTHER_PORT)]
    daemon = start(listeners, prefix=host.prefix)
    before = sockets(daemon)
    descriptors = kernel.highest_descriptor(daemon.pid)
    host.remove()
    host.add()
    host.set_ipv6(True)
    daemon.configure([*listeners, listener("busy", "192.0.2.1", PORT)])
    for _ in range(12):
        assert daemon.reload()[-1] == FAILED
        assert sockets(daemon) == before
        assert host.serves("127.0.0.1", port=OTHER_PORT)
    assert kernel.highest_descriptor(daemon.pid) <= descriptors + 2
    daemon.configure(listeners)
    assert not verdict(daemon, renewed=2)
    assert host.serves(f"{ADDRESS}%late") and host.serves("::1", port=OTHER_PORT)


def test_datagrams_of_its_own_port_still_get_no_answer(start, host):
    host.add()
    daemon = start([on_late("udp", port=0)], prefix=host.prefix)
    port = daemon.port("a")
    host.remove()
    host.add()
    host.run("ip -6 address add fe80::8/64 dev late nodad")
    verdict(daemon, renewed=1)
    with host.open(socket.AF_INET6, socket.SOCK_DGRAM) as echo:
        echo.bind(host.name("fe80::8%late", port))
        echo.connect(host.name(f"{ADDRESS}%late", port))
        echo.send(b"an echo's")
        daemon.wait_counter(SOURCE_PORT, 1)
        assert peers.is_quiet(echo)


activated = pytest.mark.skipif(
    "+systemd" not in run("-V").stdout, reason="this echod was built without libsystemd"
)


@activated
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_inherited_one_is_its_owners_to_mend(start, host, protocol):
    host.add()
    with host.bound(f"{ADDRESS}%late", protocol) as opened:
        daemon = start([on_late(protocol)], **passing(opened, before=host.prefix))
        before = sockets(daemon)
        assert not verdict(daemon, kept=1)
        host.remove()
        host.add()
        assert verdict(daemon, kept=1) == [
            f"warning: the interface of {protocol}://[{ADDRESS}%late]:{PORT} (a) is gone or another "
            "one, and the socket is inherited as echod.socket: restart its socket unit; the "
            "listener stays as it is, which reaches nobody"
        ]
        assert sockets(daemon) == before


@activated
def test_a_device_to_which_an_inherited_one_is_bound(start, host):
    """Whatever its address: by BindToDevice= of its unit, or in a VRF."""
    host.add()
    with host.bound("::1", "tcp") as other, host.open(socket.AF_INET) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"late")
        opened.bind(("0.0.0.0", PORT))
        opened.listen()
        listeners = [on_late(address="0.0.0.0"), listener("b", "::1", PORT)]
        daemon = start(listeners, **passing(opened, other, before=host.prefix))
        assert not verdict(daemon, kept=2)
        host.remove()
        assert verdict(daemon, kept=2) == [
            f"warning: the interface of tcp://0.0.0.0:{PORT} (a) is gone or another one, and the "
            "socket is inherited as echod.socket: restart its socket unit; the listener stays as "
            "it is, which reaches nobody"
        ]
