"""GPUs and the queue where two things happen at once, or not as they should."""

import contextlib
import grp
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
from harness import rpc
from harness.expect import assert_error, row
from harness.gpus import change, gpus, launch, retire, states
from harness.process import wait_until
from test_limits import NSS_C

pytestmark = pytest.mark.usefixtures("idle")


@contextlib.contextmanager
def rules(ds01d, **defaults):
    before = ds01d.policy
    groups = defaults.pop("groups", None)
    ds01d.policy = {"defaults": {**before["defaults"], **defaults}, **({"groups": groups} if groups else {})}
    ds01d.restart()
    try:
        yield
    finally:
        ds01d.policy = before
        ds01d.restart()


def tickets(user):
    return rpc.rows(user, "Queue.List", {"mine": True})


def fill(alice, bob):
    launch(alice, "a", 2)
    launch(bob, "b", 2)


def join_launch(user, name):
    folder = user.mkdir(user.workspace / name)
    return rpc.call(user, "Queue.Join", {"name": name, "launch": True, "image": "test/busybox:1",
                                         "workspace": str(folder), "interface": "api"}, [folder])


def its_turn(user):
    return wait_until(lambda: [t for t in tickets(user) if t["state"] == "turn"], 20, "its turn")[0]


def test_the_order_of_groups_is_no_change_of_groups(alice, bob):
    """The kernel has them by number, the group file in its own order."""
    names = [f"{alice.name}-z", f"{alice.name}-y"]
    for name, gid in zip(names, (59702, 59701), strict=True):
        subprocess.run(["groupadd", "-g", str(gid), name], check=True)
        subprocess.run(["gpasswd", "-a", alice.name, name], check=True, stdout=subprocess.DEVNULL)
    try:
        fill(alice, bob)
        join_launch(alice, "auto")
        retire(bob, "b")
        wait_until(lambda: (row(alice, "auto") or {}).get("state") == "running", 20, "it was launched")
    finally:
        for name in names:
            subprocess.run(["groupdel", name], check=True)


def test_a_turn_that_is_used_by_hand_leaves_no_mounts(alice, bob, ds01d):
    fill(alice, bob)
    join_launch(alice, "auto")
    with rules(ds01d, memory="512m"):
        retire(bob, "b")
        its_turn(alice)
        wait_until(lambda: tickets(alice)[0]["reason"], 10, "it is kept")
        launch(alice, "auto", 1)
        assert tickets(alice) == []
        alice.clear()
        assert ds01d.mounts() == []


def test_who_leaves_in_its_turn_is_not_launched(alice, bob, world):
    fill(alice, bob)
    join_launch(alice, "auto")
    # Figures take a second: the launch waits for them while its owner leaves.
    world.write_text("hang 1\n")
    retire(bob, "b")
    its_turn(alice)
    rpc.call(alice, "Queue.Leave", {"name": "auto"})
    time.sleep(6)
    assert row(alice, "auto") is None
    assert [w["what"] for w in rpc.rows(alice, "Queue.Why", {"name": "auto"})][:2] == ["left", "turn"]


def test_a_workspace_that_was_removed_is_not_launched_on(alice, bob):
    fill(alice, bob)
    join_launch(alice, "auto")
    shutil.rmtree(alice.workspace / "auto")
    alice.mkdir(alice.workspace / "auto")
    retire(bob, "b")
    its_turn(alice)
    wait_until(lambda: tickets(alice)[0]["reason"], 10, "it is kept")
    assert tickets(alice)[0]["reason"] == "a folder of it was removed since it joined the queue"
    assert row(alice, "auto") is None


def test_a_turn_is_not_used_on_a_gpu_that_a_stranger_uses(alice, bob, world):
    fill(alice, bob)
    rpc.call(bob, "Queue.Join", {"name": "later"})
    retire(alice, "a")
    its_turn(bob)
    change(world, "gpu 0 process=77\n")
    with pytest.raises(rpc.Failed) as failed:
        launch(bob, "later")
    assert (failed.value.name, failed.value.message) == ("Unavailable", "A GPU that is kept for you can't be used now")
    assert "process 77" in failed.value.detail
    change(world, "")
    assert launch(bob, "later")["gpus"] == ["0"]


def test_what_is_not_known_of_an_account_takes_no_gpu_from_it(alice, ds01d, base):
    """Its group may keep GPUs for longer than everybody: while nobody can tell, they stay."""
    library, down = base / "nss-gpus.so", base / "nss-gpus-down"
    source = base / "nss-gpus.c"
    source.write_text(NSS_C)
    subprocess.run(["gcc", "-shared", "-fPIC", f'-DDOWN="{down}"', "-o", str(library), str(source)], check=True)
    ds01d.env = {"LD_PRELOAD": str(library), "ASAN_OPTIONS": "exitcode=99:verify_asan_link_order=0"}
    own = {"own": {"unix_group": grp.getgrgid(alice.gid).gr_name, "gpu_hold_after_stop_h": None}}
    try:
        with rules(ds01d, gpu_hold_after_stop_h=0, groups=own):
            launch(alice, "a")
            rpc.call(alice, "Containers.Stop", {"name": "a", "force": True})
            down.touch()
            ds01d.popen.send_signal(signal.SIGHUP)
            time.sleep(8)
            down.unlink()
            assert states(alice)[0] == "held"
            retire(alice, "a")
    finally:
        down.unlink(missing_ok=True)
        ds01d.env = {}
        ds01d.restart()


def test_a_start_overtakes_nobody_either(alice, bob, ds01d):
    with rules(ds01d, gpu_hold_after_stop_h=0):
        launch(alice, "a")
        launch(alice, "c", 2)
        launch(bob, "b")
        rpc.call(alice, "Containers.Stop", {"name": "a", "force": True})
        wait_until(lambda: states(alice)[0] == "free", 15, "its GPU has lapsed")
        # One is free and kept for bob, who needs two.
        assert rpc.call(bob, "Queue.Join", {"name": "two", "gpus": 2})["state"] == "waiting"
        result = alice.run(["container-start", "a"])
        assert_error(result, 3, "The GPUs of a are not free", "container-start a --wait")
        assert "They are kept for who is before you in line" in result.err
        rpc.call(bob, "Queue.Leave", {"name": "two"})
        alice.ok(["container-start", "a"])


def test_a_start_that_failed_keeps_its_gpus_while_it_may_still_land(alice, ds01d, dockerd):
    with rules(ds01d, gpu_hold_after_stop_h=0):
        launch(alice, "a")
        rpc.call(alice, "Containers.Stop", {"name": "a", "force": True})
        wait_until(lambda: states(alice)[0] == "free", 15, "its GPU has lapsed")
        network = ds01d.config["network"]["name"]
        assert dockerd.call("DELETE", f"/networks/{network}")[0] == 204
        assert alice.run(["container-start", "a"]).rc != 0
        with contextlib.closing(sqlite3.connect(ds01d.state / "ds01.db")) as db:
            state, late = db.execute("SELECT state, late_until FROM containers WHERE name = 'a'").fetchone()
        assert state == "stopped" and late > time.time()
        assert states(alice)[0] == "held"
        retire(alice, "a")


def test_it_ends_at_once_although_the_driver_hangs(alice, ds01d, world):
    world.write_text("hang 60\n")
    time.sleep(1.1)
    with pytest.raises(rpc.Failed):
        launch(alice, "a")
    start = time.monotonic()
    ds01d.stop()
    took = time.monotonic() - start
    world.write_text("")
    ds01d.start()
    assert took < 4, took




def test_gpus_of_a_container_without_a_record_come_back_with_its_removal(alice, ds01d, dockerd):
    launch(alice, "a", 0)
    known = dockerd.inspect(f"a._.{alice.uid}")
    body = {"Image": known["Image"], "Labels": {"ds01.instance": known["Config"]["Labels"]["ds01.instance"]},
            "HostConfig": {"DeviceRequests": [{"Driver": "nvidia", "DeviceIDs": ["SIM-GPU-00-A100-40G"],
                                               "Capabilities": [["gpu"]]}]}}
    status, made = dockerd.call("POST", "/containers/create?name=nobodys", body)
    assert status == 201, made
    try:
        ds01d.restart()
        wait_until(lambda: states(alice)[0] == "drained", 10, "nobody gets its GPU")
        assert gpus(alice)[0]["0"]["reason"] == "a container without a record has it"
    finally:
        dockerd.call("DELETE", "/containers/nobodys?force=1")
    wait_until(lambda: states(alice)[0] == "free", 25, "it is free again")


def test_who_waits_hears_at_once_that_the_ticket_is_gone(alice, bob):
    fill(alice, bob)
    rpc.call(alice, "Queue.Join", {"name": "q"})
    p = rpc.start(alice, "Queue.Wait", {"name": "q"}, more=True)
    assert b'"waiting"' in p.stdout.readline()
    time.sleep(1)
    rpc.call(alice, "Queue.Leave", {"name": "q"})
    assert b'"gone"' in p.communicate(timeout=10)[0]
