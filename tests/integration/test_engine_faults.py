"""The engine fails at one request: late, cut, refused, nonsense or silent. Nothing is lost by it.

harness/faults.py stands between ds01d and the engine. What a command asks is written down once; then
the command runs with one of those requests spoilt. Some commands are tried, with a few requests and
faults drawn by a seed; DS01_SWEEP=all tries each.
"""

import collections
import contextlib
import os
import random
import re
import time
import types
import typing

import pytest
from harness import rpc
from harness.expect import assert_clean, row, rows
from harness.faults import KINDS, Faults
from harness.gpus import launch, retire
from harness.invariants import comes_to_agree, gpus_add_up, settled, untouched
from harness.process import wait_until
from harness.recorder import said

pytestmark = pytest.mark.slow
SEED, SAMPLE = 20261127, 2
ALL = os.environ.get("DS01_SWEEP") == "all"
TIMEOUT_S = 3  # of the engine, where it is silent; a start may take longer on a machine that is busy
BUSYBOX = "test/busybox:1"
# What no sentence for people has in it: JSON, and the words of C, Go and HTTP.
CRUDE = re.compile(r'[{}]|"\w+" *:|\b(null|nil|NULL|errno|EOF|curl|panic|HTTP/1|0x[0-9a-f]+)\b')


# ---- the commands: what is there before, the words, and what there is once it was said to be done ----

class Verb(typing.NamedTuple):
    before: typing.Callable
    words: str
    container: str | None = None  # state of swept
    image: bool = False  # whether there is an image of "fresh"


def nothing(_alice):
    pass


def created(alice):
    alice.ok(["container-create", "swept", BUSYBOX])


def runs(alice):
    launch(alice, "swept")


def stopped(alice):
    runs(alice)
    rpc.call(alice, "Containers.Stop", {"name": "swept", "force": True})


def paused(alice):
    runs(alice)
    alice.ok(["container-pause", "swept"])


def built(alice):
    alice.ok(["image-create", "fresh"])


VERBS = {
    "launch": Verb(nothing, "project launch swept --background", "running"),
    "launch again": Verb(stopped, "project launch swept --background", "running"),
    "deploy": Verb(nothing, f"container deploy swept --image={BUSYBOX} --background", "running"),
    "create": Verb(nothing, f"container-create swept {BUSYBOX}", "created"),
    "start": Verb(stopped, "container-start swept", "running"),
    "first start": Verb(created, "container-start swept", "running"),
    "run": Verb(stopped, "container-run swept -- true", "running"),
    "stop": Verb(runs, "container-stop swept -t 3", "stopped"),
    "kill": Verb(runs, "container-stop swept --force", "stopped"),
    "pause": Verb(runs, "container-pause swept", "paused"),
    "unpause": Verb(paused, "container-unpause swept", "running"),
    "attach": Verb(runs, "container-attach swept -- true", "running"),
    "logs": Verb(runs, "container-logs swept", "running"),
    "stats": Verb(runs, "container-stats swept", "running"),
    "retire": Verb(runs, "container retire swept --force"),
    "retire in peace": Verb(runs, "container retire swept"),
    "remove": Verb(stopped, "container-remove swept"),
    "image-create": Verb(nothing, "image-create fresh", None, True),
    "image-update": Verb(built, "image-update fresh --rebuild", None, True),
    "image-delete": Verb(built, "image-delete fresh --force"),
    "image-list": Verb(built, "image-list", None, True),
    "container-list": Verb(runs, "container-list --all", "running"),
    "queue launch": Verb(nothing, "gpu-queue join swept --launch", "running"),
    "doctor": Verb(runs, "ds01 doctor", "running"),
    "dashboard": Verb(runs, "dashboard --json", "running"),
    "limits": Verb(runs, "check-limits", "running"),
}
USUAL = ("launch", "start", "kill", "unpause", "attach", "retire", "image-create", "queue launch")
# What was found once is tried each time.
FOUND = {"start": [("GET /containers/ID/json", 0, "change types")]}
# A machine that is no server has something to complain of.
EXIT = {"doctor": (0, 1)}


# ---- the machine ----

@pytest.fixture(scope="module")
def machine(world, ds01d_session, loaded, people):
    """Alice's files and an image of hers, bob's container, and the socket between ds01d and the engine."""
    alice, bob = people
    alice.write(alice.workspace / "swept/thesis.txt", "three years\n")
    alice.write(alice.workspace / "swept/Dockerfile", f"FROM {BUSYBOX}\n")
    alice.write(alice.workspace / "fresh/Dockerfile", f"FROM {BUSYBOX}\nRUN echo built >/tmp/it\n")
    bob.write(bob.workspace / "calm/Dockerfile", f"FROM {BUSYBOX}\n")
    for user, name in ((alice, "swept"), (bob, "calm")):
        user.ok(["image-create", name])
    # What is read of an image when it is first used is read; busybox is used just below.
    alice.ok(["project", "launch", "swept", "--background"])
    alice.clear()
    launch(bob, "calm", 2)
    faults = Faults(loaded.socket.parent / "faults.sock", loaded.socket)
    ds01d_session.config["engine"] = {"socket": str(faults.path)}
    ds01d_session.restart()
    kept = {t: loaded.inspect_image(t)["Id"] for t in loaded.image_tags()}
    yield types.SimpleNamespace(alice=alice, bob=bob, faults=faults, engine=loaded, ds01d=ds01d_session, images=kept)
    faults.disarm()
    ds01d_session.config["engine"] = {"socket": str(loaded.socket)}
    ds01d_session.restart()
    faults.close()
    faults.path.unlink()
    alice.clear()
    bob.clear()
    for user, name in ((alice, "swept"), (bob, "calm")):
        user.ok(["image-delete", name, "--force"])
        user.ok(["rm", "-r", str(user.workspace / name)])
    alice.ok(["rm", "-r", str(alice.workspace / "fresh")])


def tickets(m):
    return rpc.rows(m.alice, "Queue.List", {"mine": True})


def fresh_tag(m):
    return f"ds01-{m.alice.name}/fresh:latest"


def state(m):
    swept = row(m.alice, "swept")
    return swept and swept["state"], fresh_tag(m) in m.engine.image_tags()


@contextlib.contextmanager
def patience(m, seconds):
    """How long ds01d waits for an answer."""
    m.ds01d.config["engine"]["timeout_s"] = seconds
    m.ds01d.restart()
    try:
        yield
    finally:
        del m.ds01d.config["engine"]["timeout_s"]
        m.ds01d.restart()


def clear(m):
    for t in tickets(m):
        rpc.call(m.alice, "Queue.Leave", {"name": t["name"]})
    if row(m.alice, "swept"):
        retire(m.alice, "swept")
    if fresh_tag(m) in m.engine.image_tags():
        m.alice.ok(["image-delete", "fresh", "--force"])


def act(m, name):
    """The command, and with one that leaves something to ds01d, the end of that."""
    done = m.alice.run(VERBS[name].words.split(), timeout=60)
    if name == "queue launch":
        wait_until(lambda: all(t["reason"] for t in tickets(m)), 30, "it was launched, or why not is told")
        settled(m.alice, m.ds01d)
    return done


# ---- what must hold ----

def check_told(done):
    """A failure is told in three parts, in words for people."""
    assert done.rc in (1, 6, 75), done
    first = done.err.index("Error: ")
    sentence, _, rest = done.err[first:].partition("\n")
    assert not sentence.endswith("."), done
    assert re.search(r"^\nTo fix:\n  \S", rest, re.M), done
    assert not CRUDE.search(done.err), done
    assert_clean(done.err)


def check_whole(m):
    settled(m.alice, m.ds01d)
    comes_to_agree(m.alice, m.engine, m.ds01d)
    untouched(m.bob)
    gpus_add_up(m.alice, m.bob)
    ours = {f"{r['name']}._.{u.uid}" for u in (m.alice, m.bob) for r in rows(u, "--all")}
    wait_until(lambda: set(m.engine.names()) == ours, 15, "no container is there but those")
    tags = {t: m.engine.inspect_image(t)["Id"] for t in m.engine.image_tags() if t != fresh_tag(m)}
    assert tags == m.images
    assert (m.alice.workspace / "swept/thesis.txt").read_text() == "three years\n"


def try_one(m, name, request, nth, kind):
    """Whether the fault was met; what does not hold is an AssertionError."""
    verb = VERBS[name]
    after, good = (verb.container, verb.image), EXIT.get(name, (0,))
    verb.before(m.alice)
    with patience(m, TIMEOUT_S) if kind == "silence" else contextlib.nullcontext():
        m.faults.arm(request, nth, kind)
        done = act(m, name)
        met = m.faults.disarm()
    begun = time.monotonic()
    m.alice.ok(["container-list"])
    assert time.monotonic() - begun < 2, "it answers others"
    assert m.ds01d.popen.poll() is None, "ds01d lives"
    if done.rc not in good:
        # A short deadline may end other requests, on a machine that is busy.
        assert kind == "silence" or (met and kind != "delay"), done
        check_told(done)
    check_whole(m)
    if done.rc in good and name != "queue launch":
        assert state(m) == after, f"it was said to be done: {done}"
    if state(m) != after:
        for t in tickets(m):
            rpc.call(m.alice, "Queue.Leave", {"name": t["name"]})
        again = act(m, name)
        assert again.rc in good and state(m) == after, f"once more: {again}, {state(m)}"
    return met


def cases(name, asked):
    every = [(r, nth, kind) for r, n in sorted(collections.Counter(asked).items()) for nth in range(n) for kind in KINDS]
    if ALL:
        return every
    drawn = random.Random(f"{SEED} {name}").sample(every, min(SAMPLE, len(every)))
    return list(dict.fromkeys(FOUND.get(name, []) + drawn))


@pytest.mark.parametrize("name", VERBS if ALL else USUAL)
def test_nothing_is_lost_by_a_fault(machine, ds01d, name):
    m = machine
    clear(m)
    VERBS[name].before(m.alice)
    done = []
    asked = said(m.faults.during(lambda: done.append(act(m, name))))
    assert done[0].rc in EXIT.get(name, (0,)), done
    clear(m)
    wrong, met, tried = [], 0, cases(name, asked)
    for case in tried:
        try:
            met += try_one(m, name, *case)
        except (AssertionError, rpc.Failed) as error:
            wrong.append(f"{name}, {case}: {error!r}")
        m.faults.disarm()
        clear(m)
    assert not wrong, "\n\n".join(wrong)
    # What comes by itself may come at another moment.
    assert met >= len(tried) * 2 // 3, f"{met} of {len(tried)} were met: {asked}"
    print(f"{name}: {len(asked)} requests, {len(tried)} faults, {met} met")


READS = ["container-list", "container-list --all --json", "container-stats", "check-limits", "image-list", "project list",
         "gpu-queue status", "dashboard --json"]


def test_an_engine_that_is_silent_keeps_nobody_from_looking(machine, ds01d):
    m = machine
    with patience(m, TIMEOUT_S):
        look_while_silent(m)
    # The removal of what may have come about goes on by itself.
    check_whole(m)
    m.alice.ok(["container", "deploy", "swept", f"--image={BUSYBOX}", "--background"])
    clear(m)


def look_while_silent(m):
    m.faults.mute = True
    waits = m.alice.popen(["container", "deploy", "swept", f"--image={BUSYBOX}", "--background"], stdout=-1, stderr=-1)
    try:
        for words in READS:
            begun = time.monotonic()
            m.bob.ok(words.split())
            assert time.monotonic() - begun < 2, words
        _, err = waits.communicate(timeout=60)
        assert waits.returncode in (6, 75) and b"\nTo fix:\n" in err, err
    finally:
        m.faults.disarm()


def ready(m):
    return rpc.call(m.alice, "System.Info").get("engine")


def test_nothing_is_lost_by_a_fault_while_ds01d_begins(machine, ds01d):
    """What it asks then decides about every container that there is."""
    m = machine
    launch(m.alice, "swept")
    m.ds01d.stop()
    asked = said(m.faults.during(m.ds01d.start))
    wrong, met, tried = [], 0, cases("start of ds01d", asked)
    for request, nth, kind in tried:
        m.ds01d.kill()
        m.faults.arm(request, nth, kind)
        m.ds01d.config["engine"]["timeout_s"] = TIMEOUT_S if kind == "silence" else 120
        m.ds01d.start()
        wait_until(lambda: ready(m), 20, "the engine is found")
        met += m.faults.disarm()
        try:
            check_whole(m)
            assert row(m.alice, "swept")["state"] == "running"
        except (AssertionError, rpc.Failed) as error:
            wrong.append(f"{request}, {nth}, {kind}: {error!r}")
    del m.ds01d.config["engine"]["timeout_s"]
    m.ds01d.restart()
    clear(m)
    assert not wrong, "\n\n".join(wrong)
    assert met >= len(tried) * 2 // 3, f"{met} of {len(tried)} were met: {asked}"
    print(f"start of ds01d: {len(asked)} requests, {len(tried)} faults, {met} met")
