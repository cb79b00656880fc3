"""The policy: whose limits are whose, what they do, when they change, and what ends because its time is over."""

import grp
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
from harness.engine import cgroup_folders
from harness.expect import assert_error, deploy, row
from harness.process import wait_until

REFERENCE = pathlib.Path(__file__).resolve().parents[1] / "unit/policy/golden/reference-limits.yaml"


def reload(ds01d, accepted=True):
    """SIGHUP, and what the log says then."""
    start = len(ds01d.log.read_text())
    os.kill(ds01d.pid, signal.SIGHUP)
    word = "are read anew" if accepted else "stay as they were"
    wait_until(lambda: word in ds01d.log.read_text()[start:], 10, word)
    return ds01d.log.read_text()[start:]


@pytest.fixture
def policy(ds01d, base):
    """policy(text or map): makes it the policy that holds."""
    path = base / "resource-limits.yaml"

    def become(content, accepted=True):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return reload(ds01d, accepted)
    yield become
    (base / "user-overrides.yaml").unlink(missing_ok=True)
    shutil.rmtree(base / "groups", ignore_errors=True)
    become(ds01d.policy)


def limits(user, *options):
    body = json.loads(user.ok(["check-limits", "--json", *options]).out)
    assert body["schema"] == 1
    return body, {r["key"]: r for r in body["limits"]}


def setting(uid, file):
    found = [p / file for p in cgroup_folders(f"ds01/{uid}") if (p / file).exists()]
    assert found, file
    return found[0].read_text().strip()


# ---- whose ----

def test_the_predecessors_file_with_members_and_exceptions(alice, bob, base, loaded, policy):
    (base / "groups").mkdir()
    (base / "groups/researcher.members").write_text(f"# people\n{alice.name}  # since May\n")
    (base / "user-overrides.yaml").write_text(f"{alice.name}: {{memory: 512m, pids_limit: 300}}\n")
    policy(REFERENCE.read_text())
    deploy(alice, "mine")
    host = loaded.inspect(f"mine._.{alice.uid}")["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 512 << 20 and host["PidsLimit"] == 300
    assert host["ShmSize"] == 32 << 30
    # 48 CPUs are more than any machine of ours has: all of them is no limit.
    assert host["NanoCpus"] in (0, 48 * 10**9)
    body, mine = limits(alice)
    assert body["group"] == "researcher"
    assert mine["memory"]["source"] == "user" and mine["memory"]["value"] == 512 << 20
    assert "user-overrides.yaml:1" in mine["memory"]["from"]
    assert mine["max_containers_per_user"]["value"] == 5 and mine["max_containers_per_user"]["used"] == 1
    assert mine["shm_size"]["source"] == "group" and mine["allow_full_gpu"]["source"] == "defaults"
    assert mine["max_runtime_h"]["value"] == 48 * 3600
    assert int(setting(alice.uid, "pids.max")) == 327680
    body, his = limits(bob)
    assert body["group"] == "student" and his["memory"]["value"] == 32 << 30
    assert his["max_gpu_equivalents"]["value"] == 2 and his["max_gpu_equivalents"]["enforced"]


def test_cpu_memory_shm_pids_at_create(alice, loaded, policy):
    policy({"defaults": {"max_cpus": 0.5, "memory": "96m", "shm_size": "32m", "pids_limit": 77}})
    deploy(alice, "four")
    host = loaded.inspect(f"four._.{alice.uid}")["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["ShmSize"], host["PidsLimit"]) == (
        500_000_000, 96 << 20, 32 << 20, 77)


def test_a_unix_group_counts(alice, policy):
    import grp
    group = grp.getgrgid(alice.gid).gr_name
    policy({"groups": {"own": {"unix_group": group, "pids_limit": 123, "sigterm_grace_s": 3}}})
    body, mine = limits(alice)
    assert body["group"] == "own" and mine["pids_limit"]["value"] == 123


# ---- what people see ----

def test_the_layout(alice, policy):
    policy({"default_group": "student", "groups": {"student": {
        "max_containers_per_user": 3, "max_gpu_equivalents": 2.5, "max_gpu_slots_per_container": 2, "max_cpus": 32,
        "memory": "32g", "pids_limit": 512, "max_runtime_h": 24, "idle_timeout_h": 0.5, "gpu_hold_after_stop_h": 0.25,
        "container_hold_after_stop_h": 0.5,
        "aggregate": {"memory_max": "96g", "tasks_max": 1000, "cpu_quota": "9600%"}}}})
    deploy(alice, "one")
    deploy(alice, "two")
    lines = alice.ok(["check-limits"]).out.splitlines()
    assert lines[0] == f"DS01 Resource Limits — {alice.name} (student)"
    assert lines[1] == "═" * 40
    at = {line: i for i, line in enumerate(lines)}
    assert lines[at["Containers"] + 1] == "  " + "━" * 13 + "─" * 7 + "  2/3 containers (66%)"
    assert lines[at["Containers"] + 2] == "  2 running"
    assert lines[at["GPUs"] + 1].endswith("  0/2.5 GPUs (0%)")
    assert "  Per container: up to 2" in lines
    assert lines[at["CPUs"] + 2] == "  Per container: 32 cores"
    assert "/96 GB (" in lines[at["Memory"] + 1] and lines[at["Memory"] + 2] == "  Per container: 32g"
    assert "/1000 processes and threads (" in lines[at["Processes"] + 1]
    assert "  Max runtime:             1d (then stopped; warnings at 75% and 90%)" in lines
    assert "  Idle timeout:            30m (not enforced yet)" in lines
    assert "  Container hold:          30m (then removed)" in lines
    assert lines[-1] == "All resources available"
    deploy(alice, "three")
    out = alice.ok(["check-limits", "-v"]).out
    assert "3/3 containers (100%)" in out and "Container limit reached" in out
    assert "group student (resource-limits.yaml:1)" in out
    assert_error(alice.run(["container", "deploy", "four", "--image=test/busybox:1", "--background"]), 3,
                 "Container limit reached (3/3 in use)", "container retire")


def test_its_names(alice):
    out = {alice.ok(argv.split()).out.splitlines()[0] for argv in (
        "check-limits", "get-limits", "ds01 limits", "ds01 check limits", "ds01 get-limits", "ds01 get limits")}
    assert len(out) == 1
    near = alice.run(["ds01", "limts"])
    assert near.rc == 2 and "'limits'" in near.err
    assert "Usage: check-limits" in alice.ok(["get-limits", "--help"]).out


def test_use_is_what_the_containers_use(alice, policy):
    policy({"defaults": {"memory": "512m", "aggregate": {"memory_max": "1g", "tasks_max": 200}}})
    assert limits(alice)[1]["aggregate.tasks_max"]["used"] == 0
    deploy(alice, "busy")
    alice.ok(["container-attach", "busy"],
             stdin="dd if=/dev/zero of=/dev/shm/x bs=1M count=100 2>/dev/null\nsleep 60 &\nsleep 60 &\n"
                   "setsid sh -c 'while :; do :; done' >/dev/null 2>&1 </dev/null &\n")
    mine = limits(alice)[1]
    assert 100 << 20 <= mine["aggregate.memory_max"]["used"] < 200 << 20
    assert 3 <= mine["aggregate.tasks_max"]["used"] < 20
    wait_until(lambda: (limits(alice)[1]["aggregate.cpu_quota"]["used"] or 0) >= 30, 10, "the processor time is seen")
    assert limits(alice)[1]["memory"]["used"] is None


def test_limits_of_others_are_for_admins(alice, bob, ds01d):
    assert bob.run(["check-limits", f"--user={alice.name}"]).rc == 5
    done = ds01d.as_root(["check-limits", f"--user={alice.name}"])
    assert done.returncode == 0 and f"— {alice.name}" in done.stdout, done
    assert ds01d.as_root(["check-limits"]).returncode == 2


# ---- when they change ----

def test_sighup_changes_limits_and_those_of_what_runs(alice, policy):
    policy({"defaults": {"max_containers_per_user": 1, "aggregate": {"tasks_max": 100}}})
    deploy(alice, "first")
    assert setting(alice.uid, "pids.max") == "100"
    assert alice.run(["container", "deploy", "second", "--image=test/busybox:1", "--background"]).rc == 3
    policy({"defaults": {"max_containers_per_user": 2, "aggregate": {"tasks_max": 150}}})
    assert setting(alice.uid, "pids.max") == "150"
    deploy(alice, "second")


def test_a_broken_policy_changes_nothing(alice, policy):
    policy({"defaults": {"pids_limit": 99}})
    said = policy("defaults:\n  pids_limit: 50\n  pids_limit: 60\n", accepted=False)
    assert "resource-limits.yaml:3" in said, said
    assert limits(alice)[1]["pids_limit"]["value"] == 99
    said = policy("defaults:\n  pids_limt: 50\n")
    assert "resource-limits.yaml:2" in said and "pids_limit" in said, said


def test_the_catalogue_is_read_anew(alice, base, ds01d):
    path = base / "catalogue"
    before = path.read_text()
    # Not in the catalogue and not pulled by ds01d: it does not exist.
    assert alice.run(["container", "deploy", "cat", "--image=test/hidden:1", "--background"]).rc == 4
    path.write_text("Hidden, 1, [CPU], test/hidden:1\n" + before)
    try:
        reload(ds01d)
        deploy(alice, "cat", "test/hidden:1")
    finally:
        path.write_text(before)
        reload(ds01d)


def test_reloads_while_people_work(alice, policy, ds01d):
    deploy(alice, "calm")
    for i in range(20):
        os.kill(ds01d.pid, signal.SIGHUP)
        assert alice.run(["container-list", "--all"]).rc == 0
        assert alice.run(["check-limits"]).rc == 0
    assert row(alice, "calm")["state"] == "running"


# ---- time ----

def backdate(ds01d, user, name, column, seconds):
    """ds01d was not there for a while."""
    ds01d.stop()
    with sqlite3.connect(ds01d.state / "ds01.db") as db:
        changed = db.execute(f"UPDATE containers SET {column} = ? WHERE uid = ? AND name = ?",
                             (int(time.time()) - seconds, user.uid, name)).rowcount
    db.close()
    assert changed == 1
    ds01d.start()


def logged_in(user, mode):
    """A terminal of the account's, as sshd or login leave it."""
    t = user.tty(["cat"])
    path = os.readlink(f"/proc/{t.pid}/fd/0")
    os.chown(path, user.uid, 5)
    os.chmod(path, mode)
    return t


TRAP = """cat >/workspace/train.sh <<'X'
trap 'echo checkpoint >/workspace/saved; exit 0' TERM
while :; do sleep 0.1; done
X
setsid sh /workspace/train.sh >/dev/null 2>&1 </dev/null &
"""


@pytest.mark.slow
def test_max_runtime_warns_and_stops(alice, ds01d, policy):
    ds01d.policy["defaults"].update(max_runtime_h=1, sigterm_grace_s=5)
    try:
        ds01d.restart()
        deploy(alice, "train")
        alice.ok(["container-attach", "train"], stdin=TRAP)
        assert row(alice, "train")["runs_until"] is not None
        terminal = logged_in(alice, 0o620)

        backdate(ds01d, alice, "train", "started_at", 2800)
        terminal.expect(r"ds01: container train has run for 46m and will be stopped in 13m", timeout=15)
        assert "left" in alice.ok(["container-list"]).out
        backdate(ds01d, alice, "train", "started_at", 3300)
        terminal.expect(r"ds01: container train has run for 55m and will be stopped in [45]m", timeout=15)
        # Each warning once, whatever restarts in between.
        ds01d.restart()
        time.sleep(6)
        log = ds01d.log.read_text()
        assert log.count("train is at 75 %") == log.count("train is at 90 %") == 1

        backdate(ds01d, alice, "train", "started_at", 3700)
        wait_until(lambda: row(alice, "train")["state"] == "stopped", 20, "it was stopped")
        assert (alice.workspace / "train/saved").read_text() == "checkpoint\n"
        assert row(alice, "train")["stop_reason"] == "it had run for 1h, its max_runtime_h"
        terminal.expect("container train was stopped", timeout=5)
        listed = alice.ok(["container-list", "--all"])
        assert "stopped (time is over)" in listed.out and "max_runtime_h" in listed.err
        # A new start is a new time.
        alice.write(alice.workspace / "train/pyproject.toml",
                    '[project]\nname = "train"\n[tool.ds01]\nimage = "test/busybox:1"\n')
        alice.ok(["project", "launch", "train", "--background"])
        now = row(alice, "train")
        assert now["state"] == "running" and now["stop_reason"] == "" and now["started_at"] > now["created_at"]
    finally:
        for key in ("max_runtime_h", "sigterm_grace_s"):
            ds01d.policy["defaults"].pop(key)
        ds01d.write_config()


@pytest.mark.slow
def test_a_raised_limit_is_a_new_time(alice, ds01d, policy):
    """Who was warned, and then got more time, is warned again when that comes to its end."""
    try:
        ds01d.policy["defaults"]["max_runtime_h"] = 1
        ds01d.restart()
        deploy(alice, "more")
        backdate(ds01d, alice, "more", "started_at", 3300)
        wait_until(lambda: "more is at 90 %" in ds01d.log.read_text(), 15, "it is warned")
        ds01d.policy["defaults"]["max_runtime_h"] = 2
        ds01d.restart()
        time.sleep(6)
        backdate(ds01d, alice, "more", "started_at", 5500)
        wait_until(lambda: "more is at 75 %" in ds01d.log.read_text(), 15, "it is warned again")
    finally:
        ds01d.policy["defaults"].pop("max_runtime_h")
        ds01d.write_config()


@pytest.mark.slow
def test_a_reason_is_given_once_it_is_true(alice, ds01d, loaded, policy):
    """A stop that hangs or fails leaves none; one that is done does."""
    deploy(alice, "hung")
    policy({"defaults": {"max_runtime_h": 1}})
    loaded.popen.send_signal(signal.SIGSTOP)
    try:
        with sqlite3.connect(ds01d.state / "ds01.db", timeout=10) as db:
            db.execute("UPDATE containers SET started_at = ? WHERE name = 'hung'", (int(time.time()) - 7200,))
        db.close()
        time.sleep(8)
        hung = row(alice, "hung")
        assert (hung["state"], hung["stop_reason"]) == ("running", "")
    finally:
        loaded.popen.send_signal(signal.SIGCONT)
    wait_until(lambda: row(alice, "hung")["state"] == "stopped", 20, "it is stopped")
    assert "max_runtime_h" in row(alice, "hung")["stop_reason"]


NSS_C = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pwd.h>
#include <unistd.h>

/* An account database whose server does not answer, as long as the file is there. */
int getpwuid_r(uid_t uid, struct passwd *entry, char *space, size_t n, struct passwd **found)
{
        int (*real)(uid_t, struct passwd *, char *, size_t, struct passwd **) = dlsym(RTLD_NEXT, "getpwuid_r");
        *found = NULL;
        return uid >= 1000 && access(DOWN, F_OK) == 0 ? EIO : real(uid, entry, space, n, found);
}
"""


@pytest.fixture
def nss(ds01d, base):
    """nss(up): whether the account database answers."""
    source, library, down = base / "nss.c", base / "nss.so", base / "nss-is-down"
    source.write_text(NSS_C)
    subprocess.run(["gcc", "-shared", "-fPIC", f'-DDOWN="{down}"', "-o", str(library), str(source)], check=True)
    ds01d.env = {"LD_PRELOAD": str(library),
                 "ASAN_OPTIONS": "exitcode=99:verify_asan_link_order=0"}
    yield lambda up: down.unlink(missing_ok=True) if up else down.touch()
    down.unlink(missing_ok=True)
    ds01d.env = {}


@pytest.mark.slow
def test_what_is_not_known_of_an_account_ends_nothing(alice, ds01d, loaded, policy, nss):
    """Its group may run for longer than everybody: while nobody can tell, nothing is stopped."""
    group = grp.getgrgid(alice.gid).gr_name
    before = json.loads(json.dumps(ds01d.policy))
    try:
        deploy(alice, "week")
        ds01d.policy["defaults"]["max_runtime_h"] = 1
        ds01d.policy["groups"] = {"own": {"unix_group": group, "max_runtime_h": None}}
        nss(False)
        begun = len(ds01d.log.read_text())
        backdate(ds01d, alice, "week", "started_at", 7200)

        def told():
            return [line for line in ds01d.log.read_text()[begun:].splitlines() if "limits in time" in line]
        wait_until(told, 15, "the log tells")
        time.sleep(11)
        assert loaded.inspect(f"week._.{alice.uid}")["State"]["Running"]
        assert len(told()) == 1 and alice.name in told()[0], told()
        nss(True)
        time.sleep(6)
        assert row(alice, "week")["state"] == "running"
    finally:
        ds01d.policy = before
        nss(True)
        ds01d.env = {}
        ds01d.restart()


@pytest.mark.slow
def test_mesg_n_is_respected_and_others_hear_nothing(alice, bob, ds01d, policy):
    ds01d.policy["defaults"]["max_runtime_h"] = 1
    try:
        ds01d.restart()
        deploy(alice, "quiet")
        logged_in(alice, 0o600)
        logged_in(bob, 0o620)
        backdate(ds01d, alice, "quiet", "started_at", 2800)
        wait_until(lambda: "on 0 terminals: quiet is at 75 %" in ds01d.log.read_text(), 15, "nobody was reached")
    finally:
        ds01d.policy["defaults"].pop("max_runtime_h")
        ds01d.write_config()


@pytest.mark.slow
def test_stopped_containers_are_kept_as_long_as_the_policy_says(alice, ds01d, loaded, policy):
    deploy(alice, "kept")
    loaded.call("POST", f"/containers/kept._.{alice.uid}/kill")
    wait_until(lambda: row(alice, "kept")["state"] == "stopped", 10, "it is stopped")
    assert row(alice, "kept")["kept_until"] is None
    ds01d.policy["defaults"]["container_hold_after_stop_h"] = 1
    try:
        backdate(ds01d, alice, "kept", "stopped_at", 3000)
        assert row(alice, "kept")["kept_until"] is not None
        assert "removed in 9m" in alice.ok(["container-list", "--all"]).out or "removed in 10m" in alice.ok(
            ["container-list", "--all"]).out
        time.sleep(6)
        assert row(alice, "kept") is not None
        backdate(ds01d, alice, "kept", "stopped_at", 3601)
        wait_until(lambda: row(alice, "kept") is None, 15, "it is removed")
        assert f"kept._.{alice.uid}" not in loaded.names()
        assert (alice.workspace / "kept").is_dir()
    finally:
        ds01d.policy["defaults"].pop("container_hold_after_stop_h")
        ds01d.write_config()


# ---- the checker ----

def test_policy_check(alice):
    folder = alice.mkdir(alice.home / "policy")
    good = alice.write(folder / "limits.yaml", "defaults:\n  memory: 8g\n  memroy: 9g\ngroups:\n  lab: {pids_limit: 99}\n")
    alice.write(folder / "groups/lab.members", f"{alice.name}\n")
    alice.write(folder / "user-overrides.yaml", "carol: {memory: null}\n")
    done = alice.ok(["ds01", "policy", "check", str(good), alice.name])
    rows = {line.split()[0]: line for line in done.out.splitlines()[3:]}
    assert "8g" in rows["memory"] and "defaults (limits.yaml:2)" in rows["memory"]
    assert "99" in rows["pids_limit"] and "group lab (limits.yaml:5)" in rows["pids_limit"]
    assert "limits.yaml:3" in done.err and "'memory'" in done.err
    carol = json.loads(alice.ok(["ds01", "policy", "check", str(good), "carol", "--json"]).out)
    assert next(r for r in carol["limits"] if r["key"] == "memory")["text"] == "none" and carol["group"] == ""
    assert any("limits.yaml:3" in w for w in carol["warnings"])
    bad = alice.write(folder / "bad.yaml", "defaults:\n  memory: 8q\n")
    done = alice.run(["policy-check", str(bad)])
    assert done.rc == 1 and "bad.yaml:2:" in done.err and done.out == "", done
    assert alice.run(["ds01", "policy", "check", "/nonexistent.yaml"]).rc == 1
    assert alice.run(["ds01", "policy", "check"]).rc == 2
    shipped = pathlib.Path(__file__).resolve().parents[2] / "data/resource-limits.yaml"
    copy = alice.write(folder / "shipped/resource-limits.yaml", shipped.read_text())
    assert "Warning" not in alice.ok(["ds01", "policy", "check", str(copy)]).err
