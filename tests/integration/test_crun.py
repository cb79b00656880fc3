"""crun in runc's place, for containers with neither a GPU nor root inside: `engine: {runtime: crun}` in ds01d.yaml.

What is told apart by the runtime is tried here; that nothing else is, is shown by all the other tests with
DS01_RUNTIME=crun, as `./check --full` runs them.
"""

import time

import pytest
from conftest import RUNTIME
from harness.engine import cgroup_folders
from harness.expect import deploy, row
from harness.invariants import comes_to_agree, settled

@pytest.fixture
def switch(ds01d):
    """Has ds01d ask for another runtime from now on."""
    def to(runtime):
        ds01d.config["engine"]["runtime"] = runtime
        ds01d.restart()
    yield to
    to(RUNTIME)


@pytest.fixture
def crun(switch):
    switch("crun")


def runtime(loaded, user, name):
    return loaded.inspect(f"{name}._.{user.uid}")["HostConfig"]["Runtime"]


def inside(user, name, script, **kwargs):
    return user.run(["container-attach", name, "--", "sh", "-c", script], **kwargs)


def confinement(user, name):
    """
    What the kernel, /proc and the control groups say inside; nothing in it differs between two containers.

    Left out, because crun does otherwise: a link /dev/core to what is masked; whether the masks of two files are
    read-only; and nosuid, nodev and noexec of binds, which it does not take over from what is bound
    (doc/performance.md says what stands in for them).
    """
    return inside(user, name, """
        grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Sig[BIC])' /proc/self/status /proc/1/status
        cut -d: -f2- /proc/self/cgroup | sed 's,/[0-9a-f]\\{64\\},,'
        cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max
        cat /proc/self/limits; cat /proc/sys/net/ipv4/ip_unprivileged_port_start
        ls -ld $(ls -d /dev/* | grep -v core) /proc/acpi /proc/kcore /proc/keys /proc/timer_list /proc/scsi /sys/firmware | cut -c1-10
        echo x >/proc/sysrq-trigger; mount -t tmpfs none /mnt; unshare -U true; mknod /tmp/n c 1 3
        readlink /proc/self/ns/* | cut -d: -f1; hostname; pwd; id; env | grep -v PWD | sort
        awk '{print $5, $5 ~ "^/proc/(keys|timer_list)" ? "" : substr($6, 1, 2)}' /proc/self/mountinfo | sort""").out


def test_it_starts_what_has_no_gpu(crun, alice, loaded):
    deploy(alice, "cpu")
    assert runtime(loaded, alice, "cpu") == "crun"
    assert row(alice, "cpu")["state"] == "running"


def test_confined_as_with_runc(switch, alice, loaded):
    seen = {}
    for name in ("runc", "crun"):
        switch(name)
        deploy(alice, "same")
        assert runtime(loaded, alice, "same") == name
        seen[name] = confinement(alice, "same").replace("\r", "")
        alice.ok(["container", "retire", "same", "--force"])
    assert "NoNewPrivs:\t1" in seen["crun"] and "CapEff:\t0000000000000000" in seen["crun"]
    assert seen["crun"] == seen["runc"]


def test_exit_codes_signals_and_streams(crun, alice):
    deploy(alice, "codes")
    assert inside(alice, "codes", "exit 7").rc == 7
    assert inside(alice, "codes", "kill -9 $$").rc == 137
    assert alice.run(["container-attach", "codes", "--", "nosuch"]).rc == 127
    done = inside(alice, "codes", "cat; echo no >&2", stdin="in\n")
    assert (done.out, done.err) == ("in\n", "no\n")


def test_a_life(crun, alice, loaded):
    """Stopped, started, in the same control group of the account, retired: nothing of it stays."""
    deploy(alice, "life")
    alice.ok(["container-stop", "life"])
    assert row(alice, "life")["state"] == "stopped"
    alice.ok(["container-start", "life"])
    assert row(alice, "life")["state"] == "running"
    container = loaded.inspect(f"life._.{alice.uid}")["Id"]
    assert cgroup_folders(f"ds01/{alice.uid}/{container}")
    began = time.monotonic()
    alice.ok(["container", "retire", "life", "--force"])
    assert time.monotonic() - began < 8
    assert f"life._.{alice.uid}" not in loaded.names()


def test_what_runs_stays_with_its_runtime(switch, alice, loaded):
    switch("runc")
    deploy(alice, "old")
    switch("crun")
    deploy(alice, "new")
    assert (runtime(loaded, alice, "old"), runtime(loaded, alice, "new")) == ("runc", "crun")
    for name in ("old", "new"):
        assert inside(alice, name, "echo here").out == "here\n"
    switch("runc")
    alice.ok(["container-stop", "new"])
    alice.ok(["container-start", "new"])
    assert runtime(loaded, alice, "new") == "crun"
    assert inside(alice, "new", "echo here").out == "here\n"


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.5])
def test_ds01d_killed_while_it_starts(crun, ds01d, alice, loaded, seconds):
    """A launch is whole or gone, as with runc."""
    child = alice.popen(["container", "deploy", "cut", "--image=test/busybox:1", "--background"])
    time.sleep(seconds)
    ds01d.kill()
    child.wait(30)
    ds01d.start()
    settled(alice, ds01d)
    comes_to_agree(alice, loaded, ds01d)
