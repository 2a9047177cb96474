"""What the kernel says of a process and its sockets, by /proc and pidfd_getfd(2)."""

import contextlib
import ctypes
import glob
import os
import random
import socket
import subprocess

LISTEN = "0A"


def _lines(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _socket_inodes(pid):
    inodes = set()
    for link in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            target = os.readlink(link)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(int(target[8:-1]))
    return inodes


def _listening_fields(path):
    """Those who listen stand first: what follows may be tens of thousands of lines."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as file:
        next(file)
        for line in file:
            fields = line.split()
            if fields[3] != LISTEN:
                return
            yield fields


def listening_sockets(pid):
    """{inode: port} of the stream sockets on which the process listens."""
    own = _socket_inodes(pid)
    found = {}
    for path in f"/proc/{pid}/net/tcp", f"/proc/{pid}/net/tcp6":
        for fields in _listening_fields(path):
            inode = int(fields[9])
            if inode in own:
                found[inode] = int(fields[1].rpartition(":")[2], 16)
    return found


def _connections(state, condition):
    """(local port, remote port) of IPv4 connections in a state, by ss(8).

    It is not as slow as /proc/net/tcp, which has all that are in TIME_WAIT too.
    """
    command = ["ss", "-Htn4", "state", state, condition]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [tuple(int(end.rpartition(":")[2]) for end in line.split()[2:4]) for line in lines]


def syns_sent(port):
    """How many IPv4 connections to this port wait for their answer, whoever's they are."""
    return len(_connections("syn-sent", f"dport = :{port}"))


def in_last_ack(port):
    """The ports of those whose IPv4 connections to this port are shut down on both sides, on
    theirs first, and that have not taken all that was sent."""
    return {remote for _, remote in _connections("last-ack", f"sport = :{port}")}


def unread(peer):
    """How many bytes of this IPv4 peer's the other end has not read."""
    ends = f"sport = :{peer.getpeername()[1]} and dport = :{peer.getsockname()[1]}"
    command = ["ss", "-Htn4", "state", "established", ends]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(said.split()[0])


def waiting_datagrams(pid, port):
    """{inode: bytes} of what waits at each datagram socket of the process with that port."""
    own = _socket_inodes(pid)
    found = {}
    for line in _lines(f"/proc/{pid}/net/udp")[1:] + _lines(f"/proc/{pid}/net/udp6")[1:]:
        fields = line.split()
        inode = int(fields[9])
        if int(fields[1].rpartition(":")[2], 16) == port and inode in own:
            found[inode] = int(fields[4].rpartition(":")[2], 16)
    return found


def _status(pid, field):
    for line in _lines(f"/proc/{pid}/status"):
        name, _, value = line.partition(":")
        if name == field:
            return value.split()
    raise AssertionError(f"process {pid} has no {field}: it is gone")


def _status_numbers(pid, field):
    return [int(number) for number in _status(pid, field)]


def user_ids(pid):
    """Real, effective, saved and of the file system."""
    return _status_numbers(pid, "Uid")


def group_ids(pid):
    return _status_numbers(pid, "Gid")


def supplementary_groups(pid):
    return _status_numbers(pid, "Groups")


CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def capabilities(pid):
    """{set: mask} of capabilities(7), for a process or a thread."""
    return {name: int(_status(pid, name)[0], 16) for name in CAPABILITY_SETS}


def can_gain_privileges(pid):
    """False once no_new_privs is set."""
    return _status_numbers(pid, "NoNewPrivs") == [0]


def seccomp_mode(pid):
    """0: none, 2: a filter."""
    return _status_numbers(pid, "Seccomp")[0]


UNSHARE_NETWORK = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "-r", "--net"]


def can_unshare_network():
    probe = [*UNSHARE_NETWORK, "ip", "link", "set", "lo", "up"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def thread_ids(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def thread_name(pid, thread):
    return _lines(f"/proc/{pid}/task/{thread}/comm")[0]


def thread_names(pid):
    return [thread_name(pid, thread) for thread in thread_ids(pid)]


def name_service_libraries(pid):
    """The libraries of nsswitch.conf(5) that the process has loaded."""
    paths = {line.split()[-1] for line in _lines(f"/proc/{pid}/maps")}
    return {os.path.basename(path) for path in paths if "/libnss_" in path}


def _thread_status_numbers(pid, field):
    """{thread: the number of that field}."""
    return {thread: _status_numbers(f"{pid}/task/{thread}", field)[0] for thread in thread_ids(pid)}


def tracers(pid):
    """For each thread of the process by whom it is traced, 0 for nobody."""
    return list(_thread_status_numbers(pid, "TracerPid").values())


def wake_ups(pid, name=""):
    """How often the threads whose names begin with `name` have waited for something."""
    counts = _thread_status_numbers(pid, "voluntary_ctxt_switches")
    return sum(n for thread, n in counts.items() if thread_name(pid, thread).startswith(name))


def wake_ups_of_first(pid):
    """The same of its first thread alone: a sanitizer may have one of its own."""
    return _status_numbers(f"{pid}/task/{pid}", "voluntary_ctxt_switches")[0]


def resident_bytes(pid):
    return int(_status(pid, "VmRSS")[0]) * 1024


def threads(pid):
    return int(_status(pid, "Threads")[0])


def _stat(pid):
    """The fields of /proc/PID/stat from the third, the state, on."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()


def cpu_seconds(pid):
    """The time that the process has spent on a CPU, in user and kernel mode."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_seconds(pid):
    """How long its threads have run so far, to the nanosecond: proc(5) has it in ticks otherwise."""
    paths = [f"/proc/{pid}/task/{thread}/schedstat" for thread in thread_ids(pid)]
    return sum(int(_lines(path)[0].split()[0]) for path in paths) / 1e9


def sleeps(pid):
    """True while the first thread waits for an event."""
    return _stat(pid)[0] == "S"


def is_stopped(pid):
    """True once SIGSTOP has stopped all its threads."""
    return all(
        line.split()[1] == "T"
        for thread in thread_ids(pid)
        for line in _lines(f"/proc/{pid}/task/{thread}/status")
        if line.startswith("State:")
    )


def watched_descriptors(pid):
    """{descriptor: how many it watches} of the process's epolls."""
    return {
        int(os.path.basename(path)): sum(line.startswith("tfd:") for line in _lines(path))
        for path in glob.glob(f"/proc/{pid}/fdinfo/*")
        if os.readlink(path.replace("fdinfo", "fd")) == "anon_inode:[eventpoll]"
    }


def watchers(pid, inode):
    """Which of the process's epolls, by their descriptors, watch the file of that number."""
    return {
        int(os.path.basename(path))
        for path in glob.glob(f"/proc/{pid}/fdinfo/*")
        if any(f" ino:{inode:x} " in line for line in _lines(path) if line.startswith("tfd:"))
    }


def _borrow(pid, descriptor):
    """A duplicate of another process's descriptor, or -1: pidfd_getfd(2) is not in Python."""
    pidfd_getfd = 438
    with os.fdopen(os.pidfd_open(pid), "rb", buffering=0) as process:
        return ctypes.CDLL(None).syscall(pidfd_getfd, process.fileno(), descriptor, 0)


def can_borrow():
    try:
        duplicate = _borrow(os.getpid(), 0)
    except (AttributeError, OSError):
        return False
    if duplicate >= 0:
        os.close(duplicate)
    return duplicate >= 0


def _is_connection_from(pid, descriptor, peer):
    if not os.readlink(f"/proc/{pid}/fd/{descriptor}").startswith("socket:["):
        return False
    with socket.socket(fileno=_borrow(pid, descriptor)) as duplicate:
        try:
            return duplicate.getpeername() == peer
        except OSError:
            return False


def borrow_connection(pid, peer):
    """The process's own end of the connection from `peer`, an address; for close()."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        if _is_connection_from(pid, int(name), peer):
            return socket.socket(fileno=_borrow(pid, int(name)))
    raise AssertionError(f"process {pid} has no connection from {peer}")


def highest_descriptor(pid):
    return max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def cpu_groups(kind):
    """The folders where hierarchies of control groups are mounted that may have CPU quotas.

    kind    "cgroup", version 1 with its "cpu" controller, or "cgroup2"
    """
    for line in _lines("/proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fstype, _, options = after.split()
        if fstype == kind and (kind == "cgroup2" or "cpu" in options.split(",")):
            yield before.split()[4]


def write_file(path, text):
    """True when the kernel takes it."""
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return True
    except OSError:
        return False


def first_unprivileged_port():
    return int((_lines("/proc/sys/net/ipv4/ip_unprivileged_port_start") or ["1024"])[0])


def free_privileged_port():
    """A port below 1024 on which nobody listens."""
    for port in range(1023, 512, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port between 512 and 1024 is free")


def free_port():
    """A port on which nobody listens and from which no connection goes out by itself.

    It lies below the ephemeral range, so that no other test's connection takes it meanwhile.
    """
    low = int((_lines("/proc/sys/net/ipv4/ip_local_port_range") or ["32768 60999"])[0].split()[0])
    while True:
        port = random.randrange(max(1024, low - 12000), max(low, 1025 + 1000))
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue


PTRACE_GETREGS, PTRACE_SETREGS = 12, 13
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_FOR_THREADS = 0x40000000  # __WALL


def _ptrace(request, thread, address=None, data=None):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(request, thread, ctypes.c_void_p(address), data) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace({request:#x}): {os.strerror(error)}")


@contextlib.contextmanager
def hung_thread(pid, name):
    """One thread of the process does nothing for the time of the block; its others go on."""
    thread = next(t for t in thread_ids(pid) if thread_name(pid, t) == name)
    _ptrace(PTRACE_SEIZE, thread)
    try:
        _ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WAIT_FOR_THREADS)
        yield
    finally:
        _ptrace(PTRACE_DETACH, thread)


SYS_OPENAT = 257  # on x86_64


class _Registers(ctypes.Structure):
    """struct user_regs_struct of x86_64."""

    _fields_ = [
        (name, ctypes.c_ulonglong)
        for name in "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss"
        " fs_base gs_base ds es fs gs".split()
    ]


def make_call(pid, number, *arguments):
    """
    The process's first thread, which waits in a system call, makes another one that is not in
    its program (x86_64): it is sent back to the instruction that it called the kernel by.
    """
    syscall_instruction = b"\x0f\x05"
    registers = _Registers()
    _ptrace(PTRACE_SEIZE, pid)
    _ptrace(PTRACE_INTERRUPT, pid)
    os.waitpid(pid, WAIT_FOR_THREADS)
    _ptrace(PTRACE_GETREGS, pid, None, ctypes.byref(registers))
    registers.ip -= len(syscall_instruction)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(registers.ip)
        assert memory.read(len(syscall_instruction)) == syscall_instruction
    registers.orig_ax = 2**64 - 1  # the call that was interrupted is not to be made again
    registers.ax = number
    for name, value in zip(("di", "si", "dx", "r10", "r8", "r9"), arguments):
        setattr(registers, name, value % 2**64)
    _ptrace(PTRACE_SETREGS, pid, None, ctypes.byref(registers))
    _ptrace(PTRACE_DETACH, pid)
