"""How many workers there are, and that one of them can hang."""

import contextlib
import os
import socket

import pytest

import kernel
import peers
from patience import PATIENCE, lasting

SERVING = r"^notice: echod \S+ serving: (\d+) workers,"


def workers_of(daemon):
    return int(daemon.wait_log(SERVING).group(1))


def in_group(folder):
    """A prefix that executes echod in a control group."""
    return ["sh", "-c", f'echo $$ >"{folder}/cgroup.procs" && exec "$@"', "sh"]


@contextlib.contextmanager
def group_with_quota(parent, name, quota):
    """A control group below `parent` whose file `name` says `quota`; yields its folder or None."""
    folder = os.path.join(parent, f"echod-test-{os.getpid()}")
    try:
        os.mkdir(folder)
    except OSError:
        yield None
        return
    try:
        yield folder if kernel.write_file(os.path.join(folder, name), quota) else None
    finally:
        os.rmdir(folder)


@pytest.fixture
def half_a_cpu():
    """A control group that may use half a CPU, of either version.  A daemon in it ends before it."""
    with contextlib.ExitStack() as stack:
        for kind, name, quota in (
            ("cgroup", "cpu.cfs_quota_us", "50000"),
            ("cgroup2", "cpu.max", "50000 100000"),
        ):
            for parent in kernel.cpu_groups(kind):
                folder = stack.enter_context(group_with_quota(parent, name, quota))
                if folder:
                    yield folder
                    return
        pytest.skip("no control group with a CPU quota can be made here")


def test_one_for_each_cpu_of_the_affinity_mask(start):
    cpus = os.sched_getaffinity(0)
    for mask in {min(cpus)}, cpus:
        daemon = start(
            options={"workers": 0},
            prefix=["taskset", "--cpu-list", ",".join(map(str, sorted(mask)))],
        )
        assert workers_of(daemon) <= len(mask)
        names = kernel.thread_names(daemon.pid)
        assert sum(name.startswith("worker-") for name in names) == workers_of(daemon)
        daemon.stop()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one CPU in any case")
def test_no_more_than_the_quota_of_the_control_group(half_a_cpu, start):
    daemon = start(options={"workers": 0}, prefix=in_group(half_a_cpu))
    assert workers_of(daemon) == 1


def test_a_number_of_workers_counts_whatever_the_quota(half_a_cpu, start):
    daemon = start(options={"workers": 2}, prefix=in_group(half_a_cpu))
    assert workers_of(daemon) == 2


def test_a_worker_that_hangs_keeps_nobody_else_from_being_served(start):
    """Who was given to it before that showed waits for it; who comes later does not."""
    daemon = start(options={"workers": 2})
    with contextlib.ExitStack() as stack:

        def connect():
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port())))
            peer.settimeout(lasting(2))
            peer.sendall(b"echo")
            return peer

        before = [connect(), connect()]
        for peer in before:
            assert peers.receive(peer, 4) == b"echo"
        stuck = []
        with kernel.hung_thread(daemon.pid, "worker-0"):
            for _ in range(12):
                peer = connect()
                try:
                    assert peers.receive(peer, 4) == b"echo"
                except TimeoutError:
                    stuck.append(peer)
        assert len(stuck) <= 1
        for peer in before:
            peer.sendall(b"echo")
        for peer in before + stuck:
            peer.settimeout(PATIENCE)
            assert peers.receive(peer, 4) == b"echo"


def test_accepting_waits_for_the_workers_and_no_worker_for_it(start):
    """On a CPU that they share: else each new connection takes the time of those that are there."""
    daemon = start(options={"workers": 2})
    policies = {
        kernel.thread_name(daemon.pid, thread): os.sched_getscheduler(thread)
        for thread in kernel.thread_ids(daemon.pid)
    }
    assert os.sched_getscheduler(daemon.pid) == os.SCHED_BATCH
    assert policies["worker-0"] == policies["worker-1"] == os.SCHED_OTHER


def test_a_scheduling_policy_that_somebody_chose_stays(start):
    daemon = start(prefix=["chrt", "--idle", "0"])
    assert os.sched_getscheduler(daemon.pid) == os.SCHED_IDLE
