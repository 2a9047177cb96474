"""What the statistics tell of listeners, workers and the process itself."""

import glob
import os
import resource
import signal
import socket
import time

import pytest

import observing
import peers
from activation import bound, passing, port_of
from echod import listener
from patience import SLOWNESS, eventually, within


def of(name, label, value):
    return f'{name}{{{label}="{value}"}}'


def of_workers(statistics, name):
    return [statistics[of(name, "worker", number)] for number in range(2)]


def wait_statistics(daemon, **expected):
    """Waits until these of the statistics, by the name without "echod_", have these values."""
    names = {f"echod_{name}": value for name, value in expected.items()}
    eventually(
        lambda: names.items() <= {name: daemon.statistics().get(name) for name in names}.items(),
        f"{names}",
    )


# --- listeners ------------------------------------------------------------------------------------


def test_a_listener_without_room_is_told_with_who_waits(start, back_end):
    options = {**back_end, "limits.connections": 2}
    daemon = start([listener(), listener("idle"), listener("udp", protocol="udp")], options)
    accepting = of("echod_listener_accepting", "listener", "echo-tcp")
    length = of("echod_accept_queue_length", "listener", "echo-tcp")
    statistics = daemon.statistics()
    assert statistics["echod_connections_limit"] == 2
    assert (statistics[accepting], statistics[length]) == (1, 0)
    assert statistics[of("echod_accept_queue_limit", "listener", "echo-tcp")] > 0
    assert of("echod_listener_accepting", "listener", "udp") not in statistics
    served = [daemon.connect() for _ in range(2)]
    for peer in served:
        peers.echo(peer, b"in")
    waiting = [daemon.connect() for _ in range(3)]
    eventually(
        lambda: [daemon.statistics()[name] for name in (accepting, length)] == [0, 3],
        "three wait",
    )
    assert daemon.statistics()[of("echod_listener_accepting", "listener", "idle")] == 1
    for peer in served + waiting:
        peer.close()
    eventually(
        lambda: [daemon.statistics()[name] for name in (accepting, length)] == [1, 0],
        "nobody waits",
    )


def test_of_a_unix_socket_the_queue_is_not_known(start, workdir):
    daemon = start([listener("local", path=f"{workdir}/socket")])
    statistics = daemon.statistics()
    assert statistics[of("echod_listener_accepting", "listener", "local")] == 1
    assert not [name for name in statistics if name.startswith("echod_accept_queue_")]


def test_who_has_left_is_not_told_to_accept(start):
    """A page would be sent for it, as long as one of its connections is open."""
    daemon = start([listener(), listener("other")])
    held = daemon.connect("other")
    peers.echo(held, b"held")
    daemon.configure([listener()])
    daemon.reload()
    statistics = daemon.statistics()
    assert statistics[of("echod_connections_open", "listener", "other")] == 1
    assert of("echod_listener_accepting", "listener", "other") not in statistics


def test_what_the_kernel_drops_is_counted_and_never_goes_back(start):
    """Another socket begins at 0: the listener does not.  What a socket dropped last counts too."""
    options = {"limits.datagram_rate_per_source": 0}
    daemon = start([listener("echo-udp", protocol="udp")], options)
    names = [
        of(f"echod_datagrams_{what}_total", "listener", "echo-udp")
        for what in ("kernel_dropped", "received")
    ]
    sent, dropped = 0, 0
    for address in "127.0.0.2", "127.0.0.1":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.connect((daemon.host("echo-udp"), daemon.port("echo-udp")))
            daemon.signal(signal.SIGSTOP)
            for _ in range(2000):
                sent += peer.send(bytes(1000)) == 1000
            daemon.signal(signal.SIGCONT)
            daemon.listening.clear()
            daemon.configure([listener("echo-udp", protocol="udp", address=address)], options)
            assert daemon.reload()[-1].startswith("notice: reloaded ")
            eventually(
                lambda: sum(map(daemon.statistics().get, names)) == sent,
                "each was read or dropped",
            )
        before, dropped = dropped, daemon.statistics()[names[0]]
        assert dropped > before


def test_what_was_dropped_before_it_was_inherited_is_somebody_elses(start):
    with bound(kind=socket.SOCK_DGRAM) as inherited:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.connect(inherited.getsockname())
            for _ in range(2000):
                peer.send(bytes(1000))
        section = listener("udp", protocol="udp", port=port_of(inherited))
        options = {"workers": 1, "limits.datagram_rate_per_source": 0}
        daemon = start([section], options, **passing(inherited))
        eventually(
            lambda: daemon.statistics()[of("echod_datagrams_received_total", "listener", "udp")],
            "what waited was read",
        )
        name = of("echod_datagrams_kernel_dropped_total", "listener", "udp")
        assert daemon.statistics()[name] == 0


# --- connections ----------------------------------------------------------------------------------


def test_how_long_connections_were_open(start, back_end):
    daemon = start(options=back_end)
    name = "echod_connection_duration_seconds"
    tick = 0.02  # of the coarse clock, at each end
    for _ in range(3):
        daemon.assert_echoes()
    wait_statistics(daemon, **{'connections_closed_total{listener="echo-tcp",reason="peer"}': 3})
    before = daemon.statistics()[of(f"{name}_sum", "listener", "echo-tcp")]
    begun = time.monotonic()
    held = daemon.connect()
    peers.echo(held, b"here")
    opened = time.monotonic()
    while time.monotonic() < opened + 0.3:
        peers.echo(held, b"on and on")
    held.close()
    wait_statistics(daemon, **{'connections_open{listener="echo-tcp"}': 0})
    statistics = daemon.statistics()
    assert statistics[of(f"{name}_count", "listener", "echo-tcp")] == 4
    seconds = statistics[of(f"{name}_sum", "listener", "echo-tcp")] - before
    assert 0.3 - tick <= seconds <= time.monotonic() - begun + tick


def test_what_waits_and_how_long_it_waited(start, back_end):
    daemon = start(options=back_end)
    name = of("echod_blocked_seconds_count", "listener", "echo-tcp")
    peer = daemon.connect(receive_buffer=4096)
    data = peers.payload(4_000_000)
    begun = time.monotonic()
    filled = peers.fill(peer, data)
    statistics = daemon.statistics()
    assert sum(of_workers(statistics, "echod_worker_connections")) == 1
    assert sum(of_workers(statistics, "echod_worker_blocked_connections")) == 1
    labels = 'listener="echo-tcp"'
    assert sum(of_workers(statistics, "echod_worker_blocked_bytes")) == (
        statistics[f"echod_received_bytes_total{{{labels}}}"]
        - statistics[f"echod_sent_bytes_total{{{labels}}}"]
    )
    waited_from = time.monotonic()
    before = statistics[name]
    eventually(lambda: time.monotonic() > waited_from + 0.2, "some time is over")
    peers.assert_same(peers.receive(peer, filled), data[:filled])
    eventually(
        lambda: not any(of_workers(daemon.statistics(), "echod_worker_blocked_connections")),
        "nothing waits",
    )
    statistics = daemon.statistics()
    assert sum(of_workers(statistics, "echod_worker_blocked_bytes")) == 0
    assert statistics[name] > before
    waited = statistics[of("echod_blocked_seconds_sum", "listener", "echo-tcp")]
    assert 0.2 <= waited <= time.monotonic() - begun


def test_what_waits_when_a_connection_ends_waits_no_more(start, back_end):
    daemon = start(options=back_end)
    peer = daemon.connect(receive_buffer=4096)
    peers.fill(peer, peers.payload(4_000_000))
    assert sum(of_workers(daemon.statistics(), "echod_worker_blocked_bytes")) > 0
    peers.reset(peer)
    wait_statistics(daemon, **{'connections_open{listener="echo-tcp"}': 0})
    statistics = daemon.statistics()
    for name in "blocked_connections", "blocked_bytes", "connections":
        assert of_workers(statistics, f"echod_worker_{name}") == [0, 0]


# --- the process ----------------------------------------------------------------------------------


def test_hearts_beat(start):
    daemon = start()
    name = "echod_worker_heartbeat_age_seconds"
    began = time.monotonic()
    ages = []
    while time.monotonic() < began + 2.5:
        ages += of_workers(daemon.statistics(), name)
    assert max(ages) < within(1.1)
    assert min(ages) < 0.5 < max(ages)
    statistics = daemon.statistics()
    turns = statistics["echod_worker_turn_seconds_count"]
    assert 2 <= turns <= 2 * (time.monotonic() - began) + 4
    assert 0 < statistics["echod_worker_turn_seconds_sum"] < turns * within(0.01)


def test_a_worker_tells_what_time_it_took(start):
    daemon = start(options={"workers": 1})
    name = of("echod_worker_cpu_seconds_total", "worker", 0)
    before = daemon.statistics()
    peers.exchange(daemon.connect(), peers.payload(20_000_000))
    after = daemon.statistics()
    taken = after[name] - before[name]
    whole = after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]
    assert 0 < taken <= whole


def test_descriptors_are_as_many_as_there_are(start, back_end):
    daemon = start([listener(address="localhost"), listener("udp", protocol="udp")], back_end)

    # A sanitizer's threads read /proc when they begin.
    off = range(-2, 3) if SLOWNESS > 1 else (0,)

    def are_as_many():
        there = len(glob.glob(f"/proc/{daemon.pid}/fd/*"))
        return daemon.statistics()["process_open_fds"] - there in off

    def assert_equal():
        eventually(are_as_many, "they are as many")

    assert_equal()
    for _ in range(20):
        peers.echo(daemon.connect(), b"one more")
    assert_equal()
    daemon.configure([listener(address="localhost"), listener("more")], back_end)
    daemon.reload()
    assert_equal()
    daemon.close_peers()
    wait_statistics(daemon, **{'connections_open{listener="echo-tcp"}': 0})
    assert_equal()
    soft, _ = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    assert daemon.statistics()["process_max_fds"] == soft


def test_who_asks_how_it_does_has_descriptors_too(start):
    daemon = start()
    daemon.configure(options=observing.ON)
    daemon.reload()
    before = daemon.statistics()["process_open_fds"]
    there = len(glob.glob(f"/proc/{daemon.pid}/fd/*"))
    assert SLOWNESS > 1 or before == there
    asking = [observing.connect(daemon) for _ in range(3)]
    # They live for 5 seconds.
    eventually(lambda: daemon.statistics()["process_open_fds"] == before + 3, "three more")
    for peer in asking:
        peer.close()
    eventually(lambda: daemon.statistics()["process_open_fds"] == before, "as before")


def test_memory_and_time_are_the_kernels(start):
    daemon = start()
    with open(f"/proc/{daemon.pid}/statm", encoding="ascii") as file:
        pages = [int(number) * resource.getpagesize() for number in file.read().split()[:2]]
    statistics = daemon.statistics()
    assert 0.8 <= statistics["process_virtual_memory_bytes"] / pages[0] <= 1.25
    assert 0.8 <= statistics["process_resident_memory_bytes"] / pages[1] <= 1.25
    assert abs(statistics["process_start_time_seconds"] - time.time()) < 600
    begun = time.monotonic()
    peer = daemon.connect()
    first = daemon.statistics()["process_cpu_seconds_total"]
    peers.exchange(peer, peers.payload(8_000_000))
    taken = daemon.statistics()["process_cpu_seconds_total"] - first
    assert 0 < taken <= 3 * (time.monotonic() - begun)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may unmount /proc")
@pytest.mark.skipif(SLOWNESS > 1, reason="sanitizers need /proc")
def test_without_proc_its_memory_is_not_known(start):
    without = 'mount -t tmpfs none /proc && exec "$@"'
    daemon = start(prefix=["unshare", "--mount", "sh", "-c", without, "sh"])
    daemon.assert_echoes()
    left = "start_time_seconds", "cpu_seconds_total", "open_fds", "max_fds"
    told = {name for name in daemon.statistics() if name.startswith("process_")}
    assert told == {f"process_{name}" for name in left}


# --- its life -------------------------------------------------------------------------------------


def test_the_last_reload_is_told(start):
    daemon = start()
    good = daemon.statistics()
    assert good["echod_config_last_reload_successful"] == 1
    loaded = "echod_config_last_reload_success_timestamp_seconds"
    assert abs(good[loaded] - time.time()) < 600
    daemon.write_file("nonsense")
    daemon.reload()
    bad = daemon.statistics()
    assert (bad["echod_config_last_reload_successful"], bad[loaded]) == (0, good[loaded])
    eventually(lambda: time.time() > good[loaded] + 1.1, "another second")
    daemon.configure()
    daemon.reload()
    again = daemon.statistics()
    assert again["echod_config_last_reload_successful"] == 1
    assert again[loaded] > good[loaded]


def test_a_drain_is_told(start):
    daemon = start()
    assert daemon.statistics()["echod_draining"] == 0
    peer = daemon.connect()
    peers.echo(peer, b"held")
    daemon.drain()
    statistics = daemon.statistics()
    assert statistics["echod_draining"] == 1
    assert of("echod_listener_accepting", "listener", "echo-tcp") not in statistics
