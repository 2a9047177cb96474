"""The fixtures: a folder and daemons for each test, ended and checked after it."""

import contextlib
import glob
import os
import resource
import socket
import sys
import tempfile

import pytest

# what the tests are written with
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(__file__)), "harness"))

import certificates
import interfaces
import links
import manager
import network
import route
from echod import Echod, listener
from patience import BINARY, SLOWNESS

BACK_ENDS = {
    "epoll-level": {"event_method": "epoll", "edge_triggered": False},
    "epoll-edge": {"event_method": "epoll", "edge_triggered": True},
    "poll": {"event_method": "poll"},
    "select": {"event_method": "select"},
}

FAILED = pytest.StashKey[bool]()
DAEMONS = pytest.StashKey[list]()


def pytest_configure():
    if not os.path.isabs(BINARY) or not os.access(BINARY, os.X_OK):
        raise pytest.UsageError("ECHOD must hold the absolute path of the echod to test")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Shows the daemons' logs with a failure."""
    report = (yield).get_result()
    if report.when == "call":
        item.stash[FAILED] = report.failed
    if report.failed:
        for daemon in item.stash.get(DAEMONS, []):
            report.sections.append((f"log of echod {daemon.pid}", "\n".join(daemon.log.lines)))


@pytest.fixture
def workdir():
    """A folder for one test; its path is short enough for a Unix socket in it."""
    with tempfile.TemporaryDirectory(prefix="echod-test-") as path:
        yield path


@pytest.fixture
def abstract(workdir):
    """The name of an abstract Unix socket that no other test has."""
    return "@" + os.path.basename(workdir)


@pytest.fixture(params=BACK_ENDS.values(), ids=BACK_ENDS.keys())
def back_end(request):
    """The options that choose an event back end: a test with it runs over each of them."""
    return request.param


@pytest.fixture(params=["tcp", "unix"])
def served(request, workdir):
    """The listeners of a daemon that serves streams: a test with it runs over each protocol."""
    return (listener() if request.param == "tcp" else listener(path=f"{workdir}/echod.sock"),)


@pytest.fixture
def busy_port():
    """A port on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def clock_library():
    """The path of libfaketime's library, for a daemon that is not in its sandbox."""
    path = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    if path is None:
        pytest.skip("libfaketime is not installed")
    if SLOWNESS > 1:
        pytest.skip("libfaketime does not go with sanitizers")
    return path


@pytest.fixture
def launch(request, workdir):
    """Starts a daemon, with Echod's arguments, without waiting for it."""
    daemons = request.node.stash.setdefault(DAEMONS, [])

    def launch_daemon(*arguments, **named):
        daemon = Echod(workdir, *arguments, **named)
        daemons.append(daemon)
        return daemon

    with contextlib.ExitStack() as stack:
        yield launch_daemon
        for daemon in daemons:
            stack.callback(daemon.stop if not request.node.stash.get(FAILED, True) else daemon.kill)


@pytest.fixture
def start(launch):
    """Starts a daemon, with Echod's arguments, and waits until it serves."""

    def start_daemon(*arguments, **named):
        daemon = launch(*arguments, **named)
        daemon.wait_serving()
        return daemon

    return start_daemon


@pytest.fixture
def keeper(workdir):
    """A service manager that keeps what a daemon gives it."""
    made = manager.Manager(workdir)
    yield made
    made.close()


@pytest.fixture
def serve(start, keeper):
    """Starts a daemon under that manager, for streams and datagrams."""

    def of(listeners=manager.BOTH, options=None, **named):
        options = {**manager.OPTIONS, **(options or {})}
        return start(listeners, options, environment=keeper.environment(), **named)

    return of


@pytest.fixture
def restart(launch, keeper):
    """Has the manager restart a daemon; the options are those of both where there are no others."""

    def of(daemon, listeners=manager.BOTH, options=None, **named):
        return keeper.restart(launch, daemon, listeners, {**manager.OPTIONS, **(options or {})}, **named)

    return of


@pytest.fixture
def secured(serve):
    """A daemon under that manager that speaks TLS as well, its listeners and its options."""
    if not certificates.BUILT:
        pytest.skip("there is no TLS here, or openssl(1)")
    listeners = (*manager.BOTH, certificates.secure(certificates.one()))
    options = {**manager.OPTIONS, "drain_timeout": 60}
    return serve(listeners, options), listeners, options


@contextlib.contextmanager
def of_its_own(kind):
    """What cannot be made here skips the test."""
    made = None
    try:
        made = kind()
        yield made
    except network.Unavailable as why:
        pytest.skip(f"no network of its own here: {why}")
    finally:
        if made is not None:
            made.end()


@pytest.fixture
def host():
    """A host of the test's own: see interfaces.py."""
    with of_its_own(interfaces.Host) as made:
        yield made


@pytest.fixture
def cable():
    """A network of the test's own: see network.py."""
    with of_its_own(network.Network) as made:
        made.connect()
        yield made


@pytest.fixture
def way():
    """Networks of the test's own, with a router between: see route.py."""
    with of_its_own(route.Route) as made:
        made.connect()
        yield made


@pytest.fixture
def parallel():
    """Parallel links of the test's own: see links.py."""
    with of_its_own(links.Links) as made:
        made.connect()
        yield made


@pytest.fixture
def apart():
    """The test and its daemons run on a host of their own, whose peers may come from many
    addresses: see network.py."""
    side = None
    try:
        side = network.host_with_sources()
        with side.inside():
            yield
    except (network.Unavailable, PermissionError) as why:
        pytest.skip(f"no host of its own here: {why}")
    finally:
        if side is not None:
            side.end()
