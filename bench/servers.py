"""The servers that are compared: how each is started, what it costs, and its end.

A cost is read from /proc. CPU time is the kernel's count of nanoseconds for each thread
(/proc/PID/task/*/schedstat); a server that forks for each connection is counted with its
children: those that live by the same files, those that ended by their parent's count of
clock ticks.
"""

import atexit
import functools
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 20  # seconds
UNAVAILABLE = 69  # exit status of a peer that cannot run here: peers/peer.h
NANOSECONDS_PER_TICK = 1e9 / os.sysconf("SC_CLK_TCK")
SCRATCH = 65536  # what echod's recv(2) takes at most: SCRATCH_SIZE in src/daemon/threads/loop.h
DATAGRAM_BUFFER = 1 << 20  # of the sockets, so that what is in flight fits

SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class Unavailable(Exception):
    """A server or a figure that cannot be had here, with the reason."""


# --- where things run --------------------------------------------------------------------------


def raise_descriptors():
    """Lets this process and its children have as many descriptors as they may; returns that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 20000 if hard == resource.RLIM_INFINITY else min(hard, 20000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def cpus():
    """The CPU of the load and that of the server, or None and None where there is one only."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else (None, None)


LOAD_CPU, SERVER_CPU = cpus()


def pin(cpu):
    """What a child does before its program begins."""

    def before_exec():
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    return before_exec


# --- /proc -------------------------------------------------------------------------------------


def _read(path):
    """The text of a file of /proc; none where the process is gone."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _stat(pid):
    """The fields of /proc/PID/stat that follow the program's name."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _descendants(root):
    """The process and all that came from it and live."""
    children = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        fields = _stat(pid)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(pid))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _threads_ns(pid):
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return 0
    counts = (_read(f"/proc/{pid}/task/{task}/schedstat").split() for task in tasks)
    return sum(int(count[0]) for count in counts if count)


def _reaped_ns(pid):
    fields = _stat(pid)
    return (int(fields[13]) + int(fields[14])) * NANOSECONDS_PER_TICK if fields else 0


def _status_bytes(pid, name):
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _listens(port, protocol):
    """Someone has bound the port: known without a connection, which would be counted."""
    for line in _read(f"/proc/net/{protocol}").splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] in ("0A", "07"):
            return True
    return False


# --- certificates ------------------------------------------------------------------------------


@functools.lru_cache(maxsize=None)
def certificate():
    """The files of a certificate and its key, of P-256: made once for all servers."""
    program = shutil.which("openssl", path=SEARCH)
    if program is None:
        raise Unavailable("no certificate: openssl is not installed")
    folder = tempfile.mkdtemp(prefix="echod-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    files = [os.path.join(folder, name) for name in ("certificate.pem", "key.pem")]
    command = [
        *(program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-subj", "/CN=localhost", "-days", "90"),
        *("-out", files[0], "-keyout", files[1]),
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Unavailable(f"no certificate: {made.stderr.strip()}")
    return files


# --- kinds -------------------------------------------------------------------------------------


class Kind:
    """A kind of server.

    command     makes the command line from a Context
    protocols   what it echoes
    forks       it has a process, or more, for each connection
    slow        so far from the others that fewer runs tell as much
    most        connections that it is asked to hold
    port        it needs to be told one: it picks none
    """

    def __init__(self, command, protocols="tcp", forks=False, slow=False, most=None, port=False):
        self.command = command
        self.protocols = protocols.split()
        self.forks = forks
        self.slow = slow
        self.most = most
        self.port = port


class Context:
    """What a command line is made from."""

    def __init__(self, build, workdir, port, protocol, options=()):
        self.build = build
        self.workdir = workdir
        self.port = port
        self.protocol = protocol
        self.options = options

    def program(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            raise Unavailable("not built: its library was not found by configure")
        return os.path.abspath(path)

    def installed(self, name):
        path = shutil.which(name, path=SEARCH)
        if path is None:
            raise Unavailable("not installed")
        return path

    def write(self, name, text):
        path = os.path.join(self.workdir, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path


ECHOD_CONFIGURATION = """\
# One worker on one CPU: what is compared is the work, not the number of threads.
workers = 1
log { target = "stderr" level = "notice" }
limits { connections = 16000 idle_timeout = 0 datagram_rate_per_source = 0 }
listen echo-tcp { protocol = "tcp" address = "127.0.0.1" port = 0 }
listen echo-udp { protocol = "udp" address = "127.0.0.1" port = 0 }
listen echo-unix { protocol = "unix" path = "@echod-bench-NUMBER" }
"""
ECHOD_TLS = """\
tls { certificate = "CERTIFICATE" key = "KEY" }
listen echo-tls { protocol = "tls" address = "127.0.0.1" port = 0 }
"""


def echod(context):
    options = list(context.options)
    if context.protocol == "udp":
        options.append(f"limits.socket_buffer={DATAGRAM_BUFFER}")
    number = str(os.getpid())  # of the abstract name, as peers/peer.h has its own
    text = ECHOD_CONFIGURATION.replace("NUMBER", number)
    if context.protocol == "tls":
        files = certificate()
        text += ECHOD_TLS.replace("CERTIFICATE", files[0]).replace("KEY", files[1])
    configuration = context.write("echod.conf", text)
    command = [context.program("echod"), "-f", "-c", configuration]
    return command + [word for option in options for word in ("-o", option)]


def own(name, *arguments):
    """A peer in C of this folder."""

    def command(context):
        where = "unix" if context.protocol == "unix" else "0"
        return [context.program(f"bench/peers/{name}"), where, *map(str, arguments)]

    return command


def own_tls(name):
    """A peer in C of this folder that speaks TLS."""
    return lambda context: [context.program(f"bench/peers/{name}"), "0", *certificate()]


@functools.lru_cache(maxsize=None)
def go_program():
    """net.go, built once for all servers."""
    program = shutil.which("go", path=SEARCH)
    if program is None:
        raise Unavailable("not installed: go")
    folder = tempfile.mkdtemp(prefix="echod-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = os.path.join(folder, "net")
    command = [program, "build", "-o", path, os.path.join(HERE, "peers", "net.go")]
    places = {"GOCACHE": os.path.join(folder, "cache"), "GOFLAGS": "", "GO111MODULE": "off"}
    built = subprocess.run(
        command, env={**os.environ, **places}, capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        raise Unavailable(f"not built: {built.stderr.strip()}")
    return path


def go(_):
    """One thread at a time, as all have it."""
    return ["env", "GOMAXPROCS=1", go_program(), "0"]


def node(context):
    return [context.installed("node"), os.path.join(HERE, "peers", "net.js"), "0"]


def select_loop(context):
    return [context.installed("python3"), os.path.join(HERE, "peers", "select_loop.py"), "0"]


def socat(context):
    listen = f"TCP-LISTEN:{context.port},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=4096"
    return [context.installed("socat"), listen, "PIPE"]


def ncat(context):
    address = ["127.0.0.1", str(context.port)]
    return [context.installed("ncat"), "-lk", "-m", "10000", "-e", "/bin/cat", *address]


# inetd's internal services have their names' ports, so it gets an /etc/services of its own,
# and a /run, where it leaves its pid. Datagrams from the loopback it reads and drops, so they
# cannot be compared here.
INETD = 'mount --bind "$1" /etc/services && mount -t tmpfs tmpfs /run && exec "$2" -i -q 4096 ' \
    '-R 100000000 "$3"'


def inetd(context):
    program = context.installed(os.environ.get("INETD", "inetd"))
    services = context.write("services", f"echo {context.port}/tcp\necho {context.port}/udp\n")
    entries = "127.0.0.1:echo stream tcp nowait root internal\n" \
        "127.0.0.1:echo dgram udp wait root internal\n"
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return [
        *(context.installed("unshare"), "--mount", *as_root, "sh", "-c", INETD, "inetd"),
        *(services, program, context.write("inetd.conf", entries)),
    ]


KINDS = {
    "echod": Kind(echod, "tcp udp unix tls"),
    "epoll": Kind(own("epoll", SCRATCH), "tcp unix"),
    "libevent": Kind(own("libevent")),
    "libuv": Kind(own("libuv")),
    "io_uring": Kind(own("io_uring", SCRATCH)),
    "go": Kind(go, most=5000),  # a connection takes it three descriptors: splice(2) has a pipe
    "node": Kind(node),
    "recvfrom": Kind(own("udp", "recvfrom", DATAGRAM_BUFFER), "udp"),
    "recvmsg": Kind(own("udp", "recvmsg", DATAGRAM_BUFFER), "udp"),
    "recvmmsg": Kind(own("udp", "recvmmsg", DATAGRAM_BUFFER), "udp"),
    "tls_epoll": Kind(own_tls("tls_epoll"), "tls"),
    "tls_libevent": Kind(own_tls("tls_libevent"), "tls"),
    "select.py": Kind(select_loop, slow=True, most=900),
    "inetd": Kind(inetd, forks=True, slow=True, most=200, port=True),
    "socat": Kind(socat, forks=True, slow=True, most=200, port=True),
    "ncat": Kind(ncat, forks=True, slow=True, most=200, port=True),
}


# --- one that runs -----------------------------------------------------------------------------


class Server:
    """A server in a process, and session, of its own.  Used as a context manager.

    prefix      a command that executes the server in its place, such as valgrind
    options     further -o options of echod
    """

    _next_port = 20000 + os.getpid() % 5000

    def __init__(self, build, name, protocol="tcp", prefix=(), options=()):
        self.name = name
        self.kind = KINDS[name]
        self.protocol = protocol
        self.prefix = list(prefix)
        self._workdir = tempfile.TemporaryDirectory(prefix="echod-bench-")
        self.process = None
        self.port = self._pick_port() if self.kind.port else 0
        try:
            context = Context(build, self._workdir.name, self.port, protocol, options)
            self._start(self.prefix + self.kind.command(context))
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _pick_port(self):
        """A port below those that the kernel picks for connections."""
        while True:
            Server._next_port += 1
            if not any(_listens(Server._next_port, protocol) for protocol in ("tcp", "udp")):
                return Server._next_port

    def _path(self, name):
        return os.path.join(self._workdir.name, name)

    def _start(self, command):
        with open(self._path("output"), "wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=pin(SERVER_CPU),
            )
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            if self.process.poll() is not None:
                raise Unavailable(self._last_words())
            if time.monotonic() > deadline:
                raise Unavailable(f"not ready after {PATIENCE} s")
            time.sleep(0.005)

    def output(self):
        return _read(self._path("output"))

    def _last_words(self):
        lines = self.output().strip().splitlines() or ["no output"]
        if self.process.returncode == UNAVAILABLE:
            return lines[-1]
        return f"it ended with {self.process.returncode}: {lines[-1]}"

    def _is_ready(self):
        if self.kind.port:
            return _listens(self.port, self.protocol)
        output = self.output()
        if self.name == "echod":
            if " serving: " not in output:
                return False
            mark = f"listening on {self.protocol}://127.0.0.1:"
            if self.protocol == "unix":
                mark = "listening on unix:@echod-bench-"
        else:
            mark = "listening "
        digits = output.partition(mark)[2].partition("\n")
        if digits[1] == "":
            return False
        self.port = int(digits[0].split()[0])
        return True

    # --- what it costs -----------------------------------------------------------------------

    def _processes(self):
        return _descendants(self.process.pid) if self.kind.forks else [self.process.pid]

    def cpu_ns(self):
        """CPU time since its start: user and system, all threads, all children."""
        total = 0
        for pid in self._processes():
            total += _threads_ns(pid)
            if self.kind.forks:
                total += _reaped_ns(pid)
        return total

    def peak_bytes(self):
        """The most memory that the process had at once, or None where it is many processes."""
        return None if self.kind.forks else _status_bytes(self.process.pid, "VmHWM")

    def anonymous_bytes(self):
        """Memory in use that is no file's: what the program has allocated, and stacks."""
        return sum(_status_bytes(pid, "RssAnon") for pid in self._processes())

    # --- its end -----------------------------------------------------------------------------

    def stop(self):
        """Ends it, and its children.  One that does not end in time is killed."""
        if self.process is not None:
            # A second signal makes echod give up its drain; the others end by the first.
            for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
                self._signal(number)
                try:
                    self.process.wait(5)
                    break
                except subprocess.TimeoutExpired:
                    continue
            self._signal(signal.SIGKILL)  # what is left of its session
        self._workdir.cleanup()

    def _signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass
