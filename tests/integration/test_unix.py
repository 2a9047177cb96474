"""Unix sockets: the file and its life, the peers and their users, and over reloads."""

import fcntl
import os
import re
import signal
import socket
import stat
import subprocess
import sys

import pytest

import activation
import kernel
import peers
from echod import listener, run
from patience import eventually

MIB = 1 << 20

# A peer of another user: connects to a path and tells how that ends.
_AS_USER = """
import os, socket, sys
uid, path = int(sys.argv[1]), sys.argv[2]
os.setgroups([]); os.setgid(uid); os.setuid(uid)
peer = socket.socket(socket.AF_UNIX)
try:
    peer.connect(path)
    peer.sendall(b"who am I?")
    print(peer.recv(100).decode() or "eof")
except OSError as error:
    print(type(error).__name__)
"""

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes other users")


def as_user(uid, path):
    os.chmod(os.path.dirname(path), 0o755)
    command = [sys.executable, "-ISc", _AS_USER, str(uid), path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def path(workdir):
    return f"{workdir}/echod.sock"


def served(path, **options):
    return (listener(path=path, **options),)


def stale(path):
    """A socket's file that its process left behind; returns which file that is."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    return os.stat(path).st_ino


def refusal(path, *arguments):
    """What a start says that cannot have the path."""
    result = run("-f", "-l", f"unix:{path}", *arguments)
    assert result.returncode == 1, result.stderr
    return result.stderr


# --- the file --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["0600", "0666", "0000"])
def test_its_file_has_the_mode_and_goes_with_echod(start, path, mode):
    daemon = start(served(path, mode=mode))
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    assert stat.S_IMODE(os.stat(path).st_mode) == int(mode, 8)
    daemon.assert_echoes()
    daemon.stop()
    assert not os.path.exists(path)


@root_only
def test_owner_and_group(start, path):
    start(served(path, owner="nobody", group="daemon"))
    there = os.stat(path)
    assert (there.st_uid, stat.S_IMODE(there.st_mode)) == (65534, 0o660)
    assert there.st_gid == 1
    assert as_user(65534, path) == "who am I?"
    assert as_user(4321, path) == "PermissionError"


def test_a_stale_one_is_replaced(start, path):
    stale(path)
    start(served(path)).assert_echoes()
    assert sorted(os.listdir(os.path.dirname(path))) == ["echod.conf", "echod.sock"]


def test_what_a_killed_one_left_is_replaced(start, path):
    command = [os.environ["ECHOD"], "-f", "-l", f"unix:{path}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as killed:
        eventually(lambda: os.path.exists(path), "it listens")
        killed.kill()
    assert os.path.exists(path)
    start(served(path)).assert_echoes()


def test_what_lives_is_left_alone(start, path):
    daemon = start(served(path))
    assert "somebody listens there" in refusal(path)
    daemon.assert_echoes()


def test_one_whose_queue_is_full_lives(path):
    with socket.socket(socket.AF_UNIX) as full:
        full.bind(path)
        full.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(path)
        assert "somebody listens there" in refusal(path)


def test_one_for_datagrams_lives(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(path)
        assert "somebody listens there" in refusal(path)
        assert os.path.exists(path)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "fifo"])
def test_what_is_no_socket_is_left_alone(workdir, path, kind):
    if kind == "file":
        with open(path, "w", encoding="utf-8") as file:
            file.write("kept")
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        stale(f"{workdir}/other.sock")
        os.symlink(f"{workdir}/other.sock", path)
    before = os.lstat(path)
    assert "no socket" in refusal(path)
    assert os.lstat(path) == before


def test_a_folder_that_is_missing(workdir):
    assert "its folder has to be there" in refusal(f"{workdir}/none/echod.sock")


def test_only_one_of_many_that_start_has_it(launch, path):
    """Each finds the stale file; without the lock some would take it from one that serves."""
    for _ in range(5):
        stale(path)
        command = [os.environ["ECHOD"], "-f", "-l", f"unix:{path}"]
        many = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for _ in range(6)
        ]
        eventually(lambda: sum(each.poll() is None for each in many) == 1, "one is left")
        peer = peers.connect(f"unix:{path}", None)
        peers.echo(peer, b"served")
        peer.close()
        for each in many:
            each.terminate()
            each.communicate()
        assert not os.path.exists(path)


def test_who_holds_the_lock_of_the_folder_keeps_nobody_out(start, workdir, path):
    """It is asked for, or the one before proves little; but whoever may read the folder may."""
    folder = os.open(workdir, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    stale(path)
    daemon = start(served(path), {"log.level": "debug"})
    assert daemon.log.matching(rf"^debug: no lock on {workdir}/: ")
    daemon.assert_echoes()
    os.close(folder)


def test_what_others_put_in_its_place_stays(start, path):
    daemon = start(served(path))
    os.unlink(path)
    inode = stale(path)
    daemon.stop()
    assert os.stat(path).st_ino == inode


def test_abstract_names(start, abstract):
    daemon = start(served(abstract))
    daemon.assert_echoes()
    assert "Address already in use" in refusal(abstract)


# --- reloads ---------------------------------------------------------------------------------


def test_a_reload_keeps_it(start, path):
    daemon = start(served(path))
    inode = os.stat(path).st_ino
    assert daemon.reload()[-1].endswith("0 listeners added, 0 removed, 1 kept")
    assert os.stat(path).st_ino == inode
    daemon.assert_echoes()


def test_a_file_that_somebody_removed_is_made_anew(start, path):
    daemon = start(served(path))
    held = daemon.connect()
    os.unlink(path)
    assert daemon.reload()[-1].endswith("1 made anew")
    daemon.assert_echoes()
    peers.echo(held, b"still served")


def test_a_file_that_cannot_be_made_anew(start, workdir):
    """Its folder has another name: who is connected stays, and nobody else gets there."""
    folder = os.path.join(workdir, "folder")
    os.mkdir(folder)
    daemon = start(served(f"{folder}/echod.sock"))
    held = daemon.connect()
    os.rename(folder, f"{folder}-2")
    warning = daemon.reload()[-2]
    assert warning.endswith("; the listener stays as it is, which reaches nobody"), warning
    peers.echo(held, b"still served")
    os.rename(f"{folder}-2", folder)
    assert daemon.reload()[-1].endswith("1 kept")
    daemon.assert_echoes()


def test_another_listener_takes_the_path_without_a_gap(start, path):
    """Who comes meanwhile is served, and so is who waits in its queue."""
    daemon = start(served(path))
    inode = os.stat(path).st_ino
    daemon.signal(signal.SIGSTOP)
    eventually(lambda: kernel.is_stopped(daemon.pid), "echod is stopped")
    waiting = [daemon.connect() for _ in range(5)]
    daemon.configure(served(path, name="another", mode="0600"))
    daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGCONT)
    daemon.wait_log("reloaded .* 1 listener added, 1 removed")
    assert os.stat(path).st_ino == inode
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    for peer in waiting + [daemon.connect()]:
        peers.echo(peer, b"served")
    daemon.stop()
    assert not os.path.exists(path)


@pytest.mark.parametrize("names", [("new", "newer"), ("another", "echo-tcp")])
def test_a_path_spelled_twice_is_one_listeners(start, path, names):
    """Both would take it over from the one that has it; then who is served by which is chance."""
    daemon = start(served(path))
    spelled = path.replace("/echod.sock", "//echod.sock")
    daemon.configure([listener(names[0], path=path), listener(names[1], path=spelled)])
    lines = daemon.reload()
    assert any("somebody listens there" in line for line in lines)
    assert lines[-1].startswith("err: reload failed")
    daemon.assert_echoes()
    daemon.configure([listener(names[0], path=spelled)])
    daemon.reload()
    daemon.assert_echoes()
    daemon.stop()
    assert not os.path.exists(path)


def test_a_reload_that_fails_leaves_the_files_as_they_were(start, workdir, path, busy_port):
    other = f"{workdir}/other.sock"
    daemon = start(served(path))
    before = os.stat(path)
    inode = stale(other)
    daemon.configure(
        [
            listener("another", path=path, mode="0606"),
            listener("other", path=other),
            listener("new", path=f"{workdir}/new.sock"),
            listener("busy", port=busy_port),
        ]
    )
    assert daemon.reload()[-1].startswith("err: reload failed")
    now = os.stat(path)
    assert (now.st_ino, now.st_mode) == (before.st_ino, before.st_mode)
    assert os.stat(other).st_ino == inode
    assert sorted(os.listdir(workdir)) == ["echod.conf", "echod.sock", "other.sock"]
    daemon.assert_echoes()


@root_only
def test_a_mode_that_it_may_not_change_stays_and_nothing_is_said_of_giving_it_back(start, path):
    """The file is root's, who bound it; echod is another by now."""
    os.chmod(os.path.dirname(path), 0o755)
    daemon = start(served(path, mode="0600"), {"user": "nobody"})
    daemon.configure(served(path, mode="0666"), {"user": "nobody"})
    lines = daemon.reload()
    assert any("its mode, owner and group cannot be changed" in line for line in lines)
    assert lines[-1].startswith("err: reload failed")
    assert not any("back" in line for line in lines)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    daemon.assert_echoes()


def test_a_path_that_goes_is_removed_and_one_that_comes_is_there(start, workdir, path):
    daemon = start(served(path))
    daemon.configure(served(f"{workdir}/new.sock"))
    daemon.reload()
    assert not os.path.exists(path)
    daemon.listening["echo-tcp"] = daemon.listening["echo-tcp"][-1:]
    daemon.assert_echoes()


def test_the_first_path_needs_a_restart_in_the_sandbox(start, path):
    daemon = start()
    if not daemon.log.matching("^notice: sandboxed"):
        pytest.skip("there is no sandbox")
    daemon.configure([listener(), listener("local", path=path)])
    lines = daemon.reload()
    assert any("the sandbox was made without a path: restart echod" in line for line in lines)
    assert lines[-1].startswith("err: reload failed")
    daemon.configure([listener(), listener("local", path=f"@{os.path.basename(path)}{os.getpid()}")])
    daemon.reload()
    daemon.assert_echoes("local")


def test_an_inherited_one_is_its_managers(start, path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
        bound.listen(5)
        inode = os.stat(path).st_ino
        daemon = start(served(path), **activation.passing(bound))
        assert daemon.log.matching(rf"listening on unix:{path} \(echo-tcp\), inherited as echod.socket")
        daemon.assert_echoes()
        daemon.reload()
        daemon.assert_echoes()
        daemon.stop()
        assert os.stat(path).st_ino == inode


# --- peers -----------------------------------------------------------------------------------


def test_a_peer_is_its_user_and_process(start, path):
    daemon = start(served(path))
    peer = daemon.connect()
    peers.echo(peer, b"hello")
    name = peers.name_of(peer)
    assert name == f"uid:{os.getuid()},pid:{os.getpid()}"
    peer.close()
    assert daemon.wait_closed(name)["received"] == "5"


@root_only
def test_access_is_by_user(start, path):
    rules = {"access.deny": ["uid:4321", "127.0.0.0/8"]}
    daemon = start([*served(path, mode="0666"), listener("tcp")], rules)
    assert as_user(4321, path) in ("eof", "ConnectionResetError", "BrokenPipeError")
    assert as_user(4322, path) == "who am I?"
    assert daemon.resets("tcp")
    daemon.wait_log("connection refused: peer=uid:4321,pid:.* reason=denied")
    daemon.configure([*served(path, mode="0666"), listener("tcp")], {"access.allow": ["uid:4322"]})
    daemon.reload()
    assert as_user(4322, path) == "who am I?"
    assert as_user(4321, path) != "who am I?"
    daemon.assert_echoes("tcp")  # a rule for users says nothing of addresses


def test_prefixes_do_not_shut_out_users(start, path):
    daemon = start(served(path), {"access.allow": ["192.0.2.0/24"], "access.deny": ["::/0"]})
    daemon.assert_echoes()


@root_only
def test_limits_go_by_user(start, path):
    daemon = start(served(path, mode="0666"), {"limits.connections_per_source": 2})
    inside = [daemon.connect() for _ in range(2)]
    for peer in inside:
        peers.echo(peer, b"inside")
    with pytest.raises((ConnectionResetError, BrokenPipeError, AssertionError)):
        peers.echo(daemon.connect(), b"one too many")
    assert as_user(4321, path) == "who am I?"
    daemon.wait_log("connection refused: .* reason=source_connections")


@root_only
def test_rules_of_users_are_a_fault_where_all_are_one(workdir):
    file = f"{workdir}/echod.conf"
    with open(file, "w", encoding="utf-8") as out:
        out.write('listen a { port = 7 }\naccess { deny = {"uid:1000"} }\n')
    result = run("-t", "-c", file, prefix=["unshare", "--user", "--map-root-user"])
    if "unshare:" in result.stderr:
        pytest.skip("no user namespaces")
    assert result.returncode == 78
    assert "access.deny = uid:1000: this process cannot tell one user from another" in result.stderr
    assert run("-t", "-c", file).returncode == 0


@root_only
@pytest.mark.parametrize(
    "users, status",
    [("", 78), ("0 0 4294967294", 78), ("0 0 4294967295", 0), ("0 0 1\n1 1 4294967294", 0)],
)
def test_whether_all_are_one_is_told_by_the_whole_map(workdir, users, status):
    file = f"{workdir}/echod.conf"
    with open(file, "w", encoding="utf-8") as out:
        out.write('listen a { port = 7 }\naccess { deny = {"uid:1000"} }\n')
    script = 'echo; read mapped; exec "$0" -t -c "$1"'
    command = ["unshare", "--user", "sh", "-c", script, os.environ["ECHOD"], file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as inside:
        if not inside.stdout.readline():
            pytest.skip("no user namespaces")
        if users:
            with open(f"/proc/{inside.pid}/uid_map", "w", encoding="ascii") as out:
                out.write(users)
        inside.communicate(b"\n")
    assert inside.returncode == status


def test_proxies_are_trusted_by_the_mode(start, path):
    daemon = start(served(path, proxy_protocol=True))
    peer = daemon.connect()
    peer.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhello")
    peers.assert_same(peers.receive(peer, 5), b"hello")
    me = re.escape(peers.name_of(peer))
    daemon.wait_log(rf"connection opened: peer=192.0.2.1:1 proxy={me} listener=echo-tcp")
    plain = daemon.connect()
    plain.sendall(b"no header\r\n")
    assert peers.ends(plain) in ("eof", "reset")


def test_who_closes_with_bytes_unread_is_a_reset(start, path, back_end):
    daemon = start(served(path), back_end)
    peer = daemon.connect()
    peer.sendall(peers.payload(MIB // 64))
    eventually(lambda: peers.readable([peer], 1), "bytes come back")
    peer.close()
    assert daemon.wait_closed(f"uid:{os.getuid()},pid:{os.getpid()}")["reason"] in ("reset", "error")


def test_who_never_reads_is_bounded(start, path):
    """limits.blocked_memory sees what the kernel holds of Unix sockets, both ways."""
    options = {"workers": 1, "limits.stalled_connections": 0, "limits.write_timeout": 0}
    daemon = start(served(path), {**options, "limits.blocked_memory": 4})
    data = peers.payload(MIB)
    crowd = [daemon.connect() for _ in range(60)]
    for peer in crowd:
        peer.setblocking(False)
        try:
            while True:
                peer.send(data[:65536])
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
    daemon.wait_log("connection closed: .* reason=stalled ")
    daemon.assert_echoes()
