"""What is in the image and what is not, and that it can be told what that is."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import archive
import pytest

PROGRAMS = {"usr/sbin/echod", "usr/bin/echod-client"}
LOADER = re.compile(r"usr/lib(64)?/ld-linux-\S+")
LIBRARY = re.compile(r"usr/lib/[^/]+/lib[^/]+\.so(\.\d+)+")
TEXT = re.compile(
    r"etc/(passwd|group|nsswitch\.conf|os-release)"
    r"|usr/share/doc/[^/]+/copyright|var/lib/dpkg/status\.d/[^/]+"
)
USER = 65532
START = 0.1  # seconds from exec to the first echo


@pytest.fixture(scope="module")
def files():
    return archive.files()


@pytest.fixture
def root(tmp_path):
    """The image, unpacked."""
    with archive.opened() as layer:
        layer.extractall(tmp_path)
    tmp_path.chmod(0o755)
    return tmp_path


def test_it_has_both_programs_and_what_they_need_and_nothing_else(files):
    others = {
        name
        for name in files
        if not (LOADER.fullmatch(name) or LIBRARY.fullmatch(name) or TEXT.fullmatch(name))
    }
    assert others == PROGRAMS
    print(*(f"{len(data):>9} {name}" for name, data in sorted(files.items())), sep="\n")


def test_only_what_is_loaded_can_be_executed(files):
    with archive.opened() as layer:
        executable = {m.name for m in layer if m.isfile() and m.mode & 0o111}
    assert PROGRAMS <= executable
    assert all(files[name].startswith(b"\x7fELF") for name in executable)


def test_nobody_but_root_owns_or_may_write_anything_in_it():
    with archive.opened() as layer:
        for member in layer:
            assert (member.uid, member.gid) == (0, 0), member.name
            assert member.issym() or member.mode & 0o7022 == 0, member.name


def test_it_has_one_time(files):
    with archive.opened() as layer:
        times = {int(member.mtime) for member in layer}
    assert len(times) == 1
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(*times))
    assert archive.CONFIGURATION["created"] == created
    assert archive.BILL["creationInfo"]["created"] == created


def test_it_is_small():
    size = archive.LAYER["size"] + archive.MANIFEST["config"]["size"]
    print(f"compressed: {size / 1e6:.2f} MB")
    assert size <= 7e6
    assert archive.LAYER["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"


def test_how_it_is_run_unless_told_otherwise():
    configuration = archive.CONFIGURATION["config"]
    assert configuration["User"] == f"{USER}:{USER}"
    assert configuration["Entrypoint"] == ["/usr/sbin/echod"]
    assert configuration["Cmd"] == ["-f", "-l", "tcp://*:10007", "-l", "udp://*:10007"]
    assert set(configuration["ExposedPorts"]) == {"10007/tcp", "10007/udp"}
    assert configuration["StopSignal"] == "SIGTERM"


def test_its_user_has_a_name_and_no_shell(files):
    assert files["etc/passwd"].decode() == f"echod:x:{USER}:{USER}:echod:/:/usr/sbin/nologin\n"
    assert files["etc/group"].decode() == f"echod:x:{USER}:\n"


def test_the_bill_of_materials_has_each_file(files):
    bill = {
        each["fileName"].removeprefix("./"): each["checksums"][1]["checksumValue"]
        for each in archive.BILL["files"]
    }
    assert bill == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_the_bill_of_materials_has_each_package(files):
    packages = {each["name"]: each for each in archive.BILL["packages"]}
    stated = {name.rpartition("/")[2] for name in files if "/status.d/" in name}
    assert set(packages) == stated | {"echod", "echod-image"}
    assert {"libc6", "libssl3", "libevent-core-2.1-7"} <= stated
    for name in stated:
        status = files[f"var/lib/dpkg/status.d/{name}"].decode()
        assert f"\nVersion: {packages[name]['versionInfo']}\n" in status
        assert f"usr/share/doc/{name}/copyright" in files
    labels = archive.CONFIGURATION["config"]["Labels"]
    assert packages["echod"]["versionInfo"] == labels["org.opencontainers.image.version"]
    assert labels["org.opencontainers.image.revision"] in packages["echod"]["sourceInfo"]


def test_the_bill_of_materials_is_whole():
    """What SPDX 2.3 must have, and no element that is not there."""
    bill = archive.BILL
    assert (bill["spdxVersion"], bill["dataLicense"]) == ("SPDX-2.3", "CC0-1.0")
    assert bill["documentNamespace"].startswith("urn:uuid:")
    identifiers = ["SPDXRef-DOCUMENT"]
    identifiers += [each["SPDXID"] for each in bill["packages"] + bill["files"]]
    assert len(set(identifiers)) == len(identifiers)
    for each in bill["packages"]:
        assert {"name", "downloadLocation", "filesAnalyzed"} <= set(each)
    related = {each["relatedSpdxElement"] for each in bill["relationships"]}
    assert related == set(identifiers) - {"SPDXRef-DOCUMENT"}


def seconds_to_first_echo(root):
    """From before echod is executed in the image until its first echo is back."""
    begin = time.monotonic()
    ready, told = os.pipe()
    daemon = subprocess.Popen(
        ["chroot", f"--userspec={USER}:{USER}", root, "/usr/sbin/echod", "-f"]
        + ["-l", "tcp://127.0.0.1:0", "--ready-fd", str(told)],
        stderr=subprocess.DEVNULL,
        pass_fds=[told],
    )
    os.close(told)
    with daemon, open(ready, encoding="ascii") as lines:
        port = re.search(r"127\.0\.0\.1:(\d+)", lines.readline()).group(1)
        with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as peer:
            peer.sendall(b"first")
            assert peer.recv(5, socket.MSG_WAITALL) == b"first"
        took = time.monotonic() - begin
        daemon.terminate()
    assert daemon.returncode == 0
    return took


def test_the_first_echo_comes_soon(root):
    took = sorted(seconds_to_first_echo(root) for _ in range(21))
    print(
        "exec to first echo, ms: least %.1f, median %.1f, most %.1f"
        % (took[0] * 1000, took[10] * 1000, took[-1] * 1000)
    )
    assert took[0] <= START  # the others had to wait for a CPU


def test_buildah_runs_it_where_no_runtime_for_containers_can(tmp_path):
    """In a chroot, as the user of the image's configuration."""
    buildah = ["buildah", "--root", tmp_path / "store", "--runroot", tmp_path / "run"]
    buildah += ["--storage-driver", "vfs"]

    def run(*command):
        done = subprocess.run([*buildah, *command], check=True, text=True, capture_output=True)
        return done.stdout.strip()

    container = run("from", f"oci-archive:{archive.ARCHIVE}")
    serve = ["/usr/sbin/echod", "-f", "-l", "tcp://127.0.0.1:0", "--ready-fd", "1"]
    with subprocess.Popen(
        [*buildah, "run", "--isolation", "chroot", container, "--", *serve],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running, contextlib.ExitStack() as ended:
        ready = json.loads(running.stdout.readline())
        ended.callback(os.kill, ready["pid"], signal.SIGTERM)
        status = pathlib.Path(f"/proc/{ready['pid']}/status").read_text(encoding="ascii")
        assert re.search(rf"^Uid:\t{USER}\t", status, re.MULTILINE)
        uri = ready["listeners"][0]["uri"]
        run(
            "run",
            "--isolation",
            "chroot",
            container,
            "--",
            "/usr/bin/echod-client",
            "-q",
            "-c",
            "3",
            "-i",
            "0.01",
            uri,
        )
    assert running.returncode == 0
    run("rm", container)
