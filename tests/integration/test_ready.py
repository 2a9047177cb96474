"""--ready-fd: who starts echod is told when it serves and where, and is never waited for."""

import contextlib
import fcntl
import json
import os
import re
import select
import signal
import socket

import pytest

import kernel
from activation import bound, passing, port_of
from echod import listener, run
from patience import BINARY, PATIENCE, eventually

USAGE = 2
PAGE = 4096
FAR = 1500  # a number that select(2) cannot have
needs_ipv6 = pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")


class Pipe:
    """Its writing end is for the daemon; closed() once that has it."""

    def __init__(self, number=3):
        self.reading, end = os.pipe()
        self.writing = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, number)
        os.close(end)
        self.name = os.readlink(f"/proc/self/fd/{self.writing}")

    def arguments(self):
        return {"arguments": ["--ready-fd", self.writing], "descriptors": [self.writing]}

    def fill(self):
        """Leaves no room; returns how much it took."""
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, PAGE)
        os.set_blocking(self.writing, False)
        filled = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                filled += os.write(self.writing, b"x" * PAGE)
        os.set_blocking(self.writing, True)
        return filled

    def closed(self):
        os.close(self.writing)
        self.writing = None
        return self

    def read(self):
        """All until the end."""
        found = b""
        while True:
            assert select.select([self.reading], [], [], PATIENCE)[0], f"no end after {found}"
            if not (piece := os.read(self.reading, PAGE)):
                return found
            found += piece

    def end(self):
        for each in self.reading, self.writing:
            if each is not None:
                os.close(each)


@pytest.fixture
def make_pipe():
    with contextlib.ExitStack() as stack:

        def make(*arguments):
            made = Pipe(*arguments)
            stack.callback(made.end)
            return made

        yield make


@pytest.fixture
def pipe(make_pipe):
    return make_pipe()


def told(text):
    """What one line says: the process, and [(name, uri)]."""
    assert text.endswith(b"\n") and text.count(b"\n") == 1, text
    line = json.loads(text)
    assert list(line) == ["pid", "listeners"]
    assert all(list(each) == ["name", "uri"] for each in line["listeners"])
    return line["pid"], [(each["name"], each["uri"]) for each in line["listeners"]]


def assert_reached(uri):
    """By a peer that takes the URI as it is."""
    protocol, host, port = re.fullmatch(r"(tcp|udp)://\[?(.+?)\]?:(\d+)", uri).groups()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as peer:
        peer.settimeout(PATIENCE)
        peer.connect((host, int(port)))
        peer.sendall(b"reached")
        assert peer.recv(100) == b"reached"


def ways_to(pipe, pid):
    """The descriptors of the process that are the pipe; others come and go meanwhile."""
    folder = f"/proc/{pid}/fd"
    found = []
    for each in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"{folder}/{each}") == pipe.name:
                found.append(each)
    return found


# --- what it says --------------------------------------------------------------------------------


def test_a_line_tells_where_it_serves_and_ends(start, pipe):
    listeners = [listener("b"), listener("a", protocol="udp"), listener("c", "127.0.0.2")]
    daemon = start(listeners, **pipe.arguments())
    pid, found = told(pipe.closed().read())
    assert pid == daemon.pid
    assert [name for name, _ in found] == ["b", "a", "c"]
    assert not any(uri.endswith(":0") for _, uri in found)
    for _, uri in found:
        assert_reached(uri)
    assert ways_to(pipe, daemon.pid) == []


@needs_ipv6
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("*", ["127.0.0.1"]),
        ("0.0.0.0", ["127.0.0.1"]),
        ("::", ["[::1]"]),
        ("localhost", ["127.0.0.1", "[::1]"]),
    ],
)
def test_each_socket_has_a_uri_that_reaches_it(start, pipe, protocol, address, hosts):
    daemon = start([listener("echo", address, protocol=protocol)], **pipe.arguments())
    port = daemon.port("echo")
    _, found = told(pipe.closed().read())
    assert found == [("echo", f"{protocol}://{host}:{port}") for host in hosts]
    for _, uri in found:
        assert_reached(uri)


def test_inherited_sockets_are_told_too(start, pipe):
    if "+systemd" not in run("-V").stdout:
        pytest.skip("this echod was built without libsystemd")
    with bound() as opened:
        port = port_of(opened)
        passed = passing(opened)
        passed["descriptors"].append(pipe.writing)
        start([listener(port=port)], arguments=["--ready-fd", pipe.writing], **passed)
        _, found = told(pipe.closed().read())
    assert found == [("echo-tcp", f"tcp://127.0.0.1:{port}")]


def test_a_start_that_fails_ends_it_without_a_line(pipe):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"tcp://127.0.0.1:{port_of(taken)}"
        fd = pipe.writing
        assert run("-f", "-l", uri, "--ready-fd", fd, descriptors=[fd]).returncode == 1
    assert pipe.closed().read() == b""


def test_standard_output_will_do(workdir):
    """It is left as /dev/null, so that no other descriptor ever gets its number."""
    pipe = Pipe()
    command = [BINARY, "-f", "-l", "tcp://127.0.0.1:0", "--ready-fd", "1"]
    pid = os.posix_spawn(
        command[0], command, {},
        file_actions=[(os.POSIX_SPAWN_DUP2, pipe.writing, 1),
                      (os.POSIX_SPAWN_OPEN, 2, f"{workdir}/log", os.O_WRONLY | os.O_CREAT, 0o600)],
    )
    try:
        told_pid, found = told(pipe.closed().read())
        assert told_pid == pid
        assert_reached(found[0][1])
        assert os.readlink(f"/proc/{pid}/fd/1") == "/dev/null"
    finally:
        os.kill(pid, signal.SIGTERM)
        assert os.waitpid(pid, 0)[1] == 0
        pipe.end()


def test_a_file_will_do(start, workdir):
    with open(os.path.join(workdir, "ready"), "wb") as file:
        daemon = start(arguments=["--ready-fd", file.fileno()], descriptors=[file.fileno()])
        path = file.name
    with open(path, "rb") as file:
        text = eventually(file.read, "the line is in the file")
    assert told(text)[0] == daemon.pid


# --- nobody is waited for ------------------------------------------------------------------------


def test_a_reader_that_is_gone_harms_nobody(start, pipe):
    os.close(pipe.reading)
    pipe.reading = None
    daemon = start(**pipe.arguments())
    daemon.wait_log("^warning: cannot write to --ready-fd: Broken pipe$")
    daemon.assert_echoes()


def test_no_room_holds_up_nothing(start, back_end, make_pipe):
    """Neither service nor a stop; what nobody else has to know is not passed on."""
    pipe = make_pipe(FAR)
    pipe.fill()
    daemon = start(options=back_end, **pipe.arguments())
    daemon.assert_echoes()
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    (fd,) = ways_to(pipe, daemon.pid)
    with open(f"/proc/{daemon.pid}/fdinfo/{fd}", encoding="ascii") as file:
        flags = int(re.search(r"^flags:\s*(\d+)$", file.read(), re.M).group(1), 8)
    assert flags & os.O_CLOEXEC
    daemon.stop()
    assert os.get_blocking(pipe.writing), "others that have the pipe find it as it was"


def test_what_finds_no_room_comes_later(start, back_end, make_pipe):
    """A line of more than the pipe has room for, which is full at first."""
    pipe = make_pipe(FAR)
    filled = pipe.fill()
    names = [f"{number:03}-{'x' * 50}" for number in range(PAGE // 50)]
    daemon = start([listener(name) for name in names], options=back_end, **pipe.arguments())
    daemon.assert_echoes(names[0])
    text = pipe.closed().read()
    pid, found = told(text[filled:])
    assert (pid, [name for name, _ in found]) == (daemon.pid, names)


def test_a_pipe_that_others_have_is_left_as_it_was(start, pipe):
    start(**pipe.arguments())
    assert os.get_blocking(pipe.writing)
    told(pipe.closed().read())


# --- numbers that are none -----------------------------------------------------------------------


def assert_wrong(result, *words):
    assert (result.returncode, result.stdout) == (USAGE, "")
    first, last = result.stderr.splitlines()
    assert all(word in first for word in ("echod: --ready-fd ", *words)), first
    assert last == 'Try "echod --help".'


@pytest.mark.parametrize("number", ["", "x", "-1", "+3", " 3", "3 ", "0x3", "3.0", "4294967299"])
def test_what_is_no_number(number):
    assert_wrong(run("-f", "-l", "tcp://127.0.0.1:0", f"--ready-fd={number}"), "number")


@pytest.mark.parametrize(("number", "word"), [("0", "1, or 3"), ("2", "log"), ("77", "open")])
def test_numbers_that_will_not_do(number, word):
    assert_wrong(run("-f", "-l", "tcp://127.0.0.1:0", "--ready-fd", number), number, word)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_PATH], ids=["read-only", "path"])
def test_what_cannot_be_written_to(flags):
    fd = os.open("/dev/null", flags)
    try:
        assert_wrong(run("-t", "--ready-fd", fd, descriptors=[fd]), "open for writing")
    finally:
        os.close(fd)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["stream", "datagram"])
def test_a_socket_that_listeners_inherit_is_no_way_to_anybody(kind):
    with bound(kind=kind) as opened:
        fd = opened.fileno()
        assert_wrong(run("-t", "--ready-fd", fd, descriptors=[fd]), "without a peer")


def test_a_mode_that_only_prints_leaves_it_alone(workdir):
    path = os.path.join(workdir, "echod.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(listener())
    assert run("-t", "-c", path, "--ready-fd", "1").stdout == f"{path}: OK\n"
