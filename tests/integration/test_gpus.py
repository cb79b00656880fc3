"""Simulated GPUs on a real engine: who gets which, who waits, and what everybody is told."""

import contextlib
import json
import re
import sqlite3
import time

import pytest
from harness import rpc
from harness.expect import assert_error, row
from harness.gpus import MOMENT, change, gpus, launch, retire, states
from harness.process import wait_until


pytestmark = pytest.mark.usefixtures("idle")


def test_a_launch_gets_one_gpu_and_sees_that_one_only(alice, dockerd):
    reply = launch(alice, "one")
    assert reply["gpus"] == ["0"] and reply["gpu_text"] == "GPU 0 (A100 40 GB)"
    body = dockerd.inspect(f"one._.{alice.uid}")
    uuid = "SIM-GPU-00-A100-40G"
    assert f"NVIDIA_VISIBLE_DEVICES={uuid}" in body["Config"]["Env"]
    assert body["Config"]["Labels"]["ds01.gpu.uuids"] == uuid
    # The engine knows nothing of simulated ones.
    assert not body["HostConfig"]["DeviceRequests"]
    assert row(alice, "one")["gpus"] == ["0"]


def test_cpu_only_gets_none(alice, dockerd):
    assert launch(alice, "none", 0)["gpus"] == []
    body = dockerd.inspect(f"none._.{alice.uid}")
    assert "NVIDIA_VISIBLE_DEVICES=void" in body["Config"]["Env"]
    assert states(alice) == ["free"] * 4


def test_who_has_what_as_others_see_it(alice, bob, ds01d):
    launch(alice, "mine", 2)
    launch(bob, "theirs")
    seen, head = gpus(alice)
    assert head["health"] == "ok" and head["simulated"] and head["answering"]
    assert [r["state"] for r in seen.values()] == ["held"] * 3 + ["free"]
    assert seen["0"]["mine"] and seen["0"]["container"] == "mine"
    # Others' names and ends, not what they do.
    assert seen["2"]["user"] == bob.name and "container" not in seen["2"] and seen["2"]["until"] > time.time()
    all_seen = rpc.root_rows(ds01d.socket, "Gpus.List")[1:]
    assert [r.get("container") for r in all_seen] == ["mine", "mine", "theirs", None]


def test_no_gpus_available_says_who_has_them(alice, bob):
    launch(alice, "a", 2)
    launch(bob, "b", 2)
    with pytest.raises(rpc.Failed) as failed:
        launch(bob, "c")
    e = failed.value
    assert (e.name, e.message) == ("Unavailable", "No GPUs available")
    assert re.search(rf"^{alice.name} holds 2, until {MOMENT} \((2h 59m|3h) left\)$", e.detail, re.M), e.detail
    assert "dashboard gpu" in e.fix and "gpu-queue join c" in e.fix
    assert row(bob, "c") is None


def test_limits(alice):
    with pytest.raises(rpc.Failed) as failed:
        launch(alice, "much", 3)
    assert failed.value.name == "Limit" and failed.value.message == "A container of yours may have 2 GPUs at most, not 3"
    launch(alice, "a", 2)
    launch(alice, "b", 1)
    with pytest.raises(rpc.Failed) as failed:
        launch(alice, "c", 1)
    assert (failed.value.name, failed.value.message) == ("Limit", "GPU limit reached (3/3 in use)")
    assert "container retire a" in failed.value.fix


def test_retire_frees_and_stop_holds(alice):
    launch(alice, "a")
    stopped = rpc.call(alice, "Containers.Stop", {"name": "a", "force": True})
    assert stopped["gpu_text"] == "GPU 0 (A100 40 GB)" and stopped["gpu_until"] > time.time() + 3000
    assert states(alice)[0] == "held"
    gone = retire(alice, "a")
    assert gone["gpu_text"] == "GPU 0 (A100 40 GB)" and gone["drained"] == ""
    assert states(alice) == ["free"] * 4


def test_a_process_that_stays_drains_the_gpu(alice, world, ds01d):
    launch(alice, "a")
    world.write_text("gpu 0 process=4242:1G\n")
    gone = retire(alice, "a")
    assert gone["drained"] == "GPU 0: process 4242 still uses it"
    seen = gpus(alice)[0]["0"]
    assert (seen["state"], seen["reason"]) == ("drained", "process 4242 still uses it")
    assert launch(alice, "b")["gpus"] == ["1"]
    world.write_text("")
    wait_until(lambda: states(alice)[0] == "free", 30, "it is clean again")


def test_a_strangers_process_and_a_lost_gpu_are_not_given(alice, world):
    change(world, "gpu 0 process=77\ngpu 1 lost\n")
    assert launch(alice, "a", 2)["gpus"] == ["2", "3"]
    assert states(alice) == ["in use outside ds01", "not answering", "held", "held"]


def test_a_driver_that_hangs_stalls_nobody(alice, bob, world):
    launch(alice, "a")
    change(world, "hang 60\n")
    start = time.monotonic()
    with pytest.raises(rpc.Failed) as failed:
        launch(bob, "b")
    assert failed.value.message == "No GPUs available" and "not answering" in failed.value.detail
    assert launch(bob, "c", 0)["gpus"] == []
    assert time.monotonic() - start < 10
    world.write_text("")
    wait_until(lambda: "not answering" not in states(alice), 40, "the driver answers again")
    assert launch(bob, "b")["gpus"] == ["1"]


def test_the_queue_gives_turns_in_order(alice, bob):
    launch(alice, "a", 2)
    launch(bob, "b", 2)
    joined = rpc.call(bob, "Queue.Join", {"name": "in-order", "gpus": 1})
    assert (joined["state"], joined["position"], joined["already"]) == ("waiting", 1, False)
    assert 0 < joined["eta_early"] <= joined["eta_late"]
    again = rpc.call(bob, "Queue.Join", {"name": "in-order", "gpus": 1})
    assert again["already"] and again["joined_at"] == joined["joined_at"]
    retire(alice, "a")
    mine = wait_until(lambda: [t for t in rpc.rows(bob, "Queue.List", {"mine": True}) if t["state"] == "turn"], 10, "a turn")
    assert mine[0]["gpu_text"] == "GPU 0 (A100 40 GB)" and mine[0]["turn_until"] > time.time()
    # Held for bob: alice gets the other one.
    assert launch(alice, "c")["gpus"] == ["1"]
    assert launch(bob, "in-order")["gpus"] == ["0"]
    assert rpc.rows(bob, "Queue.List", {"mine": True}) == []
    why = rpc.rows(bob, "Queue.Why", {"name": "in-order"})
    assert [w["what"] for w in why] == ["granted", "turn", "joined"]


def test_a_launch_does_not_overtake_who_waits(alice, bob):
    launch(alice, "a", 2)
    launch(bob, "b", 1)
    # One is free, two are wanted, and no lease is short enough to be in nobody's way.
    rpc.call(alice, "Queue.Join", {"name": "two", "gpus": 1})
    wait_until(lambda: rpc.rows(alice, "Queue.List", {"mine": True})[0]["state"] == "turn", 10, "alice's turn")
    with pytest.raises(rpc.Failed) as failed:
        launch(bob, "c")
    assert failed.value.message == "No GPUs available"


def test_waiting_on_a_connection_ends_with_it(alice, bob):
    launch(alice, "a", 2)
    launch(bob, "b", 2)
    rpc.call(alice, "Queue.Join", {"name": "w", "wait": True})
    p = rpc.start(alice, "Queue.Wait", {"name": "w"}, more=True)
    first = json.loads(p.stdout.readline())["parameters"]
    assert first["state"] == "waiting" and first["position"] == 1
    retire(bob, "b")
    last = [json.loads(line) for line in p.communicate(timeout=15)[0].splitlines()]
    assert any(r.get("parameters", {}).get("state") == "turn" for r in last), last
    rpc.call(alice, "Queue.Leave", {"name": "w"})
    launch(bob, "b", 2)
    rpc.call(alice, "Queue.Join", {"name": "x", "wait": True})
    p = rpc.start(alice, "Queue.Wait", {"name": "x"}, more=True)
    p.stdout.readline()
    p.kill()
    p.wait()
    wait_until(lambda: not rpc.rows(alice, "Queue.List", {"mine": True}), 5, "the ticket has gone with its connection")


def test_it_launches_by_itself(alice, bob, ds01d):
    launch(alice, "a", 2)
    launch(bob, "b", 2)
    folder = alice.mkdir(alice.workspace / "auto")
    joined = rpc.call(alice, "Queue.Join", {"name": "auto", "launch": True, "image": "test/busybox:1",
                                            "workspace": str(folder), "interface": "api"}, [folder])
    assert joined["kind"] == "launch" and joined["state"] == "waiting"
    ds01d.restart()
    assert rpc.rows(alice, "Queue.List", {"mine": True})[0]["position"] == 1
    retire(bob, "b")
    wait_until(lambda: (row(alice, "auto") or {}).get("state") == "running", 20, "it was launched")
    assert row(alice, "auto")["gpus"] == ["2"]
    assert alice.ok(["container-attach", "auto", "--", "sh", "-c", "touch /workspace/here; id -un"]).out.split() == [alice.name]
    assert (folder / "here").exists()


def test_a_changed_image_keeps_the_turn_and_starts_nothing(alice, bob, ds01d):
    launch(alice, "a", 2)
    launch(bob, "b", 2)
    folder = alice.mkdir(alice.workspace / "auto")
    rpc.call(alice, "Queue.Join", {"name": "auto", "launch": True, "image": "test/busybox:1",
                                   "workspace": str(folder), "interface": "api"}, [folder])
    before = ds01d.policy
    ds01d.policy = {"defaults": {**before["defaults"], "memory": "512m"}}
    ds01d.restart()
    try:
        retire(bob, "b")
        t = wait_until(lambda: [t for t in rpc.rows(alice, "Queue.List", {"mine": True}) if t["reason"]
                                and t["state"] == "turn"], 20, "its turn")[0]
        assert t["reason"] == "your limits have changed since it joined the queue"
        assert row(alice, "auto") is None
    finally:
        ds01d.policy = before
        ds01d.restart()


def test_a_lapsed_container_takes_its_gpu_again_or_says_who_has_it(alice, bob, ds01d):
    before = ds01d.policy
    ds01d.policy = {"defaults": {**before["defaults"], "gpu_hold_after_stop_h": 0}}
    ds01d.restart()
    try:
        launch(alice, "a")
        rpc.call(alice, "Containers.Stop", {"name": "a", "force": True})
        wait_until(lambda: states(alice)[0] == "free", 15, "its GPU has lapsed")
        assert row(alice, "a")["gpu_lapsed"]
        alice.ok(["container-start", "a"])
        assert row(alice, "a")["gpus"] == ["0"] and not row(alice, "a")["gpu_lapsed"]
        rpc.call(alice, "Containers.Stop", {"name": "a", "force": True})
        wait_until(lambda: states(alice)[0] == "free", 15, "its GPU has lapsed")
        assert launch(bob, "b")["gpus"] == ["0"]
        result = alice.run(["container-start", "a"])
        assert_error(result, 3, "The GPUs of a are not free", "container-start a --wait", "container retire a")
        assert f"{bob.name} holds GPU 0, until" in result.err
        assert row(alice, "a")["state"] == "stopped"
    finally:
        ds01d.policy = before
        ds01d.restart()


def test_one_that_runs_without_a_lease_is_stopped_at_once(alice, dockerd, ds01d):
    launch(alice, "a")
    ds01d.stop()
    # As if its lease had lapsed, and a start that was given up had landed after that.
    with contextlib.closing(sqlite3.connect(ds01d.state / "ds01.db")) as db:
        db.execute("DELETE FROM leases")
        db.execute("UPDATE containers SET gpus_since = 0")
        db.commit()
    ds01d.start()
    wait_until(lambda: not dockerd.inspect(f"a._.{alice.uid}")["State"]["Running"], 10, "it is stopped")
    wait_until(lambda: row(alice, "a")["state"] == "stopped", 10, "its row says so")
    assert rpc.rows(alice, "Queue.Why", {"name": "a"})[0]["what"] == "stopped"
    assert row(alice, "a")["gpu_lapsed"] and states(alice)[0] == "free"


def test_killed_and_started_again_it_remembers(alice, bob, ds01d):
    launch(alice, "a", 2)
    launch(bob, "b", 2)
    rpc.call(bob, "Queue.Join", {"name": "q"})
    ds01d.kill()
    ds01d.start()
    assert states(alice) == ["held"] * 4
    assert rpc.rows(bob, "Queue.List", {"mine": True})[0]["name"] == "q"
    with pytest.raises(rpc.Failed):
        launch(alice, "c")
