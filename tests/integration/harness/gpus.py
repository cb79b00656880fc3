"""Simulated GPUs: what they do, and who has them, as the protocol says it."""

import time

from harness import rpc

# How a moment is shown; with its day, if that isn't today.
MOMENT = r"(?:\d{1,2} [A-Z][a-z]{2} )?\d\d:\d\d"


def gpus(user):
    """slot → row, and the head."""
    head, *rows = rpc.rows(user, "Gpus.List")
    return {r["slot"]: r for r in rows}, head


def states(user):
    return [r["state"] for r in gpus(user)[0].values()]


def change(world, text):
    """What the GPUs do from now on; a launch may rest on figures of the last second."""
    world.write_text(text)
    time.sleep(1.1)


def launch(user, name, n=None):
    folder = user.mkdir(user.workspace / name)
    params = {"name": name, "image": "test/busybox:1", "workspace": str(folder), "interface": "api"}
    if n is not None:
        params["gpus"] = n
    return rpc.call(user, "Containers.Launch", params, [folder])


def retire(user, name):
    return rpc.call(user, "Containers.Retire", {"name": name, "force": True})
