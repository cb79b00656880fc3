"""Reads the guides' pictures of terminals, and plays them.

A ```console block shows commands behind `$` (of alice's) or `#` (root's) and what they print, answers and
all. What a reader need not see is done by comments: `<!-- bob$ command -->` runs before the block below it.
A line that is only `…` stands for any lines. Of the rest, times, sizes and the accounts' names may differ.
"""

import re
from typing import NamedTuple

# What asks; what stands behind it on its line is the answer.
PROMPTS = re.compile(r"(?:\[[Yy]/[Nn]\]|Choice \[1-\d+\]:|\(default: \d+\):|Enter: none\):|@[a-z-]+:/workspace\$|Press Enter to continue\.\.\.)(?: |$)",
                     re.MULTILINE)
COMMAND = re.compile(r"^(?:\w+)?([$#]) (.*)$")


# What differs from run to run and from machine to machine, and what stands for it. The long names of the
# accounts here may be cut where alice's would not.
SAME = [
    # Whether a moment is shown with its day depends on the hour of the test.
    (r"\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?=\d\d:\d\d\b)", ""),
    # An estimate rests on how long leases lasted before, whoever held them.
    (r"Its turn comes [^.\n]+", "Its turn comes then"),
    (r"(?m)(?<=  )(?:within|in about|in less than|in) \S[^\n]*$", "then"),
    (r"ds01-al\w*~\w*", "alice"), (r"ds01-bo\w*~\w*", "bob"),
    (r"\d+(?:\.\d+)? of \d+(?:\.\d+)? (GiB|CPUs)", r"0 of 0 \1"),
    (r"\d+(?:\.\d+)?( ?)(?=%|(?:s|m|h|d|[kMGT]i?B|W|°C)\b)", r"0\1"),
    (r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b", "Mon"),
    (r"\b\d+ (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b", "1 Jan"),
    (r"\b\d{4}-\d\d-\d\d\b", "2026-01-01"),
    (r"\b\d\d:\d\d(?::\d\d)?\b", "00:00"),
    (r"(?:0[smhd] )*0[smhd]\b", "0s"),
    (r"[█░]+", "█"), (r"[━─═]{3,}", "━"),
]


class Step(NamedTuple):
    who: str
    command: str
    output: str  # "" also where nothing is shown because nothing is said
    line: int


def steps(text):
    """Each command of a page, in order; hidden ones have no output to compare (None)."""
    block = None
    for number, line in enumerate(text.splitlines(), 1):
        hidden = re.fullmatch(r"<!-- (\w+)\$ (.*) -->", line)
        if hidden:
            yield Step(hidden[1], hidden[2], None, number)
        elif line == "```console":
            block = []
        elif line == "```" and block is not None:
            yield from block
            block = None
        elif block is not None and COMMAND.match(line):
            mark, command = COMMAND.match(line).groups()
            block.append(Step("root" if mark == "#" else "alice", command, "", number))
        elif block is not None:
            assert block, f"line {number}: a picture begins with a command"
            block[-1] = block[-1]._replace(output=block[-1].output + line + "\n")


def answers(output):
    """[(prompt, answer)] of an output, in order."""
    found = []
    for m in PROMPTS.finditer(output):
        found.append((m[0].rstrip() + " ", output[m.end():].split("\n", 1)[0]))
    return found


def screen(raw):
    """What a terminal shows of it: without colours, and with the last state of lines that were rewritten."""
    text = re.sub(r"\x1b\[\?[0-9;]*[a-z]|\x1b\[[0-9;]*m|\x1b\][^\x07]*\x07", "", raw).replace("\r\n", "\n")
    lines = []
    for line in text.split("\n"):
        for erased in ("\r\x1b[K", "\r\x1b[2K", "\x1b[K"):
            line = line.rsplit(erased, 1)[-1] if erased in line and not line.endswith(erased) else line
        lines.append(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).rsplit("\r", 1)[-1])
    return "\n".join(lines)


def plain(text):
    """A text without what differs from run to run."""
    for pattern, same in SAME:
        text = re.sub(pattern, same, text)
    lines = [re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n")


def matches(shown, real):
    pattern = "\n".join("(?:.*\n)*?.*" if line == "…" else re.escape(line) for line in shown.split("\n"))
    return re.fullmatch(pattern, real) is not None
