"""Twenty accounts and four GPUs that the engine is really asked for: nobody gets another's, ever.

The driver is the stand-in library (tests/fakes/nvml), the hook of the engine a stand-in too
(tests/fakes/nvidia): what it is called with is what a container would see.
"""

import collections
import concurrent.futures
import os
import time

import pytest
from harness import accounts, rpc
from harness.engine import remove_cgroups
from harness.process import wait_until

UUIDS = [f"GPU-{n}{n}{n}{n}{n}{n}{n}{n}-0000-4000-8000-00000000000{n}" for n in range(4)]
CROWD = 20
ROUNDS = 10 if os.environ.get("DS01_RACE") == "all" else 1  # launches of each account


@pytest.fixture(scope="module")
def crowd(base, prefix, ds01d_session):
    made = []
    try:
        for i in range(CROWD):
            made.append(accounts.User(f"ds01-c{i}-{base.name[-8:]}"[:31], base / "home" / f"c{i}", prefix / "bin",
                                      ds01d_session.socket))
        yield made
    finally:
        for user in made:
            user.destroy()
            remove_cgroups(f"ds01/{user.uid}")


@pytest.fixture(scope="module")
def nvml(ds01d_session, base, build):
    """Four whole GPUs by way of NVML; the file is the driver's world."""
    file = base / "nvml-world"
    file.write_text("driver version=535.261.03\n" + "".join(
        f'gpu uuid={u} name="NVIDIA A100-SXM4-40GB" memory={40 << 30}\n' for u in UUIDS))
    ds01d_session.config["probe"] = {"command": str(ds01d_session.probe)}
    ds01d_session.env = {"LD_LIBRARY_PATH": str(build / "tests/fakes/nvml"), "DS01_NVML_WORLD": str(file)}
    ds01d_session.restart()
    yield file
    del ds01d_session.config["probe"]
    ds01d_session.env = {}
    ds01d_session.restart()


def launch(user):
    folder = user.mkdir(user.workspace / "race")
    try:
        return rpc.call(user, "Containers.Launch", {"name": "race", "image": "test/hostile:1", "gpus": 1,
                                                    "workspace": str(folder), "interface": "api"}, [folder], timeout=120)
    except (rpc.Failed, AssertionError) as error:
        return error


def everybody(crowd, fn):
    with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(fn, crowd))


def check_exclusive(dockerd, crowd):
    """Each of our containers has its own GPU, in its request, its environment, its label and its hook."""
    holders = {}
    for c in dockerd.containers("ds01.managed"):
        body = dockerd.inspect(c["Id"])
        uuids = body["Config"]["Labels"]["ds01.gpu.uuids"].split(",")
        assert len(uuids) == 1 and uuids[0] in UUIDS
        requests = body["HostConfig"]["DeviceRequests"]
        assert len(requests) == 1 and requests[0]["DeviceIDs"] == uuids and requests[0]["Count"] == 0
        env = [e for e in body["Config"]["Env"] if e.startswith("NVIDIA_VISIBLE_DEVICES=")]
        assert env[-1] == f"NVIDIA_VISIBLE_DEVICES={uuids[0]}"
        if body["State"]["Running"]:
            # Asked after the engine: a start that lands late is in both, or in neither.
            assert dockerd.hook_calls()[body["Id"]] == uuids
        assert uuids[0] not in holders, f"{uuids[0]} has two holders: {holders[uuids[0]]}, {body['Name']}"
        holders[uuids[0]] = body["Name"]
    return holders


def retire_all(crowd):
    everybody(crowd, lambda user: user.clear())


@pytest.mark.slow
def test_exactly_four_of_twenty_win(crowd, nvml, dockerd):
    replies = everybody(crowd, launch)
    won = [r for r in replies if isinstance(r, dict)]
    lost = [r for r in replies if not isinstance(r, dict)]
    assert len(won) == 4, replies
    assert {(r.name, r.message) for r in lost} == {("Unavailable", "No GPUs available")}
    assert sorted(r["gpus"][0] for r in won) == ["0", "1", "2", "3"]
    assert set(check_exclusive(dockerd, crowd)) == set(UUIDS)
    for user, reply in zip(crowd, replies):
        if isinstance(reply, dict):
            seen = user.ok(["container-attach", "race", "--", "sh", "-c", "echo $NVIDIA_VISIBLE_DEVICES"]).out.strip()
            assert seen == UUIDS[int(reply["gpus"][0])]
    retire_all(crowd)
    assert check_exclusive(dockerd, crowd) == {}


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.05, 0.3, 0.6, 1.0, 1.6])
def test_killed_in_the_middle_of_it(crowd, nvml, dockerd, ds01d, after):
    with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
        replies = pool.map(launch, crowd)
        time.sleep(after)
        ds01d.kill()
        list(replies)
    check_exclusive(dockerd, crowd)
    ds01d.start()
    wait_until(lambda: "engine " in ds01d.as_root(["version"]).stdout, 30, "it has recovered")
    holders = check_exclusive(dockerd, crowd)
    rows = [r for r in rpc.root_rows(ds01d.socket, "Gpus.List")[1:]]
    assert {r["uuid"] for r in rows if r["state"] == "held"} == set(holders), rows
    assert all(r["state"] in ("held", "free") for r in rows)
    # Whoever asks now gets what is left, and no more.
    everybody(crowd, launch)
    assert set(check_exclusive(dockerd, crowd)) == set(UUIDS)
    retire_all(crowd)
    wait_until(lambda: all(r["state"] == "free" for r in rpc.root_rows(ds01d.socket, "Gpus.List")[1:]), 20, "all are free")


def wait_use_and_retire(user):
    """As people do it, time after time."""
    for _ in range(ROUNDS):
        user.ok(["container", "deploy", "race", "--image=test/hostile:1", "--background", "--wait"], timeout=300)
        user.ok(["container", "retire", "race", "--force"], timeout=60)


@pytest.mark.slow
def test_launches_that_wait_have_a_gpu_for_themselves(crowd, nvml, dockerd, ds01d):
    """What ran when on which GPU is taken from the engine, not from ds01d."""
    # What is read of an image once is read before: it takes a container of its own.
    crowd[0].ok(["container", "deploy", "race", "--image=test/hostile:1", "--background", "--cpu-only"])
    crowd[0].ok(["container", "retire", "race", "--force"])
    with dockerd.told("start", "die") as told:
        everybody(crowd, wait_use_and_retire)
        time.sleep(2)  # the last ends are told
    runs, started = {}, collections.Counter()
    for e in sorted(told, key=lambda e: e["timeNano"]):
        labels = e["Actor"]["Attributes"]
        uuids = labels["ds01.gpu.uuids"].split(",")
        assert len(uuids) == 1 and uuids[0] in UUIDS, e
        if e["Action"] == "start":
            assert uuids[0] not in runs, f"{uuids[0]} went to {e['Actor']['ID']} while {runs[uuids[0]]} ran"
            assert dockerd.hook_calls()[e["Actor"]["ID"]] == uuids
            runs[uuids[0]] = e["Actor"]["ID"]
            started[labels["ds01.uid"]] += 1
        elif e["Action"] == "die":
            assert runs.pop(uuids[0]) == e["Actor"]["ID"]
    assert started == {str(user.uid): ROUNDS for user in crowd} and runs == {}
    assert rpc.root_rows(ds01d.socket, "Queue.List") == []
    wait_until(lambda: all(r["state"] == "free" for r in rpc.root_rows(ds01d.socket, "Gpus.List")[1:]), 20, "all are free")
