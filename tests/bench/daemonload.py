"""What ds01d costs by itself: when nobody asks, in memory, and in a launch outside the engine."""

import contextlib
import pathlib
import re
import statistics
import time

from rounds import WARM_UP
from world import LAUNCH, RETIRE

# src/daemon/spans.c
SPAN = re.compile(r"Containers\.Launch: ([\d.]+) ms, ([\d.]+) of them the engine's")


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


def launch_spans(world, rounds):
    """Medians of milliseconds of Containers.Launch, as ds01d --debug says: (all of it, the engine's part, what is left)."""
    world.ds01d.options = ["--debug"]
    world.ds01d.restart()
    read = world.ds01d.log.stat().st_size
    for _ in range(rounds + WARM_UP):
        world.type(*LAUNCH)
        world.type(*RETIRE)
    samples = [(float(a), float(b)) for a, b in SPAN.findall(world.ds01d.log.read_bytes()[read:].decode())][WARM_UP:]
    assert len(samples) == rounds, len(samples)
    world.ds01d.options = []
    world.ds01d.restart()
    whole, inside = (statistics.median(s[i] for s in samples) for i in (0, 1))
    return whole, inside, statistics.median(a - b for a, b in samples)
