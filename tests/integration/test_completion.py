"""Completion with Tab, in the shells that people have."""

import os
import re
import resource
import socket
import time

import pytest
from harness.expect import deploy

# How each shell is started, told of our script, and made to print its line at Ctrl-G.
SHELLS = {
    "bash": (["bash", "--noprofile", "--norc", "-i"], [
        "bind 'set enable-bracketed-paste off'",
        r"""bind -x '"\C-g": printf "\nLINE<%s>\n" "$READLINE_LINE"'""",
        ". {share}/bash-completion/completions/container-attach"]),
    "zsh": (["zsh", "-f", "-i"], [
        "unset zle_bracketed_paste",
        "fpath+=({share}/zsh/vendor-completions)",
        "autoload -Uz compinit && compinit -u -D",
        r"""line() {{ zle -I; print -r -- $'\n'"LINE<$BUFFER>" }}""",
        "zle -N line", "bindkey '^G' line", "bindkey '^U' kill-whole-line"]),
    "fish": (["fish", "--no-config", "--private", "-i"], [
        "set -p fish_complete_path {share}/fish/vendor_completions.d",
        r"""bind \cg 'printf "\nLINE<%s>\n" (commandline)'""",
        r"""bind \cu 'commandline ""'"""]),
}


class Shell:
    def __init__(self, user, name, share):
        argv, setup = SHELLS[name]
        self.t = user.tty(argv, cols=200)
        for line in setup:
            self.t.send(line.format(share=share) + "\r")
        # Together only in the output, so that the echo of this line is not taken for it.
        self.t.send("echo 'rea''dy'\r")
        self.t.expect("\nready|\rready")

    def tab(self, text):
        """What the line is after one Tab."""
        self.t.send(text + "\t")
        self.t.send("\x07")
        self.t.expect(r"LINE<([^\r\n]*)>")
        self.t.send("\x15")
        return self.t.match[1]


@pytest.fixture
def things(alice):
    """Two projects, a container that runs and one that doesn't."""
    for name in ("my-thesis", "other"):
        alice.write(alice.workspace / name / "pyproject.toml", f'[project]\nname = "{name}"\n')
    deploy(alice, "runs")
    alice.ok(["container-create", "waits", "test/busybox:1"])
    yield
    alice.ok(["rm", "-rf", str(alice.workspace / "my-thesis"), str(alice.workspace / "other")])


def candidates(user, *words, env=None):
    result = user.ok(["ds01", "__complete", *words], env=env)
    assert result.err == ""
    return [line.split("\t")[0] for line in result.out.splitlines()]


@pytest.mark.parametrize("name", SHELLS)
def test_shell(things, alice, prefix, name):
    framework = candidates(alice, "container", "deploy", "--framework=")[0]
    assert ":" in framework
    rows = [
        ("container att", "container attach "),
        ("container-attach ru", "container-attach runs "),
        ("container-start w", "container-start waits "),
        ("project launch my", "project launch my-thesis "),
        ("ds01 project launch my-thesis --backg", "ds01 project launch my-thesis --background "),
        ("container deploy x --proj", "container deploy x --project="),
        ("container deploy x --project=my", "container deploy x --project=my-thesis "),
        (f"container deploy x {framework[:-1]}", f"container deploy x {framework} "),
        ("project launch -d ~/works", "project launch -d ~/workspace/"),
        ("project launch --data=works", "project launch --data=workspace/"),
        ("gpu-queue pos", "gpu-queue position "),
    ]
    shell = Shell(alice, name, prefix / "share")
    for text, line in rows:
        assert shell.tab(text) == line, (name, text)


def test_live_names(things, alice, bob):
    assert candidates(alice, "container-attach", "") == ["runs"]
    assert candidates(alice, "container-start", "") == ["waits"]
    assert sorted(candidates(alice, "container-retire", "")) == ["runs", "waits"]
    folders = {folder.name for folder in (alice.home / "workspace").iterdir()}
    assert {"my-thesis", "other"} <= set(candidates(alice, "project", "launch", "")) <= folders
    assert candidates(bob, "container-retire", "") == []
    alice.ok(["container", "retire", "runs", "--force"])
    assert candidates(alice, "container-attach", "") == []


def test_folders(alice):
    alice.mkdir(alice.home / "data/a")
    alice.write(alice.home / "data/b.txt", "")
    assert candidates(alice, "project", "launch", "--data=data/") == ["--data=data/a/"]
    assert candidates(alice, "image-create", "-r", "data/b") == ["data/b.txt"]
    assert candidates(alice, "policy-check", "~/data/b") == ["~/data/b.txt"]


def test_is_quick(things, alice):
    """Within 20 ms of a processor's time: other tests' load does not count."""
    def cost(argv, n=10):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(n):
            alice.ok(argv)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / n
    limit = 0.200 if os.environ.get("DS01_SANITIZED") else 0.020
    assert cost(["ds01", "__complete", "container-attach", ""]) - cost(["/bin/true"]) < limit


@pytest.mark.parametrize("words", [["container-attach", ""], ["container", "deploy", "x", "--image="]])
def test_without_ds01d(alice, words):
    assert candidates(alice, *words, env={"DS01_SOCKET": "/nonexistent/ds01.sock"}) == []


def test_a_daemon_that_hangs(alice, base):
    """It accepts and says nothing: Tab must not hang with it."""
    path = base / "mute.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        path.chmod(0o666)
        s.listen()
        start = time.monotonic()
        assert candidates(alice, "container-attach", "", env={"DS01_SOCKET": str(path)}) == []
        took = time.monotonic() - start
    path.unlink()
    assert 0.15 < took < 0.4


@pytest.mark.parametrize("shell", SHELLS)
def test_script(alice, prefix, shell):
    """What is installed is what is printed, and every program is in it."""
    out = alice.ok(["ds01", "completion", shell]).out
    folder = {"bash": "bash-completion/completions", "zsh": "zsh/vendor-completions", "fish": "fish/vendor_completions.d"}
    names = {p.name for p in (prefix / "bin").iterdir()}
    for name in ["_ds01"] if shell == "zsh" else names:
        file = prefix / "share" / folder[shell] / (name + (".fish" if shell == "fish" else ""))
        assert file.read_text() == out, name
    said = re.search({"bash": r"^complete -F \w+ (.*)$", "zsh": r"^#compdef (.*)$", "fish": r"^for name in (.*)$"}[shell],
                     out, re.MULTILINE)[1]
    assert set(said.split()) == names
