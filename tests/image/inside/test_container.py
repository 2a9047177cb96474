"""A container of the image, as it is run by hand: podman with runc."""

import re
import signal
import time
import urllib.error
import urllib.request

import podman
import pytest
from machine import eventually, run
from users import MESSAGE
from podman import HARDENED, PORT, PUBLISHED, Stream, container

USER = "65532"
NO_CAPABILITIES = ["0000000000000000"]


@pytest.fixture
def configuration(tmp_path):
    """Writes a file for the container's /etc/echod.conf; returns the option that mounts it."""

    def write(text):
        path = tmp_path / "echod.conf"
        path.write_text(text, encoding="ascii")
        path.chmod(0o644)
        return f"--volume={path}:/etc/echod.conf:ro"

    return write


def test_it_echoes_with_all_taken_from_it_that_can_be():
    begin = time.monotonic()
    with container(*HARDENED, *PUBLISHED) as echod:
        podman.assert_echoes()
        print(f"podman run to the first echoes: {(time.monotonic() - begin) * 1000:.0f} ms")
        fields = echod.fields()
        assert fields["NSpid"][-1] == "1"
        assert fields["Uid"] == fields["Gid"] == [USER] * 4
        assert fields["NoNewPrivs"] == ["1"]
        for name in "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
            assert fields[name] == NO_CAPABILITIES, name
        assert "sandboxed by seccomp(2)" in echod.log()
        assert not [line for line in echod.log().splitlines() if " err: " in line]
        assert echod.root_options() >= {"ro"}


def test_it_has_no_rights_as_it_comes():
    """Without an option it is no root, and so has no capability in force."""
    with container(*PUBLISHED) as echod:
        podman.assert_echoes()
        fields = echod.fields()
        assert fields["Uid"] == [USER] * 4
        for name in "CapPrm", "CapEff", "CapAmb":
            assert fields[name] == NO_CAPABILITIES, name


def test_it_has_nothing_to_run_but_echod():
    with container() as echod:
        for command in "sh", "/bin/sh", "bash", "busybox", "apt-get", "dpkg", "ls":
            assert re.search("not found|no such file", echod.execute(command, status=127))


def test_the_client_in_it_is_the_probe():
    with container(*HARDENED) as echod:
        echod.probe()
        run("kill", "-STOP", str(echod.pid()))
        echod.probe(status=2)
        run("kill", "-CONT", str(echod.pid()))
        echod.probe()


def test_it_has_a_health_check():
    command = f"CMD {' '.join(podman.PROBE)}"
    with container(*HARDENED, f"--health-cmd={command}", "--health-interval=disable") as echod:
        podman.podman("healthcheck", "run", echod.name)
        run("kill", "-STOP", str(echod.pid()))
        podman.podman("healthcheck", "run", echod.name, status=1)
        run("kill", "-CONT", str(echod.pid()))


def answer(path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:9007{path}", timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_probes_over_http():
    listen = ("-f", "-l", f"tcp://*:{PORT}", "-o", 'observe.address="*"')
    with container(*HARDENED, *PUBLISHED, "-p", "9007:9007", arguments=listen) as echod:
        assert [answer(path) for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
        stream = Stream()
        stream.exchange()
        run("kill", "-TERM", str(echod.pid()))
        eventually(lambda: answer("/readyz") == 503, "not ready while it drains")
        assert answer("/healthz") == 200
        stream.read_to_end()


def test_what_is_on_its_way_is_echoed_when_it_is_stopped():
    with container(*HARDENED, *PUBLISHED, "--stop-timeout=40") as echod:
        streams = [Stream() for _ in range(20)]
        for stream in streams[10:]:
            stream.exchange()
        for stream in streams[:10]:
            stream.push()
        echod.stop(40)
        echod.wait_log("SIGTERM: draining 20 connections")
        for stream in streams:
            stream.read_to_end()
        assert sum(stream.sent for stream in streams) == sum(stream.received for stream in streams)
        echod.wait_stopped()
        assert echod.status() == 0
        assert echod.log().splitlines()[-1].endswith(" notice: stopped")
        print(f"lost in the drain: 0 of {sum(stream.sent for stream in streams)} bytes")


def test_a_drain_ends_in_time_for_who_waits_less_than_usual():
    """By podman ten seconds, less than a drain may take; here it has a peer that never reads."""
    listen = ("-f", "-l", f"tcp://*:{PORT}", "-o", "drain_timeout=2")
    with container(*HARDENED, *PUBLISHED, arguments=listen) as echod:
        stream = Stream()
        stream.push()
        podman.podman("stop", echod.name)
        assert echod.status() == 0


def test_arguments_take_the_place_of_its_own():
    with container("-p", "10008:10008", arguments=("-f", "-l", "tcp://*:10008")) as echod:
        with podman.connect(10008) as peer:
            podman.echo(peer)
        assert "10007" not in echod.log()


def test_a_mounted_configuration(configuration):
    mount = configuration('listen mine { port = 10007 greeting = "mine\\n" }\n')
    with container(*HARDENED, *PUBLISHED, mount, arguments=("-f",)) as echod:
        with podman.connect() as peer:
            assert peer.recv(5) == b"mine\n"
        configuration('listen mine { port = 10007 greeting = "next\\n" }\n')
        podman.podman("kill", "-s", "HUP", echod.name)
        echod.wait_log("reloaded")
        with podman.connect() as peer:
            assert peer.recv(5) == b"next\n"


def test_its_options_hold_for_the_listeners_of_the_command_as_well(configuration):
    mount = configuration('log { format = "json" }\n')
    with container(*HARDENED, *PUBLISHED, mount) as echod:
        podman.assert_echoes()
        assert '"message":"listening on tcp://*:10007 (tcp-1)"' in echod.log()


def test_a_fault_of_the_configuration_is_told_and_ends_it(configuration):
    mount = configuration("listen mine {\n\tport = 70000\n}\n")
    said = podman.podman("run", "--rm", *HARDENED, mount, podman.IMAGE, "-f", status=78)
    assert "/etc/echod.conf:2" in said


def test_it_logs_to_standard_error_where_there_is_no_logger():
    """Without -f, it is syslog that is asked first; there is none in a container."""
    with container(*HARDENED, *PUBLISHED, arguments=("-l", "tcp://*:10007")) as echod:
        assert "cannot log to syslog, /dev/log: No such file or directory" in echod.log()
        with podman.connect() as peer:
            podman.echo(peer, MESSAGE)


def test_systemd_is_told_when_it_serves():
    """With --sdnotify=container podman hands it the socket of who started it."""
    unit = ("--unit=echod-container", "--property=Type=notify", "--property=NotifyAccess=all")
    run(
        "systemd-run",
        *unit,
        "podman",
        "run",
        "--rm",
        "--name=told",
        "--sdnotify=container",
        *HARDENED,
        podman.IMAGE,
    )
    try:
        assert run("systemctl", "is-active", "echod-container.service") == "active\n"
    finally:
        run("systemctl", "stop", "echod-container.service")


def test_it_serves_sockets_of_systemd_without_any_network():
    """podman passes them on; a peer then has its own address, and the first one starts it all."""
    listen = ("-f", "-l", "tcp://*:10009")
    run(
        "systemd-run",
        "--unit=echod-socket",
        "--socket-property=ListenStream=10009",
        "podman",
        "run",
        "--rm",
        "--name=activated",
        "--network=none",
        *HARDENED,
        podman.IMAGE,
        *listen,
    )
    try:
        with podman.connect(10009) as peer:
            podman.echo(peer)
            name = "%s:%d" % peer.getsockname()
        log = podman.Container("activated").log()
        assert "listening on tcp://*:10009 (tcp-1), inherited as echod-socket.socket" in log
        assert f"connection opened: peer={name} " in log
    finally:
        run("systemctl", "stop", "echod-socket.socket", "echod-socket.service")


def test_a_second_signal_stops_it_at_once():
    with container(*HARDENED, *PUBLISHED) as echod:
        stream = Stream()
        stream.push()
        pid = echod.pid()
        run("kill", f"-{signal.SIGTERM}", str(pid))
        echod.wait_log("draining 1 connection")
        run("kill", f"-{signal.SIGTERM}", str(pid))
        eventually(lambda: echod.state() == "exited", "its end")
        assert echod.status() == 0
