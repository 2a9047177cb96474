"""Started as root: who echod is once it serves, and that it cannot be root again."""

import grp
import os
import pwd

import pytest

import kernel
from echod import listener, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

NOBODY = pwd.getpwnam("nobody")
SERVING = {"user": "nobody"}


@pytest.fixture
def readable_workdir(workdir):
    """The configuration can be read by the user that echod becomes."""
    os.chmod(workdir, 0o755)
    return workdir


def test_it_becomes_the_user_for_good(start, readable_workdir):
    daemon = start(options=SERVING, prefix=["setpriv", "--groups", "0,4"])
    daemon.wait_log(f"^notice: running as user nobody \\(uid {NOBODY.pw_uid}, gid {NOBODY.pw_gid}\\)")
    assert kernel.user_ids(daemon.pid) == [NOBODY.pw_uid] * 4
    assert kernel.group_ids(daemon.pid) == [NOBODY.pw_gid] * 4
    assert kernel.supplementary_groups(daemon.pid) == os.getgrouplist("nobody", NOBODY.pw_gid)
    assert kernel.effective_capabilities(daemon.pid) == 0
    for thread in kernel.thread_ids(daemon.pid):
        assert kernel.user_ids(thread) == [NOBODY.pw_uid] * 4
    daemon.assert_echoes()


def test_it_still_reloads(start, readable_workdir):
    daemon = start(options=SERVING)
    daemon.configure(options={**SERVING, "drain_timeout": 7})
    assert daemon.reload()[-1].startswith("notice: reloaded ")


def test_a_reload_takes_an_address_from_itself(start, readable_workdir):
    """The kernel shares an address only between sockets of one user: root bound the old one."""
    port = kernel.free_port()
    daemon = start([listener("first", port=port)], options=SERVING)
    for name, address in ("second", "127.0.0.1"), ("third", "*"), ("fourth", "127.0.0.1"):
        daemon.configure([listener(name, address, port=port)], SERVING)
        assert daemon.reload()[-1].startswith("notice: reloaded ")
        daemon.assert_echoes(name, host="127.0.0.1")


def test_a_group_of_its_own(start):
    daemon = start(options={**SERVING, "group": "daemon"})
    assert kernel.group_ids(daemon.pid) == [grp.getgrnam("daemon").gr_gid] * 4
    assert kernel.user_ids(daemon.pid) == [NOBODY.pw_uid] * 4


def test_root_without_a_user_is_warned(start):
    start().wait_log("^warning: running as root: name a user to switch to")


def test_not_root_the_user_has_no_effect(start, readable_workdir):
    prefix = ["setpriv", "--reuid", "nobody", "--regid", str(NOBODY.pw_gid), "--clear-groups"]
    daemon = start(options={"user": "daemon"}, prefix=prefix)
    daemon.wait_log('^notice: user = "daemon" has no effect: echod was not started as root')
    assert kernel.user_ids(daemon.pid) == [NOBODY.pw_uid] * 4


def test_without_the_right_to_switch_it_does_not_start(workdir):
    path = os.path.join(workdir, "echod.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write('user = "nobody"\nlisten a { port = 0 }\n')
    taken = ["setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-all"]
    result = run("-f", "-c", path, prefix=taken)
    assert result.returncode == 1
    assert 'cannot become user "nobody": Operation not permitted' in result.stderr
