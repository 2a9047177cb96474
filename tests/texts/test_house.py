"""The order of src, which tests/house.py keeps: it finds each thing that can be out of order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent / "house.py"

# A house in order: each rule has something to pass.
IN_ORDER = {
    "base/log.h": "/* See daemon/main.c: \"daemon/main.h\" */\n",
    "net/protocol.h": "enum protocol { PROTOCOL_TCP, PROTOCOL_UDP };\n",
    "net/tls/context.c": "#include <openssl/ssl.h>\n",
    "daemon/process/sandbox.c": "#include <seccomp.h>\n",
    "daemon/process/manager.c": "#include <systemd/sd-daemon.h>\n",
    "daemon/process/sandbox.h": '#include "base/log.h"\n',
    "daemon/threads/loop.h": '#include "daemon/process/sandbox.h"\n',
    "daemon/stream/conn.h": '#include "daemon/threads/loop.h"\n',
    "daemon/stream/conn_internal.h": '#include "daemon/stream/conn.h"\n',
    "daemon/stream/conn.c": '#include "daemon/stream/conn_internal.h"\n',
    "daemon/stream/pace.h": '#include "daemon/stream/conn.h"\n',
    "daemon/stream/pace.c": '#include "daemon/stream/conn_internal.h"\n',
    "daemon/config/config.h": '#include "net/protocol.h"\n',
    "daemon/config/file.c": "#include <confuse.h>\n",
    "daemon/listen/kind.c": '#include "daemon/config/config.h"\n'
                            "static int kinds[] = { PROTOCOL_TCP };\n",
    "daemon/observe/series.h": '#include "daemon/stream/conn.h"\n',
    "daemon/main.c": '#include "daemon/config/config.h"\n',
    "client/timing.h": "",
    "client/transport/transport.h": '#include "client/timing.h"\n#include "net/protocol.h"\n',
    "client/ping/ping.h": '#include "client/transport/transport.h"\n',
}


def function(lines):
    """One of so many lines, from its name to its end."""
    return "static int *\nlong_one(int a,\n    int b)\n{\n" + "\tb++;\n" * (lines - 4) + "}\n"


def modules(count, folder="base"):
    return {f"{folder}/m{i}.{end}": "" for i in range(count) for end in "ch"}


@pytest.fixture
def house(tmp_path):
    """Builds the house with these changes; returns what house.py says of it, line by line."""

    def look(changes):
        for name, text in {**IN_ORDER, **changes}.items():
            path = tmp_path / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return found_in(tmp_path)

    return look


def found_in(top):
    result = subprocess.run(
        [os.environ.get("PYTHON3", sys.executable), HOUSE, top],
        capture_output=True, text=True, check=False,
    )
    found = result.stdout.splitlines()
    assert result.stderr == ""
    assert result.returncode == (1 if found else 0)
    return found


def test_src_is_in_order():
    found = found_in(HOUSE.parent.parent)
    assert not found, "\n".join(["src is out of order:", *found])


def test_a_house_in_order(house):
    assert house({}) == []


OUT_OF_ORDER = {
    "upwards": (
        {"base/log.c": '\n#include "net/protocol.h"\n'},
        "src/base/log.c:2: includes net/protocol.h: net stands above: "
        "move what both need down, or have net hand it in",
    ),
    "upwards in the daemon": (
        {"daemon/threads/worker.c": '#include "daemon/stream/conn.h"\n'},
        "src/daemon/threads/worker.c:1: includes daemon/stream/conn.h: daemon/stream stands above: "
        "move what both need down, or have daemon/stream hand it in",
    ),
    "beside": (
        {"daemon/process/cpus.c": '#include "daemon/access/acl.h"\n'},
        "src/daemon/process/cpus.c:1: includes daemon/access/acl.h: "
        "daemon/process may include base, net",
    ),
    "from the other program": (
        {"client/ping/ping.c": '#include "daemon/stream/conn.h"\n'},
        "src/client/ping/ping.c:1: includes daemon/stream/conn.h: client/ping may include base, "
        "client/arguments, client/descriptors, client/ending, client/interrupt, client/measure, "
        "client/modes, client/options, client/report, client/standard, "
        "client/terminal, client/timing, client/tls, client/transport, net",
    ),
    "upwards in the client": (
        {"client/transport/transport.c": '#include "client/pipe/pipe.h"\n'},
        "src/client/transport/transport.c:1: includes client/pipe/pipe.h: "
        "client/pipe stands above: move what both need down, or have client/pipe hand it in",
    ),
    "the configuration": (
        {"daemon/observe/series.c": '#include "daemon/config/config.h"\n'},
        "src/daemon/observe/series.c:1: includes daemon/config/config.h: only daemon/config, "
        "daemon/listen, daemon/control, daemon/main know the configuration: use a small struct",
    ),
    "without a path": (
        {"daemon/stream/conn.h": '#include "loop.h"\n'},
        'src/daemon/stream/conn.h:1: includes "loop.h": give its path from src',
    ),
    "no room": (
        {"daemon/helpers.c": ""},
        "src/daemon/helpers.c:1: daemon/helpers has no place in the order of includes: "
        "move it to a folder that has one, or give it one in ORDERS",
    ),
    "another folder's internals": (
        {"daemon/listen/kind.c": '#include "daemon/stream/conn_internal.h"\n'},
        "src/daemon/listen/kind.c:1: includes daemon/stream/conn_internal.h: "
        "only files of src/daemon/stream may",
    ),
    "a cycle": (
        {
            "daemon/access/acl.h": '#include "daemon/access/sources.h"\n',
            "daemon/access/sources.c": '\n#include "daemon/access/names.h"\n',
            "daemon/access/names.h": '\n\n#include "daemon/access/acl.h"\n',
        },
        "src/daemon/access/names.h:3: daemon/access/acl includes daemon/access/sources "
        "includes daemon/access/names includes daemon/access/acl: "
        "move what they share to a module of its own, below them",
    ),
    "a cycle by an internal header": (
        {
            "daemon/stream/pace.h": '#include "daemon/stream/sweep.h"\n',
            "daemon/stream/sweep.h": '#include "daemon/stream/conn.h"\n',
        },
        "src/daemon/stream/sweep.h:1: daemon/stream/conn_internal includes daemon/stream/sweep "
        "includes daemon/stream/conn_internal: "
        "move what they share to a module of its own, below them",
    ),
    "a protocol": (
        {"daemon/listen/bind.c": "/* PROTOCOL_TCP\n */\n\tif (a == PROTOCOL_TCP)\n"},
        "src/daemon/listen/bind.c:3: PROTOCOL_TCP: "
        "ask the tables of net/protocol and daemon/listen/kind for what differs",
    ),
    "OpenSSL": (
        {"net/stamp.c": "#include <openssl/evp.h>\n"},
        "src/net/stamp.c:1: includes openssl/evp.h: only src/net/tls/ knows it",
    ),
    "libseccomp": (
        {"daemon/main.c": "# include <seccomp.h>\n"},
        "src/daemon/main.c:1: includes seccomp.h: only src/daemon/process/sandbox.c knows it",
    ),
    "libconfuse": (
        {"daemon/config/options.c": "#include <confuse.h>\n"},
        "src/daemon/config/options.c:1: includes confuse.h: only src/daemon/config/file.c knows it",
    ),
    "libsystemd": (
        {"base/log.c": "#include <systemd/sd-journal.h>\n"},
        "src/base/log.c:1: includes systemd/sd-journal.h: "
        "only src/daemon/process/manager.c knows it",
    ),
    "a long file": (
        {"base/log.c": "\n" * 601},
        "src/base/log.c:601: 601 lines: at most 600: divide the file",
    ),
    "a long function": (
        {"base/log.c": function(40) + function(41)},
        "src/base/log.c:43: long_one() has 41 lines: at most 40: divide it",
    ),
    "a long function behind a comment": (
        {"base/log.h": "/*\nfoo(\n{\n}\n*/\n" + function(41)},
        "src/base/log.h:7: long_one() has 41 lines: at most 40: divide it",
    ),
    "a long function that is no comment": (
        {"base/log.c": 'char *text = "/*";\n' + function(41) + 'char *end = "*/";\n'},
        "src/base/log.c:3: long_one() has 41 lines: at most 40: divide it",
    ),
    "a full folder": (
        {**modules(14), "base/log.c": "", "base/log_internal.h": ""},
        "src/base: 15 modules: at most 14: divide the folder",
    ),
}


@pytest.mark.parametrize("changes, line", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER.keys())
def test_out_of_order(house, changes, line):
    assert house(changes) == [line]


def test_all_is_told_at_once(house):
    found = house({"base/log.c": '#include "daemon/main.h"\n#include <seccomp.h>\n'})
    assert [line.split(":")[1] for line in found] == ["1", "2"]


@pytest.mark.parametrize("changes", [
    {"base/log.c": "\n" * 600},
    {"base/log.c": function(40)},
    modules(13),  # beside log
], ids=["lines", "function", "modules"])
def test_just_in_order(house, changes):
    assert house(changes) == []
