"""What keeps echod from starting, and whether another try may help: 1 is for what depends on the
moment, 78 for what is wrong with the file, and is what -t says as well."""

import os

import pytest

import kernel
import memory
import patience
from activation import passing
from echod import listener, run, without_capabilities
from interfaces import ADDRESS, PORT, without_ipv6

MOMENT, FILE = 1, 78
UNANSWERED = ["not-started", "refused", "forbidden", "overloaded"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
needs_ipv6 = pytest.mark.skipif(not kernel.has_ipv6(), reason="this machine has no IPv6")


def write(workdir, text):
    path = os.path.join(workdir, "echod.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


@pytest.fixture
def fails(workdir):
    """Echod does not start by such a file; checks the status of that and of -t."""

    def start(text, status, *words, **named):
        path = write(workdir, text)
        check = run("-t", "-c", path, **named)
        assert check.returncode == (FILE if status == FILE else 0), check
        assert status == FILE or check.stderr == ""
        result = run("-f", "-c", path, **named)
        assert result.returncode == status, result
        for word in words:
            assert word in result.stderr

    return start


def one(address, port=PORT, protocol="tcp"):
    return listener("a", address, port, protocol)


# --- addresses ------------------------------------------------------------------------------------


@needs_ipv6
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_no_interface_of_this_name(fails, host, protocol):
    uri = f"{protocol}://[{ADDRESS}%late]:{PORT}"
    told = f"cannot listen on {uri} (a): No such device"
    for case in "not yet", "not any more", "renamed":
        if case != "not yet":
            host.add()
        if case == "not any more":
            host.remove()
        elif case == "renamed":
            host.rename("late", "other")
        fails(one(f"{ADDRESS}%late", protocol=protocol), MOMENT, told, prefix=host.prefix)


@needs_ipv6
def test_no_interface_of_this_number(fails, host):
    told = f"cannot listen on tcp://[{ADDRESS}%999]:{PORT} (a): No such device"
    fails(one(f"{ADDRESS}%999"), MOMENT, told, prefix=host.prefix)


@needs_ipv6
@pytest.mark.parametrize("address", ["::1", "192.0.2.7", "2001:db8::7", f"{ADDRESS}%lo"])
def test_an_address_that_the_host_does_not_have_yet(fails, host, address):
    host.set_ipv6(False)
    told = "Cannot assign requested address; the host does not have this address now"
    fails(one(address), MOMENT, told, prefix=host.prefix)


@needs_ipv6
def test_no_ipv6_at_all(fails, host, workdir):
    variables = without_ipv6(os.path.join(workdir, "no-ipv6"))
    environment = ["env", *(f"{name}={value}" for name, value in variables.items())]
    told = "Address family not supported by protocol"
    fails(one("::1"), MOMENT, told, prefix=[*host.prefix, *environment])


@needs_ipv6
def test_the_one_address_that_is_taken_is_named(fails, host):
    with host.bound("::1", "tcp"):
        told = f"cannot listen on tcp://[::1]:{PORT} (a): Address already in use"
        fails(one("localhost"), MOMENT, told, prefix=host.prefix)


@needs_root
def test_a_port_that_needs_a_right(fails, host):
    without = without_capabilities("net_bind_service")
    told = "Permission denied; a port below 1024 needs root or CAP_NET_BIND_SERVICE"
    fails(one("127.0.0.1", 7), MOMENT, told, prefix=[*host.prefix, *without])


@needs_ipv6
@pytest.mark.parametrize("wildcard", ["*", "::"])
def test_what_overlaps_does_so_whatever_interfaces_there_are(fails, host, wildcard):
    text = one(wildcard) + listener("b", f"{ADDRESS}%late", PORT)
    for is_there in False, True:
        if is_there:
            host.add()
        fails(text, FILE, 'listener "b"', "overlaps", prefix=host.prefix)


# --- the user -------------------------------------------------------------------------------------


@pytest.fixture
def silent(workdir):
    """A prefix that starts echod where a service for users does not answer."""
    switch = os.path.join(workdir, "nsswitch.conf")
    with open(switch, "w", encoding="ascii") as file:
        file.write("passwd: files silent\ngroup: files silent\n")
    library = f"LD_LIBRARY_PATH={os.environ['NAME_SERVICE_LIBRARIES']}"
    bind = 'mount --bind "$0" /etc/nsswitch.conf && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", bind, switch, "env", library]


@needs_root
@pytest.mark.parametrize("name", UNANSWERED)
def test_a_user_database_that_does_not_answer(fails, silent, name):
    for text in f'user = "{name}"\n', f'user = "nobody"\ngroup = "{name}"\n':
        told = f'cannot find {"group" if "group" in text else "user"} "{name}"'
        fails(one("127.0.0.1", 0) + text, MOMENT, told, prefix=silent)


@needs_root
def test_a_user_whom_it_does_not_know(fails, silent):
    text = 'user = "nobody-of-this-name"\ngroup = "nobody-of-this-name"\n'
    words = "no user of this name", "no group of this name"
    fails(one("127.0.0.1", 0) + text, FILE, *words, prefix=silent)


@needs_root
def test_whoever_needs_no_user_starts_without_an_answer(start, silent, workdir):
    os.chmod(workdir, 0o755)
    nobody = ["setpriv", "--reuid", "nobody", "--clear-groups"]
    daemon = start(options={"user": "refused"}, prefix=[*silent, *nobody])
    daemon.assert_echoes()
    daemon.configure(options={"user": "overloaded"})
    assert daemon.reload()[-1].startswith("notice: reloaded ")


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["-f"], ["-t"], ["-T"]])
def test_no_memory(workdir, arguments):
    path = write(workdir, one("127.0.0.1", 0))
    orders = memory.Orders(workdir, seed=1)
    orders.fail(1000)
    variables = (f"{name}={value}" for name, value in orders.environment.items())
    result = run(*arguments, "-c", path, prefix=["env", *variables])
    assert (result.returncode, result.stdout) == (MOMENT, "")
    assert "Cannot allocate memory" in result.stderr


@pytest.mark.skipif(patience.SLOWNESS > 1, reason="libconfuse itself may crash, which is told")
def test_memory_that_runs_out_on_the_way(workdir):
    """Whatever then seems to be wrong with the file."""
    path = write(workdir, 'access { deny = {"192.0.2.0/24"} }\n' + one("127.0.0.1", 0))
    told = 0
    for seed in range(100):
        orders = memory.Orders(workdir, seed)
        orders.fail(20)
        variables = (f"{name}={value}" for name, value in orders.environment.items())
        result = run("-t", "-c", path, prefix=["env", *variables])
        assert result.returncode != FILE, result
        told += path in result.stderr
    assert told > 0


# --- inherited sockets ----------------------------------------------------------------------------


activated = pytest.mark.skipif(
    "+systemd" not in run("-V").stdout, reason="this echod was built without libsystemd"
)


@activated
@needs_ipv6
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_an_inherited_socket_whose_interface_is_gone(fails, host, protocol):
    """Its unit is to be restarted: the socket is dead, whatever interface comes."""
    told = "its interface is gone, or was made anew: restart its socket unit"
    for scope in "late", "7":
        host.add(number=7)
        with host.bound(f"{ADDRESS}%late", protocol) as opened:
            host.remove()
            given = passing(opened, before=host.prefix)
            fails(one(f"{ADDRESS}%{scope}", protocol=protocol), MOMENT, told, **given)
            host.add(number=8)
            fails(one(f"{ADDRESS}%{scope}", protocol=protocol), MOMENT, told, **given)
            host.remove()


@activated
@needs_ipv6
def test_an_inherited_socket_before_the_listeners_interface_has_its_name(fails, host):
    host.add("early")
    with host.bound(f"{ADDRESS}%early", "tcp") as opened:
        given = passing(opened, before=host.prefix)
        fails(one(f"{ADDRESS}%late"), MOMENT, "no listener has that address", **given)


@activated
@needs_ipv6
def test_one_that_no_interface_can_make_right(host, workdir):
    host.add("early")
    path = write(workdir, one(f"{ADDRESS}%late", PORT + 1))
    with host.bound(f"{ADDRESS}%early", "tcp") as opened:
        result = run("-f", "-c", path, **passing(opened, before=host.prefix))
    assert result.returncode == FILE
    assert "no listener has that address" in result.stderr


@activated
def test_descriptors_that_are_not_there(workdir):
    passed = 'LISTEN_PID=$$ LISTEN_FDS=3 exec "$@"'
    path = write(workdir, one("127.0.0.1", 0))
    result = run("-f", "-c", path, prefix=["sh", "-c", passed, "sh"])
    assert result.returncode == FILE
    assert "cannot take inherited sockets: Bad file descriptor" in result.stderr
