"""From nothing to a shell in one's own container and back, for two accounts side by side."""

import grp
import json
import os
import re

import pexpect
import pytest
from harness.expect import assert_clean, assert_error, prompt_of, row, rows
from harness.process import wait_until


def test_the_accounts_have_no_way_to_the_engine(alice, loaded):
    names = {grp.getgrgid(g).gr_name for g in alice.groups()}
    assert not names & {"docker", "sudo", "root", "ds01-admin"}
    assert alice.run(["test", "-w", str(loaded.socket)]).rc == 1


def test_init_makes_a_project_that_is_the_callers(alice, project):
    folder = project("research")
    for name in ("pyproject.toml", "Dockerfile", "requirements.txt", "README.md", ".gitignore",
                 ".gitattributes", ".dockerignore", "data", "notebooks", "src", "tests", "models"):
        assert (folder / name).exists(), name
        assert (folder / name).stat().st_uid == alice.uid
    text = (folder / "pyproject.toml").read_text()
    assert 'name = "research"' in text and f'author = "{alice.name}"' in text
    assert "image =" not in text
    assert re.search(r"^FROM ds01/starter:12$", (folder / "Dockerfile").read_text(), re.M)


def test_init_twice_adds_only_what_is_missing(alice, project):
    folder = project("adopt")
    alice.write(folder / "Dockerfile", "FROM test/busybox:1\n# mine\n")
    (folder / "README.md").unlink()
    project("adopt")
    assert (folder / "Dockerfile").read_text() == "FROM test/busybox:1\n# mine\n"
    assert (folder / "README.md").exists()


def test_a_whole_session_without_a_terminal(alice, project, loaded):
    project("thesis")
    done = alice.ok(["project", "launch", "thesis", "--background", "--yes"], timeout=180)
    assert done.out == ""
    assert "Launched thesis" in done.err and "container-attach thesis" in done.err
    assert "container retire thesis" in done.err

    (mine,) = rows(alice)
    assert mine["name"] == "thesis" and mine["state"] == "running"
    assert mine["image"] == f"ds01-{alice.name}/thesis:latest"
    table = alice.ok(["container-list"]).out
    assert "thesis" in table.splitlines()[1] and "running" in table
    assert alice.ok("container list -q").out == "thesis\n"
    assert f"thesis._.{alice.uid}" in loaded.names()

    shell = alice.ok(["container-attach", "thesis"],
                     stdin="whoami; pwd; echo $HOME $USER; hostname; python3 -c 'print(6*7)'\n"
                           "echo made inside > from-inside; id -u\n")
    assert shell.out.splitlines() == [alice.name, "/workspace", f"/home/{alice.name} {alice.name}", "thesis", "42",
                                      str(alice.uid)]
    made = alice.workspace / "thesis/from-inside"
    assert made.read_text() == "made inside\n"
    assert (made.stat().st_uid, made.stat().st_gid) == (alice.uid, alice.gid)

    gone = alice.ok(["container", "retire", "thesis"])
    assert "Retired thesis" in gone.err
    assert rows(alice, "--all") == [] and f"thesis._.{alice.uid}" not in loaded.names()
    assert made.exists()
    assert f"ds01-{alice.name}/thesis:latest" in loaded.image_tags()


def test_a_whole_session_on_a_terminal(alice, project):
    project("term")
    t = alice.tty("project launch term", timeout=180)
    t.expect(r"[Bb]uild it now\? \[Y/n\] ")
    t.sendline("")
    t.expect(prompt_of(alice, "term"))
    t.sendline("echo $((6 * 7)) > answer; exit")
    t.expect("What would you like to do\\?")
    t.expect_exact("1) Keep running")
    t.expect_exact("2) Retire")
    t.expect_exact("Choose [1=keep, 2=retire] (default: 1): ")
    t.sendline("2")
    t.expect("Retired term")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 0
    assert (alice.workspace / "term/answer").read_text() == "42\n"
    assert rows(alice, "--all") == []


def test_keeping_is_the_default_and_the_shells_status_is_the_commands(alice, project):
    project("keep")
    alice.ok(["project", "launch", "keep", "--background", "--yes"], timeout=180)
    alice.ok(["container", "retire", "keep", "--force"])
    t = alice.tty("project launch keep --open", timeout=60)
    t.expect(prompt_of(alice, "keep"))
    t.sendline("exit 7")
    t.expect_exact("(default: 1): ")
    t.sendline("")
    t.expect("container-attach keep")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 7
    assert row(alice, "keep")["state"] == "running"


def test_two_accounts_may_use_one_name(alice, bob, project, loaded):
    for user in (alice, bob):
        user.ok(["project", "init", "same", "--quick", "--framework=none", "--type=custom"])
        user.ok(["project", "launch", "same", "--background", "--yes"], timeout=180)
    assert {f"same._.{alice.uid}", f"same._.{bob.uid}"} <= set(loaded.names())
    for user in (alice, bob):
        assert [r["name"] for r in rows(user, "--all")] == ["same"]
        assert user.ok(["container-attach", "same", "--", "whoami"]).out == user.name + "\n"
    alice.ok(["container", "retire", "same"])
    assert rows(alice, "--all") == [] and len(rows(bob)) == 1
    bob.ok(["container", "retire", "same", "--images"])
    assert f"ds01-{alice.name}/same:latest" in loaded.image_tags()
    assert f"ds01-{bob.name}/same:latest" not in loaded.image_tags()


def test_commands_on_stdin_of_launch(alice, project):
    project("piped")
    done = alice.run(["project", "launch", "piped", "--yes"], stdin="echo hello from $PWD; exit 5\n", timeout=180)
    assert (done.rc, done.out) == (5, "hello from /workspace\n"), done
    assert row(alice, "piped")["state"] == "running"
    again = alice.run(["project", "launch", "piped"])
    assert_error(again, 1, "Container piped already exists (running)", "container-attach piped",
                 "container retire piped")


def test_launch_starts_a_stopped_container_again(alice, project):
    project("again")
    alice.ok(["project", "launch", "again", "--background", "--yes"], timeout=180)
    first = row(alice, "again")
    # The main process is the image's shell: it can be told to end from inside.
    alice.run(["container-attach", "again", "--", "sh", "-c", "touch /tmp/kept; kill -HUP -1"])
    wait_until(lambda: row(alice, "again")["state"] == "stopped", 10, "the container has stopped")
    assert rows(alice) == []
    assert_error(alice.run(["container-attach", "again"]), 1,
                 re.compile(r"Container again is not running \(stopped.*\)"), "project launch again")
    alice.ok(["project", "launch", "again", "--background"])
    assert row(alice, "again")["state"] == "running"
    assert row(alice, "again")["created_at"] == first["created_at"]
    alice.ok(["container-attach", "again", "--", "test", "-e", "/tmp/kept"])


def test_rebuild_is_offered_when_requirements_change(alice, project):
    folder = project("stale")
    alice.ok(["project", "launch", "stale", "--background", "--yes"], timeout=180)
    alice.ok(["container", "retire", "stale"])
    alice.write(folder / "requirements.txt", "# another wish\n")
    t = alice.tty("project launch stale --background", timeout=60)
    t.expect("requirements.txt changed since it was built")
    t.expect(r"\[Y/n\] ")
    t.sendline("n")
    t.expect("Launched stale")
    t.expect(pexpect.EOF)


def test_project_list_shows_what_there_is(alice, project):
    project("listed")
    body = json.loads(alice.ok(["project", "list", "--json"]).out)
    assert body["schema"] == 1
    mine = {p["name"]: p for p in body["projects"]}
    assert mine["listed"]["container"] == "none"
    assert "listed" in alice.ok(["project", "list"]).out


def test_pickers_have_the_documents_shape(alice, project):
    alice.ok("rm -rf ~/workspace/*")
    alice.write(alice.workspace / "my-thesis/pyproject.toml",
                '[project]\nname = "my-thesis"\n[tool.ds01]\ntype = "cv"\nframework = "pytorch"\n'
                'framework-version = "2.8.0"\n')
    alice.write(alice.workspace / "research-2024/pyproject.toml",
                '[project]\nname = "research-2024"\n[tool.ds01]\ntype = "ml"\nframework = "tensorflow"\n'
                'framework-version = "2.16.1"\n')
    alice.write(alice.workspace / "experiments/pyproject.toml",
                '[project]\nname = "experiments"\n[tool.ds01]\ntype = "rl"\nframework = "jax"\n'
                'framework-version = "0.4.23"\n')
    t = alice.tty("project launch")
    t.expect_exact("Choice [1-3]: ")
    shown = t.before.replace("\r\n", "\n")
    assert shown == ("Select a project to launch:\n\n"
                     "  1) experiments        (JAX 0.4.23)\n"
                     "  2) my-thesis          (PyTorch 2.8.0)\n"
                     "  3) research-2024      (TensorFlow 2.16.1)\n\n"), shown
    t.sendline("7")
    t.expect_exact("Choice [1-3]: ")
    t.sendline("/2024")
    t.expect_exact("research-2024")
    t.expect_exact("Choice [1-1]: ")
    t.sendline("q")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 130
    assert rows(alice, "--all") == []


@pytest.mark.parametrize("command", ["project launch", "container deploy", "container-attach", "container retire"])
def test_no_name_and_no_terminal_is_a_usage_error(alice, command):
    done = alice.run(command)
    assert done.rc == 2 and done.out == "" and "Usage: " in done.err, done


def test_noun_verb_in_every_spelling(alice):
    outs = {alice.ok(c).out for c in ("container list --help", "container-list --help", "ds01 container list -h")}
    assert len(outs) == 1 and "--all" in outs.pop()
    bad = alice.run("ds01 container lst")
    assert bad.rc == 2 and "did you mean" in bad.err and "list" in bad.err, bad
    bad = alice.run("container-list --al")
    assert bad.rc == 2 and "--all" in bad.err, bad


def test_output_is_plain_where_nobody_looks(alice):
    alice.ok(["container", "deploy", "plain", "--image=test/busybox:1", "--background"])
    for command in ("container-list", "project list", "image-list", "ds01 help"):
        done = alice.ok(command)
        assert_clean(done.out + done.err)
    coloured = alice.tty("container-list")
    coloured.expect(pexpect.EOF)
    plain = alice.tty("container-list", env={"NO_COLOR": "1"})
    plain.expect(pexpect.EOF)
    assert "\x1b" not in plain.before


def test_root_is_an_admin_not_a_user(ds01d, alice):
    alice.ok(["container", "deploy", "seen", "--image=test/busybox:1", "--background"])
    for argv in (["container", "deploy", "x", "--image=test/busybox:1", "--background"],
                 ["container", "attach", "seen"]):
        done = ds01d.as_root(argv)
        assert done.returncode == 2 and "sudo -u" in done.stderr, done
    listed = ds01d.as_root(["container", "list", f"--user={alice.name}"])
    assert listed.returncode == 0 and "seen" in listed.stdout
    gone = ds01d.as_root(["container", "retire", "seen", f"--user={alice.name}", "--force"])
    assert gone.returncode == 0, gone
    assert rows(alice, "--all") == []
    assert os.path.isdir(alice.workspace / "seen")
