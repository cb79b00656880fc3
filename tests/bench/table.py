"""The figures as text, as Markdown for doc/performance.md, or as JSON."""

import os
import pathlib
import platform
import re
import time

from targets import ROWS, across, verdicts

NONE = "–"


def machine(extra, rounds):
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return {"machine": f"{os.cpu_count()} × {cpu[1] if cpu else platform.machine()}, Linux {platform.release()}", **extra,
            "run": f"{rounds} rounds, {time.strftime('%d %B %Y %H:%M').lstrip('0')}, "
                   f"load {'%.1f' % os.getloadavg()[0]} when it began"}


def figure(medians, who):
    return f"{medians[who]:.1f}" if who in medians else NONE


def ratio(medians, who):
    return f"{medians['ours'] / medians[who]:.2f}" if who in medians else NONE


def cells(row, medians):
    spec = ROWS[row]
    said = verdicts(row, medians)
    targets = ", ".join(t for t, _, _ in said) or NONE
    met = NONE if not said else "yes" if all(ok for *_, ok in said) else "no: " + ", ".join(t for t, _, ok in said if not ok)
    return [spec.what, figure(medians, "ours"), f"{medians['again'] / medians['ours']:.2f}",
            figure(medians, "raw"), ratio(medians, "raw"), figure(medians, "docker"), ratio(medians, "docker"),
            spec.published or NONE, targets, met]


HEAD = ["what", "ours ms", "A/A", "raw ms", "ours/raw", "docker ms", "ours/docker", "published", "target", "met"]


def sections(result):
    """[(title, head, rows of cells)]."""
    for size, rows in result["sizes"].items():
        yield f"{int(size):,} containers on the machine", HEAD, [cells(r, m) for r, m in rows.items()]
    if result["images"]:
        yield "Images", HEAD, [cells(r, m) for r, m in result["images"].items()]
    yield "Sums", ["what", "target", "figure", "met"], [
        [what, target, said, NONE if met is None else "yes" if met else "no"] for what, target, said, met in result["sums"]]
    yield "Commands", ["command", "processes", "engine requests", "bytes sent / received"], [
        [c, str(v["processes"] or NONE), str(len(v["requests"])),
         " / ".join(f"{n:,}" for n in v["bytes"]) if v["bytes"] else NONE] for c, v in result["commands"].items()]


def markdown(result):
    out = ["| " + " | ".join(result["machine"]) + " |", "|---" * len(result["machine"]) + "|",
           "| " + " | ".join(result["machine"].values()) + " |", ""]
    for title, head, rows in sections(result):
        out += [f"**{title}**", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|",
                *("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows), ""]
    return "\n".join(out)


def text(result):
    out = [f"{k:8} {v}" for k, v in result["machine"].items()]
    for title, head, rows in sections(result):
        widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
        out += ["", title, *("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in [head, *rows])]
    return "\n".join(out)


def sums(result, figures):
    """Everything that is one figure: [(what, target, said, met)]."""
    said = across({int(n): rows for n, rows in result["sizes"].items()}, result["images"])
    for what, most, unit, value in figures:
        if value is None:
            continue
        met = None if most is None else value <= most
        said.append((what, f"≤ {most:g} {unit}" if most is not None else NONE, f"{value:.3g} {unit}".strip(), met))
    return said
