"""One echod-client: its command line, what it prints and how it ends."""

import functools
import json
import os
import re
import signal
import subprocess

import pytest

import logs
from patience import PATIENCE, eventually

CLIENT = os.environ.get("ECHOD_CLIENT", "")
if not os.path.isabs(CLIENT) or not os.access(CLIENT, os.X_OK):
    raise pytest.UsageError("ECHOD_CLIENT must hold the absolute path of the echod-client to test")


SCHEMA = os.path.join(os.path.dirname(__file__), "../../doc/echod-client.schema.json")


@functools.cache
def load_schema():
    with open(SCHEMA, encoding="utf-8") as file:
        return json.load(file)


@functools.cache
def _validator():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft7Validator.check_schema(load_schema())
    return jsonschema.Draft7Validator(load_schema())


def schema_faults(value):
    """What the schema of --json has against it: a list.  Skips the test where there is no jsonschema."""
    return list(_validator().iter_errors(value))


def command(*arguments):
    return [CLIENT, *(each if isinstance(each, bytes) else str(each) for each in arguments)]


def run(*arguments, prefix=(), data=None, timeout=PATIENCE, **named):
    """Runs a client to its end; returns its CompletedProcess, stdout as bytes, stderr as text.

    `data` is its stdin, which is empty without it; `named` goes to subprocess.run().
    """
    if "stdin" not in named:
        named["input"] = data or b""
    result = subprocess.run(
        [*prefix, *command(*arguments)],
        timeout=timeout,
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **named},
    )
    if result.stderr is not None:
        result.stderr = result.stderr.decode(errors="backslashreplace")
        check_stderr(result.stderr)
    return result


def check_stderr(text):
    assert not any(report in text for report in logs.SANITIZER_REPORTS), text


def lines_of(*arguments, status=0, **named):
    """The lines of stdout of a client that ends with `status` and nothing on stderr."""
    result = run(*arguments, **named)
    assert (result.returncode, result.stderr) == (status, ""), result
    return result.stdout.decode().splitlines()


def json_of(*arguments, status=0, **named):
    """The one object that the client prints with --json."""
    lines = lines_of(*arguments, "--json", status=status, **named)
    assert len(lines) == 1, lines
    return json.loads(lines[0])


def hosts_file(workdir, text):
    """A prefix that runs the client with /etc/hosts of its own, or skips the test."""
    path = os.path.join(workdir, "hosts")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    prefix = [*namespace, "sh", "-c", f'mount --bind {path} /etc/hosts && exec "$@"', "sh"]
    probe = [*prefix, "getent", "hosts", "several.test"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("no mount namespace for an /etc/hosts of one's own")
    return prefix


def check_fields(found, expected):
    """An object has exactly the `expected` fields.

    Each is given by its value, or by its type where the value is not known; float takes no int.
    """
    assert sorted(found) == sorted(expected)
    for name, wanted in expected.items():
        if isinstance(wanted, type):
            assert type(found[name]) is wanted, f"{name} is {found[name]!r}"
            assert wanted is not float or found[name] >= 0, f"{name} is {found[name]!r}"
        else:
            assert type(found[name]) is type(wanted), f"{name} is {found[name]!r}"
            assert found[name] == wanted, f"{name} is {found[name]!r}, not {wanted!r}"


def match_lines(lines, patterns):
    """Each line is what its pattern says, to its last character; returns the matches."""
    matches = [re.fullmatch(pattern, line) for pattern, line in zip(patterns, lines)]
    for pattern, line, match in zip(patterns, lines, matches):
        assert match, f"{line!r} is not {pattern!r} in:\n" + "\n".join(lines)
    assert len(lines) == len(patterns), "\n".join(lines)
    return matches


class Client:
    """A client that runs beside the test; a context manager that ends it where it still runs.

    prefix      a command that executes the client in its place
    out, err    the Logs of what it prints
    """

    def __init__(self, *arguments, prefix=(), **named):
        self.out, self.err = logs.Log(), logs.Log()
        self.process = subprocess.Popen(
            [*prefix, *command(*arguments)],
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **named},
            stderr=subprocess.PIPE,
        )
        if self.process.stdout is not None:
            logs.follow_stderr(self.out, self.process.stdout)
        logs.follow_stderr(self.err, self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def wait_out(self, pattern, after=0):
        return self.out.wait(pattern, PATIENCE, after)

    def wait_err(self, pattern):
        return self.err.wait(pattern, PATIENCE)

    def interrupt(self):
        """SIGINT; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait_exit()

    def wait_exit(self):
        status = self.process.wait(PATIENCE)
        for log in (self.out, self.err):
            eventually(lambda log=log: log.ended, "the end of what it prints")
        assert not self.err.sanitizer_reports(), "\n".join(self.err.lines)
        return status
