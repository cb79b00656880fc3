"""Every row of "When nothing else is said", and the guide's scripts with nobody there; two accounts."""

import re

import pexpect
import pytest
from harness.expect import assert_error, deploy, prompt_of, row, rows

IMAGE = "test/busybox:1"


@pytest.fixture(params=["alice", "bob"])
def user(request, alice, bob):
    return {"alice": alice, "bob": bob}[request.param]


def states(user):
    return {r["name"]: r["state"] for r in rows(user, "--all")}


def ask(user, command, *dialogue):
    """Types a command on a terminal; dialogue is pairs of what is expected and what is answered."""
    t = user.tty(command, timeout=60)
    for question, answer in dialogue:
        t.expect(question)
        t.sendline(answer)
    t.expect(pexpect.EOF)
    t.close()
    return t.exitstatus, t.before


# ---- no argument ----

@pytest.mark.parametrize("command", ["start", "run", "stop", "remove", "pause", "unpause", "create"])
def test_no_argument_and_no_terminal(user, command):
    done = user.run(["container-" + command])
    assert done.rc == 2 and done.out == "" and re.search(f"Usage: container[ -]{command} ", done.err), done


# ---- --open without a terminal; attach with a here-document ----

def test_open_without_a_terminal_runs_stdin(user):
    done = user.ok(["container", "deploy", "in", f"--image={IMAGE}", "--open"], stdin="echo 42\n")
    assert done.out == "42\n"
    done = user.run("container-attach in <<EOF\necho one\nsh -c 'exit 5'\nEOF")
    assert (done.rc, done.out) == (5, "one\n"), done
    for empty in ("</dev/null", "<<EOF\nEOF", "<&-"):
        user.ok(["container", "retire", "in"])
        done = user.run(f"container deploy in --image={IMAGE} {empty}")
        assert done.rc == 0 and done.out == "" and states(user) == {"in": "running"}, (empty, done)


# ---- retire ----

def test_retire_without_a_terminal_asks_nothing(user, loaded):
    deploy(user, "gone")
    done = user.ok(["container", "retire", "gone"])
    assert "[Y/n]" not in done.err and states(user) == {} and IMAGE in loaded.image_tags()


def test_retire_on_a_terminal_asks(user):
    deploy(user, "asked")
    status, _ = ask(user, "container retire asked", (r"Continue\? \[Y/n\] ", "n"))
    assert status == 0 and states(user) == {"asked": "running"}
    status, _ = ask(user, "container retire asked", (r"Continue\? \[Y/n\] ", ""))
    assert status == 0 and states(user) == {}


# ---- questions without a terminal ----

def test_without_a_terminal_the_default_answer_is_taken(user, starter):
    """One rule for all: what would be asked is done, or not, as Enter would have it."""
    for name in ("one", "two"):
        user.ok(["project", "init", name, "--quick", "--framework=none", "--type=custom"])
        user.ok(["image-create", name], timeout=180)
    done = user.ok(["image-delete", "one"])
    assert "[Y/n]" not in done.err and f"Deleted ds01-{user.name}/one:latest." in done.err
    assert f"Deleted ds01-{user.name}/two:latest." in user.ok(["image-delete", "--all"]).err
    for name in ("one", "two"):
        deploy(user, name)
    user.ok(["container-stop", "--all"])
    assert states(user) == {"one": "stopped", "two": "stopped"}
    user.ok(["container-remove", "--all"])
    assert states(user) == {}
    for command in ("image-delete", "container-stop", "container-remove", "container-retire"):
        told = " ".join(user.ok([command, "--info"]).out.split())
        assert "Without one the default answer is taken, as with --yes" in told, told


# ---- launch: stopped, created, running, another image ----

@pytest.fixture
def built(user, starter):
    def make(name):
        user.ok(["project", "init", name, "--quick", "--framework=none", "--type=custom"])
        user.ok(["image-create", name], timeout=180)
    return make


def test_launch_starts_what_is_stopped_or_created(user, built):
    built("again")
    user.ok(["container-create", "again"])
    born = row(user, "again")["created_at"]
    for _ in range(2):
        done = user.ok(["project", "launch", "again", "--background"])
        assert "Started again" in done.err and row(user, "again")["created_at"] == born
        user.ok(["container-stop", "again"])


def test_launch_says_that_the_image_is_another(user, built):
    built("newer")
    user.ok(["container-create", "newer"])
    born = row(user, "newer")["image_id"]
    user.write(user.workspace / "newer/Dockerfile", "FROM test/busybox:1\nRUN echo newer >/tmp/x\n")
    user.ok(["image-create", "newer"], timeout=180)
    done = user.ok(["project", "launch", "newer", "--background"])
    assert "older image" in done.err and row(user, "newer")["image_id"] == born, done
    user.ok(["container-stop", "newer"])
    done = user.ok(["project", "launch", "newer", "--background", "--yes"])
    assert row(user, "newer")["image_id"] != born, done
    user.ok(["container-stop", "newer"])
    status, _ = ask(user, "project launch newer --background --rebuild", (r"Make it anew\?.*\[Y/n\] ", ""))
    assert status == 0 and states(user) == {"newer": "running"}


def test_launch_and_deploy_of_a_running_one(user, built):
    built("on")
    user.ok(["project", "launch", "on", "--background"])
    for command in ("project launch on", "container deploy on"):
        assert_error(user.run(command), 1, "Container on already exists (running)", "container-attach on",
                     "container retire on")
        t = user.tty(command)
        t.expect(r"Container on already exists \(running\)")
        t.expect(r"Open it now\? \[Y/n\] ")
        t.sendline("")
        t.expect(prompt_of(user, "on"))
        t.close(force=True)


# ---- what is already so ----

def test_what_is_already_so_is_fine(user):
    user.ok(["container-create", "so", IMAGE])
    done = user.ok(["container-stop", "so"])
    assert "was not started" in done.err and states(user) == {"so": "created"}
    user.ok(["container-start", "so"])
    begun = row(user, "so")["started_at"]
    done = user.ok(["container-start", "so"])
    assert "so is already running" in done.err and row(user, "so")["started_at"] == begun
    assert "is not paused" in user.ok(["container-unpause", "so"]).err
    user.ok(["container-pause", "so"])
    assert "so is already paused" in user.ok(["container-pause", "so"]).err
    user.ok(["container-unpause", "so"])
    user.ok(["container-stop", "so"])
    ended = row(user, "so")["stopped_at"]
    assert "so is already stopped" in user.ok(["container-stop", "so"]).err
    assert row(user, "so")["stopped_at"] == ended
    for verb in ("pause", "unpause"):
        assert_error(user.run([f"container-{verb}", "so"]), 1, "Container so is not running (stopped)",
                     "container-start so")


def test_what_would_lose_something_is_not(user):
    user.ok(["container-create", "one", IMAGE])
    assert_error(user.run(["container-create", "one", IMAGE]), 1, "Container one already exists (created)",
                 "container-start one", "container retire one")
    user.ok(["container-start", "one"])
    assert_error(user.run(["container-create", "one", IMAGE]), 1, "Container one already exists (running)",
                 "container-attach one", "container retire one")
    for options in ([], ["--force"], ["--images"]):
        assert_error(user.run(["container-remove", "one", *options]), 1, "Container one is running",
                     "container-stop one", "container-remove one --stop")
    assert states(user) == {"one": "running"}
    user.ok(["container-remove", "one", "--stop", "--force"])
    assert states(user) == {}


@pytest.mark.parametrize("verb", ["start", "run", "stop", "remove", "pause", "unpause", "stats"])
def test_missing_and_somebody_elses_read_the_same(alice, bob, verb):
    deploy(alice, "hers")
    for name in ("hers", "nobodys"):
        done = bob.run([f"container-{verb}", name])
        assert_error(done, 4, f"No container '{name}' of yours", "container-list --all")
    assert states(alice) == {"hers": "running"}
    for bad in ("../x", "a b", "x;id", "ä", "-" * 3, "hers._.1"):
        done = bob.run([f"container-{verb}", bad])
        assert done.rc in (2, 4) and done.out == "", (bad, done)


# ---- --all ----

def test_all_asks_once(alice, bob):
    for name in ("a", "b"):
        deploy(alice, name)
        deploy(bob, name)
    alice.ok(["container-create", "c", IMAGE])
    status, shown = ask(alice, "container-stop --all", (r"Stop 2 containers \(a, b\)\? \[Y/n\] ", "n"))
    assert status == 0 and states(alice)["a"] == "running", shown
    status, _ = ask(alice, "container-stop --all", (r"Stop 2 containers \(a, b\)\? \[Y/n\] ", ""))
    assert status == 0 and states(alice) == {"a": "stopped", "b": "stopped", "c": "created"}
    alice.ok(["container-start", "a"])
    # Those that can go, go; what runs is refused as it is by its name.
    done = alice.run(["container-remove", "--all", "--force"])
    assert done.rc == 1 and "Container a is running" in done.err and states(alice) == {"a": "running"}, done
    alice.ok(["container-remove", "--all", "--force", "--stop"])
    assert states(alice) == {}
    assert states(bob) == {"a": "running", "b": "running"}
    done = alice.ok(["container-remove", "--all"])
    assert "You have no containers" in done.err
    bob.ok(["container-pause", "--all"])
    assert set(states(bob).values()) == {"paused"}
    bob.ok(["container-unpause", "--all", "--force"])
    bob.ok(["container-stop", "a", "b", "b"])
    assert set(states(bob).values()) == {"stopped"}
    done = bob.run(["container-remove", "a", "nope", "b"])
    assert done.rc == 4 and "No container 'nope' of yours" in done.err and states(bob) == {}, done
    assert bob.run(["container-stop", "a", "--all"]).rc == 2


def test_remove_with_its_image(user, built, loaded):
    built("whole")
    ref = f"ds01-{user.name}/whole:latest"
    user.ok(["container-create", "whole"])
    assert ref in loaded.image_tags()
    done = user.ok(["container-remove", "whole", "--images"])
    assert f"Image {ref} removed" in done.err and ref not in loaded.image_tags()


# ---- [tool.ds01] image ----

def test_a_project_on_a_catalogue_image_is_not_built(user, loaded):
    user.write(user.workspace / "plain/pyproject.toml",
               '[project]\nname = "plain"\n[tool.ds01]\nimage = "aime/busybox:1"\n')
    done = user.ok(["project", "launch", "plain", "--background"])
    assert "Build" not in done.err and row(user, "plain")["image"] == IMAGE, done
    assert f"ds01-{user.name}/plain:latest" not in loaded.image_tags()


# ---- leaving ----

@pytest.mark.parametrize("how", ["exit", "eof"])
def test_leaving_leaves_it_running(user, how):
    deploy(user, "left")
    t = user.tty("container-attach left")
    t.expect(prompt_of(user, "left"))
    if how == "exit":
        t.sendline("exit")
    else:
        t.sendeof()
    t.expect(pexpect.EOF)
    assert states(user) == {"left": "running"}


# ---- the guide's scripts, with nobody there ----

SCRIPTS = {
    "Pattern 1": """
        project init my-research --quick --framework=none --type=custom
        project launch my-research --yes --open <<EOF
echo working >result
exit
EOF
        container retire my-research
        test "$(cat ~/workspace/my-research/result)" = working
        """,
    "Pattern 2": """
        project launch my-thesis --open </dev/null
        container retire my-thesis
        """,
    "Pattern 3": """
        container deploy my-thesis --open <<EOF
hostname
EOF
        container retire my-thesis
        """,
    "Pattern 4": """
        project launch my-thesis --background
        container-attach my-thesis <<EOF
nohup sh -c 'while [ ! -e go ]; do sleep 0.1; done; echo trained >model' >log 2>&1 &
EOF
        container-attach my-thesis -- touch go
        for i in $(seq 50); do [ -s ~/workspace/my-thesis/model ] && break; sleep 0.1; done
        container-attach my-thesis -- cat model
        container retire my-thesis
        """,
    "Creating Without Starting": """
        container-create my-thesis
        container-list --all | grep -q 'my-thesis .*created'
        container-start my-thesis
        container-list | grep -q 'my-thesis .*running'
        container-run my-thesis -- true
        container-attach my-thesis -- true
        container-remove my-thesis --stop
        """,
    "Stopping Without Removing": """
        container-create my-thesis
        container-start my-thesis
        container-attach my-thesis -- touch /tmp/here
        container-stop my-thesis
        container-list --all | grep -q 'my-thesis .*stopped'
        container-start my-thesis
        container-attach my-thesis -- test -e /tmp/here
        container-stop my-thesis
        container-remove my-thesis
        """,
    "Several at once": """
        for i in 1 2 3; do container-create job-$i --project=my-thesis; done
        for i in 1 2 3; do container-run job-$i -- sh -c "echo $i >>results" & done
        wait
        container-list --format=json | grep -q '"schema":1'
        container-stop --all --force
        container-remove --all --force
        test "$(sort ~/workspace/my-thesis/results | tr '\\n' ' ')" = "1 2 3 "
        """,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_run_unattended(user, built, name):
    user.ok(["rm", "-rf", str(user.workspace)])
    built("my-thesis")
    done = user.run("set -eu\n" + re.sub(r"^ {8}", "", SCRIPTS[name], flags=re.M), timeout=180)
    assert done.rc == 0 and "Error" not in done.err, done
    assert states(user) == {}, done
