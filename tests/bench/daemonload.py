"""What ds01d costs by itself: when nobody asks, in memory, and in a launch outside the engine."""

import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import time

from harness import rpc

# As an ordinary account: makes the request, and says when it was sent and when the answer was there.
TIMED = r"""
import array, json, os, socket, sys, time
path, method, params, folders = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
data = json.dumps({"method": method, "parameters": json.loads(params)}).encode() + b"\0"
fds = [os.open(f, os.O_PATH | os.O_DIRECTORY) for f in folders]
began, got = time.monotonic(), b""
s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
while not got.endswith(b"\0"):
    piece = s.recv(65536)
    if not piece:
        sys.exit(3)
    got += piece
print(began, time.monotonic(), got.rstrip(b"\0").decode())
"""


def tree(pid):
    """The process and its children."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            pids += [int(p) for p in (task / "children").read_text().split()]
    return pids


def cpu_ns(pid):
    """CPU time of ds01d and of its probe so far, threads that have ended left out."""
    total = 0
    for p in tree(pid):
        for task in pathlib.Path(f"/proc/{p}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
    return total


def idle_percent(pid, seconds):
    """Percent of one core that it takes while nobody asks."""
    before = cpu_ns(pid)
    time.sleep(seconds)
    return (cpu_ns(pid) - before) / seconds / 1e7


def rss_mib(pid):
    """Of ds01d alone; the probe is a process of its own."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def union(spans):
    """How long at least one of them lasted, in seconds."""
    total, end = 0.0, 0.0
    for a, b in sorted(spans):
        total += max(0.0, b - max(a, end))
        end = max(end, b)
    return total


def launch_spans(world, rounds):
    """
    Medians of milliseconds of Containers.Launch: (all of it, the engine's part, what is left). What is
    left has the recorder's own part in it, a little for each request: ds01d's is less.
    """
    folder, samples = world.user.workspace / "bench", []
    words = {"name": "bench", "project": "bench", "workspace": str(folder), "interface": "api"}
    for turn in range(rounds + 2):
        def launch():
            child = world.user.popen(["/usr/bin/python3", "-c", TIMED, str(world.user.socket), "io.ds01.Containers.Launch",
                                      json.dumps(words), str(folder)], stdout=subprocess.PIPE)
            launch.said = child.communicate(timeout=60)[0].decode()
        seen = world.recorder.during(launch)
        began, ended, reply = launch.said.split(" ", 2)
        rpc.result(json.loads(reply))
        began, ended = float(began), float(ended)
        spans = [(r["at"], min(r["at"] + r["ms"] / 1000, ended)) for r in seen if began <= r["at"] < ended and "ms" in r]
        rpc.call(world.user, "Containers.Retire", {"name": "bench", "force": True})
        if turn >= 2:
            samples.append(((ended - began) * 1000, union(spans) * 1000))
    whole, inside = (statistics.median(s[i] for s in samples) for i in (0, 1))
    return whole, inside, statistics.median(a - b for a, b in samples)


