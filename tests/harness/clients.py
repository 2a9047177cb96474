"""Clients that people have, as processes that are fed on their input."""

import contextlib
import subprocess
import threading

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
