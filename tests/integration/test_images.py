"""image-create, image-update, image-delete: the files they change, what they build, what they leave alone."""

import json

import pexpect
import pytest
from harness.expect import assert_clean, assert_error, row
from wheel_index import make_wheel, make_wheels_for

TYPES = ["ml", "cv", "nlp", "rl", "audio", "ts", "llm", "custom"]


def images(user, *options):
    return [i["image"] for i in json.loads(user.ok(["image-list", "--json", *options]).out)["images"]]


def pip_show(user, name, package):
    """The version of a package that a new container of the project sees, or None."""
    user.run(["container", "retire", name, "--force"])
    user.ok(["container", "deploy", name, "--background"])
    done = user.run(["container-attach", name, "--", "python3", "-c",
                     f"import importlib.metadata as m; print(m.version('{package}'))"])
    return done.out.strip() if done.rc == 0 else None


@pytest.fixture
def stubbed(project, index, frameworks):
    """make(name): a project on the stub of PyTorch whose packages are found in the index."""
    def make(name, requirements="# mine\nds01-sample==1.0  # pinned\n", user=None):
        folder = project(name, **({"user": user} if user else {}))
        (user or make.user).write(folder / "requirements.txt", requirements)
        return folder
    for version in ("1.0", "2.0"):
        make_wheel(index, "ds01-sample", version)
    make_wheel(index, "ds01-other")
    return make


@pytest.fixture
def thesis(stubbed, alice):
    stubbed.user = alice
    return stubbed


# ---- image-update ----

def test_update_with_a_name_alone_rebuilds(alice, thesis):
    thesis("again")
    done = alice.ok(["image-update", "again"], timeout=180)
    assert "Built " in done.err and "project launch again" in done.err and done.out == ""
    assert pip_show(alice, "again", "ds01-sample") == "1.0"
    assert "Using cache" not in alice.ok(["image-update", "again", "--no-cache"], timeout=180).err


def test_update_adds_and_removes_and_keeps_the_rest(alice, thesis):
    folder = thesis("edits", "# mine\n\nds01-sample==1.0  # pinned\n# tail\n")
    alice.ok(["image-update", "edits", "--add", "ds01-sample>=2 ds01-other"], timeout=180)
    assert (folder / "requirements.txt").read_text() == "# mine\n\nds01-sample>=2  # pinned\n# tail\nds01-other\n"
    assert pip_show(alice, "edits", "ds01-sample") == "2.0" and pip_show(alice, "edits", "ds01-other")
    alice.ok(["image-update", "edits", "--remove=ds01-other"], timeout=180)
    assert (folder / "requirements.txt").read_text() == "# mine\n\nds01-sample>=2  # pinned\n# tail\n"
    assert pip_show(alice, "edits", "ds01-other") is None


def test_update_says_that_a_running_container_keeps_the_old_image(alice, thesis):
    thesis("kept")
    alice.ok(["image-create", "kept"], timeout=180)
    alice.ok(["project", "launch", "kept", "--background"])
    done = alice.ok(["image-update", "kept", "--add=ds01-other"], timeout=180)
    assert "keeps the old image" in done.err and "container retire kept" in done.err
    assert row(alice, "kept")["state"] == "running"
    alice.ok(["container", "retire", "kept", "--force"])
    assert "keeps the old image" not in alice.ok(["image-update", "kept"], timeout=180).err


def test_update_system_packages_go_into_the_dockerfiles_own_block(alice, thesis):
    folder = thesis("apt")
    alice.write(folder / "Dockerfile", (folder / "Dockerfile").read_text() + "# my end\n")
    done = alice.ok(["image-update", "apt", "--add-system", "ffmpeg libgl1"], timeout=180)
    assert "Changed the Dockerfile." in done.err
    after = (folder / "Dockerfile").read_text()
    assert "        ffmpeg \\\n        libgl1 \\\n" in after and after.endswith("# my end\n")
    alice.ok(["container", "deploy", "apt", "--background"])
    asked = alice.ok(["container-attach", "apt", "--", "cat", "/apt.log"]).out
    assert "ffmpeg libgl1" in asked
    alice.ok(["image-update", "apt", "--remove=libgl1"], timeout=180)
    assert "libgl1" not in (folder / "Dockerfile").read_text() and "ffmpeg" in (folder / "Dockerfile").read_text()


def test_update_takes_a_file_of_packages(alice, thesis):
    folder = thesis("file")
    alice.write(alice.home / "more list.txt", "# theirs\nds01-other  # why\n\nds01-sample>=2\n")
    alice.ok(["image-update", "file", "-r", "more list.txt"], timeout=180)
    assert (folder / "requirements.txt").read_text() == "# mine\nds01-sample>=2  # pinned\nds01-other\n"
    alice.write(alice.home / "options.txt", "ds01-other\n-r other.txt\n")
    done = alice.run(["image-update", "file", "-r", "options.txt"])
    assert_error(done, 2, "options.txt:2: '-r other.txt' is not a package", "image-update --edit")


@pytest.mark.parametrize("option, value", [
    ("--add", "$(touch /tmp/ds01-evil)"), ("--add", "-r/etc/passwd"), ("--add", "a\nb\\"), ("--add", " "),
    ("--add-system", "vim;reboot"), ("--add-system", "-y"), ("--remove", "'x'"), ("--remove", "\u202eevil"),
])
def test_update_refuses_what_is_no_package(alice, thesis, option, value):
    folder = thesis("odd")
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    done = alice.run(["image-update", "odd", f"{option}={value}"])
    assert done.rc == 2 and "Error: " in done.err and "Step" not in done.err, done
    assert_clean(done.err)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def test_update_changes_nothing_unless_all_can_be(alice, thesis):
    folder = thesis("whole")
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    done = alice.run(["image-update", "whole", "--add=ds01-other", "--remove=ds01-sample nowhere"])
    assert_error(done, 4, "Package 'nowhere' is neither in requirements.txt nor in the Dockerfile's list")
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def test_update_names_with_blanks_and_utf8_go_through_files(alice, thesis):
    folder = thesis("utf")
    alice.write(folder / "requirements.txt", "# Grüße, 日本語\nds01-sample ; python_version >= '3'\n")
    (folder / "requirements.txt").chmod(0o640)
    alice.ok(["image-update", "utf", "--add=ds01-other"], timeout=180)
    assert (folder / "requirements.txt").read_text() == "# Grüße, 日本語\nds01-sample ; python_version >= '3'\nds01-other\n"
    assert (folder / "requirements.txt").stat().st_mode & 0o777 == 0o640


def test_update_of_a_dockerfile_that_ignores_requirements(alice, thesis):
    folder = thesis("inline")
    alice.write(folder / "Dockerfile", 'FROM ds01/starter:12\nRUN true\nCMD ["/bin/bash"]\n')
    done = alice.ok(["image-update", "inline", "--add=ds01-other"], timeout=180)
    assert "does not install requirements.txt" in done.err and "Changed the Dockerfile." in done.err
    assert (folder / "Dockerfile").read_text().startswith('FROM ds01/starter:12\nRUN true\nCMD ["/bin/bash"]\n')
    assert pip_show(alice, "inline", "ds01-other")


def test_update_edits_by_hand(alice, thesis):
    folder = thesis("hand")
    alice.ok(["image-create", "hand"], timeout=180)
    editor = alice.write(alice.home / "my editor", "#!/bin/bash\nfor f; do echo \"$f\"; done >~/seen\n")
    editor.chmod(0o755)
    done = alice.run(["image-update", "hand", "--edit"], env={"EDITOR": "false"})
    assert_error(done, 1, "The editor ended with status 1")
    done = alice.run(["image-update", "hand", "--edit"], env={"VISUAL": "no-such-editor -x"})
    assert done.rc == 1 and "no-such-editor" in done.err and "EDITOR" in done.err
    # Words are split at blanks; no shell sees the variable.
    alice.write(alice.home / "ed", "#!/bin/bash\nprintf '%s\\n' \"$@\" >~/seen\necho ds01-other >>\"${@: -1}\"\n").chmod(0o755)
    done = alice.ok(["image-update", "hand", "--edit"], env={"VISUAL": f"{alice.home}/ed -w $(id)", "EDITOR": "false"},
                    timeout=180)
    seen = (alice.home / "seen").read_text().splitlines()
    assert seen == ["-w", "$(id)", f"{folder}/Dockerfile", f"{folder}/requirements.txt"]
    assert "Built " in done.err and pip_show(alice, "hand", "ds01-other")
    done = alice.ok(["image-update", "hand", "--edit"], env={"EDITOR": "true"})
    assert "Nothing was changed" in done.err and "Step" not in done.err


def test_update_without_a_name_offers_a_menu(alice, thesis):
    alice.ok("rm -rf ~/workspace/*")
    folder = thesis("menu")
    done = alice.run(["image-update"])
    assert done.rc == 2 and "image-update [name]" in done.err
    t = alice.tty("image-update", timeout=120)
    t.expect(r"Select a project to update:\s+1\) menu .*Choice \[1-1\]: ")
    t.sendline("1")
    t.expect(r"1\) Add Python packages\s+2\) Add Debian packages\s+3\) Remove packages\s+4\) Edit .*5\) Rebuild")
    t.expect(r"Choice \[1-5\]: ")
    t.sendline("1")
    t.expect("Python packages .*: ")
    t.sendline("ds01-other")
    t.expect("Built ")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 0
    assert (folder / "requirements.txt").read_text().endswith("ds01-other\n")
    t = alice.tty("image-update")
    t.expect(r"Choice \[1-1\]: ")
    t.sendline("1")
    t.expect(r"Choice \[1-5\]: ")
    t.sendline("q")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 130


def test_update_of_what_is_not_built(alice, thesis):
    folder = thesis("cat")
    alice.write(folder / "pyproject.toml", '[tool.ds01]\nimage = "aime/pytorch:2.8.0"\n')
    done = alice.run(["image-update", "cat", "--add=ds01-other"])
    assert done.rc == 2 and "runs on aime/pytorch:2.8.0 as it is" in done.err and "pyproject.toml" in done.err
    done = alice.run(["image-update", "nowhere"])
    assert_error(done, 4, "Project nowhere not found in ~/workspace", "project init nowhere")
    alice.ok(["bash", "-c", "rm workspace/cat/pyproject.toml workspace/cat/Dockerfile"])
    done = alice.run(["image-update", "cat"])
    assert_error(done, 4, "No Dockerfile in ~/workspace/cat", "image-create cat")


# ---- image-delete ----

@pytest.fixture
def built(alice, starter):
    """build(name): an image of that name, made of nothing but a base."""
    def build(name, user=alice):
        user.write(user.workspace / name / "Dockerfile", "FROM test/busybox:1\n")
        user.ok(["image-create", name], timeout=60)
        return f"ds01-{user.name}/{name}:latest"
    yield build
    alice.clear()
    alice.run(["image-delete", "--all", "--force"])


def test_delete_by_project_and_by_name(alice, built, loaded):
    one, two, three = built("one"), built("two"), built("three")
    done = alice.ok(["image-delete", "one", two.removesuffix(":latest")])
    assert "Deleted " + one in done.err and "Deleted " + two in done.err and done.out == ""
    assert one not in images(alice) and two not in images(alice) and three in images(alice)
    assert one not in loaded.image_tags() and three in loaded.image_tags()
    assert (alice.workspace / "one/Dockerfile").exists()


def test_delete_asks_once(alice, built):
    ref = built("asked")
    t = alice.tty("image-delete asked")
    t.expect(r"Continue\? \[Y/n\] ")
    t.sendline("n")
    t.expect("Nothing was done")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 0 and ref in images(alice)
    t = alice.tty("image-delete --all")
    t.expect(r"Continue\? \[Y/n\] ")
    t.sendline("")
    t.expect("Deleted ")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 0 and images(alice) == []
    assert "no images" in alice.ok(["image-delete", "--all", "--force"]).err


def test_delete_from_the_picker(alice, built):
    alice.run(["image-delete", "--all", "--force"])
    ref = built("only")
    t = alice.tty("image-delete --force")
    t.expect(r"Choice \[1-1\]: ")
    t.sendline("1")
    t.expect("Deleted ")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 0 and ref not in images(alice)
    done = alice.run(["image-delete"])
    assert done.rc == 2 and "--all" in done.err


def test_delete_keeps_what_a_container_uses(alice, built):
    ref = built("used")
    other = built("free")
    alice.ok(["container", "deploy", "used", "--background"])
    done = alice.run(["image-delete", "--all", "--force"])
    assert_error(done, 1, f"Image {ref} is used by a container", "container retire NAME")
    assert ref in images(alice) and other not in images(alice)
    alice.ok(["container", "retire", "used", "--force"])
    alice.ok(["image-delete", "used", "--force"])


def test_delete_does_not_reach_other_peoples_images(alice, bob, built, loaded, ds01d):
    theirs = built("bobs", bob)
    for name in ("bobs", theirs, "test/busybox:1", "ds01/starter:12"):
        done = alice.run(["image-delete", name, "--force"])
        assert_error(done, 4, f"No image '{name}' of yours", "image-list")
    assert alice.run(["image-delete", "bobs", f"--user={bob.name}"]).rc == 5
    assert theirs in loaded.image_tags()
    done = ds01d.as_root(["image-delete", "bobs", f"--user={bob.name}", "--force"])
    assert done.returncode == 0, done
    assert theirs not in loaded.image_tags() and theirs not in images(bob)


# ---- image-create: every flag ----

def test_create_with_every_flag(alice, thesis):
    alice.mkdir(alice.workspace / "flags")
    alice.write(alice.home / "list.txt", "ds01-sample<2\n")
    alice.ok(["image-create", "flags", "-f", "pytorch:2.8", "-t", "custom", "-p", "ds01-other>=1,<100, ds01-sample",
              "-s", "ffmpeg", "-r", "list.txt", "--no-cache"], timeout=180)
    folder = alice.workspace / "flags"
    assert (folder / "requirements.txt").read_text() == "ds01-sample<2\nds01-other>=1,<100\n"
    text = (folder / "Dockerfile").read_text()
    assert "\nFROM stub/pytorch:2.8.0-cpu\n" in text and "        ffmpeg \\\n" in text
    assert pip_show(alice, "flags", "ds01-sample") == "1.0" and pip_show(alice, "flags", "ds01-other")
    # Now the Dockerfile is the user's.
    for option in ("--framework=jax", "--type=cv", "--system=vim"):
        done = alice.run(["image-create", "flags", option])
        assert done.rc == 2 and "has a Dockerfile already" in done.err and "image-update flags" in done.err
    done = alice.ok(["image-create", "flags", "-p", "ds01-sample", "--no-build"])
    assert "Step" not in done.err and (folder / "Dockerfile").read_text() == text
    done = alice.ok(["image-create", "flags", "-r", "list.txt", "--no-build"])
    assert (folder / "requirements.txt").read_text() == "ds01-sample<2\n"
    assert (folder / "requirements.txt.old").read_text() == "ds01-sample<2\nds01-other>=1,<100\n"


@pytest.mark.parametrize("arguments, words", [
    (["-f", "caffe"], "The catalogue has no caffe"), (["-f", "pytorch:9"], "The catalogue has no pytorch:9"),
    (["-t", "vision"], "Unknown type 'vision', there are: ml cv nlp rl audio ts llm custom"), (["-p", "a;b|c`d`\\"], "Python package"), (["-s", "vim;reboot"], "apt package"),
])
def test_create_refuses(alice, frameworks, arguments, words):
    alice.run(["rm", "-rf", "workspace/fresh"])
    alice.mkdir(alice.workspace / "fresh")
    done = alice.run(["image-create", "fresh", *arguments])
    assert done.rc == 2 and words in done.err, done
    assert list((alice.workspace / "fresh").iterdir()) == []


@pytest.mark.slow
def test_a_folder_that_names_no_framework_has_its_bases(alice, frameworks):
    alice.write(alice.workspace / "bare/Dockerfile", "FROM stub/pytorch:2.8.0-cpu\nRUN true\n")
    alice.ok(["image-create", "bare"], timeout=180)
    (listed,) = [i for i in json.loads(alice.ok(["image-list", "--json"]).out)["images"] if i["project"] == "bare"]
    assert listed["framework"] == "PyTorch 2.8.0", listed
    alice.ok(["image-delete", "bare", "--force"])


@pytest.mark.parametrize("kind, framework", [
    ("ml", "pytorch"), ("cv", "pytorch:2.7.1"), ("nlp", "tensorflow"), ("rl", "jax"), ("audio", "none"),
    ("ts", "tensorflow:2.16"), ("llm", "pytorch"), ("custom", "jax"), ("llm", "none"), ("cv", "jax"),
])
def test_every_type_builds(alice, index, frameworks, kind, framework):
    name = f"{kind}-{framework.split(':')[0]}"
    alice.run(["rm", "-rf", f"workspace/{name}"])
    alice.ok(["project", "init", name, "--quick", f"--type={kind}", f"--framework={framework}", "--jupyter", "--no-git"])
    requirements = (alice.workspace / name / "requirements.txt").read_text()
    make_wheels_for(index, requirements)
    alice.ok(["project", "launch", name, "--background", "--yes"], timeout=300)
    listed = {p["name"].lower(): p["version"] for p in json.loads(
        alice.ok(["container-attach", name, "--", "python3", "-m", "pip", "list", "--format=json"]).out)}
    for line in requirements.splitlines():
        if line and not line.startswith("#"):
            assert line.split(">")[0] in listed, line
    alice.ok(["container", "retire", name, "--force", "--images"])


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow", "jax", "none"])
@pytest.mark.parametrize("kind", TYPES)
def test_every_combination_gives_a_project(alice, frameworks, kind, framework):
    name = f"x-{kind}-{framework}"
    alice.run(["rm", "-rf", f"workspace/{name}"])
    alice.ok(["project", "init", name, "--quick", f"--type={kind}", f"--framework={framework}", "--no-git"])
    listed = json.loads(alice.ok(["project", "list", "--json"]).out)["projects"]
    found = next(p for p in listed if p["name"] == name)
    pretty = {"pytorch": "PyTorch 2.8.0", "tensorflow": "TensorFlow 2.16.1", "jax": "JAX 0.5.3"}
    assert found["framework"] == pretty.get(framework, found["framework"]), found
    assert "FROM " + {"pytorch": "stub/pytorch:2.8.0-cpu", "tensorflow": "stub/tensorflow:2.16.1",
                      "jax": "stub/jax:0.5.3", "none": "stub/none:13"}[framework] + "\n" in \
        (alice.workspace / name / "Dockerfile").read_text()
    alice.run(["rm", "-rf", f"workspace/{name}"])
