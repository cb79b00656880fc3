"""What must hold whatever has happened: to be looked at once everything has come to rest."""

import contextlib
import sqlite3
import time

from harness import gpus, rpc
from harness.expect import row, rows
from harness.process import wait_until

SETTLED = ("running", "paused", "stopped", "created")


def consistent(user, loaded, ds01d):
    """Rows and containers agree; no mount belongs to nothing."""
    listed = {f"{r['name']}._.{user.uid}": r["state"] for r in rows(user, "--all")}
    there = {c["Names"][0].lstrip("/"): c["State"] for c in loaded.containers()
             if c["Names"][0].endswith(f"._.{user.uid}")}
    assert set(listed) == set(there), (listed, there)
    for name, state in listed.items():
        expected = {"running": "running", "paused": "paused", "stopped": "exited", "created": "created"}
        assert expected.get(state) == there[name], (name, state, there[name])
    # Folders are mounted from start to stop, of nobody else.
    alive = [c for c in loaded.containers("ds01.managed") if c["State"] in ("running", "paused")]
    assert len({p.split("/ws/")[1].split("/")[0] for p in ds01d.mounts()}) == len(alive), (ds01d.mounts(), there)
    return True


def comes_to_agree(user, loaded, ds01d, seconds=10):
    """As consistent(), once ds01d has heard of what the engine did without its knowledge."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(AssertionError):
            return consistent(user, loaded, ds01d)
        time.sleep(0.2)
    return consistent(user, loaded, ds01d)


def operations(ds01d):
    """Names of containers that an operation holds, of whomever."""
    with contextlib.closing(sqlite3.connect(f"file:{ds01d.state / 'ds01.db'}?mode=ro", uri=True, timeout=10)) as db:
        return [name for (name,) in db.execute("SELECT name FROM containers WHERE op <> ''")]


def settled(user, ds01d, seconds=30):
    """Recovery or the janitor has decided about everything, and nothing is under way."""
    wait_until(lambda: all(r["state"] in SETTLED for r in rows(user, "--all")), seconds, "recovery has decided")
    wait_until(lambda: not operations(ds01d), seconds, "no operation is under way")


def held_by(user):
    return sum(len(r["gpus"]) for r in rows(user, "--all") if r["gpus"])


def gpus_add_up(*users):
    """Each GPU is free, or held by a container or a turn of one of these."""
    states = gpus.states(users[0])
    turns = [t for u in users for t in rpc.rows(u, "Queue.List", {"mine": True}) if t["state"] == "turn"]
    assert states.count("held") == sum(map(held_by, users)) + sum(t["gpus"] for t in turns), (states, turns)
    assert set(states) <= {"held", "free"}, states


def untouched(bystander):
    """A container that nothing was about, with two GPUs, is what it was."""
    calm = row(bystander, "calm")
    assert calm["state"] == "running" and len(calm["gpus"]) == 2, calm
