"""README.md as the commands and programs that it tells its readers to run."""

import gzip
import os
import textwrap


def read(path):
    """Its lines; a package has it compressed."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    with gzip.open(f"{path}.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def blocks(path, heading):
    """What is indented under a heading: each block as it stands, without the indentation."""
    lines = read(path)
    begin = lines.index(f"## {heading}") + 1
    section = []
    for line in lines[begin:]:
        if line.startswith("## "):
            break
        section.append(line)
    found, block = [], []
    for line in [*section, "end"]:
        if line.startswith("    ") or (not line and block):
            block.append(line)
        elif block:
            found.append(textwrap.dedent("\n".join(block)).strip() + "\n")
            block = []
    return found


def commands(block):
    """Those of a block that shows a terminal: each behind its prompt."""
    return [line[2:] for line in block.splitlines() if line.startswith("$ ")]
