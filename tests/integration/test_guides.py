"""The guides' pictures of terminals are real: see guides.py.

With DS01_GUIDES_RECORD=1 the pages get what is shown today; columns may then have to be moved by hand, as the
accounts here have longer names.
"""

import os
import pathlib
import re
import socket
import subprocess

import bases
import pexpect
import pytest
from guides import answers, matches, plain, screen, steps

RECORD = os.environ.get("DS01_GUIDES_RECORD") == "1"
REPO = pathlib.Path(__file__).resolve().parents[2]
PAGES = [p for p in [REPO / "README.md", *sorted((REPO / "doc").rglob("*.md")), *sorted((REPO / "tests/integration/golden").glob("*.md"))]
         if "```console" in p.read_text()]


BASE = "pytorch/pytorch:2.8.0-cuda12.6-cudnn9-runtime"


@pytest.fixture(scope="module")
def machine(ds01d_session, starter, loaded, base):
    """The guides' machine: a stub of PyTorch's image, four GPUs (simulated ones), two days for a container."""
    path = base / "catalogue"
    old, policy = path.read_text(), ds01d_session.policy
    bases.make_base(loaded, BASE, starter)
    path.write_text(f"PyTorch, 2.8.0, [CPU], {BASE}\nNone, 3.11, [CPU], ds01/starter:12\n")
    ds01d_session.config["probe"] = {"command": str(ds01d_session.probe), "simulate": "4xA100-40G"}
    ds01d_session.policy = {"defaults": {**policy["defaults"], "max_gpu_equivalents": 4, "max_gpu_slots_per_container": 4,
                                         "max_runtime_h": 48, "gpu_hold_after_stop_h": 0.25, "max_containers_per_user": 5,
                                         "memory": "16g", "shm_size": "8g", "pids_limit": 4096}}
    ds01d_session.restart()
    yield
    path.write_text(old)
    del ds01d_session.config["probe"]
    ds01d_session.policy = policy
    ds01d_session.restart()


@pytest.fixture
def fresh(machine, alice, bob):
    """Nobody has anything yet."""
    for user in (alice, bob):
        clean(user)
        user.ok(["git", "config", "--global", "user.name", user.name])
        user.ok(["git", "config", "--global", "user.email", "me@example.org"])
    yield
    for user in (alice, bob):
        clean(user)


def clean(user):
    user.clear()
    for _ in range(8):
        user.run(["gpu-queue", "leave"])
    user.run(["rm", "-rf", str(user.workspace), str(user.home / ".gitconfig")])
    user.ok(["image-delete", "--all", "--force"])


def play(step, alice):
    """Types a command and the answers that its picture shows; returns what the terminal shows."""
    t = alice.tty(["bash", "-c", step.command], cols=132, env={"NO_COLOR": "1"}, timeout=120)
    t.delaybeforesend = None
    said = ""
    for prompt, answer in answers(step.output):
        t.expect_exact(prompt)
        said += t.before + t.after
        t.sendline(answer)
    t.expect(pexpect.EOF)
    t.close()
    return screen(said + t.before)


def as_root(step, alice):
    env = {"PATH": f"{alice.bin_dir}:{alice.bin_dir.parent}/sbin:/usr/bin:/bin", "DS01_SOCKET": str(alice.socket),
           "LANG": "C.UTF-8", "HOME": "/root"}
    done = subprocess.run(["bash", "-c", step.command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPO)))
def test_page(fresh, alice, bob, page):
    names = {str(alice.home): "/home/alice", str(bob.home): "/home/bob", alice.name: "alice", bob.name: "bob",
             str(alice.bin_dir.parent): "/usr", f"{socket.gethostname()} · ": "gpu1 · "}
    text, moved = page.read_text(), 0
    for step in steps(text):
        if step.output is None:
            {"alice": alice, "bob": bob}[step.who].ok(step.command, timeout=120)
            continue
        try:
            real = as_root(mine(step, alice), alice) if step.who == "root" else play(mine(step, alice), alice)
        except pexpect.ExceptionPexpect as error:
            real = f"(went wrong: {str(error)[:3000]})"
        for name, shown in names.items():
            real = real.replace(name, shown)
        if RECORD:
            lines, new = page.read_text().splitlines(), real.rstrip("\n").splitlines()
            at, n = step.line + moved, step.output.count("\n")
            lines[at:at + n] = [line.rstrip() for line in new]
            moved += len(new) - n
            page.write_text("\n".join(lines) + "\n")
        else:
            assert matches(plain(step.output), plain(real)), f"{page.name}:{step.line}: $ {step.command}\n{real}"


def mine(step, alice):
    """The step for the account that plays alice."""
    command = step.command.replace("/home/alice", str(alice.home)).replace("/usr/share/ds01", f"{alice.bin_dir.parent}/share/ds01")
    return step._replace(command=command.replace("--user=alice", f"--user={alice.name}"),
                         output=step.output.replace("alice@", f"{alice.name}@"))


def test_links():
    """Links between the pages lead to files, and to headings in them."""
    for page in [*sorted(REPO.glob("*.md")), *sorted((REPO / "doc").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_commands_take_these_options(alice):
    """Lines that are not played, too, show options that exist."""
    programs = {p.name for p in alice.bin_dir.iterdir()}
    for page in sorted((REPO / "doc").rglob("*.md")):
        for line in re.findall(r"^(?:    |[$#] )([a-z0-9-]+ [^\n|]*)", page.read_text(), re.MULTILINE):
            words = line.split(" -- ")[0].split("#")[0].split()
            if words[0] not in programs:
                continue
            n = 1 if words[0] == "dashboard" or "-" in words[0].replace("gpu-queue", "") else 2
            verb = words[:n + (words[0] == "ds01" and words[1] in ("container", "image", "policy"))]
            known = alice.ok([*verb, "--help"]).out
            for option in re.findall(r"(?<=\s)--[a-z-]+", line.split(" -- ")[0].split("#")[0]):
                assert f"{option}=" in known or f"{option} " in known or f"{option}[" in known, f"{page.name}: {line}"
