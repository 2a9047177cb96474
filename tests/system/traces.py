"""What a package can leave in the system: taken before it is installed and after it is purged."""

import json
import pathlib

from machine import open_ports, run

BEFORE = pathlib.Path("/root/traces-before.json")
FIND = ("find", "/etc", "/usr", "/lib", "/var", "-xdev", "-name", "*echod*")
FIND += ("-not", "-path", "/var/log/*")
LIST = ("--plain", "--no-legend", "--no-pager", "echod*")


def take():
    return {
        "files": sorted(run(*FIND).splitlines()),
        "units": run("systemctl", "list-units", "--all", *LIST).splitlines(),
        "unit files": run("systemctl", "list-unit-files", *LIST, status=None).splitlines(),
        "users": run("getent", "passwd").splitlines(),
        "groups": run("getent", "group").splitlines(),
        "ports": sorted(map(str, open_ports())),
    }


def remember():
    BEFORE.write_text(json.dumps(take()))


def remembered():
    return json.loads(BEFORE.read_text())
