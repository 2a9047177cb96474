"""The package under test, and others made of it."""

import re
import subprocess

from machine import PACKAGES, run

NOW = next(name for name in PACKAGES if "/echod_" in name)
VERSION = run("dpkg-deb", "-f", NOW, "Version").strip()


def repack(folder, version, change):
    """The package after change(its tree), as another version."""
    tree = folder / version
    run("dpkg-deb", "-R", NOW, tree)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
    change(tree)
    run("dpkg-deb", "-Znone", "-b", tree, folder / f"{version}.deb")
    return folder / f"{version}.deb"


def install(package):
    """As an upgrade does at night: whoever asks reads the end of a file."""
    return run("dpkg", "-i", package, stdin=subprocess.DEVNULL)
