#!/usr/bin/python3
"""Checks who includes whom in src/: prints file:line for every include against the direction.

Reading direction: a layer sees itself, base, and what stands in its row. Libraries that only one
layer may know (SQLite, libcurl, ...) are checked the same way.
"""

import pathlib
import re
import sys

SEES = {
    "base": set(),
    "policy": {"gpu"},
    "image": set(),
    "store": set(),
    "engine": set(),
    "gpu": set(),
    "host": set(),
    "rpc": set(),
    "project": {"image", "policy"},
    "daemon": {"policy", "image", "store", "engine", "gpu", "host", "rpc"},
    "cli": {"rpc", "project", "image", "policy"},
    "tui": {"cli", "rpc", "project", "image", "policy"},
}

# Header of a library -> the layers that may include it.
ONLY = {
    r"sqlite3\.h": {"store"},
    r"curl/.*": {"engine"},
    r"(ncurses|curses)\w*\.h": {"tui"},
    r"toml\+\+/.*": {"project"},
    r"archive(_entry)?\.h": {"project"},
    r"yaml\.h": {"base"},
    r"(.*/)?nvml\.h": {"gpu"},
    r"gpu/probe/.*": {"gpu"},  # the program's own parts: ds01d sees gpu/probe.h
    r"systemd/.*": {"rpc", "host", "daemon"},
}

# policy and image decide; these headers would let them look at the world. (stdio.h stands for
# snprintf and base/clock.h for clock_duration(); what else they could do is looked for below.)
PURE = {"policy", "image"}
IMPURE = re.compile(r"(unistd|fcntl|time|pthread|dirent|signal|poll|sys/\w+|base/(fd|log))\.h")
# Plain types and formatting without I/O.
HARMLESS = {"sys/types.h"}

OPENS = re.compile(r"\b(fopen|freopen|fdopen|tmpfile|remove|rename|getenv|secure_getenv|printf|fprintf|time|clock_(?!duration|rfc3339)\w+)\s*\(")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def faults_of_line(layer, mark, header):
    """The reasons why a file of this layer may not include this header."""
    if mark == '"':
        other = header.split("/")[0]
        if "/" not in header:
            yield "include from src/: \"layer/file.h\""
        elif other not in SEES:
            yield f"no such layer: {other}"
        elif other not in SEES[layer] | {layer, "base"}:
            yield f"{layer} may not include {other}"
    for pattern, layers in ONLY.items():
        if re.fullmatch(pattern, header) and layer not in layers:
            yield f"<{header}> is for {', '.join(sorted(layers))} alone"
    if layer in PURE and IMPURE.fullmatch(header) and header not in HARMLESS:
        yield f"{layer} does no I/O and reads no clock"


def faults(root):
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in {".c", ".h", ".cc", ".def"}:
            continue
        layer = path.relative_to(root / "src").parts[0]
        if layer not in SEES:
            yield f"{path.relative_to(root)}:1: no such layer: {layer}"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = INCLUDE.match(line)
            if found:
                for fault in faults_of_line(layer, *found.groups()):
                    yield f"{path.relative_to(root)}:{number}: {fault}"
            elif layer in PURE and OPENS.search(line) and "__attribute__" not in line:
                yield f"{path.relative_to(root)}:{number}: {layer} does no I/O: {line.strip()}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    found = list(faults(root))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
