"""ds01d dies before or after a call that changes something: what is there afterwards is whole or gone.

tests/fakes/killer counts the calls of an operation and kills ds01d at one of them. A sample of the
calls is tried, drawn by a seed; DS01_SWEEP=all tries each, before and after.
"""

import mmap
import os
import random
import struct
import time

import pytest
from harness import gpus, rpc
from harness.expect import row
from harness.gpus import launch, retire
from harness.invariants import consistent, gpus_add_up, settled, untouched
from harness.process import wait_until

SEED, SAMPLE = 20261127, 6


class Killer:
    """The four numbers that ds01d shares with us."""

    def __init__(self, path):
        path.write_bytes(bytes(16))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 16)

    def arm(self, at=0, after=False):
        self.map[:] = struct.pack("=4I", 0, 0, at, after)
        self.map[0:4] = struct.pack("=I", 1)

    def disarm(self):
        self.map[0:4] = bytes(4)
        return struct.unpack("=4I", self.map[:])[1]


@pytest.fixture(scope="module")
def killer(world, ds01d_session, base, build):
    path = base / "killer"
    k = Killer(path)
    ds01d_session.env = {"LD_PRELOAD": str(build / "tests/fakes/killer/libkiller.so"), "DS01_KILLER": str(path),
                         "ASAN_OPTIONS": "exitcode=99:verify_asan_link_order=0"}
    ds01d_session.restart()
    yield k
    ds01d_session.env = {}
    ds01d_session.restart()


# ---- what is tried: what is there before, and the operation ----

def nothing(_alice, _bob):
    pass


def runs(alice, _bob):
    launch(alice, "swept")


def stopped(alice, bob):
    runs(alice, bob)
    rpc.call(alice, "Containers.Stop", {"name": "swept", "force": True})


def has_a_turn(alice, bob):
    """Bob has the other three GPUs; one of them becomes free for alice, who waits."""
    launch(alice, "other")
    launch(bob, "full")
    rpc.call(alice, "Queue.Join", {"name": "swept", "gpus": 1})
    retire(bob, "full")
    wait_until(lambda: rpc.rows(alice, "Queue.List", {"mine": True})[0]["state"] == "turn", 10, "alice's turn")


def start(alice):
    rpc.call(alice, "Containers.Start", {"name": "swept"}, [alice.workspace / "swept"])


OPERATIONS = {
    "launch": (nothing, lambda alice: launch(alice, "swept")),
    "stop": (runs, lambda alice: rpc.call(alice, "Containers.Stop", {"name": "swept", "force": True})),
    "start": (stopped, start),
    "retire": (runs, lambda alice: retire(alice, "swept")),
    "claim a turn": (has_a_turn, lambda alice: launch(alice, "swept")),
}

# What there is of it once it was said to be done; None: nothing.
AFTER = {"launch": "running", "stop": "stopped", "start": "running", "retire": None, "claim a turn": "running"}


# ---- what must hold ----

def attempt(operation, alice):
    """Whether the operation was said to be done."""
    try:
        operation(alice)
    except (rpc.Failed, AssertionError):
        return False
    return True


def check(alice, bob, loaded, ds01d, name, done, before):
    settled(alice, ds01d)
    consistent(alice, loaded, ds01d)
    # What was there before is there still, and whoever had a GPU has it.
    untouched(bob)
    swept = row(alice, "swept")
    if before and name != "retire":
        assert swept, "what existed before is gone"
    if done:
        assert (swept and swept["state"]) == AFTER[name], "it was said to be done"
    gpus_add_up(alice, bob)
    assert (alice.workspace / "swept/thesis.txt").read_text() == "three years\n"


def clear(alice, bob):
    for t in rpc.rows(alice, "Queue.List", {"mine": True}):
        rpc.call(alice, "Queue.Leave", {"name": t["name"]})
    alice.clear()
    if row(bob, "full"):
        retire(bob, "full")
    wait_until(lambda: gpus.states(alice).count("free") == 2, 20, "the rest is free")


@pytest.fixture
def machine(killer, alice, bob):
    """Bob's container with two GPUs, which nothing of this is about; alice's file."""
    launch(bob, "calm", 2)
    alice.write(alice.workspace / "swept/thesis.txt", "three years\n")
    yield killer
    killer.disarm()


def count_calls(killer, operation, alice):
    killer.arm()
    operation(alice)
    time.sleep(0.2)
    return killer.disarm()


def points(name, n):
    every = [(at, after) for at in range(1, n + 1) for after in (False, True)]
    if os.environ.get("DS01_SWEEP") == "all":
        return every
    return sorted(random.Random(f"{SEED} {name}").sample(every, min(SAMPLE, len(every))))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_whole_or_gone(machine, alice, bob, loaded, ds01d, name):
    prepare, operation = OPERATIONS[name]
    prepare(alice, bob)
    n = count_calls(machine, operation, alice)
    assert n > 10, "it counts what it does"
    clear(alice, bob)
    deaths = 0
    for at, after in points(name, n):
        prepare(alice, bob)
        before = row(alice, "swept") is not None
        machine.arm(at, after)
        done = attempt(operation, alice)
        time.sleep(0.1)
        machine.disarm()
        if ds01d.popen.poll() is not None:
            deaths += 1
            ds01d.popen.wait()
            ds01d.start()
        check(alice, bob, loaded, ds01d, name, done, before)
        clear(alice, bob)
    # Threads of its own make calls too: the last of them may not be reached again.
    assert deaths >= len(points(name, n)) * 2 // 3, f"{deaths} of {len(points(name, n))}, {n} calls"
    print(f"{name}: {n} calls, {deaths} deaths")
