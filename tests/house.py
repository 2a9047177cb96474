#!/usr/bin/env python3
"""Where things stand in src and how large they are: says what is out of order, and what would be
right.  There is no list of exceptions: what is found is moved or divided.

    tests/house.py [TOP]        the top folder, by default the one above this file's
"""

import re
import sys
from pathlib import Path

# Includes go downwards only.  What stands between two "<" is on one level and does not see each
# other.  Each is a folder, or a file beside the folders.
ORDERS = {
    "daemon": "base < net < process, account, access < threads < stream, datagram < config < listen"
              " < observe, handover < control < main",
    "client": "base < net < descriptors, ending, terminal < standard, interrupt < report < timing"
              " < transport, measure < options, tls < arguments, modes"
              " < ping, pipe, send, bench, mtu < main",
}
SHARED = ("base", "net")

# The configuration is read by these alone; the others are given small structs of their own.
CONFIG = "daemon/config"
CONFIG_READERS = (CONFIG, "daemon/listen", "daemon/control", "daemon/main")

# A library's headers, by how their names begin, and the one module or folder that knows the library.
LIBRARIES = {
    "openssl/": "net/tls/",
    "seccomp.h": "daemon/process/sandbox",
    "confuse.h": "daemon/config/file",
    "systemd/": "daemon/process/manager",
}

# What each protocol is stands in two tables, so that another one is another row of each.
PROTOCOL_MODULES = ("net/protocol", "daemon/listen/kind")

FILE_LINES = 600
FUNCTION_LINES = 40
FOLDER_MODULES = 14

INCLUDE = re.compile(r'#\s*include\s*([<"])([^>"]+)[>"]')
PROTOCOL = re.compile(r"\bPROTOCOL_\w+")
FUNCTION = re.compile(r"(?:\w[\w *]*[ *])?(\w+)\(")
COMMENT = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def places_below():
    """For each place what it may include."""
    below = {}
    for program, order in ORDERS.items():
        lower = set()
        for level in order.split(" < "):
            names = level.split(", ")
            places = {name if name in SHARED else f"{program}/{name}" for name in names}
            below.update({place: set(lower) for place in places})
            lower |= places
    for place, lower in below.items():
        if place not in CONFIG_READERS:
            lower.discard(CONFIG)
    return below


BELOW = places_below()


class File:
    """A source file: `module` is its name from src without ".c" or ".h"."""

    def __init__(self, src, path):
        self.name = path.relative_to(src).as_posix()
        self.module = self.name.rpartition(".")[0]
        self.place = place_of(self.module)
        text = path.read_text(encoding="utf-8")
        self.line_count = text.count("\n")
        self.lines = COMMENT.sub(without_comment, text).split("\n")

    def at(self, line):
        return f"src/{self.name}:{line}"

    def includes(self, opening):
        """The line and name of each header in <> or "", whichever `opening` opens."""
        for number, line in enumerate(self.lines, 1):
            found = INCLUDE.match(line)
            if found and found[1] == opening:
                yield number, found[2]

    def functions(self):
        """The name, first line and length of each, as the style has them: braces in column 0."""
        name, start, inside = None, 0, False
        for number, line in enumerate(self.lines, 1):
            found = FUNCTION.match(line)
            if found and not inside:
                name, start = found[1], number
            if not inside and (line == "{" or found and line.endswith("{")):
                inside = True
            elif inside and line == "}":
                yield name, start, number - start + 1
                inside = False


def without_comment(found):
    """A string stays; a comment leaves its lines."""
    return found[0] if found[0][0] in "\"'" else "\n" * found[0].count("\n")


def place_of(module):
    first, _, rest = module.partition("/")
    return f"{first}/{rest.split('/')[0]}" if first in ORDERS else first


def is_internal(module):
    return module.endswith("_internal")


# --- the rules: each yields lines "WHERE: what is wrong: what would be right" ----------------


def check_places(files):
    for file in files:
        if file.place not in BELOW:
            yield (f"{file.at(1)}: {file.place} has no place in the order of includes: "
                   "move it to a folder that has one, or give it one in ORDERS")


def check_order(files):
    for file in files:
        for line, header in file.includes('"'):
            place = place_of(header.rpartition(".")[0])
            if "/" not in header:
                yield f'{file.at(line)}: includes "{header}": give its path from src'
            elif file.place in BELOW and place not in BELOW[file.place] | {file.place}:
                yield f"{file.at(line)}: includes {header}: {what_is_right(file.place, place)}"


def what_is_right(place, included):
    if included == CONFIG and BELOW[CONFIG] < BELOW[place]:
        return f"only {', '.join(CONFIG_READERS)} know the configuration: use a small struct"
    if place in BELOW.get(included, ()):
        return f"{included} stands above: move what both need down, or have {included} hand it in"
    below = ", ".join(sorted(BELOW[place])) or "nothing else"
    return f"{place} may include {below}"


def check_internal(files):
    for file in files:
        for line, header in file.includes('"'):
            module, folder = header.rpartition(".")[0], header.rpartition("/")[0]
            if is_internal(module) and file.name.rpartition("/")[0] != folder:
                yield f"{file.at(line)}: includes {header}: only files of src/{folder} may"


def check_cycles(files):
    """Modules that share an internal header are one."""
    group = {}
    for file in files:
        for _, header in file.includes('"'):
            if is_internal(header.rpartition(".")[0]):
                group[file.module] = header.rpartition(".")[0]
    edges = {}
    for file in files:
        module = group.get(file.module, file.module)
        for line, header in file.includes('"'):
            target = header.rpartition(".")[0]
            target = group.get(target, target)
            if target != module:
                edges.setdefault(module, {}).setdefault(target, file.at(line))
    done = set()
    for module in sorted(edges):
        yield from cycles_from(module, edges, [], done)


def cycles_from(module, edges, way, done):
    if module in way:
        cycle = way[way.index(module):] + [module]
        yield (f"{edges[way[-1]][module]}: {' includes '.join(cycle)}: "
               "move what they share to a module of its own, below them")
    elif module not in done:
        for target in sorted(edges.get(module, ())):
            yield from cycles_from(target, edges, way + [module], done)
        done.add(module)


def knows(file, module):
    return file.module.startswith(module) if module.endswith("/") else file.module == module


def check_libraries(files):
    for file in files:
        for line, header in file.includes("<"):
            for start, module in LIBRARIES.items():
                if header.startswith(start) and not knows(file, module):
                    where = module if module.endswith("/") else f"{module}.c"
                    yield f"{file.at(line)}: includes {header}: only src/{where} knows it"


def check_protocols(files):
    for file in files:
        if file.module in PROTOCOL_MODULES:
            continue
        for number, line in enumerate(file.lines, 1):
            for constant in PROTOCOL.findall(line):
                yield (f"{file.at(number)}: {constant}: ask the tables of "
                       f"{' and '.join(PROTOCOL_MODULES)} for what differs")


def check_sizes(files):
    folders = {}
    for file in files:
        if not is_internal(file.module):
            folders.setdefault(file.module.rpartition("/")[0], set()).add(file.module)
        if file.line_count > FILE_LINES:
            yield (f"{file.at(FILE_LINES + 1)}: {file.line_count} lines: "
                   f"at most {FILE_LINES}: divide the file")
        for name, start, length in file.functions():
            if length > FUNCTION_LINES:
                yield (f"{file.at(start)}: {name}() has {length} lines: "
                       f"at most {FUNCTION_LINES}: divide it")
    for folder, modules in sorted(folders.items()):
        if len(modules) > FOLDER_MODULES:
            yield (f"src/{folder}: {len(modules)} modules: "
                   f"at most {FOLDER_MODULES}: divide the folder")


RULES = (check_places, check_order, check_internal, check_cycles, check_libraries, check_protocols,
         check_sizes)


def main():
    top = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    src = top / "src"
    files = [File(src, path) for path in sorted(src.rglob("*.[ch]"))]
    if not files:
        sys.exit(f"{src}: no source files there")
    found = [line for rule in RULES for line in rule(files)]
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
