"""The menus of commands that are called without a name: one shape, whatever is chosen."""

import re

import pexpect
import pytest
from harness.expect import deploy, row, rows

# Each command, what its menu is called, and what is there for it: see `things`.
MENUS = [
    ("project launch", "Select a project to launch:", "project"),
    ("image-create", "Select a project to build:", "project"),
    ("image-update", "Select a project to update:", "project"),
    ("image-delete", "Select an image to delete:", "image"),
    ("container-attach", "Select a container to attach to:", "running"),
    ("container-stop", "Select a container to stop:", "running"),
    ("container-pause", "Select a container to pause:", "running"),
    ("container retire", "Select a container to retire:", "running"),
    ("container-logs", "Select a container:", "running"),
    ("container-run", "Select a container to run:", "created"),
    ("container-start", "Select a container to start:", "created"),
    ("container-remove", "Select a container to remove:", "created"),
]
OTHERS = ["container deploy", "container-create", "container-unpause"]

# What is said where there is nothing to choose from, and what to do about it.
CONTAINERS = ("None of your containers (?:runs|is stopped)|You have no containers", "project launch|container-list --all")
NOTHING = {
    "project": ("You have no projects in ~/workspace", "project init my-project"),
    "image": ("You have no images", "project launch"),
    "running": CONTAINERS,
    "created": CONTAINERS,
}


@pytest.fixture
def bare(alice):
    """alice, who has nothing."""
    alice.clear()
    alice.ok(["bash", "-c", "rm -rf ~/workspace"])
    alice.run(["image-delete", "--all", "--force"])
    yield alice
    alice.clear()
    alice.ok(["bash", "-c", "rm -rf ~/workspace"])
    alice.run(["image-delete", "--all", "--force"])


@pytest.fixture
def things(bare):
    """make(kind, name): one more to choose from."""
    def make(kind, name):
        if kind in ("project", "image"):
            bare.write(bare.workspace / name / "pyproject.toml", '[tool.ds01]\nframework = "jax"\nframework-version = "0.5.3"\n')
            bare.write(bare.workspace / name / "Dockerfile", "FROM test/busybox:1\n")
        if kind == "image":
            bare.ok(["image-create", name], timeout=60)
        elif kind == "running":
            deploy(bare, name)
        elif kind == "created":
            bare.ok(["container-create", name, "test/busybox:1"])
    return make


def leave(t, status=130):
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == status, t.before
    return t.before


def shown_rows(text):
    return re.findall(r"^ +(\d+)\) (\S+)(?: +\((.*)\))?$", text.replace("\r\n", "\n"), re.M)


@pytest.mark.parametrize(("command", "title", "kind"), MENUS, ids=[m[0].replace(" ", "-") for m in MENUS])
def test_menu(bare, things, command, title, kind):
    # Nothing to choose from: what to do first, and status 4.
    t = bare.tty(command, env={"NO_COLOR": "1"})
    said = leave(t, 4)
    text, fix = NOTHING[kind]
    assert re.search(rf"Error: ({text})\r\n\r\nTo fix:\s+({fix})", said), said
    # One choice still is a question.
    things(kind, "first")
    t = bare.tty(command)
    t.expect(r"Choice \[1-1\]: ")
    assert t.before.startswith(title + "\r\n\r\n  1) ") and "first" in shown_rows(t.before)[0][1], t.before
    t.sendline("q")
    assert "Nothing was done" in leave(t)
    # /text narrows; a wrong answer asks again, three times.
    things(kind, "second")
    t = bare.tty(command)
    t.expect(r"Choice \[1-2\]: ")
    assert len(shown_rows(t.before)) == 2
    t.sendline("/SECOND")
    t.expect(r"Choice \[1-1\]: ")
    (only,) = shown_rows(t.before)
    assert only[0] == "1" and "second" in only[1]
    for wrong in ("2", "second", ""):
        t.sendline(wrong)
        t.expect("Type a number from 1 to 1, /text to narrow, q to leave.")
    assert "Usage: " in leave(t, 2)
    # A pipe is no terminal, whatever is in it.
    done = bare.run(f"printf '2\\n' | {command}")
    assert done.rc == 2 and done.out == "" and re.search(r"^  Usage: \S", done.err, re.M), done
    if kind in ("running", "created"):
        assert {r["name"]: r["state"] for r in rows(bare, "--all")} == {"first": kind, "second": kind}


@pytest.mark.parametrize("command", OTHERS)
def test_others_take_no_pipe(bare, command):
    done = bare.run(f"printf '2\\n' | {command}")
    assert done.rc == 2 and done.out == "" and re.search(r"^  Usage: \S", done.err, re.M), done


def test_notes_are_frameworks(bare, frameworks):
    """Of [tool.ds01], else of the image; else the image is named."""
    bare.write(bare.workspace / "told/pyproject.toml", '[tool.ds01]\nframework = "jax"\nframework-version = "0.5.3"\n')
    bare.write(bare.workspace / "catalogue/pyproject.toml", '[tool.ds01]\nimage = "aime/jax:0.5.3"\n')
    bare.write(bare.workspace / "built/Dockerfile", "FROM aime/pytorch:2.8.0\n")
    bare.write(bare.workspace / "plain/Dockerfile", "FROM test/busybox:1\n")
    bare.ok(["image-create", "built"], timeout=60)
    t = bare.tty("project launch")
    t.expect(r"Choice \[1-4\]: ")
    assert shown_rows(t.before) == [("1", "built", "PyTorch 2.8.0"), ("2", "catalogue", "aime/jax:0.5.3"), ("3", "plain", ""),
                                    ("4", "told", "JAX 0.5.3")], t.before
    t.sendline("q")
    leave(t)
    bare.ok(["container", "deploy", "built", "--background"])
    deploy(bare, "box")
    bare.ok(["container-create", "waits", "--framework=pytorch"])
    t = bare.tty("container retire")
    t.expect(r"Choice \[1-3\]: ")
    assert sorted(r[1:] for r in shown_rows(t.before)) == [
        ("box", "busybox 1"), ("built", "PyTorch 2.8.0"), ("waits", "PyTorch 2.8.0, created")], t.before
    t.sendline("q")
    leave(t)


def test_deploy_offers_images_then_the_catalogue(bare, things, frameworks):
    """By framework and version, newest first; a name that is taken, or is none, is asked for again."""
    things("image", "mine")
    t = bare.tty("container deploy --background", rows=60)
    t.expect(r"Choice \[1-(\d+)\]: ")
    entries = re.findall(r"^ +(\d+)\) (.*?) +\((.*)\)$", t.before.replace("\r\n", "\n"), re.M)
    offered = [e[1] for e in entries]
    assert offered[0] == "mine" and offered[1:] == sorted(offered[1:], key=lambda o: o.split()[0].lower()
                                                                        .replace("python", "none")), offered
    at = offered.index("PyTorch 2.8.0")
    assert offered[at:at + 2] == ["PyTorch 2.8.0", "PyTorch 2.7.1"]
    assert entries[0][2] == "JAX 0.5.3"
    assert all(e[2].startswith("catalogue") for e in entries[1:])
    t.sendline("/pytorch 2.7")
    t.expect(r"Choice \[1-1\]: ")
    t.sendline("1")
    t.expect("Deployed pytorch")
    leave(t, 0)
    assert row(bare, "pytorch")["image"] == "stub/pytorch:2.7.1-cpu"
    t = bare.tty("container deploy --background", rows=60)
    t.expect(r"Choice \[1-\d+\]: ")
    t.sendline("/pytorch 2.7")
    t.expect(r"Choice \[1-1\]: ")
    t.sendline("1")
    t.expect("You have a container pytorch already. Name of the new one: ")
    for wrong, why in (("pytorch", "You have a container pytorch already"), ("a b", "lower-case letters")):
        t.sendline(wrong)
        t.expect(why)
        t.expect("Name of the new one: ")
    t.sendline("other")
    t.expect("Deployed other")
    leave(t, 0)
    assert row(bare, "other")["image"] == "stub/pytorch:2.7.1-cpu"


def test_deploy_with_nothing_to_deploy(bare, ds01d, base):
    path = base / "catalogue"
    old = path.read_text()
    path.write_text("# nothing\n")
    ds01d.restart()
    try:
        said = leave(bare.tty("container deploy", env={"NO_COLOR": "1"}), 4)
        assert "You have no images, and the catalogue is empty" in said and "  project init my-project" in said, said
    finally:
        path.write_text(old)
        ds01d.restart()


def test_unpause_offers_what_is_paused(bare, things):
    things("running", "frozen")
    bare.ok(["container-pause", "frozen"])
    t = bare.tty("container-unpause")
    t.expect(r"Choice \[1-1\]: ")
    assert shown_rows(t.before) == [("1", "frozen", "busybox 1, paused")]
    t.sendline("1")
    leave(t, 0)
    assert row(bare, "frozen")["state"] == "running"


# ---- what image-update asks next ----

def update(user, *answers):
    """Chooses the only project, and answers what then comes; the terminal."""
    t = user.tty("image-update", timeout=60, env={"EDITOR": "true"})
    t.expect(r"Choice \[1-1\]: ")
    t.sendline("1")
    for pattern, typed in answers:
        t.expect(pattern)
        t.sendline(typed)
    return t


UPDATE = r"Choice \[1-5\]: "


def test_update_menu(bare, index):
    """Add (Python's or Debian's), remove, edit, rebuild."""
    from wheel_index import make_wheel

    make_wheel(index, "ds01-other")
    folder = bare.workspace / "menu"
    bare.ok(["project", "init", "menu", "--quick", "--type=custom", "--framework=none", "--no-git"])
    t = update(bare, (UPDATE, "/packages"))
    t.expect(r"Choice \[1-3\]: ")
    assert re.findall(r"^  \d\) (.*)$", t.before.replace("\r\n", "\n"), re.M) == [
        "Add Python packages", "Add Debian packages", "Remove packages"]
    t.sendline("q")
    leave(t)
    t = update(bare, (UPDATE, "1"), (r"Python packages .*: ", "ds01-other"))
    assert "Built " in leave(t, 0) and "ds01-other" in (folder / "requirements.txt").read_text()
    t = update(bare, (UPDATE, "3"), (r"Packages to remove: ", "ds01-other"))
    assert "Built " in leave(t, 0) and "ds01-other" not in (folder / "requirements.txt").read_text()
    t = update(bare, (UPDATE, "4"))
    assert "Nothing was changed, so nothing is built" in leave(t, 0)
    t = update(bare, (UPDATE, "5"))
    assert "Built " in leave(t, 0)
    t = update(bare, (UPDATE, "2"), (r"Debian packages .*: ", "q"))
    leave(t)
    assert "Built" not in t.before
