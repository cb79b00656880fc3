"""Runs the guide's command blocks, line by line, on a terminal."""

import re
import subprocess

import pexpect
import pytest
from document_blocks import BLOCKS
from harness.expect import prompt_of, row

BUILD = r"uild it now\? \[Y/n\] "
KEEP = r"\(default: 1\): "


class Typist:
    """Types a line of the guide and does what one would do there."""

    def __init__(self, user, engine):
        self.user, self.engine, self.t = user, engine, None

    def type(self, line, how):
        action, _, detail = how.partition(" ")
        if action == "admin":
            return self.admin(line)
        self.t = self.user.tty(line, timeout=120)
        getattr(self, action)(detail) if detail else getattr(self, action)()
        return None

    def end(self, status=0):
        self.t.expect(pexpect.EOF)
        self.t.close()
        assert (self.t.exitstatus, self.t.signalstatus) == (status, None), self.t.before

    def answer(self, patterns, last):
        """Presses Enter at each of the patterns until `last` comes."""
        while self.t.expect([last, *patterns]) != 0:
            self.t.sendline("")

    # ---- one for each word of the table ----

    def shell(self):
        self.answer([BUILD], rf"{re.escape(self.user.name)}@[a-z0-9-]+:/workspace\$ ")
        self.t.sendline("exit")
        self.end()

    def open(self):
        self.answer([BUILD], rf"{re.escape(self.user.name)}@[a-z0-9-]+:/workspace\$ ")
        self.t.sendline("exit")
        self.answer([KEEP], "keeps running")
        self.end()

    def guided(self):
        self.answer([BUILD, r"Press Enter to continue\.\.\. "],
                    rf"{re.escape(self.user.name)}@[a-z0-9-]+:/workspace\$ ")
        self.t.sendline("exit")
        self.answer([KEEP], "keeps running")
        self.end()

    def ok(self):
        self.end()

    def retire(self):
        self.answer([r"Continue\? \[Y/n\] ", r"remove the image\? \[y/N\] "], "Retired ")
        self.end()

    def guidedret(self):
        self.answer([r"Press Enter to continue\.\.\. ", r"Continue\? \[Y/n\] ", r"remove the image\? \[y/N\] "], "Retired ")
        self.end()

    def exists(self):
        self.t.expect(r"Container [a-z0-9-]+ already exists \(running\)")
        self.t.expect(r"Open it now\? \[Y/n\] ")
        self.t.sendline("n")
        self.end(1)

    def choose(self, number):
        self.t.expect(r"Choice \[1-\d+\]: ")
        self.t.sendline(number)

    def pick(self, number):
        self.choose(number)
        self.open()

    def pickshell(self, number):
        self.choose(number)
        self.shell()

    def pickret(self, number):
        self.choose(number)
        self.retire()

    def leave(self):
        self.t.expect(r"Choice \[1-\d+\]: ")
        self.t.sendline("q")
        self.end(130)

    def init(self):
        self.answer([r": $", r"\] $"], "project launch")
        self.end()
        # No index is reachable from here.
        self.user.write(self.user.workspace / "my-research/requirements.txt", "")

    def fails(self, status):
        self.end(int(status))

    def admin(self, line):
        words = line.replace("UID", str(self.user.uid)).split()
        env = {"DOCKER_HOST": f"unix://{self.engine.socket}", "PATH": "/usr/local/bin:/usr/bin:/bin"}
        subprocess.run(words, env=env, check=True, stdout=subprocess.DEVNULL, timeout=30)


@pytest.fixture(scope="module")
def machine(ds01d_session, starter, base):
    """The guide's machine: its framework in the catalogue, and GPUs (simulated ones)."""
    path = base / "catalogue"
    old, policy = path.read_text(), ds01d_session.policy
    path.write_text("PyTorch, 2.8.0, [CPU], ds01/starter:12\n" + old)
    ds01d_session.config["probe"] = {"command": str(ds01d_session.probe), "simulate": "4xA100-40G"}
    ds01d_session.policy = {"defaults": {**policy["defaults"], "max_gpu_equivalents": 4}}
    ds01d_session.restart()
    yield
    path.write_text(old)
    del ds01d_session.config["probe"]
    ds01d_session.policy = policy
    ds01d_session.restart()


@pytest.fixture
def given(machine, alice):
    for folder in alice.workspace.iterdir() if alice.workspace.exists() else ():
        alice.ok(["rm", "-rf", str(folder)])
    # The menus show what is there: nothing of other tests.
    alice.ok(["image-delete", "--all", "--force"])

    def make(name, state):
        if state == "absent":
            return
        alice.ok(["project", "init", name, "--quick", "--framework=pytorch", "--type=custom"])
        if state != "project":
            alice.ok(["image-create", name], timeout=120)
        if state == "running":
            alice.ok(["project", "launch", name, "--background"], timeout=120)

    return make


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.section.replace(" ", "-"))
def test_block(alice, given, loaded, block):
    for name, state in block.given.items():
        if state == "project":
            loaded.call("DELETE", f"/images/ds01-{alice.name}/{name}:latest?force=1")
        given(name, state)
    typist = Typist(alice, loaded)
    for line, how in block.lines:
        try:
            typist.type(line, how)
        except (pexpect.ExceptionPexpect, AssertionError) as error:
            raise AssertionError(f"{block.section}: {line} ({how})\n{error}") from None


def test_the_prompt_is_the_guides(alice):
    from harness.expect import deploy

    deploy(alice, "prompt")
    t = alice.tty("container-attach prompt")
    t.expect(prompt_of(alice, "prompt"))
    t.close(force=True)
    assert row(alice, "prompt")["state"] == "running"
