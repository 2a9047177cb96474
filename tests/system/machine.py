"""The system that the tests run in: its units, its journal, its configuration."""

import json
import pathlib
import queue
import re
import subprocess
import threading
import time

CONFIGURATION = pathlib.Path("/etc/echod.conf")
SHIPPED = pathlib.Path("/root/echod.conf.shipped")  # as installed
LEAST_PRIVILEGE = pathlib.Path("/usr/share/doc/echod/least-privilege.conf")
PACKAGES = sorted(map(str, pathlib.Path("/run/box/packages").glob("*.deb")))

# What makes the configuration one that cannot be had.
FAULTS = {
    "name": lambda file: file.write_text("nonsense\n"),
    "value": lambda file: file.write_text("drain_timeout = never\nlisten echo { port = 7 }\n"),
    "syntax": lambda file: file.write_text("listen {\n"),
    "user": lambda file: file.write_text('user = "nobody-at-all"\nlisten echo { port = 7 }\n'),
    "without a listener": lambda file: file.write_text(""),
    "missing": lambda file: file.unlink(),
    "unreadable": lambda file: file.chmod(0),
}

PATIENCE = 30  # seconds for what must happen but has no limit of its own


def mend():
    """The configuration is as it was shipped."""
    CONFIGURATION.touch()
    CONFIGURATION.chmod(0o644)
    CONFIGURATION.write_text(SHIPPED.read_text())


def run(*command, status=0, timeout=PATIENCE * 3, **named):
    """What the command printed, both streams in one; it must end with `status`, if not None."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, **named
    )
    assert status in (None, done.returncode), f"{command}: status {done.returncode}\n{done.stdout}"
    return done.stdout


def systemctl(*arguments, status=0):
    return run("systemctl", *arguments, status=status)


def show(property_name, unit="echod.service"):
    return systemctl("show", "-P", property_name, unit).strip()


def main_pid():
    return int(show("MainPID"))


def process_fields():
    """What /proc/PID/status says of the service's process, by name."""
    lines = pathlib.Path(f"/proc/{main_pid()}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def exposure(limit):
    """What "systemd-analyze security" says of the service, as systemd has loaded it; it fails
    above the limit, in tenths."""
    command = ("systemd-analyze", "security", "--no-pager", f"--threshold={limit}", "echod.service")
    return run(*command).splitlines()[-1]


def eventually(condition, what, timeout=PATIENCE):
    """Asks `condition` again and again until it is true; returns its value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not in {timeout} s: {what}"
        time.sleep(0.02)
    return value


def open_ports():
    """Who listens where: {(protocol, address): name of the program}."""
    ports = {}
    for line in run("ss", "-Hlntup").splitlines():
        protocol, _, _, _, address, _, *users = line.split()
        program = re.search(r'"([^"]*)"', " ".join(users))
        ports[protocol, address] = program.group(1) if program else None
    return ports


def add(text):
    """Appends lines to the configuration."""
    CONFIGURATION.write_text(CONFIGURATION.read_text() + text)


def drop_in(text):
    """Settings of the service until the next boot, or remove_drop_in()."""
    folder = pathlib.Path("/run/systemd/system/echod.service.d")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test.conf").write_text(text)
    systemctl("daemon-reload")


def remove_drop_in():
    file = pathlib.Path("/run/systemd/system/echod.service.d/test.conf")
    if file.exists():
        file.unlink()
        systemctl("daemon-reload")


class Journal:
    """What the journal gets from now on, about the service alone."""

    def __init__(self):
        cursor = run("journalctl", "--sync") or run("journalctl", "-n", "0", "--show-cursor")
        command = ["journalctl", "-f", "-o", "json", "-u", "echod.service"]
        command += ["--after-cursor", cursor.split("cursor: ")[1].strip()]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._entries = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def _read(self):
        for line in self._process.stdout:
            if line.endswith("\n"):  # or it was killed in the middle of it
                self._entries.put(json.loads(line))

    def next(self, pattern):
        """The next entry whose message matches: what it says in MESSAGE, PRIORITY and so on."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                entry = self._entries.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not in the journal: {pattern}") from None
            if re.search(pattern, entry["MESSAGE"]):
                return entry
