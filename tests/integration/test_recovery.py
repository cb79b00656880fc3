"""Whatever dies, whenever: afterwards a container is either whole or gone, and nothing else is left."""

import re
import subprocess
import threading
import time

import pytest
from harness.expect import deploy, row, rows
from harness.invariants import consistent
from harness.process import unmount_below, wait_until


def test_kill_while_nothing_happens(alice, ds01d, loaded):
    deploy(alice, "calm")
    before = row(alice, "calm")
    ds01d.kill()
    assert alice.run(["container-list"]).rc == 6
    ds01d.start()
    assert row(alice, "calm")["started_at"] == before["started_at"]
    assert alice.ok(["container-attach", "calm", "--", "cat", "/proc/1/comm"]).out
    alice.ok(["container", "retire", "calm"])
    consistent(alice, loaded, ds01d)


@pytest.mark.parametrize("delay_ms", [5, 80, 200, 400])
def test_kill_during_a_launch(alice, ds01d, loaded, delay_ms):
    result = []
    t = threading.Thread(target=lambda: result.append(
        alice.run(["container", "deploy", "mid", "--image=test/busybox:1", "--background"])))
    t.start()
    time.sleep(delay_ms / 1000)
    ds01d.kill()
    t.join()
    ds01d.start()
    wait_until(lambda: row(alice, "mid") is None or row(alice, "mid")["state"] in ("running", "stopped", "created"),
               20, "recovery has decided")
    consistent(alice, loaded, ds01d)
    if result[0].rc == 0:
        assert row(alice, "mid")["state"] == "running"
    alice.run(["container", "retire", "mid", "--force"])
    deploy(alice, "mid")


@pytest.mark.parametrize("delay_ms", [30, 150])
def test_kill_during_a_retire(alice, ds01d, loaded, delay_ms):
    deploy(alice, "mid")
    t = threading.Thread(target=lambda: alice.run(["container", "retire", "mid", "--force"]))
    t.start()
    time.sleep(delay_ms / 1000)
    ds01d.kill()
    t.join()
    ds01d.start()
    wait_until(lambda: row(alice, "mid") is None or row(alice, "mid")["state"] != "removing", 20, "it was finished")
    consistent(alice, loaded, ds01d)


def test_term_lets_a_launch_end(alice, ds01d, loaded):
    result = []
    t = threading.Thread(target=lambda: result.append(
        alice.run(["container", "deploy", "polite", "--image=test/dies-late:1", "--background"])))
    t.start()
    time.sleep(0.15)
    ds01d.stop()
    t.join()
    ds01d.start()
    assert result[0].rc == 1 and "model.bin" in result[0].err, result
    consistent(alice, loaded, ds01d)


def test_a_container_that_ends_while_ds01d_is_away(alice, ds01d, loaded):
    deploy(alice, "away")
    ds01d.kill()
    loaded.call("POST", f"/containers/away._.{alice.uid}/kill")
    ds01d.start()
    wait_until(lambda: row(alice, "away")["state"] == "stopped", 10, "it is known")
    assert row(alice, "away")["exit_code"] == 137
    consistent(alice, loaded, ds01d)


def test_a_container_removed_behind_our_back(alice, ds01d, loaded):
    deploy(alice, "behind")
    loaded.call("DELETE", f"/containers/behind._.{alice.uid}?force=1")
    wait_until(lambda: row(alice, "behind") is None, 10, "it is noticed")
    alice.run(["container", "retire", "behind", "--force"])
    deploy(alice, "behind")
    consistent(alice, loaded, ds01d)


def test_others_containers_on_the_same_engine_are_left_alone(alice, ds01d, loaded):
    status, body = loaded.call("POST", "/containers/create?name=foreign", {
        "Image": "test/busybox:1", "Cmd": ["sleep", "600"],
        "Labels": {"ds01.managed": "true", "ds01.instance": "someone-elses", "ds01.uid": str(alice.uid)}})
    assert status == 201, body
    loaded.call("POST", "/containers/foreign/start")
    try:
        ds01d.restart()
        assert rows(alice, "--all") == []
        time.sleep(1)
        assert loaded.inspect("foreign")["State"]["Running"]
        assert ds01d.as_root(["container", "list", "--all", "--user=all"]).stdout.count("foreign") == 0
    finally:
        loaded.call("DELETE", "/containers/foreign?force=1")


def test_the_engine_is_down(alice, ds01d, dockerd):
    deploy(alice, "engine")
    dockerd.kill()
    try:
        done = alice.run(["container", "deploy", "nope", "--image=test/busybox:1", "--background"])
        assert done.rc == 6 and "engine" in done.err and done.out == "", done
        listed = alice.run(["container-list", "--all"])
        assert listed.rc == 0 and "engine" in listed.out, listed
        version = alice.run(["ds01", "version"])
        assert version.rc == 6 and "ds01d " in version.out, version
        done = alice.run(["container-attach", "engine", "--", "true"])
        assert done.rc == 6, done
    finally:
        dockerd.start()
    wait_until(lambda: alice.run(["ds01", "version"]).rc == 0, 15, "ds01d has found the engine again")
    wait_until(lambda: row(alice, "engine")["state"] in ("running", "stopped"), 10, "it knows how things stand")
    consistent(alice, dockerd, ds01d)
    assert row(alice, "nope") is None
    alice.ok(["container", "retire", "engine", "--force"])
    deploy(alice, "engine")


@pytest.mark.slow
@pytest.mark.parametrize("delay_ms", [30, 150, 400])
def test_the_engine_dies_in_the_middle(alice, ds01d, dockerd, delay_ms):
    result = []
    t = threading.Thread(target=lambda: result.append(
        alice.run(["container", "deploy", "half", "--image=test/busybox:1", "--background"])))
    t.start()
    time.sleep(delay_ms / 1000)
    dockerd.kill()
    t.join()
    dockerd.start()
    wait_until(lambda: alice.run(["ds01", "version"]).rc == 0, 15, "ds01d has found the engine again")
    if result[0].rc != 0:
        assert re.search("^Error: ", result[0].err, re.M) and "engine" in result[0].err and result[0].rc == 6, result
    wait_until(lambda: row(alice, "half") is None or row(alice, "half")["state"] in ("running", "stopped", "created"),
               20, "it is settled")
    consistent(alice, dockerd, ds01d)
    alice.run(["container", "retire", "half", "--force"])
    deploy(alice, "half")


@pytest.mark.slow
def test_the_engine_restarts_in_peace(alice, ds01d, dockerd):
    deploy(alice, "calm")
    dockerd.stop()
    dockerd.start()
    wait_until(lambda: row(alice, "calm")["state"] == "stopped", 20, "it is known to have stopped")
    alice.write(alice.workspace / "calm/Dockerfile", "FROM test/busybox:1\n")
    consistent(alice, dockerd, ds01d)


def test_the_machine_restarts(alice, ds01d, loaded):
    """All processes and mounts gone, state kept: what a boot leaves."""
    deploy(alice, "boot")
    ds01d.kill()
    loaded.call("POST", f"/containers/boot._.{alice.uid}/kill")
    unmount_below(ds01d.run_dir)
    ds01d.start()
    wait_until(lambda: row(alice, "boot")["state"] == "stopped", 10, "it is known")
    consistent(alice, loaded, ds01d)


def test_two_daemons_do_not_share_state(ds01d):
    done = subprocess.run([str(ds01d.program), f"--config={ds01d.config_file}"], capture_output=True, text=True,
                          timeout=20, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode not in (0, 99) and "nother ds01d" in done.stderr, done
    assert ds01d.answers()


@pytest.mark.parametrize("damage", ["truncated", "garbage"])
def test_a_broken_database_is_refused_and_left_as_it_is(alice, ds01d, damage):
    deploy(alice, "db")
    ds01d.stop()
    path = ds01d.state / "ds01.db"
    good = {p: p.read_bytes() for p in ds01d.state.glob("ds01.db*")}
    bad = good[path][:5000] if damage == "truncated" else b"\xa5" * 8192
    path.write_bytes(bad)
    try:
        ds01d.start(ready=False)
        assert ds01d.popen.wait(20) not in (0, 99)
        assert "--rebuild" in ds01d.log.read_text()[-3000:]
        assert path.read_bytes() == bad
    finally:
        for p in ds01d.state.glob("ds01.db*"):
            p.unlink()
        for p, data in good.items():
            p.write_bytes(data)
        ds01d.start()
    assert row(alice, "db")["state"] == "running"


@pytest.mark.parametrize("what, mode", [("state", 0o777), ("config", 0o666)])
def test_folders_that_others_may_write_are_refused(ds01d, what, mode):
    ds01d.stop()
    path = ds01d.state if what == "state" else ds01d.config_file
    ds01d.write_config()
    old = path.stat().st_mode & 0o7777
    path.chmod(mode)
    try:
        done = subprocess.run([str(ds01d.program), f"--config={ds01d.config_file}"], capture_output=True, text=True,
                              timeout=20, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode not in (0, 99) and str(path) in done.stderr and "ch" in done.stderr, done
    finally:
        path.chmod(old)
        ds01d.start()


def test_a_broken_config_names_the_place(ds01d, base):
    bad = base / "bad.yaml"
    for text, where, word in (("access: all\nsockt: /x\n", "bad.yaml:2:", "socket"), ("access: [\n", "bad.yaml:", ""),
                              ("access: all\naccess: all\n", "bad.yaml:2:", "access")):
        bad.write_text(text)
        done = subprocess.run([str(ds01d.program), f"--config={bad}"], capture_output=True, text=True, timeout=20,
                              check=False, stdin=subprocess.DEVNULL)
        assert done.returncode not in (0, 99) and where in done.stderr and word in done.stderr, done
