"""Threads that hang on order: stopped by ptrace(2), which stops one and leaves the others."""

import ctypes
import os
import pathlib
import threading

ATTACH = 16
WALL = 0x40000000  # waitpid(2): threads, too

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def thread_of(pid, name):
    """The number of a thread of the process, by the beginning of its name."""
    for comm in pathlib.Path(f"/proc/{pid}/task").glob("*/comm"):
        if comm.read_text().startswith(name):
            return int(comm.parent.name)
    raise LookupError(f"{pid} has no thread {name}")


def hang(tid):
    """Until it is killed; returns once it has stopped."""
    result = []
    stopped = threading.Event()

    def trace():
        result.append(libc.ptrace(ATTACH, tid, None, None))
        if result[0] == 0:
            os.waitpid(tid, WALL)
        stopped.set()
        if result[0] == 0:
            os.waitpid(tid, WALL)  # a traced thread that nobody waits for outlives its process

    threading.Thread(target=trace, daemon=True).start()
    assert stopped.wait(30)
    assert result == [0], "ptrace failed"
