"""One echod process: its configuration file, its command line, its life and its end."""

import os
import re
import signal
import subprocess
import time
from collections import namedtuple

import kernel
import logs
import peers
from patience import BINARY, PATIENCE, SLOWNESS, eventually, within

Listening = namedtuple("Listening", "protocol host port")


def listener(name="echo-tcp", address="127.0.0.1", port=0, protocol="tcp", **options):
    """A listen section; with a `path` that of a Unix socket."""
    more = "".join(f" {option} = {_in_file_syntax(value)}" for option, value in options.items())
    where = f'protocol = "{protocol}" address = "{address}" port = {port}'
    if "path" in options:
        where = 'protocol = "unix"'
    return f"listen {name} {{ {where}{more} }}\n"


def _in_file_syntax(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(map(_in_file_syntax, value)) + "}"
    return str(value) if isinstance(value, int) else f'"{value}"'


def configuration(listeners, options):
    """The text of a file: `options` by name, those of a section as "limits.connections"."""
    text = "".join(listeners)
    sections = {}
    for name, value in options.items():
        section, _, option = name.rpartition(".")
        sections.setdefault(section, []).append(f"{option} = {_in_file_syntax(value)}")
    text += "".join(f"{line}\n" for line in sections.pop("", []))
    for section, lines in sections.items():
        text += f"{section} {{ {' '.join(lines)} }}\n"
    return text


def _number(text):
    return float(text) if "." in text else int(text)


def without_capabilities(*names):
    """A prefix that takes capabilities(7) from the daemon of a test that runs as root."""
    if os.geteuid() != 0:
        return []
    taken = ",".join(f"-{name}" for name in names)
    return ["setpriv", f"--bounding-set={taken}", "--inh-caps=-all"]


def _environment(additions):
    """The environment of the tests without their own supervisor's, and with `additions`."""
    supervisors = re.compile("NOTIFY_SOCKET|WATCHDOG_.*|LISTEN_.*")
    inherited = {
        name: value for name, value in os.environ.items() if not supervisors.fullmatch(name)
    }
    return {**inherited, **(additions or {})}


def run(*arguments, prefix=(), descriptors=(), stdout=subprocess.PIPE):
    """Runs an echod that is to end by itself; returns its CompletedProcess with text output."""
    result = subprocess.run(
        [*prefix, BINARY, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        timeout=PATIENCE,
        check=False,
        env=_environment(None),
        pass_fds=descriptors,
    )
    assert not any(report in result.stderr for report in logs.SANITIZER_REPORTS), result.stderr
    return result


class Echod:
    """A daemon that serves.  connect() keeps its peers: stop() closes them before SIGTERM.

    listeners    listen sections, as listener() writes them
    options      {name: value} for the file; there are two workers unless it says otherwise
    arguments    further arguments of the command line
    prefix       a command that executes echod in its place, such as prlimit(1)
    descriptors  of the tests' own, what that command is given as well
    stderr       where stderr goes when the log is not to be read from there
    log          the Log that someone else fills; the log's target is then as `options` say
    """

    def __init__(
        self,
        workdir,
        listeners=(listener(),),
        options=None,
        *,
        arguments=(),
        prefix=(),
        descriptors=(),
        environment=None,
        stderr=None,
        log=None,
    ):
        self.file = os.path.join(workdir, "echod.conf")
        self.log = log or logs.Log()
        self.listening = {}
        self._peers = []
        self._is_killed = False
        self.status = 0  # that it is to end with
        self._reads_stderr = stderr is None and log is None
        self.configure(listeners, options)
        foreground = ["-f"] if log is None else []
        self.process = subprocess.Popen(
            [*prefix, BINARY, "-c", self.file, *foreground, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if self._reads_stderr else stderr,
            env=_environment(environment),
            pass_fds=descriptors,
        )
        self.pid = self.process.pid
        if self._reads_stderr:
            logs.follow_stderr(self.log, self.process.stderr)

    def configure(self, listeners=(listener(),), options=None):
        """Writes the configuration file."""
        self.write_file(configuration(listeners, {"workers": 2, **(options or {})}))

    def write_file(self, text):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

    # --- its log ---------------------------------------------------------------------------------

    def wait_log(self, pattern, after=0, timeout=PATIENCE):
        return self.log.wait(pattern, timeout, after)

    def wait_serving(self):
        """Waits until all listeners are up and notes where."""
        self.wait_log(r"^notice: echod \S+ serving: ")
        self._note_listening()
        if SLOWNESS > 1:
            # ThreadSanitizer holds back a signal that comes just before the first wait
            eventually(lambda: kernel.sleeps(self.pid), "echod waits for events")

    def _note_listening(self, after=0):
        for line in self.log.matching(r"^notice: listening on ", after):
            uri, name = re.fullmatch(
                r"notice: listening on (\S+) \((.+?)\)(?:, inherited as .+)?", line
            ).groups()
            protocol, _, place = uri.partition(":")
            host, _, port = place.removeprefix("//").rpartition(":")
            where = (uri, None) if protocol == "unix" else (host.strip("[]"), int(port))
            self.listening.setdefault(name, []).append(Listening(protocol, *where))

    def wait_listening_unseen(self):
        """Waits until the one stream listener is up, for a daemon whose log nobody reads."""
        sockets = eventually(lambda: kernel.listening_sockets(self.pid), "echod listens")
        self.listening = {
            "echo-tcp": [Listening("tcp", "127.0.0.1", port) for port in sockets.values()]
        }

    def wait_opened(self, peer):
        return self.wait_log(rf"^info: connection opened: peer={re.escape(peers.name_of(peer))} ")

    def wait_closed(self, name):
        """Waits for the line of a peer, named as the log does; returns its fields by name."""
        line = self.wait_log(rf"^info: connection closed: peer={re.escape(name)} .*").group(0)
        return dict(field.split("=", 1) for field in line.split(": ", 2)[2].split())

    # --- its sockets -----------------------------------------------------------------------------

    def port(self, name="echo-tcp"):
        return self.listening[name][0].port

    def host(self, name="echo-tcp"):
        host = self.listening[name][0].host
        return "127.0.0.1" if host == "*" else host

    def at(self, name="echo-tcp"):
        """Where a listener is, for those that outlive this daemon: its successor is there, too."""
        return self.host(name), self.port(name)

    def connect(self, name="echo-tcp", host=None, **buffers):
        peer = peers.connect(host or self.host(name), self.port(name), **buffers)
        self._peers.append(peer)
        return peer

    def assert_echoes(self, name="echo-tcp", host=None):
        """A new connection is served."""
        peer = self.connect(name, host)
        peers.echo(peer, b"are you there?")
        peer.close()

    def resets(self, name="echo-tcp", **where):
        """A new connection ends by a reset."""
        return peers.is_reset(lambda: self.connect(name, **where))

    def go_on_from(self, other):
        """Has taken over from it: what listens and who is connected is this one's."""
        for name, sockets in other.listening.items():
            self.listening.setdefault(name, sockets)
        self._peers += other._peers

    # --- signals ---------------------------------------------------------------------------------

    def drain(self, number=signal.SIGTERM, connections=1):
        """The signal; returns once it is said that so many connections are drained."""
        self.signal(number)
        what = rf"draining {connections} connections?, for at most \d+ seconds?"
        self.wait_log(rf"^notice: {number.name}: {what}$")

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        """SIGHUP; returns the lines that it logged, the verdict last."""
        after = self.log.mark()
        self.signal(signal.SIGHUP)
        verdict = self.wait_log(r"^notice: reloaded |^err: reload failed: ", after).string
        self._note_listening(after)
        return self.log.lines[after : self.log.lines.index(verdict, after) + 1]

    def counter(self, name):
        """The value that the statistics give for `name`, with its labels, or None."""
        after = self.log.mark()
        self.signal(signal.SIGUSR1)
        try:
            pattern = rf"^notice: {re.escape(name)} (\d+)$"
            return int(self.log.wait(pattern, within(1), after).group(1))
        except AssertionError:
            return None

    def wait_counter(self, name, value):
        """The workers count on their own: asks until the statistics have settled."""
        eventually(lambda: self.counter(name) == value, f"{name} {value}")

    def statistics(self):
        """What SIGUSR1 tells, as {series: value}: all of it at one moment."""
        begin = r"^notice: echod_build_info\{"
        after = self.log.mark()
        self.signal(signal.SIGUSR1)
        first = self.log.lines.index(self.wait_log(begin, after).string, after)
        # Where another one begins this one is complete; the log has no room for two large ones.
        self.wait_log(r"^notice: echod_sent_bytes_total\{", first)
        self.signal(signal.SIGUSR1)
        end = self.log.lines.index(self.wait_log(begin, first + 1).string, first + 1)
        matches = (
            re.fullmatch(r"notice: ((?:echod|process)_\S+) (\d+(?:\.\d+)?)", line)
            for line in self.log.lines[first:end]
        )
        return {match[1]: _number(match[2]) for match in matches if match}

    # --- its end ---------------------------------------------------------------------------------

    def wait_exit(self, timeout=PATIENCE):
        """Returns the exit status; fails when it does not end in time."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"echod still runs after {timeout} s") from None
        if self._reads_stderr:
            eventually(lambda: self.log.ended, "the log's end")
        return status

    def seconds_to_exit(self, timeout=PATIENCE):
        """Waits for the exit; returns how long that took."""
        start = time.monotonic()
        self.wait_exit(timeout)
        return time.monotonic() - start

    def close_peers(self):
        for peer in self._peers:
            peer.close()

    def stop(self):
        """Ends it where it still runs and checks that it ended well, but for one that was killed."""
        self.close_peers()
        if self._is_killed:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.wait_exit()
        reports = self.log.sanitizer_reports()
        assert not reports, "\n".join(self.log.lines)
        assert status == self.status, f"exit status {status}\n" + "\n".join(self.log.lines[-50:])
        if self.log.matching("^notice: "):
            # a syslog server may read its last lines after the daemon's end
            last = ("notice: stopped", '"message":"stopped"}')
            eventually(lambda: self.log.lines[-1].endswith(last), "it says that it stopped")

    def kill(self):
        self.close_peers()
        self.crash()

    def crash(self):
        """The same, and its peers see it."""
        self._is_killed = True
        self.process.kill()
        self.process.wait()
