"""Clients that people have, as processes that are fed on their input."""

import contextlib
import os
import select
import subprocess
import threading
import time

from patience import PATIENCE


@contextlib.contextmanager
def fed(process, data):
    """Its input is `data`, and more from time to time: curl reads it ten times a second, whether
    there is any or not, and takes nothing from the network until it has some."""
    done = threading.Event()

    def feed():
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(data)
            process.stdin.flush()
            while not done.wait(0.05):
                process.stdin.write(b"more\n")
                process.stdin.flush()

    feeder = threading.Thread(target=feed)
    feeder.start()
    patience = threading.Timer(PATIENCE, process.kill)
    patience.start()
    try:
        yield
    finally:
        patience.cancel()
        process.terminate()
        done.set()
        feeder.join()


def converse(command, data, size=None):
    """Returns what has come back to a command that is given `data`: to the end, which one has that
    half-closes; or `size` bytes."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if size is None:
            return process.communicate(data, PATIENCE)[0]
        with fed(process, data):
            return process.stdout.read(size)


class OpenSSL:
    """s_client(1), which takes any bytes for a name."""

    def __init__(self, daemon, *options):
        where = f"{daemon.host('echo-tls')}:{daemon.port('echo-tls')}"
        self.process = subprocess.Popen(
            ("openssl", "s_client", "-connect", where, *options),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.read = b""

    def __enter__(self):
        return self

    def say(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.read:
            left = max(0, deadline - time.monotonic())
            assert select.select([self.process.stdout], [], [], left)[0], self.read
            piece = os.read(self.process.stdout.fileno(), 65536)
            assert piece, self.read
            self.read += piece

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
