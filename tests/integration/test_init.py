"""project init: new folders, folders that exist, and projects that an older ds01 made."""

import json
import subprocess

import pytest
from harness.expect import assert_error, row

OLD_PYPROJECT = """[project]
name = "old"
description = "From before"

[tool.ds01]
type = "cv"
created = "2025-03-01"
author = "alice"
image = "ds01-1000/old:latest"

[tool.ruff]
line-length = 100
"""

# As the older ds01 wrote it, packages and all; pandas stands for its list.
OLD_DOCKERFILE = """# DS01 project image
# Project: old
# Created: 2025-03-01
FROM {base}

LABEL maintainer="alice"
LABEL maintainer.id="1000"
LABEL ds01.project="old"
LABEL ds01.framework="pytorch" \\
      ds01.created="2025-03-01" \\
      note="kept here"
LABEL ds01.managed="true"

ARG DS01_USER_ID=1000
ARG DS01_GROUP_ID=1000
ARG DS01_USERNAME=alice

RUN apt-get update && apt-get install -y --no-install-recommends git curl wget vim htop && rm -rf /var/lib/apt/lists/*

# Core packages
RUN pip install --no-cache-dir \\
    pandas>=2.0 \\
    ds01-sample

# Custom additional packages

RUN mkdir -p /root/.jupyter && echo "c.ServerApp.ip = '0.0.0.0'" > /root/.jupyter/jupyter_server_config.py

WORKDIR /workspace
CMD ["/bin/bash"]
"""


@pytest.fixture
def person(alice):
    """alice, with an identity for git; her workspace as it was."""
    alice.write(alice.home / ".gitconfig", "[user]\n\tname = Alice Ö\n\temail = alice@example.org\n")
    yield alice
    alice.run(["rm", "-rf", ".gitconfig", "bin"])
    alice.run(["bash", "-c", "rm -rf ~/workspace/*"])


def git(user, folder, *words, **kwargs):
    return user.ok(["git", "-C", str(folder), *words], **kwargs).out


def test_everything_of_the_contract_is_there(person, starter):
    person.ok(["project", "init", "full", "--quick", "--type=cv", "--framework=none", "--desc", "A \"quoted\" $(id) ü line"])
    folder = person.workspace / "full"
    names = sorted(p.name for p in folder.iterdir())
    assert names == sorted(["pyproject.toml", "Dockerfile", "requirements.txt", "README.md", ".gitignore", ".git",
                            ".gitattributes", ".dockerignore", "data", "notebooks", "src", "tests", "models"])
    text = (folder / "pyproject.toml").read_text()
    assert 'description = "A \\"quoted\\" $(id) ü line"' in text and 'type = "cv"' in text
    assert f'author = "{person.name}"' in text
    for entry in folder.rglob("*"):
        assert entry.stat().st_uid == person.uid


def test_git_commits_where_there_is_an_identity(person, starter):
    done = person.ok(["project", "init", "committed", "--quick", "--framework=none"])
    folder = person.workspace / "committed"
    assert git(person, folder, "log", "--format=%an <%ae> %s") == "Alice Ö <alice@example.org> Start committed\n"
    assert git(person, folder, "status", "--porcelain") == ""
    assert "lfs" not in (folder / ".gitattributes").read_text() and "git config" not in done.err


def test_git_without_an_identity(person, starter):
    person.ok(["rm", ".gitconfig"])
    done = person.ok(["project", "init", "nobody", "--quick", "--framework=none"])
    assert "user.name" in done.err and (person.workspace / "nobody/.git").is_dir()
    assert person.run(["git", "-C", "workspace/nobody", "log"]).rc != 0
    person.ok(["project", "init", "nogit", "--quick", "--framework=none", "--no-git"])
    assert not (person.workspace / "nogit/.git").exists()


def test_weights_go_through_lfs_where_it_is_installed(person, starter):
    """A git-lfs that notes how it is called, on the PATH of this test alone."""
    fake = person.write(person.home / "bin/git-lfs", "#!/bin/sh\necho \"$*\" >>~/bin/calls\n")
    fake.chmod(0o755)
    env = {"PATH": f"{person.bin_dir}:{person.home}/bin:/usr/bin:/bin"}
    person.ok(["project", "init", "heavy", "--quick", "--framework=none"], env=env)
    attributes = (person.workspace / "heavy/.gitattributes").read_text()
    for ending in ("pt", "pth", "ckpt", "h5", "safetensors"):
        assert f"*.{ending} filter=lfs diff=lfs merge=lfs -text\n" in attributes
    assert "install --local" in (person.home / "bin/calls").read_text()
    person.ok(["project", "init", "light", "--quick", "--framework=none", "--no-git"], env=env)
    assert "lfs" not in (person.workspace / "light/.gitattributes").read_text()


def test_jupyter_and_devcontainer(person, starter):
    person.ok(["project", "init", "extra", "--quick", "--framework=none", "--type=custom", "--jupyter", "--devcontainer"])
    folder = person.workspace / "extra"
    assert "\njupyterlab\n" in (folder / "requirements.txt").read_text()
    dev = json.loads((folder / ".devcontainer/devcontainer.json").read_text())
    assert dev["name"] == "extra" and dev["workspaceFolder"] == "/workspace"
    assert dev["build"]["dockerfile"] == "../Dockerfile"
    person.ok(["project", "init", "bare", "--quick", "--framework=none", "--blank", "--no-git"])
    assert sorted(p.name for p in (person.workspace / "bare").iterdir()) == \
        [".dockerignore", "Dockerfile", "pyproject.toml", "requirements.txt"]


@pytest.mark.parametrize("name", ["../x", "a b", "$(id)", "a;b", "x" * 41, "-x", ".", "ä"])
def test_names_are_checked(person, starter, name):
    done = person.run(["project", "init", name, "--quick", "--framework=none"])
    assert done.rc == 2 and "Error: " in done.err, done
    assert not person.workspace.exists() or list(person.workspace.iterdir()) == []


def test_a_folder_that_exists_is_completed(person, starter):
    folder = person.mkdir(person.workspace / "mine")
    person.write(folder / "README.md", "my words\n")
    person.write(folder / "data/set.csv", "1\n")
    person.write(folder / "requirements.txt", "# none\n")
    done = person.ok(["project", "init", "mine", "--quick", "--framework=none"])
    assert "Completed" in done.err and "README.md" in done.err.split("Kept as they are:")[1]
    assert (folder / "README.md").read_text() == "my words\n"
    assert (folder / "requirements.txt").read_text() == "# none\n"
    assert sorted(p.name for p in (folder / "data").iterdir()) == ["set.csv"]
    assert (folder / "Dockerfile").exists() and not (folder / ".git").exists()
    again = person.ok(["project", "init", "mine", "--quick", "--framework=none"])
    assert "nothing was changed" in again.err
    person.ok(["project", "launch", "mine", "--background", "--yes"], timeout=120)


def test_the_framework_of_a_project_that_exists_counts(person, frameworks):
    folder = person.mkdir(person.workspace / "tf")
    person.write(folder / "pyproject.toml", '[tool.ds01]\ntype = "nlp"\nframework = "tensorflow"\nframework-version = "2.16.1"\n')
    person.ok(["project", "init", "tf", "--quick"])
    assert "\nFROM stub/tensorflow:2.16.1\n" in (folder / "Dockerfile").read_text()
    person.write(folder / "pyproject.toml", '[tool.ds01]\nframework = "caffe"\n')
    person.ok(["rm", str(folder / "README.md")])
    person.ok(["project", "init", "tf", "--quick"])  # its Dockerfile is there: no base is needed
    assert "caffe" in (folder / "README.md").read_text()
    person.ok(["rm", str(folder / "Dockerfile")])
    done = person.run(["project", "init", "tf", "--quick"])
    assert done.rc == 2 and "The catalogue has no caffe" in done.err


def test_a_broken_pyproject_is_told_with_its_place(person, starter):
    folder = person.mkdir(person.workspace / "broken")
    person.write(folder / "pyproject.toml", "[project]\nname = \n")
    done = person.run(["project", "init", "broken", "--quick", "--framework=none"])
    assert done.rc == 2 and "~/workspace/broken/pyproject.toml:2:" in done.err
    assert [p.name for p in folder.iterdir()] == ["pyproject.toml"]


def test_a_link_to_somebody_elses_folder(person, bob, starter):
    theirs = bob.mkdir(bob.workspace / "theirs")
    subprocess.run(["chmod", "777", str(bob.home), str(bob.workspace), str(theirs)], check=True)
    person.mkdir(person.workspace)
    person.ok(["ln", "-s", str(theirs), str(person.workspace / "link")])
    done = person.run(["project", "init", "link", "--quick", "--framework=none"])
    assert_error(done, 5, "~/workspace/link is a symbolic link to a folder that isn't yours")
    assert list(theirs.iterdir()) == []
    subprocess.run(["chmod", "755", str(bob.home), str(bob.workspace), str(theirs)], check=True)


# ---- projects of the older ds01 ----

@pytest.fixture
def old(person, index, frameworks):
    from wheel_index import make_wheel

    for name in ("pandas", "ds01-sample", "ds01-other"):
        make_wheel(index, name)
    folder = person.mkdir(person.workspace / "old")
    person.write(folder / "pyproject.toml", OLD_PYPROJECT)
    person.write(folder / "Dockerfile", OLD_DOCKERFILE.format(base="stub/pytorch:2.8.0-cpu"))
    person.write(folder / "requirements.txt", "pandas>=2.0\nds01-sample\n")
    return folder


def test_an_old_project_launches_as_it_is(person, old, loaded):
    before = {p.name: p.read_bytes() for p in old.iterdir()}
    done = person.ok(["project", "launch", "old", "--background", "--yes"], timeout=180)
    assert "Labels of an older ds01 in the Dockerfile (line 8) are left out" in done.err
    assert row(person, "old")["state"] == "running"
    got = person.ok(["container-attach", "old", "--", "python3", "-c", "import ds01_sample, pandas; print(pandas.version)"])
    assert got.out == "99.0\n"
    assert {p.name: p.read_bytes() for p in old.iterdir()} == before
    _, image = loaded.call("GET", f"/images/ds01-{person.name}/old:latest/json")
    labels = image["Config"]["Labels"]
    assert labels["note"] == "kept here" and labels["maintainer"] == "alice"
    assert labels["ds01.uid"] == str(person.uid)
    assert "ds01.framework" not in labels and "ds01.created" not in labels
    # It is up to date: nothing is built again.
    person.ok(["container", "retire", "old", "--force"])
    assert "Step" not in person.ok(["project", "launch", "old", "--background", "--yes"], timeout=60).err


def test_an_old_project_is_completed(person, old):
    done = person.ok(["project", "init", "old", "--quick"])
    assert "Completed" in done.err
    assert (old / "pyproject.toml").read_text() == OLD_PYPROJECT
    assert (old / "Dockerfile").read_text() == OLD_DOCKERFILE.format(base="stub/pytorch:2.8.0-cpu")


def test_an_old_project_gets_packages(person, old):
    done = person.ok(["image-update", "old", "--add=ds01-other", "--add-system=ffmpeg"], timeout=180)
    assert "does not install requirements.txt" in done.err
    assert (old / "requirements.txt").read_text() == "pandas>=2.0\nds01-sample\nds01-other\n"
    person.ok(["container", "deploy", "old", "--background"])
    person.ok(["container-attach", "old", "--", "python3", "-c", "import ds01_other"])
    assert "ffmpeg" in person.ok(["container-attach", "old", "--", "cat", "/apt.log"]).out


def test_other_labels_of_ds01_are_still_refused(person, old):
    person.write(old / "Dockerfile", "FROM stub/pytorch:2.8.0-cpu\nLABEL ds01.project=old\nLABEL ds01.protected=true\n")
    done = person.run(["image-create", "old"])
    assert done.rc == 2 and "line 3" in done.err and "ds01.protected" in done.err


def test_an_unknown_type(alice):
    done = alice.run(["project", "init", "x", "--type=foo"])
    assert done.rc == 2 and "there are: ml cv nlp rl audio ts llm custom" in done.err, done
