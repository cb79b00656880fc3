"""Every command again and again, by three accounts at once: ds01d stays as large as it was.

DS01_SOAK_S says for how long (./check: 90 seconds, with --full an hour). What is drawn comes from
DS01_SOAK_SEED. Four times, with nobody at work and everything retired, ds01d is looked at; the first
look is what the later ones are held against.
"""

import collections
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from harness import accounts
from harness.engine import cgroup_folders, remove_cgroups
from harness.process import wait_until

SECONDS = int(os.environ.get("DS01_SOAK_S", "40"))
SEED = int(os.environ.get("DS01_SOAK_SEED", "1"))
SANITIZED = bool(os.environ.get("DS01_SANITIZED"))
IMAGE = "test/busybox:1"
NAMES = ["one", "two"]  # of containers
PROJECTS = ["thesis", "model"]  # each a folder with a Dockerfile
KNOWN = {0, 1, 2, 3, 4, 5, 75}  # contract: what a command may end with that nobody interrupted

# What nobody is given.
WRONG = [f"container deploy N --image={IMAGE} --gpus=many", "container deploy N --image=no/such:1 --background",
         "container-attach ../../etc -- true", "gpu-queue join N --gpus=65", "container-list --format=xml"]
# What is typed, with the chance of it. N: a container; P: a project; -: killed on the way.
COMMANDS = [line.split(" ", 1) for line in f"""
4 project launch P --background
1 project launch P --background --cpu-only
1 project list
6 container deploy N --image={IMAGE} --background
3 container deploy N --image={IMAGE} --background --cpu-only
1 container deploy N --image={IMAGE} --background --gpus=2
1 container deploy N --image={IMAGE} --background --wait=1s
2 container-create N {IMAGE}
3 container-start N
2 container-run N -- true
6 container-attach N -- true
1 container-attach N -- sh -c exit\\ 3
2 container-stop N --force
2 container-pause N
3 container-unpause N
2 container-logs N --tail=5
2 container-stats
1 container-stats --json
3 container-list
2 container-list --all --json
5 container retire N --force
1 container retire P --force --images
2 container-remove N --stop --force
1 image-create P
1 image-update P --rebuild
2 image-list
1 image-list --all --json
1 image-delete P --force
3 gpu-queue join N
1 gpu-queue join P --launch
2 gpu-queue status
1 gpu-queue status --json
1 gpu-queue position
3 gpu-queue leave N
1 gpu-queue leave P
2 ds01 why
1 ds01 why N --all
2 dashboard
2 dashboard --json
1 dashboard gpu
2 check-limits
1 check-limits --verbose
1 check-limits --json
1 ds01 doctor
1 ds01 version
- container deploy N --image={IMAGE} --background
- container deploy N --image={IMAGE} --background --wait
- container-attach N -- sleep 5
- container-logs N --follow
- container-stop N
- container retire N
- image-create P --no-cache
- dashboard --watch --json
- ds01 doctor
""".strip().splitlines()] + [["1", line] for line in WRONG]

NONSENSE = [b"garbage\0", b"\0", b'{"method":"io.ds01.Containers.List","parameters":{"all":1},"more":true}\0', b'{"method":"x',
            b'{"method":"io.ds01.Queue.Wait","parameters":{"name":"one"},"more":true}\0']
SEND = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.stdin.buffer.read())"


class Worker(threading.Thread):
    """One account at its keyboard."""

    def __init__(self, user, seed, done):
        super().__init__()
        self.user, self.rng, self.done = user, random.Random(seed), done
        self.go, self.rests, self.ends = threading.Event(), threading.Event(), False
        self.error, self.fresh = None, 0

    def run(self):
        try:
            while not self.ends:
                if self.go.is_set():
                    self.step()
                else:
                    self.rests.set()
                    self.go.wait(1)
        except BaseException as error:  # told by whoever waits for it
            self.error = error
        finally:
            self.rests.set()

    def step(self):
        at = self.rng.choices(range(len(COMMANDS) + 2), [2 if w == "-" else int(w) for w, _ in COMMANDS] + [2, 2])[0]
        if at == len(COMMANDS):
            self.talk_nonsense()
        elif at > len(COMMANDS):
            self.make_project()
        else:
            how, line = COMMANDS[at]
            words = [{"N": self.rng.choice(NAMES), "P": self.rng.choice(PROJECTS)}.get(w, w.replace("\\", " "))
                     for w in line.replace("\\ ", "\\").split(" ")]
            self.kill_early(line, words) if how == "-" else self.type(line, words)

    def type(self, line, words):
        r = self.user.run(words, timeout=150)
        inside = line.startswith(("container-attach", "container-run"))
        assert r.rc in KNOWN or inside, (words, r)
        self.done[line, "ok" if r.rc == 0 or inside and r.rc == 3 else "refused"] += 1
        if r.rc == 1 and not inside:
            self.done["said: " + (r.err.strip().splitlines() or ["nothing"])[0], ""] += 1

    def kill_early(self, line, words):
        p = self.user.popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.rng.choice([0, 0.01, 0.03, 0.1, 0.3, 0.8]))
        p.send_signal(self.rng.choice([signal.SIGKILL, signal.SIGINT, signal.SIGTERM]))
        try:
            p.wait(60)
        finally:
            p.kill()
            p.wait()
        self.done["killed: " + line, "ok"] += 1

    def talk_nonsense(self):
        p = self.user.popen(["/usr/bin/python3", "-c", SEND, str(self.user.socket)], stdin=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
        p.communicate(self.rng.choice(NONSENSE), timeout=60)
        self.done["nonsense", "ok"] += 1

    def make_project(self):
        name = f"new{self.fresh}"
        self.fresh += 1
        self.type("project init", ["project", "init", name, "--quick", "--framework=none", "--no-git"])
        self.user.run(["rm", "-rf", str(self.user.workspace / name)])


@pytest.fixture(scope="module")
def three(people, base, prefix, ds01d_session):
    carol = accounts.User(f"ds01-carol-{base.name[-8:]}"[:31], base / "home/carol", prefix / "bin", ds01d_session.socket)
    try:
        yield [*people, carol]
    finally:
        carol.destroy()
        remove_cgroups(f"ds01/{carol.uid}")


@pytest.fixture(scope="module")
def workers(three, ds01d_session, starter):
    """Three accounts, two simulated GPUs, and projects whose images take a moment to build."""
    before = ds01d_session.policy
    ds01d_session.config["probe"] = {"command": str(ds01d_session.probe), "simulate": "2xA100-40G"}
    ds01d_session.policy = {"defaults": {**before["defaults"], "max_gpu_equivalents": 2, "max_gpu_slots_per_container": 2,
                                         "max_runtime_h": 2, "gpu_hold_after_stop_h": 1}}
    ds01d_session.restart()
    done = collections.Counter()
    made = [Worker(user, SEED * 100 + i, done) for i, user in enumerate(three)]
    for user in three:
        for name in PROJECTS:
            user.ok(["project", "init", name, "--quick", "--framework=none", "--no-git"])
            user.write(user.workspace / name / "Dockerfile", f"FROM {IMAGE}\nRUN echo {name} >/made\n")
    yield made
    for w in made:
        w.ends = True
        w.go.set()
    for w in made:
        w.join(200)
    for user in three:
        tidy(user)
    del ds01d_session.config["probe"]
    ds01d_session.policy = before
    ds01d_session.restart()


def tidy(user):
    """The account has nothing any more."""
    for name in [*NAMES, *PROJECTS]:
        user.run(["gpu-queue", "leave", name])
    user.clear()
    user.run(["image-delete", "--all", "--force"])


def rows(ds01d):
    """How many the database has: of what people have, and of what is remembered."""
    with contextlib.closing(sqlite3.connect(f"file:{ds01d.state}/ds01.db?mode=ro", uri=True)) as db:
        tables = [name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {t: db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables}


def look(ds01d, dockerd, three):
    """What there is of ds01d and of what it made."""
    return {"rss": ds01d.rss_kib(), "threads": ds01d.threads(), "files": ds01d.open_files(), "mounts": len(ds01d.mounts()),
            "cgroups": sum(g.name != "build" for u in three for f in cgroup_folders(f"ds01/{u.uid}") for g in f.glob("*/")),
            "networks": len(dockerd.call("GET", "/networks")[1]), "containers": len(dockerd.containers()),
            "rows": rows(ds01d)}


def rest(workers, ds01d, dockerd, three, idle):
    """Everybody stops, and has nothing; the look that is then taken, once it is as idle as it gets."""
    for w in workers:
        w.go.clear()
        w.rests.clear()
    for w in workers:
        assert w.rests.wait(200), "a command does not end"
        if w.error:
            raise w.error
    for user in three:
        tidy(user)
    wait_until(lambda: dockerd.containers() == [], 60, "every container is gone")
    wait_until(lambda: ds01d.mounts() == [], 60, "every folder is detached")
    # Whoever was killed has left connections and sessions that end in their own time.
    wait_until(lambda: rows(ds01d)["sessions"] == rows(ds01d)["tickets"] == 0, 90, "nobody waits, no shell is open")
    end = time.monotonic() + 12
    while time.monotonic() < end and (ds01d.threads() > idle["threads"] or ds01d.open_files() > idle["files"]):
        time.sleep(0.5)
    return look(ds01d, dockerd, three)


# What ds01d opens when it is first wanted: 8 connections to the database, each with a file and its log, and 8 to the
# engine, each with the pair of sockets by which libcurl is woken.
KEPT = 8 * 2 + 8 * 3
# After so many commands the caches of connections, and what libc keeps for each thread, are as full as they get.
WARM, WARM_KIB, COLD_KIB = 500, 2048, 6144


def commands_of(done):
    return sum(n for (_, how), n in done.items() if how)


@pytest.mark.slow
def test_nothing_grows(workers, three, ds01d, dockerd):
    looks, busy, done = [], [], workers[0].done
    time.sleep(2)  # what was asked last has ended
    idle = {"threads": ds01d.threads(), "files": ds01d.open_files() + KEPT}
    for w in workers:
        w.start()
    for _ in range(4):
        for w in workers:
            w.go.set()
        end = time.monotonic() + SECONDS / 4
        while time.monotonic() < end:
            time.sleep(1)
            assert ds01d.popen.poll() is None, "ds01d has ended"
            busy.append((ds01d.rss_kib(), ds01d.threads(), ds01d.open_files()))
            for w in workers:
                if w.error:
                    raise w.error
        looks.append(rest(workers, ds01d, dockerd, three, idle))
        looks[-1]["commands"] = commands_of(done)
    say(looks, busy, done)
    first, last = looks[0], looks[-1]
    for now in looks:
        assert now["threads"] <= idle["threads"] and now["files"] <= idle["files"], (idle, looks, ds01d.descriptors())
        assert now["mounts"] == now["containers"] == now["cgroups"] == 0 and now["networks"] == first["networks"], looks
        assert [now["rows"][t] for t in ("containers", "leases", "images", "drained")] == [0] * 4, looks
    if not SANITIZED:
        grown = WARM_KIB if first["commands"] > WARM else COLD_KIB
        assert last["rss"] < first["rss"] + grown and last["rss"] < looks[1]["rss"] + grown, looks
    # What a slow machine has no time for is no fault of ds01d.
    worked = {line for (line, how), n in done.items() if how == "ok"}
    commands = last["commands"]
    assert commands > 0 and (commands < 500 or len(worked) > len(COMMANDS) / 2), sorted(worked)
    if commands > 2500:
        never = {line for how, line in COMMANDS if how != "-" and line not in WRONG} - worked
        assert not never, f"these never succeeded: {never}"


def say(looks, busy, done):
    print(f"{SECONDS} s, seed {SEED}: {commands_of(done)} commands;"
          f" at the most {max(b[0] for b in busy)} KiB, {max(b[1] for b in busy)} threads, {max(b[2] for b in busy)} descriptors",
          file=sys.stderr)
    for now in looks:
        print(now, file=sys.stderr)
    for key, n in sorted(done.items()):
        print(f"{n:6} {key[1]:8} {key[0]}", file=sys.stderr)
