"""The command line and what keeps echod from starting: the message, the stream, the exit status."""

import os
import pwd
import socket

import pytest

import kernel
import peers
from echod import configuration, listener, run, without_capabilities

USAGE = 2
EX_CONFIG = 78


@pytest.fixture
def write(workdir):
    """Writes a configuration file and returns its path."""

    def write_file(text, name="test.conf"):
        path = os.path.join(workdir, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


def assert_fault(result, status, *words):
    assert result.returncode == status, result
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr
    return result.stderr.splitlines()


# --- what it says of itself ----------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option):
    result = run(option)
    assert result.returncode == 0
    assert result.stdout.startswith("echod ")
    assert result.stderr == ""


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option):
    result = run(option)
    assert result.returncode == 0
    for name in "--config --test --dump --foreground --listen --set --verbose --version".split():
        assert name in result.stdout
    assert result.stderr == ""


def test_a_version_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "wb") as full:
        result = run("-V", stdout=full)
    assert result.returncode == 1
    assert result.stderr == "echod: cannot write: No space left on device\n"


# --- usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["-Z"], ["--no-such-option"], ["-c"], ["surplus"], ["-l"], ["--set"]]
)
def test_wrong_usage(arguments):
    lines = assert_fault(run(*arguments), USAGE, "--help")
    assert all("echod" in line for line in lines)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--verison"], "there is no option --verison: did you mean --version?"),
        (["-f", "--LISTNE=tcp://x:7"], "there is no option --LISTNE: did you mean --listen?"),
        (["-version"], "there is no option -e: did you mean --version?"),
        (["-fZ", "-version"], "there is no option -Z"),
        (["--colour"], "there is no option --colour"),
        (["--colour\n\x1b[31m"], r"there is no option --colour\n\x1b[31m"),
        (["--ver"], "--ver may be --verbose or --version"),
        (["--test=yes"], "--test takes no value"),
        (["--listen"], "--listen needs a value"),
        (["-fl"], "-l needs a value"),
    ],
)
def test_an_option_that_is_none_is_told_what_was_meant(arguments, told):
    assert assert_fault(run(*arguments), USAGE) == [f"echod: {told}", 'Try "echod --help".']


# --- -t and -T -----------------------------------------------------------------------------------


def test_a_good_file(write):
    path = write(listener())
    for option in "-t", "--test":
        result = run(option, "-c", path)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == f"{path}: OK\n"


def test_a_test_binds_nothing(write, busy_port):
    assert run("-t", "-c", write(listener(port=busy_port))).returncode == 0


def test_all_faults_of_a_bad_file(write):
    path = write("# a comment\nworkers = -1\n\n/* more */ drain_timeout = x\n" + listener())
    lines = assert_fault(run("-t", "-c", path), EX_CONFIG)
    assert len(lines) == 2
    assert lines[0].startswith(f"echod: {path}:2: workers = -1: ")
    assert lines[1].startswith(f"echod: {path}:4: drain_timeout = x: ")


def test_faults_keep_it_from_starting(write):
    path = write("workers = -1\n" + listener())
    assert_fault(run("-f", "-c", path), EX_CONFIG, f"echod: {path}:1: workers = -1: ")


def test_the_dump_of_a_dump_is_the_same(write):
    options = {
        "workers": 3,
        "event_method": "poll",
        "drain_timeout": 7,
        "log.facility": "local5",
        "limits.idle_timeout": 11,
    }
    sections = [listener("a"), listener("b", "::1", 4007), listener("c", "*", 7, "udp")]
    first = run("-T", "-c", write(configuration(sections, options)))
    assert (first.returncode, first.stderr) == (0, "")
    for word in "workers = 3", "poll", "drain_timeout = 7", "local5", "idle_timeout = 11", "4007":
        assert word in first.stdout
    second = run("--dump", "-c", write(first.stdout, "dump.conf"))
    assert (second.returncode, second.stdout) == (0, first.stdout)


def test_a_dump_that_cannot_be_written_is_a_failure(write):
    with open("/dev/full", "wb") as full:
        result = run("-T", "-c", write(listener()), stdout=full)
    assert result.returncode == 1


def test_the_command_line_overrides_the_file(write):
    path = write(configuration([listener("gone")], {"limits.connections": 5, "workers": 1}))
    result = run(
        "-T", "-c", path, "-o", "limits.connections=7", "--set", "workers=9",
        "-l", "tcp://127.0.0.1:1234", "--listen", "udp://[::1]:0", "-v",
    )
    assert result.returncode == 0, result.stderr
    for word in "connections = 7", "workers = 9", "listen tcp-1", "listen udp-2", "1234", "debug":
        assert word in result.stdout
    assert "gone" not in result.stdout


# --- the file ------------------------------------------------------------------------------------


def test_a_file_that_is_named_must_exist(workdir):
    path = os.path.join(workdir, "none.conf")
    lines = assert_fault(run("-c", path, "-l", "tcp://127.0.0.1:0"), EX_CONFIG)
    assert lines == [f"echod: {path}: No such file or directory"]


def test_without_a_listener_it_does_not_start(write):
    path = write("workers = 1\n")
    assert_fault(run("-f", "-c", path), EX_CONFIG, f"echod: {path}: no listener")


def default_file():
    """The path that --help names as the default."""
    words = [word.strip("(),.;") for word in run("--help").stdout.split()]
    return next(word for word in words if word.endswith("/echod.conf"))


WITHOUT_FILE = ["sh", "-c", 'binary=$1; shift 3; exec "$binary" "$@"', "sh"]


@pytest.mark.skipif(os.path.exists(default_file()), reason="the default file is there")
def test_the_default_file_may_be_missing_at_start_alone(start):
    """A reload without a file is a fault, so that an editor's rename closes nothing."""
    daemon = start(arguments=["-l", "tcp://127.0.0.1:0"], prefix=WITHOUT_FILE)
    fault, verdict = daemon.reload()[-2:]
    assert fault == f"err: {default_file()}: No such file or directory"
    assert verdict.startswith("err: reload failed: ")
    daemon.assert_echoes("tcp-1")


def test_without_a_file_and_a_listener_it_does_not_start():
    if os.path.exists(default_file()):
        pytest.skip(f"{default_file()} exists on this machine")
    missing = f"{default_file()}: No such file or directory"
    assert_fault(run("-f"), EX_CONFIG, f"{missing}: write it, or give -l URI")
    assert run("-T", "-l", "tcp://127.0.0.1:0").returncode == 0
    # a file that is not there is not "OK"
    lines = assert_fault(run("-t", "-l", "tcp://127.0.0.1:0"), EX_CONFIG)
    assert lines == [f"echod: {missing}"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"listen echo { port = 7 }\0",
        bytes(range(256)) * 16,
        peers.payload(1 << 20),
        b"#" * (2 << 20),
        b"x" * 100000,
        b"listen a { " * 10000,
    ],
    ids=["empty", "NUL", "binary", "random", "huge", "long word", "deep"],
)
def test_files_that_are_none(write, content):
    path = write(content)
    lines = assert_fault(run("-f", "-c", path), EX_CONFIG, path)
    assert all(line.startswith("echod: ") for line in lines)
    assert all(line.isprintable() for line in lines)


def test_a_directory_and_a_fifo_are_no_files(workdir):
    fifo = os.path.join(workdir, "fifo")
    os.mkfifo(fifo)
    for path in workdir, fifo, "/dev/null":
        assert_fault(run("-f", "-c", path), EX_CONFIG, f"echod: {path}: ")


def test_a_file_that_may_not_be_read(write):
    path = write(listener())
    os.chmod(path, 0)
    prefix = without_capabilities("dac_override", "dac_read_search")
    lines = assert_fault(run("-f", "-c", path, prefix=prefix), EX_CONFIG)
    reader = pwd.getpwuid(os.geteuid()).pw_name
    assert lines == [
        f"echod: {path}: Permission denied: uid {os.geteuid()} ({reader}) must be able to read it,"
        f" but it has mode 0000 and belongs to {os.geteuid()}:{os.getegid()}"
    ]


# --- values that no machine can do with ----------------------------------------------------------


@pytest.mark.parametrize(
    "override, word",
    [
        ("user=no-such-user", "no-such-user"),
        ("group=no-such-group", "no-such-group"),
        ("workers=-1", "workers"),
        ("no_such_option=1", "no_such_option"),
        ("limits.connections=010", "010"),
        ("workers", "workers"),
        ("=1", "=1"),
    ],
)
def test_overrides_that_are_wrong(write, override, word):
    for mode in "-f", "-t", "-T":
        result = run(mode, "-c", write(listener()), "-o", override)
        assert_fault(result, USAGE, "echod: -o ", word)


@pytest.mark.parametrize(
    "uri", ["tcp://127.0.0.1", "tcp://example.org:7", "ftp://127.0.0.1:7", "tcp://127.0.0.1:65536",
            "tcp://[::1:7", "7", ""]
)
def test_listeners_that_are_none(write, uri):
    for mode in "-f", "-t", "-T":
        assert_fault(run(mode, "-c", write(""), "-l", uri), USAGE, "echod: -l ")


def test_a_fault_of_both_is_one_of_usage(write):
    """Whoever typed it mends that first."""
    result = run("-f", "-c", write("workers = -1\n" + listener()), "-o", "workers=x")
    lines = assert_fault(result, USAGE)
    assert ":1: workers = -1: " in lines[0]
    assert lines[1].startswith("echod: -o workers=x: ")


def test_a_fault_of_the_file_is_none_of_the_command_line(write):
    path = write("edge_triggered = true\n" + listener())
    assert_fault(run("-t", "-c", path, "-o", "event_method=poll"), EX_CONFIG, f"{path}:1: edge")


@pytest.mark.parametrize("word", ["yes", "on", "TRUE", "Off", "no", "false", "1", "ja"])
@pytest.mark.parametrize("option", ["sandbox", "edge_triggered"])
def test_booleans_are_read_alike_everywhere(write, option, word):
    taken = {"yes": "true", "on": "true", "true": "true", "off": "false", "no": "false"}
    value = {**taken, "false": "false"}.get(word.lower())
    by_file = run("-T", "-c", write(f"{option} = {word}\n" + listener()))
    by_argument = run("-T", "-c", write(listener(), "other.conf"), "-o", f"{option}={word}")
    assert by_file.stdout == by_argument.stdout
    if value is None:
        assert (by_file.returncode, by_argument.returncode) == (EX_CONFIG, USAGE)
    else:
        assert f"{option} = {value} " in by_file.stdout.replace('"', "")


def test_edge_triggered_needs_epoll(write):
    path = write(configuration([listener()], {"event_method": "poll", "edge_triggered": True}))
    assert_fault(run("-f", "-c", path), EX_CONFIG, f"echod: {path}:3: edge_triggered")


# --- listeners that cannot be had now: the supervisor may try again ------------------------------


def test_a_port_in_use_is_named(write, busy_port):
    path = write(listener("free") + listener("taken", port=busy_port))
    result = run("-f", "-c", path)
    uri = f"tcp://127.0.0.1:{busy_port}"
    assert result.returncode == 1
    assert f"cannot listen on {uri} (taken): Address already in use" in result.stderr
    assert "serving" not in result.stderr


def test_a_port_in_use_by_datagrams_is_named(write):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        result = run("-f", "-c", write(listener("taken", port=port, protocol="udp")))
    assert result.returncode == 1
    uri = f"udp://127.0.0.1:{port}"
    assert f"cannot listen on {uri} (taken): Address already in use" in result.stderr


def test_an_address_of_another_machine(write):
    result = run("-f", "-c", write(listener(address="192.0.2.1")))
    assert result.returncode == 1
    assert "cannot listen on tcp://192.0.2.1:0 (echo-tcp): Cannot assign" in result.stderr


@pytest.mark.skipif(
    kernel.first_unprivileged_port() < 2, reason="this machine lets everybody have every port"
)
def test_a_privileged_port_says_what_is_missing(write):
    port = min(7, kernel.first_unprivileged_port() - 1)
    result = run(
        "-f", "-c", write(listener(port=port)), prefix=without_capabilities("net_bind_service")
    )
    assert result.returncode == 1
    assert (
        f"cannot listen on tcp://127.0.0.1:{port} (echo-tcp): Permission denied; "
        "a port below 1024 needs root or CAP_NET_BIND_SERVICE"
    ) in result.stderr


# --- a running daemon from the command line alone ------------------------------------------------


def test_listeners_of_the_command_line(start):
    daemon = start([listener("of-the-file")], arguments=[
        "-l", "tcp://127.0.0.1:0", "-l", "udp://127.0.0.1:0", "-l", "tcp://127.0.0.2:0"])
    assert sorted(daemon.listening) == ["tcp-1", "tcp-3", "udp-2"]
    daemon.assert_echoes("tcp-1")
    daemon.assert_echoes("tcp-3")
