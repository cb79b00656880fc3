"""The questions of `project init` on a terminal: each in its turn, each answered by an option as well."""

import re

import pexpect
import pytest
from harness.expect import assert_error, prompt_of

TYPES = ["ml", "cv", "nlp", "rl", "audio", "ts", "llm", "custom"]

NAME, TYPE, FRAMEWORK = r"Project name \(such as thesis\): ", r"Choice \[1-8\] \(default: 1\): ", r"Choice \[1-4\] \(default: (\d)\): "
VERSION, PACKAGES = r"Choice \[1-\d\] \(default: 1\): ", r"Enter: none\): "
JUPYTER, GIT, BUILD = r"Add JupyterLab\? \[y/N\] ", r"Git repository\? \[Y/n\] ", r"first launch\? \[y/N\] "
MAKE = r"Make it\? \[Y/n\] "


@pytest.fixture(scope="module")
def catalogue(ds01d_session, frameworks, base):
    """Four frameworks, and nothing of what other tests have in it."""
    path = base / "catalogue"
    old = path.read_text()
    path.write_text("".join(f"{name}, {version}, [CPU], {image}\n" for name, version, image in frameworks) +
                    "None, 3.11, [CPU], ds01/starter:12\n")
    ds01d_session.restart()
    yield
    path.write_text(old)
    ds01d_session.restart()


@pytest.fixture
def person(alice, catalogue):
    """alice, who has no projects."""
    alice.ok(["bash", "-c", "rm -rf ~/workspace"])
    yield alice
    alice.ok(["bash", "-c", "rm -rf ~/workspace"])


def answer(t, *steps):
    """Types each answer at its question; returns all that was shown."""
    shown = ""
    for pattern, typed in steps:
        t.expect(pattern)
        shown += t.before + t.after
        t.sendline(typed)
    return shown


def end(t, status=0):
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == status, t.before
    return t.before


def made(user):
    """What is in ~/workspace, hidden or not."""
    return sorted(p.name for p in user.workspace.iterdir()) if user.workspace.exists() else []


@pytest.mark.parametrize(("rows", "cols", "env"), [
    (24, 80, {}), (60, 200, {"LANG": "C.UTF-8"}), (24, 80, {"LANG": "C", "LC_ALL": "C"}), (24, 80, {"NO_COLOR": "1"}),
    (24, 80, {"TERM": "dumb"})], ids=["80", "200", "C", "nocolor", "dumb"])
def test_every_question(person, rows, cols, env):
    t = person.tty("project init", rows=rows, cols=cols, env=env)
    shown = answer(t, (NAME, "leaves"), (TYPE, "2"), (FRAMEWORK, "/torch"), (r"Choice \[1-1\]", "1"), (VERSION, "/2.7"),
                   (r"Choice \[1-1\]: ", "1"), (PACKAGES, "pandas>=2, rich"), (JUPYTER, "y"), (GIT, "n"), (BUILD, ""))
    t.expect(MAKE)
    summary = t.before.replace("\r\n", "\n").split("This will be made:\n\n")[1]
    assert summary == ("  Folder      ~/workspace/leaves\n"
                       "  Type        cv\n"
                       "  Framework   PyTorch 2.7.1\n"
                       "  Packages    those of the type, jupyterlab, pandas>=2, rich\n"
                       "  Git         none\n"
                       "  Image       built at the first launch\n\n"), summary
    assert made(person) == []
    t.sendline("")
    shown += end(t)
    assert "Next: project launch leaves" in shown
    assert not re.search("\x1b|\x07", shown)
    assert all(len(line) <= cols for line in shown.replace("\r", "").split("\n")), shown
    if env.get("LC_ALL") == "C":
        assert shown.isascii()
    folder = person.workspace / "leaves"
    assert not (folder / ".git").exists()
    assert "\nFROM stub/pytorch:2.7.1-cpu\n" in (folder / "Dockerfile").read_text()
    requirements = (folder / "requirements.txt").read_text()
    assert {"pandas>=2", "rich", "jupyterlab"} <= set(requirements.splitlines())
    text = (folder / "pyproject.toml").read_text()
    assert 'type = "cv"' in text and 'framework = "pytorch"' in text and 'framework-version = "2.7.1"' in text


def test_the_menus_are_the_tables(person):
    """Types with what they are about, frameworks of the catalogue with their versions, newest first."""
    t = person.tty("project init look")
    shown = answer(t, (TYPE, "")).replace("\r\n", "\n")
    assert re.findall(r"^  (\d)\) (\w+) +\([a-z ]+\)$", shown, re.M) == [(str(i), w) for i, w in enumerate(TYPES, 1)]
    shown = answer(t, (FRAMEWORK, "3")).replace("\r\n", "\n")
    assert re.findall(r"^  \d\) (\w+) +\((.*)\)$", shown, re.M) == [
        ("JAX", "0.5.3"), ("none", "None 13, Python 3.11"), ("PyTorch", "2.8.0, 2.7.1"), ("TensorFlow", "2.16.1")], shown
    shown = answer(t, (VERSION, "q")).replace("\r\n", "\n")
    assert "Which version of PyTorch?\n\n  1) 2.8.0              (on this machine)\n  2) 2.7.1 " in shown
    end(t, 130)
    assert made(person) == []


def test_enter_takes_the_defaults(person):
    """Enter everywhere makes what --quick makes."""
    t = person.tty("project init asked")
    steps = [(TYPE, ""), (FRAMEWORK, "")]
    answer(t, *steps)
    while t.expect([PACKAGES, VERSION]) != 0:
        t.sendline("")
    t.sendline("")
    answer(t, (JUPYTER, ""), (GIT, ""), (BUILD, ""), (MAKE, ""))
    end(t)
    person.ok(["project", "init", "quick", "--quick"])
    one, two = person.workspace / "asked", person.workspace / "quick"
    assert (one / ".git").exists()
    names = sorted(str(p.relative_to(two)) for p in two.rglob("*") if ".git/" not in str(p) and p.is_file())
    for name in names:
        assert (one / name).read_text() == (two / name).read_text().replace("quick", "asked"), name


OPTIONS = ["--type=ts", "--framework=jax", "--packages=rich", "--no-jupyter", "--no-git", "--no-build"]
QUESTIONS = [TYPE, FRAMEWORK, PACKAGES, JUPYTER, GIT, BUILD]


@pytest.mark.parametrize("left", range(len(OPTIONS)))
def test_an_option_answers_its_question(person, left):
    """With all options but one, that one question is asked, and no other."""
    t = person.tty(["project", "init", "given", *(o for i, o in enumerate(OPTIONS) if i != left)])
    found = answer(t, (QUESTIONS[left], {FRAMEWORK: "1"}.get(QUESTIONS[left], "")), (MAKE, "n"))
    assert sum(len(re.findall(q, found)) for q in (PACKAGES, JUPYTER, GIT, BUILD)) == (left > 1)
    assert "Nothing was made" in end(t)
    assert made(person) == []


def test_nothing_is_asked_where_all_is_said(person):
    t = person.tty(["project", "init", "given", *OPTIONS])
    shown = end(t)
    assert "[Y/n]" not in shown and "Next: project launch given" in shown
    t = person.tty("project init defaults --yes --no-git")
    assert "Choice" not in end(t)
    done = person.ok(["project", "init", "piped", "-p", "", "--no-git"])
    assert "?" not in done.err and made(person) == ["defaults", "given", "piped"]


@pytest.mark.parametrize("key", ["q\n", "\x03", "\x04"], ids=["q", "ctrl-c", "ctrl-d"])
def test_leaving_at_each_question(person, key):
    all_steps = [(NAME, "left"), (TYPE, ""), (FRAMEWORK, "3"), (VERSION, ""), (PACKAGES, ""), (JUPYTER, ""), (GIT, ""), (BUILD, ""), (MAKE, "")]
    for n in range(len(all_steps)):
        t = person.tty("project init")
        answer(t, *all_steps[:n])
        t.expect(all_steps[n][0])
        t.send(key)
        assert "Nothing was done" in end(t, 130), n
        assert made(person) == []


def test_what_is_wrong_is_asked_again(person):
    t = person.tty("project init --type=ml --framework=jax --no-git --no-jupyter --no-build")
    shown = answer(t, (NAME, "my thesis!"), (NAME, "Thesis"), (PACKAGES, "-r"), (PACKAGES, "rich"), (MAKE, ""))
    assert "lower-case letters" in shown and "using thesis" in shown and "'-r'" in shown, shown
    end(t)
    assert made(person) == ["thesis"]
    t = person.tty("project init")
    answer(t, (NAME, "a b"), (NAME, "-x"), (NAME, "$(id)"))
    end(t, 2)
    assert made(person) == ["thesis"]


@pytest.mark.parametrize(("options", "text"), [
    (["--git", "--no-git"], "Options --git and --no-git exclude each other"),
    (["--jupyter", "--no-jupyter"], "Options --jupyter and --no-jupyter exclude each other"),
    (["--build", "--no-build"], "Options --build and --no-build exclude each other"),
    (["--packages=-r"], re.compile(".*'-r'.*")),
    (["--type=vision"], re.compile("Unknown type 'vision'.*"))])
def test_options_are_checked_before_anything(person, options, text):
    assert_error(person.run(["project", "init", "x", *options]), 2, text)
    assert made(person) == []


def test_a_folder_that_is_there_answers_too(person):
    """Nobody is asked what its files say."""
    folder = person.mkdir(person.workspace / "theirs")
    person.write(folder / "pyproject.toml", '[tool.ds01]\ntype = "nlp"\nframework = "tensorflow"\nframework-version = "2.16.1"\n')
    person.write(folder / "requirements.txt", "rich\n")
    t = person.tty("project init theirs")
    shown = answer(t, (BUILD, ""), (MAKE, ""))
    assert "Choice" not in shown and "JupyterLab" not in shown and "Git repository?" not in shown
    assert "  Folder      ~/workspace/theirs, only what it lacks" in shown and "TensorFlow 2.16.1" in shown
    end(t)
    assert (folder / "requirements.txt").read_text() == "rich\n" and "stub/tensorflow:2.16.1" in (folder / "Dockerfile").read_text()
    assert_error(person.run(["project", "init", "theirs", "-p", "pandas>=2"]), 2,
                 "~/workspace/theirs has a requirements.txt already: --packages is for a new one",
                 'image-update theirs --add "pandas>=2"')
    # The same script, run again, changes nothing.
    person.ok(["project", "init", "theirs", "--quick", "--jupyter"])
    assert (folder / "requirements.txt").read_text() == "rich\n"


@pytest.mark.slow
def test_building_at_once(person, index):
    """What was asked for is in the image, and launches without a further build."""
    from wheel_index import make_wheel

    make_wheel(index, "ds01-sample")
    t = person.tty("project init now --type=custom --no-git --guided", timeout=120)
    answer(t, (r"continue\.\.\. ", ""), (FRAMEWORK, "2"), (VERSION, "2"), (PACKAGES, "ds01-sample"), (JUPYTER, ""), (BUILD, "y"),
           (r"Image +built now\s+" + MAKE, ""), (r"continue\.\.\. ", ""))
    assert re.search(rf"Built ds01-{person.name.lower()}/now:latest\..*The image is yours alone.*Next: project launch now", end(t), re.S)
    done = person.ok(["project", "launch", "now", "--background"], timeout=60)
    assert "Step" not in done.err and "needed" not in done.err
    assert person.ok(["container-attach", "now", "--", "python3", "-c", "import ds01_sample; print(1)"]).out == "1\n"
    # The same by script.
    done = person.ok(["project", "init", "script", "--type=custom", "--framework=none:3.11", "--no-git", "-p", "ds01-sample", "--build"],
                     timeout=120)
    assert "Built " in done.err and done.err.endswith("Next: project launch script\n")
    assert person.run(["project", "init", "fails", "--framework=none:3.11", "--type=custom", "-p", "ds01-nowhere", "--build"],
                      timeout=120).rc == 1
    assert (person.workspace / "fails/Dockerfile").exists()


def test_the_first_hour_by_questions_alone(person):
    """From nothing to a shell: only names and Enter."""
    t = person.tty("project init hour --type=custom --framework=none:3.11")
    answer(t, (PACKAGES, ""), (JUPYTER, ""), (GIT, ""), (BUILD, "y"), (MAKE, ""))
    assert "Next: project launch hour" in end(t)
    t = person.tty("project launch", timeout=60)
    answer(t, (r"1\) hour +\(Python 3\.11\)\s+Choice \[1-1\]: ", "1"), (prompt_of(person, "hour"), "exit"), (r"\(default: 1\): ", "2"))
    assert "Retired hour" in end(t)
