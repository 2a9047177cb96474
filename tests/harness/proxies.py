"""Real proxies, HAProxy, nginx and stunnel, as processes of nobody's that a test configures."""

import contextlib
import os
import shutil
import socket
import subprocess

import pytest

import kernel
import logs
from patience import PATIENCE, eventually

NOBODY = 65534
# Where tools/check has unpacked them; an installed one will do.
PROXIES = os.environ.get("PROXIES", "")
UNPACKED = (f"{PROXIES}/usr/sbin", f"{PROXIES}/usr/bin")
FOLDERS = (*UNPACKED, os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")

HAPROXY = """
global
	log stderr format raw daemon
	maxconn 100
defaults
	mode tcp
	log global
	timeout connect 30s
	timeout client 60s
	timeout server 60s
"""

NGINX = """
load_module {module};
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr notice;
events {{ worker_connections 100; }}
stream {{
	{text}
}}
"""

STUNNEL = """
foreground = yes
pid =
syslog = no
debug = notice
[echo]
{text}
accept = 127.0.0.1:{port}
"""


def program(name):
    """Its path; skips the test where it is not there."""
    path = shutil.which(name, path=os.pathsep.join(FOLDERS))
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def _listen():
    """A socket with a port of the kernel's choice, to be handed down."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    return listening


class _Proxy:
    """One that serves: `ports` are those of its listeners, in their order."""

    def __init__(self, workdir):
        self.folder = os.path.join(workdir, "proxy")
        os.mkdir(self.folder)
        self.log = logs.Log()
        self.ports = []
        self._process = None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def start(self, *command, descriptors=()):
        if os.geteuid() == 0:
            os.chmod(os.path.dirname(self.folder), 0o755)
            for path in (self.folder, *os.scandir(self.folder)):
                os.chown(path, NOBODY, NOBODY)
            command = (*AS_NOBODY, *command)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
        )
        logs.follow_stderr(self.log, self._process.stderr)
        eventually(self._serves, f"{command[-3:]} serves")

    def _serves(self):
        assert self._process.poll() is None, "\n".join(self.log.lines)
        return set(self.ports) <= set(kernel.listening_sockets(self._process.pid).values()) and (
            kernel.sleeps(self._process.pid)
        )

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)


@contextlib.contextmanager
def haproxy(workdir, *sections, pem=None):
    """Each section is the text of a "listen", in which BIND stands for its own "bind" line's address.

    `pem` is the content of a file that stands there as PEM.
    """
    command, proxy, text = program("haproxy"), _Proxy(workdir), HAPROXY
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_listen()) for _ in sections]
        descriptors = [each.fileno() for each in sockets]
        proxy.ports = [each.getsockname()[1] for each in sockets]
        for number, (section, descriptor) in enumerate(zip(sections, descriptors)):
            text += f"listen number{number}\n" + section.replace("BIND", f"bind fd@{descriptor}")
        if pem:
            text = text.replace("PEM", proxy.write("pem", pem))
        path = proxy.write("haproxy.cfg", text)
        stack.callback(proxy.stop)
        proxy.start(command, "-db", "-f", path, descriptors=descriptors)
        yield proxy


@contextlib.contextmanager
def nginx(workdir, *servers, pem=None):
    """Each is the text of a "server" of a stream, in which ADDRESS is where it listens.

    `pem` as for haproxy().
    """
    command, proxy = program("nginx"), _Proxy(workdir)
    module = os.path.join(os.path.dirname(command), "../lib/nginx/modules/ngx_stream_module.so")
    if not os.path.exists(module):
        pytest.skip("nginx has no module for streams")
    proxy.ports = [kernel.free_port() for _ in servers]
    text = "\n".join(
        f"server {{ {server.replace('ADDRESS', f'127.0.0.1:{port}')} }}"
        for server, port in zip(servers, proxy.ports)
    )
    text = NGINX.format(module=os.path.abspath(module), folder=proxy.folder, text=text)
    if pem:
        text = text.replace("PEM", proxy.write("pem", pem))
    path = proxy.write("nginx.conf", text)
    try:
        proxy.start(command, "-e", "stderr", "-p", proxy.folder, "-c", path)
        yield proxy
    finally:
        proxy.stop()


@contextlib.contextmanager
def stunnel(workdir, text):
    """`text` is that of a service, without the address where it listens."""
    command, proxy = program("stunnel4"), _Proxy(workdir)
    proxy.ports = [kernel.free_port()]
    path = proxy.write("stunnel.conf", STUNNEL.format(text=text, port=proxy.ports[0]))
    try:
        proxy.start(command, path)
        yield proxy
    finally:
        proxy.stop()
