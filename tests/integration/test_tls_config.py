"""Certificates and keys of TLS listeners: where they come from, and what is told of them."""

import grp
import os
import pwd
import re
import socket
import ssl

import pytest

import certificates
import tls
from activation import bound, passing, port_of
from certificates import is_presented, of_time, put, secure, secured
from echod import listener, run

pytestmark = pytest.mark.skipif(not certificates.BUILT, reason="there is no TLS here, or openssl(1)")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NOBODY = pwd.getpwnam("nobody")
UNPRIVILEGED = ["setpriv", "--reuid", "nobody", "--regid", str(NOBODY.pw_gid), "--clear-groups"]


@pytest.fixture(name="pair")
def made_pair(workdir):
    return put(tls.pair("localhost", days=60), workdir)


def check(workdir, text, *arguments, **named):
    """What -t says of a file: the exit status and the lines on stderr."""
    path = os.path.join(workdir, "echod.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    result = run("-t", "-c", path, *arguments, **named)
    lines = result.stderr.replace(path, "FILE").splitlines()
    # A build for coverage, run as a user who cannot write its counts, says so.
    return result.returncode, [line for line in lines if not line.startswith("profiling:")]


# --- the command line ------------------------------------------------------------------------------


def test_a_listener_of_the_command_line(start, pair):
    tls_options = ("-o", f"tls.certificate={pair.certificate}", "-o", f'tls.key={{"{pair.key}"}}')
    daemon = start((), arguments=["-l", "tls://127.0.0.1:0", *tls_options])
    assert daemon.listening["tls-1"][0].protocol == "tls"
    assert is_presented(daemon, pair, "tls-1")


def test_the_dump_gives_the_same_again(workdir, pair):
    path = os.path.join(workdir, "dumped.conf")
    settings = (f"tls.certificate={pair.certificate}", f"tls.key={pair.key}", 'tls.alpn={"h2", a}')
    arguments = (word for setting in settings for word in ("-o", setting))
    first = run("-T", "-l", "tls://127.0.0.1:4007", "-l", "tcp://127.0.0.1:7", *arguments)
    with open(path, "w", encoding="utf-8") as file:
        file.write(first.stdout)
    assert run("-T", "-c", path).stdout == first.stdout
    assert first.stdout.count('alpn = {"h2", "a"}') == 2  # of the section and of one listener


def test_several_are_chosen_by_the_name(start, workdir):
    pairs = [tls.pair(f"{name}.example") for name in "ab"]
    options = {"tls.certificate": [p.certificate for p in pairs], "tls.key": [p.key for p in pairs]}
    daemon = start([listener("echo-tls", protocol="tls")], options)
    for name, pair in ("a.example", pairs[0]), ("b.example", pairs[1]), ("c.example", pairs[0]):
        assert is_presented(daemon, pair, server_hostname=name)


def test_clients_show_certificates(start, pair):
    daemon = start([
        secure(pair, client_ca=tls.authority().certificate, client_certificate="required"),
        secure(pair, "asks", client_ca=tls.authority().certificate, client_certificate="optional"),
    ])  # fmt: skip
    one = certificates.client()
    one.load_cert_chain(*tls.pair("client"))
    assert is_presented(daemon, pair, context=one)
    assert is_presented(daemon, pair, "asks")
    with pytest.raises(OSError), secured(daemon) as peer:  # TLS 1.3 has it after the handshake
        peer.sendall(b"x")
        assert peer.recv(1) == b"x"


def test_versions_and_protocols(start, pair):
    daemon = start([secure(pair, minimum_version="1.3", alpn=["b", "a"])])
    old = certificates.client(maximum_version=ssl.TLSVersion.TLSv1_2)
    with pytest.raises(ssl.SSLError), secured(daemon, context=old):
        pass
    speaking = certificates.client()
    speaking.set_alpn_protocols(["a", "b"])
    with secured(daemon, context=speaking) as peer:
        assert peer.version() == "TLSv1.3"
        assert peer.selected_alpn_protocol() == "b"


# --- faults --------------------------------------------------------------------------------------------


def test_tls_and_tcp_have_the_same_ports(workdir, pair):
    tcp = listener("plain", port=443)
    for first, second in (secure(pair, port=443), tcp), (tcp, secure(pair, port=443)):
        status, lines = check(workdir, first + second)
        assert status == 78
        assert re.fullmatch(r"echod: FILE:2: listener \S+ \(t..://127.0.0.1:443\) overlaps listener .*"
                            r": give another address or port", lines[0])  # fmt: skip
        assert len(lines) == 1


@as_root
def test_a_key_that_cannot_be_read_is_told_with_who_must(workdir, pair):
    os.chmod(workdir, 0o755)
    os.chmod(pair.certificate, 0o644)
    status, lines = check(workdir, secure(pair, port=1), prefix=UNPRIVILEGED)
    assert status == 78
    assert lines == [
        f'echod: FILE:1: listener "echo-tls": {pair.key}: Permission denied: uid {NOBODY.pw_uid}'
        " (nobody) must be able to read it, but it has mode 0600 and belongs to 0:0: give it a"
        " group that may, as SupplementaryGroups=ssl-cert does"
    ]


# --- when they end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begin, end, told",
    [
        (-1, 40, None),
        (-1, 30, None),
        (-1, 29, "notice: certificate ends soon: {} end=<TIME> days=29"),
        (-1, 7, "notice: certificate ends soon: {} end=<TIME> days=7"),
        (-1, 6, "warning: certificate ends soon: {} end=<TIME> days=6"),
        (-1, 0, "warning: certificate ends soon: {} end=<TIME> days=0"),
        (-2, -1, "warning: certificate has ended: {} end=<TIME>"),
        (2, 40, "warning: certificate is not valid yet: {} begin=<TIME>"),
    ],
)
def test_their_ends_are_told(start, workdir, begin, end, told):
    pair = put(of_time(begin, end), workdir)
    expected = [told.format(f"listener=echo-tls file={pair.certificate}")] if told else []
    status, lines = check(workdir, secure(pair, port=1))
    assert status == 0
    shown = [re.sub(r"^\S+Z |(?<==)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lambda m: "<TIME>" if m.start() else "",
                    line) for line in lines]  # fmt: skip
    assert shown == expected
    daemon = start([secure(pair)])
    assert len(daemon.log.matching("certificate (ends|has|is)")) == len(expected)
    assert is_presented(daemon, pair)


def test_they_are_told_once_a_day(start, workdir, clock_library):
    pair = put(of_time(-1, 31), workdir)
    clock = os.path.join(workdir, "clock")

    def write(offset):
        with open(clock + ".new", "w", encoding="ascii") as file:
            file.write(f"+{offset}\n")
        os.replace(clock + ".new", clock)

    write(0)
    faked = {"LD_PRELOAD": clock_library, "FAKETIME_NO_CACHE": "1", "FAKETIME_TIMESTAMP_FILE": clock}
    daemon = start([secure(pair)], {"sandbox": "false"}, environment=faked)
    assert not daemon.log.matching("certificate ends soon")
    for day, days in (1, None), (2, 29), (3, 28):
        after = daemon.log.mark()
        write(day * 86400 + 60)
        daemon.statistics()  # its loop turns
        told = daemon.log.matching("^notice: certificate ends soon: .* days=", after)
        assert [line.rpartition("=")[2] for line in told] == ([str(days)] if days else [])


def test_the_statistics_have_the_earliest_end(start, workdir):
    early, late = of_time(-1, 50), of_time(-1, 60)
    both = listener("both", protocol="tls", certificate=[late.certificate, early.certificate],
                    key=[late.key, early.key])  # fmt: skip

    def ends():
        name = re.compile(r'echod_certificate_end_seconds\{listener="(.*)"\}')
        told = {name.fullmatch(series): value for series, value in daemon.statistics().items()}
        return {match[1]: value for match, value in told.items() if match}

    daemon = start([listener(), both, secure(late)])
    first, second = certificates.end_of(early), certificates.end_of(late)
    assert ends() == {"both": first, "echo-tls": second}
    daemon.configure([listener(), secure(early)])
    daemon.reload()
    assert ends() == {"echo-tls": first}


# --- who may read them --------------------------------------------------------------------------------------


def test_a_key_that_all_may_read_is_a_warning(start, workdir):
    pair = put(tls.pair("localhost", days=60), workdir, 0o644)
    daemon = start([secure(pair), listener()])
    warning = f"^warning: all users may read the key: listener=echo-tls file={pair.key}$"
    assert len(daemon.log.matching(warning)) == 1
    daemon.reload()
    assert len(daemon.log.matching(warning)) == 2
    os.chmod(pair.key, 0o640)
    daemon.reload()
    assert len(daemon.log.matching(warning)) == 2


@as_root
def test_a_key_that_the_user_cannot_read_is_told_at_start(start, workdir, pair):
    os.chmod(workdir, 0o755)
    os.chmod(pair.certificate, 0o644)
    listeners = [secure(pair), secure(pair, "second")]
    daemon = start(listeners, {"user": "nobody"})
    assert len(daemon.log.matching("a reload will fail")) == 1
    assert daemon.log.matching(
        f"^warning: {pair.key}: a reload will fail: uid {NOBODY.pw_uid} \\(nobody\\) must be able to"
        " read it, but it has mode 0600 and belongs to 0:0: give it a group that may, as"
        " SupplementaryGroups=ssl-cert does$"
    )
    assert is_presented(daemon, pair)
    fault = daemon.reload()[-2]
    assert f"{pair.key}: Permission denied: uid {NOBODY.pw_uid} (nobody) must be able to" in fault
    assert is_presented(daemon, pair)
    os.chown(pair.key, 0, NOBODY.pw_gid)
    os.chmod(pair.key, 0o640)
    assert daemon.reload()[-1].startswith("notice: reloaded ")


@as_root
def test_a_key_that_its_group_can_read_is_not(start, workdir, pair):
    os.chmod(workdir, 0o755)
    os.chmod(pair.certificate, 0o644)
    os.chown(pair.key, 0, NOBODY.pw_gid)
    os.chmod(pair.key, 0o640)
    daemon = start([secure(pair)], {"user": "nobody"})
    assert not daemon.log.matching("a reload will fail")
    assert daemon.reload()[-1].startswith("notice: reloaded ")


@as_root
def test_a_supplementary_group_will_do(start, workdir, pair):
    """As SupplementaryGroups= gives one to a service."""
    os.chmod(workdir, 0o755)
    os.chmod(pair.certificate, 0o644)
    group = grp.getgrnam("daemon").gr_gid
    os.chown(pair.key, 0, group)
    os.chmod(pair.key, 0o640)
    daemon = start([secure(pair)], prefix=[*UNPRIVILEGED[:-1], "--groups", str(group)])
    assert not daemon.log.matching("a reload will fail")
    assert daemon.reload()[-1].startswith("notice: reloaded ")
    assert is_presented(daemon, pair)


# --- inherited -------------------------------------------------------------------------------------------------


@pytest.mark.skipif("+systemd" not in run("-V").stdout, reason="built without libsystemd")
@pytest.mark.parametrize("name", ["echod.socket", "echo-tls"])
def test_a_socket_that_was_passed(start, pair, name):
    with bound() as passed:
        daemon = start([secure(pair, port=port_of(passed))], **passing(passed, names=[name]))
        assert daemon.log.matching(
            rf"^notice: listening on tls://127.0.0.1:{port_of(passed)} \(echo-tls\), inherited as {name}$"
        )
        assert is_presented(daemon, pair)
        assert daemon.reload()[-1].endswith("0 listeners added, 0 removed, 1 kept")
        assert is_presented(daemon, pair)
        daemon.configure([listener("plain", port=port_of(passed))])
        assert "listening on tcp://" in "".join(daemon.reload())
        daemon.assert_echoes("plain")
        daemon.configure([secure(pair, port=port_of(passed))])
        assert daemon.reload()[-1].endswith("1 listener added, 1 removed, 0 kept")
        assert is_presented(daemon, pair)


@pytest.mark.skipif("+systemd" not in run("-V").stdout, reason="built without libsystemd")
def test_a_socket_that_was_passed_and_is_not_its_own(workdir, pair):
    with bound() as passed, bound(kind=socket.SOCK_DGRAM) as other:
        path = os.path.join(workdir, "echod.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(secure(pair, port=port_of(passed)))
        result = run("-f", "-c", path, **passing(passed, other))
        assert result.returncode == 78
        assert f"inherited socket udp://127.0.0.1:{port_of(other)}" in result.stderr
