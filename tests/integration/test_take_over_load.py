"""A successor takes over from a daemon that has much to do, and nobody is harmed: for
tools/check-long, which gives numbers of how long nobody is served."""

import os

import pytest

import certificates
import successors
from echod import listener
from meanwhile import Everything, limits, told

TAKE_OVERS = int(os.environ.get("TAKE_OVERS", "3"))
PREFIX = os.environ.get("TAKE_OVER_PREFIX", "").split()  # as "chrt -f 1": of a machine that is busy


@pytest.fixture
def listeners():
    plain = listener(), listener("udp", protocol="udp")
    return (*plain, certificates.secure(certificates.one())) if certificates.BUILT else plain


# Where each sends as soon as it is echoed, most is on its way, but nobody is served before all
# others, restart or not: how long nobody is served is seen at a rate that leaves time.
@pytest.mark.parametrize("connections, rate, take_overs", [
    (1000, None, TAKE_OVERS), (1000, 10000, TAKE_OVERS), (10000, 10000, (TAKE_OVERS + 9) // 10),
], ids=["1000, all they can", "1000", "10000"])  # fmt: skip
def test_nobody_is_harmed(start, launch, workdir, listeners, connections, rate, take_overs):
    options = successors.options(
        workdir, **{f"limits.{name}": limit for name, limit in limits(connections).items()},
        **{"log.level": "notice", "drain_timeout": 5},
    )  # fmt: skip
    daemon = start(listeners, options, prefix=PREFIX)
    stood = []

    def succeed():
        successor = successors.succeed(launch, daemon, listeners, options, prefix=PREFIX)
        handed, ms = successors.handed(daemon)
        assert handed >= connections
        stood.append(ms)
        return successor

    where = [daemon.at(name) for name in ("echo-tcp", "udp", "echo-tls")[: len(listeners)]]
    with Everything(*where, connections=connections, rate=rate) as everything:
        for _ in range(take_overs):
            daemon = everything.see_through(succeed)
    pace = "all they can" if rate is None else f"{rate} messages a second"
    print(f"{connections} connections, {take_overs} take-overs, {pace}: stood still {told(stood)}; "
          f"{everything}")  # fmt: skip
