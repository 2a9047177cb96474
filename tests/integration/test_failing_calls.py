"""System calls fail, each with every error that it can give: echod lives and serves the next."""

import time

import pytest

import loads
import tracing
from echod import listener
from patience import eventually

pytestmark = pytest.mark.skipif(
    not tracing.can_trace(), reason="strace may not attach to a process here"
)

# How often each fails: at its first two calls in a row, and at the 50th.
TIMES = {"1..2": 2, "50": 1}

NETWORK = "ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH ENETUNREACH"
RECEIVE = "EAGAIN EBADF ECONNREFUSED EFAULT EINTR EINVAL ENOMEM ENOTCONN ENOTSOCK"
SEND = (
    "EACCES EAGAIN EALREADY EBADF ECONNRESET EDESTADDRREQ EFAULT EINTR EINVAL EISCONN EMSGSIZE "
    "ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPIPE EPERM"
)
ERRORS = {
    "accept4": "EAGAIN EBADF ECONNABORTED EFAULT EINTR EINVAL EMFILE ENFILE ENOBUFS ENOMEM "
    "ENOTSOCK EOPNOTSUPP EPERM EPROTO ENOSR ESOCKTNOSUPPORT EPROTONOSUPPORT ETIMEDOUT " + NETWORK,
    "recvfrom": f"{RECEIVE} ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH",
    "sendto": f"{SEND} ETIMEDOUT EHOSTUNREACH ENETUNREACH",
    "writev": "EAGAIN EBADF ECONNRESET EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOBUFS "
    "ENOMEM ENOSPC EPERM EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH",
    "recvmmsg": f"{RECEIVE} EHOSTUNREACH ENETUNREACH EMSGSIZE EPROTO",
    "sendmmsg": f"{SEND} {NETWORK} ECONNREFUSED",
    "epoll_wait": "EBADF EFAULT EINTR EINVAL",
    "epoll_ctl": "EBADF EEXIST EINVAL ELOOP ENOENT ENOMEM ENOSPC EPERM",
}

# A call that strace(1) makes fail is to the sandbox one that echod does not need.
OPTIONS = {"workers": 1, "event_method": "epoll", "sandbox": "false"}

CASES = [
    ("accept4", loads.stream),
    ("recvfrom", loads.stream),
    ("sendto", loads.stream),
    ("writev", loads.blocked),
    ("recvmmsg", loads.datagram),
    ("sendmmsg", loads.datagram),
    ("epoll_wait", loads.stream),
    ("epoll_ctl", loads.streams),
    ("epoll_ctl", loads.burst),
]


@pytest.mark.parametrize("call, load", CASES)
def test_each_error_of_each_call(start, workdir, call, load):
    daemon = start(
        [listener(), listener("udp", protocol="udp")],
        {**OPTIONS, "limits.socket_buffer": 65536, "limits.datagram_rate_per_source": 0},
    )
    for error in ERRORS[call].split():
        for when, times in TIMES.items():
            with tracing.Tracer(daemon.pid, workdir, call, error, when) as tracer:

                def failed():
                    load(daemon)
                    return max(tracer.count().values(), default=0) >= times

                eventually(failed, f"{call}() fails with {error} at {when}")
                daemon.assert_echoes()
                loads.assert_datagram_echoes(daemon)


def test_waits_that_all_fail_neither_spin_nor_fill_the_log(start, workdir):
    daemon = start(options=OPTIONS)
    arguments = (daemon.pid, workdir, "epoll_wait", "EINVAL", "1+", "clock_nanosleep")
    with tracing.Tracer(*arguments) as tracer:
        # both the first thread and the worker, each some times in a row
        eventually(lambda: [count > 4 for count in tracer.count().values()] == [True] * 2, "waits")
        failed, pauses = tracer.count(), tracer.count("clock_nanosleep(")
    for thread, count in failed.items():
        assert count <= pauses.get(thread, 0) + 1
    assert len(daemon.log.matching("^err: cannot wait for events: ")) == 1
    daemon.assert_echoes()


def test_receives_that_all_fail_neither_spin_nor_fill_the_log(start, workdir):
    daemon = start([listener("udp", protocol="udp")], OPTIONS)
    with tracing.Tracer(daemon.pid, workdir, "recvmmsg", "ENOMEM", "1+") as tracer:

        def failed():
            return max(tracer.count().values(), default=0)

        loads.datagram(daemon)
        begin, before = time.monotonic(), failed()
        eventually(lambda: failed() > before + 4, "receives in a row")
        # ten a second, not as many as the CPU can do
        assert (failed() - before) / (time.monotonic() - begin) < 30
    assert len(daemon.log.matching("^err: cannot receive at the socket of udp: ")) == 1
    loads.assert_datagram_echoes(daemon)
