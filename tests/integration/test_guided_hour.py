"""The guided first hour, from nothing to a retired container, on the terminals that people have."""

import re

import pexpect
import pytest
from harness.expect import prompt_of, row, rows
from test_guided import told

TERMINALS = {
    "80x24": (24, 80, {}),
    "200x60": (60, 200, {}),
    "C": (24, 80, {"LANG": "C", "LC_ALL": "C"}),
    "no-color": (24, 80, {"NO_COLOR": "1"}),
    "dumb": (24, 80, {"TERM": "dumb"}),
}


class Desk:
    """Someone at a terminal; all that it showed."""

    def __init__(self, user, rows_, cols, env):
        self.user, self.rows, self.cols, self.env, self.shown = user, rows_, cols, env, ""

    def type(self, command, *steps, status=0):
        """Runs a command; steps are patterns and what is typed at each, where None ends the pauses: Enter at all."""
        t = self.user.tty(command, rows=self.rows, cols=self.cols, env=self.env, timeout=120)
        shown, steps = "", list(steps)
        pause = r"Press Enter to continue\.\.\. "
        while True:
            i = t.expect([pexpect.EOF, pause, *(p for p, _ in steps[:1])])
            shown += t.before + (t.after if i else "")
            if i == 0:
                break
            t.sendline("" if i == 1 else steps.pop(0)[1])
        t.close()
        assert (t.exitstatus, steps) == (status, []), shown
        self.check(shown)
        self.shown += shown
        return shown

    def check(self, shown):
        """What this terminal can't show was not sent to it."""
        sequences = set(re.findall(r"\x1b\[[0-9;?]*([a-zA-Z])", shown))
        if self.env.get("TERM") == "dumb":
            assert "\x1b" not in shown and not re.search(r"\r(?!\n)", re.sub(r"\r+\n", "\n", shown)), shown
        elif "NO_COLOR" in self.env:
            assert "m" not in sequences, shown
        else:
            assert sequences <= set("mKhl"), sequences
        if self.env.get("LC_ALL") == "C":
            assert shown.isascii(), re.findall(r"[^\x00-\x7f]+", shown)
        for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).replace("\r\n", "\n").split("\n"):
            # What is written over and over fits, or it would be seen many times; and so do rows and explanations.
            *rewritten, last = line.strip("\r").split("\r")
            assert all(len(part) <= self.cols for part in rewritten), (self.cols, line)
            assert len(last) <= self.cols or not re.match(r"  |[A-Z][a-z ]*\.$", last), (self.cols, line)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TERMINALS)
def test_guided_hour(alice, starter, kind):
    alice.ok(["bash", "-c", "rm -rf ~/workspace"])
    alice.run(["image-delete", "--all", "--force"])
    desk = Desk(alice, *TERMINALS[kind])
    inside = prompt_of(alice, "hour")
    shown = desk.type("project init --guided --type=custom --framework=none:3.11", (r"Project name .*: ", "hour"), (r"none\): ", ""),
                      (r"JupyterLab\? \[y/N\] ", ""), (r"repository\? \[Y/n\] ", ""), (r"first launch\? \[y/N\] ", ""),
                      (r"Make it\? \[Y/n\] ", ""))
    assert told(shown) == ["GUIDE_PROJECT", "GUIDE_PROJECT_MADE"]
    shown = desk.type("project launch --guided", (r"1\) hour +\(Python 3\.11\)\s+Choice \[1-1\]: ", "1"), (r"Build it now\? \[Y/n\] ", ""),
                      (inside, "echo $((6 * 7)) >answer; exit"), (r"\(default: 1\): ", "1"))
    assert told(plain(shown)) == [
        "GUIDE_IMAGE", "GUIDE_IMAGE_BUILT", "GUIDE_LAUNCH", "GUIDE_RUNS", "GUIDE_SHELL"], shown
    assert "hour keeps running" in shown and row(alice, "hour")["state"] == "running"
    shown = desk.type("container-attach", (r"1\) hour +\(Python 3\.11\)\s+Choice \[1-1\]: ", "1"), (inside, "cat answer; exit 3"),
                      status=3)
    assert "42" in shown
    shown = desk.type("container retire --guided", (r"Choice \[1-1\]: ", "1"), (r"Continue\? \[Y/n\] ", ""),
                      (r"remove the image\? \[y/N\] ", "y"))
    assert told(plain(shown)) == ["GUIDE_RETIRE", "GUIDE_RETIRED"] and rows(alice, "--all") == []
    assert (alice.workspace / "hour/answer").read_text() == "42\n"
    # Colour is there exactly where it may be.
    assert bool(re.search(r"\x1b\[\d+m", desk.shown)) == (kind in ("80x24", "200x60", "C"))


def plain(shown):
    """Without what colours it."""
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)
