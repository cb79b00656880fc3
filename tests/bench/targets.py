"""What is measured, against what, and what is owed.

A target is met if the ratio less what the run can't tell (|A/A - 1|) keeps it. `published` is what the
reference tools' makers, or measurements of those on another machine, say: seconds with 0, 10 and 50
containers there, or a range; nothing here measures them.
"""

import typing


class Row(typing.NamedTuple):
    name: str
    what: str
    raw: str  # what the raw requests are; in the table
    docker: str
    published: str
    to_raw: float | None = None  # at most this ratio
    to_docker: float | None = None
    ms: float | None = None
    flat: bool = False  # as long with many containers on the machine as with few


PS = 0.35
LOOK_MS = 5
ROWS = {r.name: r for r in (
    Row("launch", "project launch", "create, start", "run -d", "4.0 / 7.5 / 15.4 s", 1.10, 1.0),
    Row("deploy", "container deploy", "create, start", "run -d", "4.0 / 7.5 / 15.4 s", 1.10, 1.0),
    Row("attach", "attach -- true", "exec", "exec", "", 1.10, 0.75),
    Row("retire", "retire --force", "remove", "rm -f", "10.9 s", 1.10),
    Row("list", "container-list", "list", "ps", "0.04 / 2.5 / 13 s", None, PS, LOOK_MS, True),
    Row("limits", "check-limits", "list", "ps", "0.7 / 1.1 / 2.7 s", None, PS, LOOK_MS, True),
    Row("dashboard", "dashboard --json", "list", "ps", "0.7 / 3.6 / 6.7 s", None, PS, LOOK_MS, True),
    Row("queue", "gpu-queue-status", "list", "ps", "", None, PS, LOOK_MS, True),
    Row("first", "first use of an image", "facts, create, start", "run -d", ""),
    Row("nothing", "image-create, nothing to do", "tar | curl /build", "build", "", 1.05),
    Row("layers", "image build, all cached", "tar | curl /build", "build", "", 1.05),
    Row("ignored", "the same, 10,000 ignored files", "tar | curl /build", "build", ""),
)}
FLAT = 0.20
IGNORED_MS = 20


def verdicts(row, medians):
    """[(target, ratio or milliseconds, met)] of one row."""
    spec = ROWS[row]
    ours, unsure = medians["ours"], abs(medians["again"] / medians["ours"] - 1)
    said = []
    for who, most, sign in (("raw", spec.to_raw, "≤"), ("docker", spec.to_docker, "≤" if spec.to_docker != 1 else "<")):
        if most is not None and who in medians:
            ratio = ours / medians[who]
            said.append((f"{sign} {most:.2f} × {who}", ratio, ratio - unsure <= most))
    if spec.ms is not None:
        said.append((f"≤ {spec.ms:g} ms", ours, ours * (1 - unsure) <= spec.ms))
    return said


def across(by_size, builds):
    """What rows say together: [(what, target, figure, met)]."""
    said = []
    sizes = sorted(by_size)
    for name, spec in ROWS.items():
        if not spec.flat or len(sizes) < 2 or name not in by_size[sizes[0]]:
            continue
        few, many = by_size[sizes[0]][name], by_size[sizes[-1]][name]
        unsure = max(abs(m["again"] / m["ours"] - 1) for m in (few, many))
        ratio = many["ours"] / few["ours"]
        said.append((f"{spec.what}, {sizes[-1]:,} against {sizes[0]:,}", f"{1 - FLAT:.2f} to {1 + FLAT:.2f}",
                     f"{ratio:.2f}", abs(ratio - 1) - unsure <= FLAT))
    if "ignored" in builds:
        more = builds["ignored"]["ours"] - builds["layers"]["ours"]
        said.append(("what 10,000 ignored files add to a build", f"< {IGNORED_MS} ms", f"{more:.1f} ms", more < IGNORED_MS))
    return said
