"""Every bad input gets one clear sentence, the contract's exit status, and nothing half done."""

import contextlib
import os
import re
import subprocess
import threading

import pytest
from harness.expect import assert_clean, assert_error, deploy, row, rows
from harness.process import wait_until

NAME_RULE = re.compile(r"Invalid name .*: use 1.40 lower-case letters and digits, with single \. _ - between them",
                       re.S)

BAD_NAMES = [
    "../x", "/etc", "a/b", "..", ".", "-x", "a--b", "a..b", "x_", "x" * 41, "", "a b", "a\nb", "a\x1b[31mb",
    "a\u202eb", "\u00e4", "a\x01", "x;id", "$(id)",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda n: ascii(n)[:24])
def test_bad_names_are_refused_everywhere(alice, loaded, name):
    before = loaded.names()
    for argv in (["container", "deploy", "--image=test/busybox:1", "--background", "--", name],
                 ["container", "deploy", name, "--image=test/busybox:1", "--background"],
                 ["project", "launch", name, "--background"],
                 ["project", "init", name, "--quick"],
                 ["container-attach", name],
                 ["container", "retire", name, "--force"]):
        done = alice.run(argv)
        assert done.rc == 2 and done.out == "", (argv, done)
        assert_clean(done.err)
        if not name.startswith("-") and "--" not in argv:
            assert NAME_RULE.search(done.err), (argv, done)
    assert loaded.names() == before
    assert not (alice.home / "x").exists()


def test_upper_case_is_folded_with_a_notice(alice):
    done = alice.ok(["container", "deploy", "MyThing", "--image=test/busybox:1", "--background"])
    assert "mything" in done.err
    assert row(alice, "mything")["state"] == "running"


def test_deploy_without_its_image(alice, project):
    project("unbuilt")
    done = alice.run(["container", "deploy", "unbuilt", "--background"])
    assert_error(done, 4, f"Image ds01-{alice.name}/unbuilt:latest not found", "project launch unbuilt")
    assert rows(alice, "--all") == []


def test_already_running(alice):
    deploy(alice, "twice")
    done = alice.run(["container", "deploy", "twice", "--image=test/busybox:1", "--background"])
    assert_error(done, 1, "Container twice already exists (running)", "container-attach twice",
                 "container retire twice")


def test_a_project_that_does_not_exist(alice, project):
    project("my-thesis")
    done = alice.run(["project", "launch", "my-tesis", "--background"])
    assert_error(done, 4, "Project my-tesis not found in ~/workspace", "project init my-tesis")
    assert "my-thesis" in done.err


def test_attach_to_what_does_not_run(alice):
    deploy(alice, "halted")
    alice.run(["container-attach", "halted", "--", "kill", "-HUP", "-1"])
    wait_until(lambda: row(alice, "halted")["state"] == "stopped", 10, "it has stopped")
    done = alice.run(["container-attach", "halted", "--", "true"])
    assert_error(done, 1, re.compile(r"Container halted is not running \(stopped.*\)"), "project launch halted")


@pytest.mark.parametrize("image, delay", [("test/dies:1", "at once"), ("test/dies-late:1", "after 0.4 s")])
def test_a_main_process_that_dies(alice, image, delay):
    done = alice.run(["container", "deploy", "dead", f"--image={image}", "--background"])
    assert done.rc == 1 and done.out == "", (delay, done)
    assert "Launched" not in done.err and "Deployed" not in done.err
    assert "model.bin: no such file" in done.err and "3" in done.err, done
    assert row(alice, "dead")["state"] == "stopped" and row(alice, "dead")["exit_code"] == 3
    again = alice.run(["container-attach", "dead"])
    assert again.rc == 1 and "model.bin: no such file" in again.err, again
    assert "model.bin: no such file" in alice.ok(["container-logs", "dead"]).out


def test_an_image_without_a_shell(alice):
    deploy(alice, "bare", "test/noshell:1")
    done = alice.run(["container-attach", "bare"], stdin="echo hi\n")
    assert done.rc in (1, 126, 127) and "shell" in done.err.lower(), done
    assert_clean(done.err)
    assert row(alice, "bare")["state"] == "running"
    assert "the tool stays" in alice.ok(["container-logs", "bare"]).out


def test_what_is_not_yours_reads_as_missing(alice, bob):
    deploy(alice, "secret")
    engine_id = row(alice, "secret")["engine_name"]
    for argv in (["container-attach", "secret"], ["container-logs", "secret"], ["container", "retire", "secret", "--force"]):
        assert_error(bob.run(argv), 4, "No container 'secret' of yours")
        missing = [w if w != "secret" else "nothing" for w in argv]
        assert_error(bob.run(missing), 4, "No container 'nothing' of yours")
    assert bob.run(["container-attach", engine_id]).rc in (2, 4)
    assert row(alice, "secret")["state"] == "running"


def test_images_that_are_nobodys(alice, bob, project):
    for ref in ("test/hidden:1", "nosuch/image:1"):
        done = alice.run(["container", "deploy", "img", f"--image={ref}", "--background"])
        assert done.rc in (4, 5) and ref in done.err and done.out == "", done
    for ref in ("sha256:" + "a" * 64, "a" * 12, "a" * 64, "x@sha256:" + "b" * 64):
        done = alice.run(["container", "deploy", "img", f"--image={ref}", "--background"])
        assert done.rc == 2, done
    project("private")
    alice.ok(["project", "launch", "private", "--background", "--yes"], timeout=180)
    done = bob.run(["container", "deploy", "img", f"--image=ds01-{alice.name}/private:latest", "--background"])
    assert done.rc in (4, 5) and done.out == "", done
    assert rows(bob, "--all") == []


def test_a_missing_base_without_a_registry_is_one_sentence(alice):
    done = alice.run(["container", "deploy", "pull", "--image=test/missing:1", "--background"], timeout=90)
    assert done.rc in (4, 6) and "test/missing:1" in done.err and "registry" in done.err, done
    assert rows(alice, "--all") == []


def test_workspaces_that_may_not_be(alice, bob):
    foreign = bob.mkdir(bob.home / "private/inner")
    bob.ok(["chmod", "700", str(bob.home / "private")])
    open_to_read = bob.mkdir(bob.home / "readable")
    bob.ok(["chmod", "755", str(bob.home), str(open_to_read)])
    for path, codes in (("/", (2, 5)), ("/etc", (5,)), ("/proc", (5,)), ("/sys", (5,)), (str(foreign), (5,)),
                        (str(open_to_read), (5,)), ("/nonexistent/x", (4,)), ("/etc/passwd", (2,)),
                        ("/proc/self/root", (2, 5))):
        done = alice.run(["container", "deploy", "ws", "--image=test/busybox:1", f"--workspace={path}", "--background"])
        assert done.rc in codes and done.out == "" and re.search("^Error: ", done.err, re.M), (path, done)
        assert_clean(done.err)
    assert rows(alice, "--all") == []


def test_a_tilde_behind_an_equals_sign_is_ones_home(alice):
    """No shell expands it there: --data=~/set."""
    alice.write(alice.home / "set/a", "1\n")
    alice.mkdir(alice.home / "ws")
    command = "container deploy tilde --image=test/busybox:1 --background"
    alice.ok(f"{command} --workspace=~/ws --data=~/set:rw")
    alice.ok(["container-attach", "tilde", "--", "sh", "-c", "touch here; cat /data/set/a >/data/set/b"])
    assert (alice.home / "ws/here").exists() and (alice.home / "set/b").read_text() == "1\n"
    alice.ok(["container", "retire", "tilde", "--force"])
    assert_error(alice.run([*command.split(), "--data=~/nothing"]), 4, f"Data folder {alice.home}/nothing: no such directory",
                 f"mkdir -p '{alice.home}/nothing'")
    # Only that: ~bob is a folder of that name.
    assert_error(alice.run([*command.split(), "--workspace=~bob/x"]), 4, f"Workspace folder {alice.home}/~bob/x: no such directory")


def test_a_workspace_that_is_a_link_is_followed_as_the_user(alice):
    real = alice.mkdir(alice.home / "elsewhere")
    alice.ok(["ln", "-sfn", str(real), str(alice.home / "link")])
    alice.ok(["container", "deploy", "linked", "--image=test/busybox:1", f"--workspace={alice.home}/link", "--background"])
    alice.ok(["container-attach", "linked", "--", "touch", "/workspace/here"])
    assert (real / "here").stat().st_uid == alice.uid


def test_a_workspace_that_vanished(alice):
    folder = alice.mkdir(alice.home / "gone")
    alice.write(alice.workspace / "vanish/Dockerfile", "FROM test/busybox:1\n")
    alice.ok(["image-create", "vanish"])
    alice.ok(["container", "deploy", "vanish", f"--workspace={folder}", "--background"])
    alice.run(["container-attach", "vanish", "--", "kill", "-HUP", "-1"])
    wait_until(lambda: row(alice, "vanish")["state"] == "stopped", 10, "it has stopped")
    alice.ok(["rmdir", str(folder)])
    done = alice.run(["project", "launch", "vanish", "--background", "--yes"])
    assert done.rc == 4 and str(folder) in done.err and not folder.exists(), done
    assert row(alice, "vanish")["state"] == "stopped"


def test_no_dockerfile(alice, project):
    folder = project("nofile")
    (folder / "Dockerfile").unlink()
    done = alice.run(["project", "launch", "nofile", "--background", "--yes"])
    assert done.rc == 4 and "Dockerfile" in done.err and "image-create nofile" in done.err, done


@pytest.mark.parametrize("text, where, what", [
    ("[project\nname = 1\n", "pyproject.toml:1:", ""),
    ('[tool.ds01]\nprivileged = true\n', "pyproject.toml:2:", "privileged"),
    ('[tool.ds01]\nframwork = "jax"\n', "pyproject.toml:2:", "framework"),
    ('[tool.ds01]\ngpus = "two"\n', "pyproject.toml:2:", "gpus"),
    ('[tool.ds01]\nmounts = ["/etc"]\n', "pyproject.toml:2:", "mounts"),
])
def test_a_broken_pyproject_names_the_place(alice, text, where, what):
    alice.write(alice.workspace / "broken/pyproject.toml", text)
    alice.write(alice.workspace / "broken/Dockerfile", "FROM test/busybox:1\n")
    done = alice.run(["project", "launch", "broken", "--background", "--yes"])
    assert done.rc == 2 and where in done.err and what in done.err and done.out == "", done
    assert_clean(done.err)
    assert rows(alice, "--all") == []


def test_unknown_words_get_the_nearest(alice):
    for command, near in (("container-list --al", "--all"), ("project launch x --backgroud", "--background"),
                          ("ds01 project lauch", "launch"), ("ds01 contaner list", "container"),
                          ("ds01 vesion", "version")):
        done = alice.run(command)
        assert done.rc == 2 and near in done.err and done.out == "", (command, done)


def test_one_name_twice_at_the_same_moment(alice, loaded):
    results = []

    def go():
        results.append(alice.run(["container", "deploy", "race", "--image=test/busybox:1", "--background"]))

    threads = [threading.Thread(target=go) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(r.rc for r in results) == [0, 1, 1, 1, 1, 1], results
    for r in results:
        assert r.rc == 0 or re.search("^Error: Container race (already exists|is already being created)", r.err, re.M), r
    assert loaded.names().count(f"race._.{alice.uid}") == 1
    assert [r["name"] for r in rows(alice, "--all")] == ["race"]


def test_the_limit_of_containers_holds(alice, ds01d):
    limit = ds01d.policy["defaults"]["max_containers_per_user"]
    for i in range(limit):
        deploy(alice, f"many{i}")
    done = alice.run(["container", "deploy", "toomany", "--image=test/busybox:1", "--background"])
    assert done.rc == 3 and str(limit) in done.err and "container retire" in done.err, done
    assert len(rows(alice, "--all")) == limit


def test_an_account_without_access(alice, ds01d):
    ds01d.stop()
    old = ds01d.config["access"]
    ds01d.config["access"] = "daemon"
    try:
        ds01d.start()
        done = alice.run(["container-list"])
        assert_error(done, 5, "You may not use ds01 on this machine")
        assert "daemon" in done.err and alice.name in done.err, done
    finally:
        ds01d.stop()
        ds01d.config["access"] = old
        ds01d.start()


def test_the_daemon_is_down(alice, ds01d):
    ds01d.stop()
    done = alice.run(["container-list"])
    assert done.rc == 6 and "ds01d" in done.err and "systemctl start ds01d" in done.err and done.out == "", done
    ds01d.start()
    assert alice.run(["container-list"]).rc == 0


def test_a_socket_that_is_not_roots_is_not_trusted(alice, bob):
    fake = bob.home / "fake.sock"
    server = bob.popen(["python3", "-c", f"import socket, time; s = socket.socket(socket.AF_UNIX); "
                                         f"s.bind({str(fake)!r}); s.listen(); time.sleep(30)"])
    try:
        wait_until(fake.exists, 5, "the false socket is there")
        fake.chmod(0o666)
        os.chmod(bob.home, 0o755)
        done = alice.run(["container-list"], env={"DS01_SOCKET": str(fake)})
        assert done.rc == 6 and "root" in done.err, done
    finally:
        server.kill()
        server.wait()


@pytest.mark.slow
def test_the_disk_is_full(alice, ds01d, base):
    """State on a file system of 4 MiB that something else has filled."""
    ds01d.stop()
    small = base / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "ds01-test", str(small)], check=True)
    old = ds01d.config["state_dir"], ds01d.state
    ds01d.config["state_dir"], ds01d.state = str(small), small
    try:
        ds01d.start()
        with open(small / "fill", "wb", buffering=0) as fill, contextlib.suppress(OSError):
            while True:
                fill.write(b"x" * 4096)
        done = alice.run(["container", "deploy", "full", "--image=test/busybox:1", "--background"])
        assert done.rc == 1 and str(small) in done.err and done.out == "", done
        assert alice.run(["container-list"]).rc == 0
        (small / "fill").unlink()
        assert alice.run(["container", "deploy", "full", "--image=test/busybox:1", "--background"]).rc == 0
        assert alice.run(["container", "retire", "full", "--force"]).rc == 0
    finally:
        ds01d.stop()
        ds01d.config["state_dir"], ds01d.state = old
        subprocess.run(["umount", "-l", str(small)], check=True)
        ds01d.start()
