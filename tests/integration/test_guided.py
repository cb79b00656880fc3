"""--guided: each step is explained before it is taken, and what was done afterwards."""

import pathlib
import re

import pexpect
import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
PAUSE = "Press Enter to continue... "


def texts():
    """{id: (before or after, text)} of guide.def."""
    source = (REPO / "src/cli/guide.def").read_text()
    return {name: (kind, "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)).replace("\\n", " "))
            for kind, name, text in re.findall(r'^(BEFORE|AFTER)\((\w+),((?:\s*"(?:[^"\\]|\\.)*")+)\)', source, re.MULTILINE)}


def told(shown):
    """The ids of what was told, in order."""
    words = " ".join(shown.split())
    found = [(words.index(text), name) for name, (_, text) in texts().items() if text in words]
    return [name for _, name in sorted(found)]


def play(t, *answers):
    """Enter at each pause; the answers, each once, to what they are for. Returns all that was shown."""
    shown, waiting = "", dict(answers)
    while True:
        patterns = [pexpect.EOF, re.escape(PAUSE), *waiting]
        i = t.expect(patterns)
        shown += t.before + (t.after if i else "")
        if i == 0:
            t.close()
            assert t.exitstatus == 0, shown
            return shown.replace(PAUSE, " ")
        t.sendline("" if i == 1 else waiting.pop(patterns[i]))


def test_init(alice, starter):
    t = alice.tty("project init thesis --quick --framework=none --type=custom --guided")
    assert told(play(t)) == ["GUIDE_PROJECT", "GUIDE_PROJECT_MADE"]


@pytest.mark.slow
def test_launch_and_retire(alice, project):
    project("guided")
    t = alice.tty("project launch guided --guided", timeout=120)
    shown = play(t, (r"Build it now\? \[Y/n\] ", ""), (r":/workspace\$ ", "exit"), (r"\(default: 1\): ", ""))
    assert told(shown) == ["GUIDE_IMAGE", "GUIDE_IMAGE_BUILT", "GUIDE_LAUNCH", "GUIDE_RUNS", "GUIDE_SHELL"]
    assert shown.index("Built ") < shown.index("The image is yours alone")
    t = alice.tty("container retire guided --guided", timeout=60)
    shown = play(t, (r"Continue\? \[Y/n\] ", ""), (r"remove the image\? \[y/N\] ", ""))
    assert told(shown) == ["GUIDE_RETIRE", "GUIDE_RETIRED"]


def test_deploy_and_create(alice):
    t = alice.tty("container deploy one test/busybox:1 --background --guided")
    assert told(play(t)) == ["GUIDE_DEPLOY", "GUIDE_RUNS"]
    t = alice.tty("container-create two test/busybox:1 --guided")
    assert told(play(t)) == ["GUIDE_CREATE", "GUIDE_CREATED"]


def test_every_text_is_played_here():
    source = pathlib.Path(__file__).read_text()
    assert len(texts()) > 10
    for name in texts():
        assert f'"{name}"' in source


def test_yes_does_not_pause(alice):
    t = alice.tty("container-create one test/busybox:1 --guided --yes")
    t.expect(pexpect.EOF)
    assert PAUSE not in t.before and told(t.before) == ["GUIDE_CREATE", "GUIDE_CREATED"]


def test_without_a_terminal_nothing_is_explained(alice):
    result = alice.ok(["container-create", "one", "test/busybox:1", "--guided"])
    assert told(result.err) == [] and PAUSE not in result.err


def test_interrupting_a_pause_does_nothing(alice):
    t = alice.tty("container-create one test/busybox:1 --guided")
    t.expect_exact(PAUSE)
    t.sendcontrol("c")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 130
    assert alice.ok(["container-list", "--all", "--quiet"]).out == ""


def test_texts_fit_and_are_said_once():
    source = (REPO / "src/cli/guide.def").read_text()
    for line in re.findall(r'"((?:[^"\\]|\\.)*)"', source):
        assert len(line.replace("\\n", "")) <= 80, line
    sentences = [s for _, text in texts().values() for s in re.split(r"(?<=[.]) ", text)]
    assert len(sentences) == len(set(sentences))
