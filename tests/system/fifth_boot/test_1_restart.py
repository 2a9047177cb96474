"""systemctl restart: whoever is served goes on to be, by the next process."""

import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import urllib.request

import pytest

import machine
import meanwhile
import users
from machine import eventually, run, show, systemctl
from traffic import Asking

COUNT = int(os.environ["RESTARTS"])
IS_LONG = COUNT >= 100
SIZES = (1000, 10000) if IS_LONG else (1000,)
PROMISED = {1000: 250, 10000: 500}  # milliseconds that nobody is served, but for one of a hundred
HERE = ("127.0.0.1", 7)
TLS = ("127.0.0.1", 4007)
PAIR = pathlib.Path("/etc/echod-test.pem")


def restart(verb="restart"):
    """Another process serves, and none has failed."""
    before = machine.main_pid()
    systemctl(verb, "echod.service")
    assert machine.main_pid() not in (0, before)
    assert (show("ActiveState"), show("NRestarts")) == ("active", "0")
    assert show("NFileDescriptorStore") == "0"


@pytest.fixture
def least_privileges(socket_unit):
    machine.drop_in(machine.LEAST_PRIVILEGE.read_text())
    systemctl("restart", "echod.service")


@pytest.fixture
def another_manager(service):
    """One that has been executed anew since the service's start."""
    systemctl("daemon-reexec")


@pytest.fixture
def quiet(service):
    """The journal suppresses no lines."""
    machine.add('log { level = "notice" }\n')
    restart()


@pytest.fixture
def with_tls(quiet):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=localhost", "-days", "60", "-keyout", PAIR, "-out", f"{PAIR}.crt")  # fmt: skip
    certificate = pathlib.Path(f"{PAIR}.crt")
    PAIR.write_text(PAIR.read_text() + certificate.read_text())
    PAIR.chmod(0o644)
    machine.add(f'listen echo-tls {{ protocol = "tls" address = "localhost" port = {TLS[1]} '
                f'certificate = "{PAIR}" key = "{PAIR}" }}\n')  # fmt: skip
    restart()
    yield
    PAIR.unlink()
    certificate.unlink()


@pytest.mark.parametrize(
    ("verb", "setting"),
    [
        ("restart", "service"),
        ("try-restart", "service"),
        ("restart", "socket_unit"),
        ("restart", "least_privileges"),
        ("restart", "another_manager"),
    ],
)
def test_a_connection_goes_on(request, journal, verb, setting):
    request.getfixturevalue(setting)
    before = machine.main_pid()
    with users.connect() as peer:
        users.echo(peer)
        peer.sendall(b"on its way")
        restart(verb)
        assert peer.recv(10, socket.MSG_WAITALL) == b"on its way"
        users.echo(peer)
        given = journal.next(r"^handed over 1 connection in \d+ ms$")
        taken = journal.next("^took over 1 connection from the service manager, unserved for ")
    assert (int(given["_PID"]), int(taken["_PID"])) == (before, machine.main_pid())
    users.prove()


def test_a_unix_connection_goes_on(service):
    machine.add('listen local { protocol = "unix" path = "@echod-test" }\n')
    systemctl("reload", "echod.service")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(machine.PATIENCE)
        eventually(lambda: peer.connect_ex("\0echod-test") == 0, "the reload is through")
        users.echo(peer)
        restart()
        users.echo(peer)


def test_who_waits_to_be_accepted_is_not_forgotten(service):
    machine.add("limits { connections = 1 }\n")
    restart()
    with users.connect() as first, users.connect() as second:
        users.echo(first)
        second.sendall(b"waits")
        restart()
        users.echo(first)
        first.close()
        assert second.recv(5, socket.MSG_WAITALL) == b"waits"


def test_a_new_configuration_is_in_force(service):
    machine.add('listen more { address = "localhost" port = 10007 }\nworkers = 1\n')
    with users.connect() as peer:
        restart()
        users.echo(peer)
    with users.connect(10007) as peer:
        users.echo(peer)
        machine.CONFIGURATION.write_text(machine.SHIPPED.read_text())
        restart()
        users.echo(peer)  # its listener is gone


def test_so_many_restarts_as_would_meet_a_start_limit(quiet):
    with users.connect() as peer:
        for _ in range(20):
            restart()
        users.echo(peer)


def test_reload_or_restart_reloads(service):
    before = machine.main_pid()
    systemctl("reload-or-restart", "echod.service")
    assert machine.main_pid() == before


def test_by_hand_the_signal_restarts_as_well(service, journal):
    before = machine.main_pid()
    with users.connect() as peer:
        users.echo(peer)
        systemctl("kill", "-s", "USR2", "--kill-who=main", "echod.service")
        peer.sendall(b"meanwhile")
        eventually(lambda: machine.main_pid() not in (0, before), "another process")
        assert peer.recv(9, socket.MSG_WAITALL) == b"meanwhile"
        journal.next("Deactivated successfully")  # that was no failure
        journal.next("^took over 1 connection from the service manager")
        eventually(lambda: show("ActiveState") == "active", "it is active")
        assert (show("Result"), show("NRestarts")) == ("success", "1")
        systemctl("restart", "echod.service")
        users.echo(peer)
        assert show("NRestarts") == "0"


def test_signals_in_a_row_lose_nothing(service):
    with users.connect() as peer:
        for _ in range(2):
            before = machine.main_pid()
            for _ in range(5):
                os.kill(before, signal.SIGUSR2)
            eventually(lambda: machine.main_pid() not in (0, before), "another process")
            users.echo(peer)
            eventually(lambda: show("ActiveState") == "active", "it is active")


def test_a_stop_ends_all_and_leaves_nothing(service):
    with users.connect() as peer:
        users.echo(peer)
        leaving = users.Leaving(peer)
        systemctl("stop", "echod.service")
        assert leaving.end == "eof"
    assert (show("ActiveState"), show("Result")) == ("inactive", "success")


# --- what is told ----------------------------------------------------------------------------------


def ask(path):
    with urllib.request.urlopen(f"http://localhost:9007{path}", timeout=machine.PATIENCE) as answer:
        return answer.read().decode()


def counters():
    """Those that only grow, but for the process's own CPU time."""
    pairs = re.findall(r"(?m)^(echod_\w+_(?:total|count|sum)(?:\{.*\})?) (\S+)$", ask("/metrics"))
    return {name: float(value) for name, value in pairs if not name.startswith("echod_worker_cpu_")}


def test_no_counter_goes_back_and_the_history_goes_on(service):
    machine.add('observe { address = "localhost" }\n')
    systemctl("reload", "echod.service")
    with users.connect() as peer:
        users.echo(peer, b"x" * 10000)
        eventually(lambda: users.is_open(9007), "it is observed")
        status = eventually(
            lambda: (now := json.loads(ask("/status.json")))["history"]["open"][-1] == 1 and now,
            "a sample in which the connection was there",
        )
        for _ in range(2):
            before = counters()
            restart()
            after = counters()
            assert {name: value for name, value in before.items() if after[name] < value} == {}
            hand_overs = 'echod_hand_overs_total{result="success"}'
            assert after[hand_overs] >= before[hand_overs] + 1
        now = json.loads(ask("/status.json"))
        assert len(now["history"]["open"]) >= len(status["history"]["open"])
        assert sum(now["history"]["open"]) >= sum(status["history"]["open"]) > 0
        assert now["service_started"] == status["service_started"] <= now["started"]
        assert now["totals"]["connections_open"] == 1


# --- what cannot travel ------------------------------------------------------------------------------


def tls_connect():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return context.wrap_socket(users.connect(TLS[1]), suppress_ragged_eofs=False)


def test_tls_is_drained_first_while_all_else_is_served(with_tls, journal):
    before = machine.main_pid()
    with tls_connect() as sealed, users.connect() as peer, Asking(HERE) as asking:
        sealed.sendall(b"x" * 100000)
        begun = subprocess.Popen(["systemctl", "restart", "echod.service"])
        journal.next(r"^SIGUSR2: 1 TLS connection ends before the hand-over, within \d+ seconds$")
        asking.wait_rounds(20)
        with users.connect() as comer:
            users.echo(comer)
        users.echo_datagram()
        assert machine.main_pid() == before, "so far the old one serves"
        late = users.connect(TLS[1])  # waits in the backlog
        received = b""
        while piece := sealed.recv(1 << 16):
            received += piece
        assert received == b"x" * 100000, "and then close_notify"
        sealed.close()
        assert begun.wait(machine.PATIENCE) == 0
        late.close()
        users.echo(peer)
        asking.wait_rounds(3)
        assert asking.longest < 5
    with tls_connect() as sealed:
        users.echo(sealed)


def test_a_stop_while_tls_is_drained_drains_all(with_tls, journal):
    with tls_connect() as sealed, users.connect() as peer:
        users.echo(sealed)
        users.echo(peer)
        os.kill(machine.main_pid(), signal.SIGUSR2)
        journal.next("^SIGUSR2: 1 TLS connection")
        leaving = [users.Leaving(each) for each in (sealed, peer)]
        systemctl("stop", "echod.service")
        assert [each.end for each in leaving] == ["eof", "eof"]
    assert (show("ActiveState"), show("Result")) == ("inactive", "success")
    systemctl("start", "echod.service")


# --- under load ------------------------------------------------------------------------------------


@pytest.fixture
def roomy(with_tls):
    """For as many as the load has, and for its drains of TLS to be short."""
    limits = " ".join(f"{name} = {value}" for name, value in meanwhile.limits(SIZES[-1]).items())
    machine.add(f"drain_timeout = 6\nlimits {{ {limits} }}\n")
    restart()


class Everything(meanwhile.Everything):
    """With so many datagrams that a socket holds what comes in half a second, which a restart may
    take where others use the machine; as many as are promised where all is measured."""

    RATE = 1000 if IS_LONG else 250
    WAIT = 10 if IS_LONG else 3


@pytest.mark.parametrize("connections", SIZES)
def test_many_restarts_under_load(roomy, connections):
    with Everything(HERE, HERE, None, connections, rate=2000) as everything:
        for _ in range(COUNT):
            everything.see_through(restart)
    print(f"{connections} connections, {COUNT} restarts: {everything}")
    if IS_LONG:
        assert meanwhile.percentile(everything.unserved, 0.99) <= PROMISED[connections]


def test_restarts_beside_busy_tls(roomy):
    with Everything(HERE, HERE, TLS, rate=2000) as everything:
        for _ in range(COUNT // 5):
            everything.see_through(restart)
    print(f"{COUNT // 5} restarts beside TLS: {everything}")
    if IS_LONG:
        assert meanwhile.percentile(everything.unserved, 0.99) <= PROMISED[1000]
