"""The commands for single steps, and the four states of a container."""

import json
import os
import re
import time

import pexpect
import pytest
from harness.expect import assert_clean, assert_error, deploy, prompt_of, row, rows
from harness.process import unmount_below, wait_until

IMAGE = "test/busybox:1"


def create(user, name, *options):
    return user.ok(["container-create", name, IMAGE, *options])


def state(user, name):
    found = row(user, name)
    return found["state"] if found else None


def engine_state(loaded, user, name):
    return loaded.inspect(f"{name}._.{user.uid}")["State"]["Status"]


def test_through_the_four_states(alice, bob, ds01d, loaded):
    """For two accounts, with the same name: what one does is nothing to the other."""
    for user in (alice, bob):
        done = create(user, "box")
        assert done.out == "" and "container-start box" in done.err and "container-run box" in done.err
        (mine,) = rows(user, "--all")
        assert (mine["state"], mine["interface"], mine["started_at"]) == ("created", "atomic", None)
        assert engine_state(loaded, user, "box") == "created"
    assert ds01d.mounts() == []
    assert rows(alice) == []

    alice.ok(["container-start", "box"])
    assert (state(alice, "box"), state(bob, "box")) == ("running", "created")
    alice.ok(["container-attach", "box", "--", "sh", "-c", "echo kept >/tmp/kept; echo out >/workspace/out"])

    done = alice.ok(["container-stop", "box"])
    assert "until you remove it" in done.err and "container-start box" in done.err and "container-remove box" in done.err
    assert state(alice, "box") == "stopped" and engine_state(loaded, alice, "box") == "exited"
    # It did as it was told: that is no failure of its own.
    done = alice.run(["container-attach", "box", "--", "true"])
    assert_error(done, 1, "Container box is not running (stopped)", "container-start box")
    assert "It was stopped: on request." in done.err and "exit code" not in done.err, done
    assert "exit code" not in alice.ok(["container-list", "--all"]).out
    assert ds01d.mounts() == []

    alice.ok(["container-start", "box"])
    assert alice.ok(["container-attach", "box", "--", "cat", "/tmp/kept", "/workspace/out"]).out == "kept\nout\n"
    alice.ok(["container-stop", "box"])
    done = alice.ok(["container-remove", "box"])
    assert "Removed box" in done.err and str(alice.workspace / "box") in done.err
    assert row(alice, "box") is None and f"box._.{alice.uid}" not in loaded.names()
    assert (alice.workspace / "box/out").read_text() == "out\n"
    assert state(bob, "box") == "created"
    bob.ok(["container-start", "box"])
    bob.ok(["container-remove", "box", "--stop"])
    assert rows(bob, "--all") == [] and ds01d.mounts() == []


def test_create_checks_what_a_start_would_need(alice, ds01d, loaded):
    assert_error(alice.run(["container-create", "x"]), 4, f"Image ds01-{alice.name}/x:latest not found",
                 "project launch x")
    done = alice.run(["container-create", "x", IMAGE, "--workspace=/nowhere/at/all"])
    assert done.rc == 4 and "/nowhere/at/all" in done.err, done
    done = alice.run(["container-create", "x", IMAGE, "--workspace=/etc"])
    assert done.rc == 5 and "/etc" in done.err, done
    assert_error(alice.run(["container-create", "x", IMAGE, "-d", "/nowhere"]), 4,
                 "Data folder /nowhere: no such directory")
    assert rows(alice, "--all") == [] and ds01d.mounts() == []
    assert not [n for n in loaded.names() if n.endswith(f".{alice.uid}")]


def test_create_dry_run_does_nothing(alice, loaded):
    done = alice.ok(["container-create", "ghost", IMAGE, "--dry-run"])
    assert "Would create ghost" in done.err and IMAGE in done.err and done.out == ""
    assert rows(alice, "--all") == [] and not (alice.workspace / "ghost").exists()


def test_data_folders_are_attached_from_start_to_stop(alice, ds01d):
    data = alice.mkdir(alice.home / "set one")
    alice.write(data / "a", "1\n")
    create(alice, "fed", f"--data={data}")
    assert ds01d.mounts() == []
    alice.ok(["container-start", "fed"])
    assert alice.ok(["container-attach", "fed", "--", "cat", "/data/set one/a"]).out == "1\n"
    assert alice.run(["container-attach", "fed", "--", "touch", "/data/set one/b"]).rc != 0
    alice.ok(["container-stop", "fed"])
    # The folder is another one meanwhile: what is there now is what is seen.
    alice.ok(["mv", str(data), str(alice.home / "old")])
    assert_error(alice.run(["container-start", "fed"]), 4, f"Data folder {data}: no such directory", "mkdir")
    assert state(alice, "fed") == "stopped" and ds01d.mounts() == []
    alice.mkdir(data)
    alice.write(data / "a", "2\n")
    alice.ok(["container-start", "fed"])
    assert alice.ok(["container-attach", "fed", "--", "cat", "/data/set one/a"]).out == "2\n"


def test_a_training_writes_its_checkpoint(alice, starter):
    """SIGTERM reaches every process, not only the first, and there is time to act on it."""
    alice.ok(["container", "deploy", "train", f"--image={starter}", "--background"])
    alice.write(alice.workspace / "train/train.py", """
import os, signal, sys, time
def save(*_):
    time.sleep(2)
    with open("checkpoint.tmp", "w") as f:
        f.write("epoch 7\\n")
    os.rename("checkpoint.tmp", "checkpoint")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
open("ready", "w").close()
while True:
    time.sleep(1)
""")
    t = alice.tty("container-attach train")
    t.expect(prompt_of(alice, "train"))
    t.sendline("python3 train.py")
    wait_until((alice.workspace / "train/ready").exists, 10, "the training runs")
    begun = time.monotonic()
    alice.ok(["container-stop", "train"])
    took = time.monotonic() - begun
    assert (alice.workspace / "train/checkpoint").read_text() == "epoch 7\n"
    assert 2 <= took < 6, took


SAVES = "trap 'sleep 2; echo epoch 7 >/workspace/checkpoint; exit 0' TERM; touch /workspace/ready; while true; do sleep 0.2; done"


def test_the_main_process_ends_last(alice):
    """If it went with the others it would take a training that is still saving with it."""
    deploy(alice, "serve", "test/served:1")
    p = alice.popen(["container-attach", "serve", "--", "sh", "-c", SAVES])
    wait_until((alice.workspace / "serve/ready").exists, 10, "the training runs")
    begun = time.monotonic()
    alice.ok(["container-stop", "serve"])
    took = time.monotonic() - begun
    assert (alice.workspace / "serve/checkpoint").read_text() == "epoch 7\n"
    assert 2 <= took < 5, took
    p.wait(10)
    # Alone, or with nothing but a shell at a prompt, it ends at once.
    alice.ok(["container-start", "serve"])
    t = alice.tty("container-attach serve")
    t.expect(prompt_of(alice, "serve"))
    begun = time.monotonic()
    alice.ok(["container-stop", "serve"])
    assert time.monotonic() - begun < 1
    t.expect(pexpect.EOF)


def test_a_training_that_ignores_sigterm_is_no_shell(alice, starter):
    """It gets its time: SIGHUP is only for shells at a prompt. A job that was frozen by hand hears too."""
    alice.ok(["container", "deploy", "stubborn", f"--image={starter}", "--background"])
    work = alice.workspace / "stubborn"
    alice.write(work / "train.py", """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("ready", "w").close()
time.sleep(2)
open("checkpoint", "w").close()
""")
    p = alice.popen(["container-attach", "stubborn", "--", "python3", "train.py"])
    wait_until((work / "ready").exists, 10, "the training runs")
    begun = time.monotonic()
    alice.ok(["container-stop", "stubborn"])
    assert (work / "checkpoint").exists() and time.monotonic() - begun < 6
    p.wait(10)

    alice.ok(["container-start", "stubborn"])
    t = alice.tty("container-attach stubborn")
    t.expect(prompt_of(alice, "stubborn"))
    t.sendline("sleep 1000")
    time.sleep(0.5)
    t.send("\x1a")
    t.expect("Stopped")
    begun = time.monotonic()
    alice.ok(["container-stop", "stubborn"])
    assert time.monotonic() - begun < 2


def test_a_shell_ends_at_once(alice, starter):
    alice.ok(["container", "deploy", "shell", f"--image={starter}", "--background"])
    t = alice.tty("container-attach shell")
    t.expect(prompt_of(alice, "shell"))
    begun = time.monotonic()
    alice.ok(["container-stop", "shell"])
    assert time.monotonic() - begun < 1
    t.expect(pexpect.EOF)


DEAF = "trap : TERM HUP; touch /workspace/deaf; while true; do sleep 1; done"


def deaf(user, name):
    """A container in which something hears that it should end, and doesn't."""
    deploy(user, name)
    user.ok(["rm", "-f", str(user.workspace / name / "deaf")])
    p = user.popen(["container-attach", name, "--", "sh", "-c", DEAF])
    wait_until((user.workspace / name / "deaf").exists, 10, "it runs")
    return p


@pytest.mark.parametrize("options, least, most", [(["-t", "3"], 3, 5), (["--time=1"], 1, 3), (["--force"], 0, 1),
                                                  (["--force", "-t2"], 2, 4)])
def test_how_long_a_stop_waits(alice, options, least, most):
    p = deaf(alice, "deaf")
    begun = time.monotonic()
    alice.ok(["container-stop", "deaf", *options])
    took = time.monotonic() - begun
    assert least <= took < most, took
    assert row(alice, "deaf")["state"] == "stopped" and row(alice, "deaf")["exit_code"] > 128
    p.wait(10)


@pytest.mark.parametrize("seconds", ["-1", "x", "", "3601", "99999999999999999999"])
def test_a_time_that_is_none(alice, seconds):
    done = alice.run(["container-stop", "x", f"--time={seconds}"])
    assert done.rc == 2 and "--time" in done.err and done.out == "", done


def test_ctrl_c_leaves_the_stop_to_ds01d(alice):
    p = deaf(alice, "slow")
    t = alice.tty("container-stop slow -t 4")
    time.sleep(0.8)
    t.sendintr()
    t.expect("slow is still being stopped")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 130
    busy = alice.run(["container-start", "slow"])
    assert busy.rc in (0, 75), busy
    wait_until(lambda: state(alice, "slow") == "stopped", 10, "it was stopped all the same")
    p.wait(10)


def test_run_starts_and_enters(alice):
    create(alice, "lab")
    assert alice.run(["container-run", "lab", "--", "sh", "-c", "exit 7"]).rc == 7
    assert state(alice, "lab") == "running"
    done = alice.ok(["container-run", "lab"], stdin="echo from stdin; pwd\n")
    assert done.out == "from stdin\n/workspace\n" and "Started" not in done.err
    alice.ok(["container-stop", "lab"])
    t = alice.tty("container-run lab")
    t.expect(prompt_of(alice, "lab"))
    t.sendline("exit 4")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 4 and state(alice, "lab") == "running"


def test_run_of_what_is_not_there(alice):
    create(alice, "lab")
    done = alice.run(["container-run", "lab", "--", "nosuch", "-x"])
    assert done.rc == 127 and done.out == "", done
    assert re.search(r"nosuch: not found", done.err) and "OCI" not in done.err, done
    # Words arrive as they are, an option of the shell's own among them.
    done = alice.ok(["container-run", "lab", "--", "printf", "%s|", "-c", "a b", "$HOME", "'", "*", ""])
    assert done.out == "-c|a b|$HOME|'|*||", done


def test_nothing_is_said_to_be_done_that_is_not(alice):
    for argv in (["container-stop", "none"], ["container-remove", "none", "--stop"], ["container-start", "none"]):
        done = alice.run(argv)
        assert done.rc == 4 and done.err.startswith("Error: No container 'none' of yours"), done


def test_a_main_process_that_dies_at_start(alice):
    alice.ok(["container-create", "dies", "--image=test/dies-late:1"])
    for _ in range(2):
        done = alice.run(["container-start", "dies"])
        assert done.rc == 1 and "model.bin: no such file" in done.err and "Started" not in done.err, done
        assert state(alice, "dies") == "stopped"
    alice.ok(["container-remove", "dies"])


def counts(user, name):
    try:
        return int((user.workspace / name / "count").read_text() or 0)
    except FileNotFoundError:
        return 0


def test_pause_freezes_and_unpause_lets_go_on(alice, ds01d):
    deploy(alice, "ice")
    p = alice.popen(["container-attach", "ice", "--", "sh", "-c",
                     "i=0; while true; do i=$((i+1)); echo $i >count; sleep 0.1; done"])
    wait_until(lambda: counts(alice, "ice") > 2, 10, "it counts")
    done = alice.ok(["container-pause", "ice"])
    assert "container-unpause ice" in done.err
    assert state(alice, "ice") == "paused"
    before = counts(alice, "ice")
    time.sleep(0.5)
    assert counts(alice, "ice") == before
    assert_error(alice.run(["container-attach", "ice", "--", "true"]), 1, "Container ice is not running (paused)",
                 "container-unpause ice")
    assert_error(alice.run(["container-remove", "ice"]), 1, "Container ice is paused", "container-remove ice --stop")
    assert_error(alice.run(["container", "deploy", "ice", f"--image={IMAGE}", "--background"]), 1,
                 "Container ice already exists (paused)", "container-unpause ice")
    # ds01d comes back and finds it as it is.
    ds01d.restart()
    assert state(alice, "ice") == "paused"
    alice.ok(["container-unpause", "ice"])
    wait_until(lambda: counts(alice, "ice") > before, 5, "it goes on")
    assert state(alice, "ice") == "running"
    # Start is another word for it; a stop thaws first, so that processes can act on it.
    alice.ok(["container-pause", "ice"])
    alice.ok(["container-start", "ice"])
    assert state(alice, "ice") == "running"
    alice.ok(["container-pause", "ice"])
    begun = time.monotonic()
    alice.ok(["container-stop", "ice"])
    assert time.monotonic() - begun < 2 and state(alice, "ice") == "stopped"
    p.wait(10)


def stats(user, *options):
    body = json.loads(user.ok(["container-stats", "--json", *options]).out)
    assert body["schema"] == 1
    return {c["name"]: c for c in body["containers"]}


def test_stats_tell_use_and_limits(alice, bob, starter):
    alice.ok(["container", "deploy", "busy", f"--image={starter}", "--background"])
    deploy(alice, "calm")
    deploy(bob, "other")
    p = alice.popen(["container-attach", "busy", "--", "python3", "-c",
                     "b = bytearray(64 << 20)\nopen('on', 'w').close()\nwhile True: pass"])
    wait_until((alice.workspace / "busy/on").exists, 10, "it works")
    time.sleep(0.5)
    seen = stats(alice)
    assert set(seen) == {"busy", "calm"}
    busy, calm = seen["busy"], seen["calm"]
    # What the policy of these tests gives.
    assert (busy["memory_limit"], busy["pids_limit"], busy["cpu_limit_milli"]) == (1 << 30, 512, None)
    assert 64 << 20 < busy["memory"] < 256 << 20, busy
    # Other work on this machine may leave it less than the one processor that it asks for.
    assert 100 < busy["cpu_milli"] < 1500 and calm["cpu_milli"] < 50, seen
    assert 2 <= busy["pids"] < 10 and busy["cpu_ns"] > 10**8
    assert stats(alice, "calm").keys() == {"calm"}

    done = alice.ok(["container-stats"])
    head, first, second = done.out.splitlines()
    assert head.split() == ["NAME", "STATUS", "CPU", "MEMORY", "PROCESSES"]
    assert re.search(r"MiB / 1\.0 GiB", first) and " / 512" in first, done
    assert_clean(done.out)
    done = alice.ok(["container-stats", "--gpu"])
    assert "GPU" in done.out and "None of these containers has a GPU" in done.err
    assert_error(bob.run(["container-stats", "busy"]), 4, "No container 'busy' of yours")
    alice.ok(["container-stop", "calm"])
    assert_error(alice.run(["container-stats", "calm"]), 1, "Container calm is not running (stopped)",
                 "container-start calm")
    p.kill()


def test_stats_of_nothing(alice):
    done = alice.ok(["container-stats"])
    assert done.out == "" and "None of your containers runs" in done.err
    assert stats(alice) == {}


def test_stats_watch(alice):
    deploy(alice, "seen")
    t = alice.tty("container-stats --watch")
    for _ in range(2):
        t.expect("NAME")
        t.expect("seen")
    t.sendintr()
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 130 and "Error" not in t.before
    p = alice.popen("container-stats --watch | head -n 2", stdout=-1)
    out = p.communicate(timeout=20)[0].decode()
    assert len(out.splitlines()) == 2 and "\x1b" not in out


def test_the_machine_restarts(alice, ds01d, loaded):
    """All processes and mounts gone, state kept: what a boot leaves. A created and a stopped one start again."""
    create(alice, "fresh")
    deploy(alice, "worked")
    alice.ok(["container-attach", "worked", "--", "touch", "/tmp/kept"])
    ds01d.kill()
    loaded.call("POST", f"/containers/worked._.{alice.uid}/kill")
    unmount_below(ds01d.run_dir)
    ds01d.start()
    wait_until(lambda: state(alice, "worked") == "stopped", 10, "it is known")
    assert state(alice, "fresh") == "created"
    for name in ("fresh", "worked"):
        alice.ok(["container-start", name])
        alice.ok(["container-attach", name, "--", "sh", "-c", "pwd; touch /workspace/after"])
        assert (alice.workspace / name / "after").exists()
    alice.ok(["container-attach", "worked", "--", "test", "-e", "/tmp/kept"])


@pytest.fixture
def policy(ds01d):
    """Changes what the policy says."""
    before = json.loads(json.dumps(ds01d.policy))

    def change(**defaults):
        ds01d.policy["defaults"].update(defaults)
        ds01d.restart()

    yield change
    ds01d.policy = before
    ds01d.restart()


def test_limits_are_those_of_the_creation(alice, policy):
    create(alice, "old")
    deploy(alice, "older")
    assert "limits" not in alice.ok(["container-stop", "older"]).err
    assert "limits" not in alice.ok(["container-start", "older"]).err
    alice.ok(["container-stop", "older"])
    policy(memory="512m", max_cpus=1, pids_limit=100)
    for name in ("old", "older"):
        done = alice.ok(["container-start", name])
        assert f"{name} keeps the limits it was made with" in done.err and "check-limits" in done.err, done
        assert stats(alice)[name]["memory_limit"] == 1 << 30
    alice.ok(["container", "retire", "older", "--force"])
    deploy(alice, "older")
    now = stats(alice)["older"]
    assert (now["memory_limit"], now["pids_limit"], now["cpu_limit_milli"]) == (512 << 20, 100, 1000)
    alice.ok(["container-stop", "older"])
    assert "limits" not in alice.ok(["container-start", "older"]).err


def test_until_when_a_stopped_one_is_kept(alice, policy):
    policy(container_hold_after_stop_h=2)
    deploy(alice, "held")
    done = alice.ok(["container-stop", "held"])
    assert re.search(r"It is kept until \d{4}-\d\d-\d\d \d\d:\d\d\.", done.err), done


def test_ds01d_dies_during_a_stop(alice, ds01d, loaded):
    p = deaf(alice, "torn")
    stop = alice.popen(["container-stop", "torn", "-t", "20"], stderr=-1)
    time.sleep(0.7)
    ds01d.kill()
    assert stop.wait(20) == 6
    ds01d.start()
    # It was asked, it was not answered: it runs, or it has stopped; what the row says is so.
    expected = {"running": "running", "exited": "stopped"}
    assert state(alice, "torn") == expected[engine_state(loaded, alice, "torn")]
    alice.ok(["container-stop", "torn", "--force"])
    assert state(alice, "torn") == "stopped"
    p.wait(15)


@pytest.mark.parametrize("delay_ms", [5, 30, 60, 100, 150, 250])
def test_kill_during_a_create(alice, ds01d, loaded, delay_ms):
    p = alice.popen(["container-create", "mid", IMAGE], stderr=-1)
    time.sleep(delay_ms / 1000)
    ds01d.kill()
    p.communicate(timeout=20)
    ds01d.start()
    wait_until(lambda: state(alice, "mid") in (None, "created"), 20, "recovery has decided")
    assert (f"mid._.{alice.uid}" in loaded.names()) == (state(alice, "mid") == "created")
    assert ds01d.mounts() == []
    if state(alice, "mid"):
        alice.ok(["container-remove", "mid"])
    create(alice, "mid")
    alice.ok(["container-start", "mid"])


def test_an_admin_stops_but_does_not_start(ds01d, alice):
    deploy(alice, "theirs")
    done = ds01d.as_root(["container", "stop", "theirs", f"--user={alice.name}", "--force"])
    assert done.returncode == 0 and state(alice, "theirs") == "stopped", done
    assert "theirs was stopped: root, an admin, stopped it." in alice.ok(["container-list", "--all"]).err
    for argv in (["start", "theirs"], ["run", "theirs"], ["create", "x", IMAGE], ["pause", "theirs"],
                 ["remove", "theirs"], ["stats"]):
        done = ds01d.as_root(["container", *argv])
        assert done.returncode == 2 and "sudo -u" in done.stderr, done
    assert state(alice, "theirs") == "stopped"


def test_many_at_once(alice, bob):
    """Several steps on the same container at once: each is done or says why not, and it ends up in one state."""
    for user in (alice, bob):
        create(user, "race")
    ps = [user.popen(["container-" + verb, "race"], stdout=-1, stderr=-1)
          for _ in range(3) for user in (alice, bob) for verb in ("start", "stop", "pause", "unpause")]
    for p in ps:
        err = p.communicate(timeout=60)[1].decode()
        assert p.returncode in (0, 1, 75), (p.args, err)
        assert p.returncode != 1 or "is not running" in err or "already exists" in err, (p.args, err)
    for user in (alice, bob):
        assert state(user, "race") in ("created", "running", "stopped", "paused")
        user.ok(["container-stop", "race"])
        user.ok(["container-start", "race"])
        assert user.ok(["container-attach", "race", "--", "pwd"]).out == "/workspace\n"


def test_pickers(alice):
    create(alice, "made")
    deploy(alice, "runs")
    for command, offered, not_offered in (("container-start", "made", "runs"), ("container-stop", "runs", "made"),
                                          ("container-pause", "runs", "made"), ("container-remove", "made", "runs")):
        t = alice.tty(command)
        t.expect_exact("Choice [1-1]: ")
        assert offered in t.before and not_offered not in t.before, (command, t.before)
        t.sendline("q")
        t.expect(pexpect.EOF)
        t.close()
        assert t.exitstatus == 130
    t = alice.tty("container-unpause")
    t.expect("None of your containers is paused")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 4
    t = alice.tty("container-run")
    t.expect_exact("Choice [1-2]: ")
    t.sendline("1")
    t.expect(prompt_of(alice, "(made|runs)").replace(r"\(", "(").replace(r"\|", "|").replace(r"\)", ")"))
    t.sendline("exit")
    t.expect(pexpect.EOF)
    assert {r["state"] for r in rows(alice, "--all")} >= {"running"}
    assert os.path.isdir(alice.workspace / "made")
