"""retire --save-packages: what was installed by hand goes into requirements.txt, and nothing else does."""

import os

import pexpect
import pytest
from harness.expect import assert_error, row
from harness.process import wait_until
from wheel_index import make_wheel


@pytest.fixture
def lab(alice, index, frameworks):
    """A running project with a package in its image, and wheels to install from in /workspace."""
    alice.run(["bash", "-c", "rm -rf ~/workspace/*"])
    make_wheel(index, "ds01-sample", "1.0")
    alice.ok(["project", "init", "lab", "--quick", "--framework=none", "--type=custom", "--no-git"])
    folder = alice.workspace / "lab"
    alice.write(folder / "requirements.txt", "# mine\nds01-sample>=1  # from the image\n")
    alice.ok(["project", "launch", "lab", "--background", "--yes"], timeout=180)
    wheels = folder / "wheels"
    for name, version, requires in (("ds01-sample", "2.0", ()), ("ds01-dep", "3.0", ()), ("Ds01.Other", "1.5", ["ds01-dep"]),
                                    ("ds01-local", "1.0+cu121", ())):
        make_wheel(wheels, name, version, requires)
    # The folder is theirs: they must be able to remove what we put there.
    for path in (wheels, *wheels.rglob("*")):
        os.chown(path, alice.uid, alice.gid)
    return folder


def pip(user, container, *words):
    links = [f"--find-links=/workspace/wheels/{n}" for n in ("ds01-sample", "ds01-dep", "ds01-other", "ds01-local")]
    return user.ok(["container-attach", container, "--", "pip", "install", "--no-index", *links, *words])


def kill(user, engine):
    """The container's main process dies."""
    engine.call("POST", f"/containers/lab._.{user.uid}/kill")
    wait_until(lambda: row(user, "lab")["state"] == "stopped", 10, "ds01d has noticed")


REQUIREMENTS = "# mine\nds01-sample>=1  # from the image\n"


def test_nothing_was_added(alice, lab):
    done = alice.ok(["container", "retire", "lab", "--save-packages"])
    assert "No packages to save" in done.err and "Retired lab" in done.err
    assert (lab / "requirements.txt").read_text() == REQUIREMENTS


def test_what_was_asked_for_is_written(alice, lab, loaded):
    before = loaded.images()
    pip(alice, "lab", "Ds01.Other", "ds01-local")
    done = alice.ok(["container", "retire", "lab", "--save-packages"])
    assert "Wrote 2 packages to" in done.err and "Retired lab" in done.err and done.out == ""
    lines = (lab / "requirements.txt").read_text().splitlines()
    assert lines[:2] == REQUIREMENTS.splitlines()
    # Dependencies come again by themselves; a build's own suffix is in no other index.
    assert sorted(lines[2:]) == ["Ds01.Other==1.5", "ds01-local==1.0"]
    assert row(alice, "lab") is None
    assert loaded.images() == before  # no container was made an image


def test_an_upgrade_takes_the_place_of_the_line(alice, lab):
    pip(alice, "lab", "--upgrade", "ds01-sample")
    alice.ok(["container", "retire", "lab", "--save-packages", "--force"])
    assert (lab / "requirements.txt").read_text() == "# mine\nds01-sample==2.0  # from the image\n"


def test_a_restart_forgets_nothing(alice, lab, loaded):
    pip(alice, "lab", "ds01-dep")
    kill(alice, loaded)
    alice.ok(["project", "launch", "lab", "--background"])
    alice.ok(["container", "retire", "lab", "--save-packages"])
    assert (lab / "requirements.txt").read_text() == REQUIREMENTS + "ds01-dep==3.0\n"


def test_what_requirements_cannot_name_is_told(alice, lab):
    pip(alice, "lab", "/workspace/wheels/ds01-dep/ds01_dep-3.0-py3-none-any.whl")
    done = alice.ok(["container", "retire", "lab", "--save-packages"])
    assert "ds01-dep was installed from a file or folder" in done.err
    assert (lab / "requirements.txt").read_text() == REQUIREMENTS


def test_asked_on_a_terminal_default_no(alice, lab):
    pip(alice, "lab", "ds01-dep")
    t = alice.tty("container retire lab", timeout=60)
    t.expect(r"Continue\? \[Y/n\] ")
    t.sendline("")
    t.expect("Added by hand since the image: ds01-dep==3.0")
    t.expect(r"Write them to requirements.txt\? \[y/N\] ")
    t.sendline("")
    t.expect(r"remove the image\? \[y/N\] ")
    t.sendline("")
    t.expect("Retired lab")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 0 and (lab / "requirements.txt").read_text() == REQUIREMENTS


def test_asked_on_a_terminal_and_wanted(alice, lab):
    pip(alice, "lab", "ds01-dep")
    t = alice.tty("container retire lab --keep-image", timeout=60)
    t.expect(r"Continue\? \[Y/n\] ")
    t.sendline("")
    t.expect(r"Write them to requirements.txt\? \[y/N\] ")
    t.sendline("y")
    t.expect("Retired lab")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 0 and (lab / "requirements.txt").read_text() == REQUIREMENTS + "ds01-dep==3.0\n"


def test_unattended_nothing_is_written(alice, lab):
    pip(alice, "lab", "ds01-dep")
    done = alice.ok(["container", "retire", "lab"])
    assert "requirements" not in done.err and (lab / "requirements.txt").read_text() == REQUIREMENTS


def test_a_python_that_lies(alice, lab):
    """What the container answers is its users' to choose: it must not become an option of pip or a second line."""
    evil = "Metadata-Version: 2.1\\nName: ds01-evil\\nVersion: 1\\r--index-url=http://evil\\n"
    alice.ok(["container-attach", "lab", "--", "sh", "-c",
              "d=$(python3 -m site --user-site)/ds01_evil-1.dist-info; mkdir -p \"$d\"; touch \"$d/REQUESTED\" \"$d/INSTALLER\"; "
              f"printf '{evil}' >\"$d/METADATA\"; echo 'raise SystemExit(9)' >/workspace/json.py"])
    alice.run(["container", "retire", "lab", "--save-packages"])
    text = (lab / "requirements.txt").read_text()
    assert text.startswith(REQUIREMENTS) and "index-url" not in text and "\r" not in text


def test_without_python_there_is_nothing_to_save(alice, ds01d):
    alice.ok(["container", "deploy", "nopy", "--image=test/busybox:1", "--background"])
    done = alice.ok(["container", "retire", "nopy", "--save-packages"])
    assert "No packages to save" in done.err and not (alice.workspace / "nopy/requirements.txt").exists()


def test_a_stopped_container_cannot_be_asked(alice, lab, loaded):
    kill(alice, loaded)
    done = alice.run(["container", "retire", "lab", "--save-packages"])
    assert_error(done, 1, "Container lab is not running (stopped): its packages can't be saved",
                 "container-start lab", "container retire lab --save-packages")
    assert row(alice, "lab")["state"] == "stopped"


def test_options(alice, lab):
    done = alice.ok(["container", "retire", "lab", "--save-packages", "--dry-run"])
    assert "Would save the packages added" in done.err and row(alice, "lab")["state"] == "running"
    assert alice.run(["container", "retire", "lab", "--save-packages", "--user=root"]).rc == 2
