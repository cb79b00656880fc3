"""What a command costs that no machine changes: requests to the engine, processes, bytes, libraries.

The tables say what is expected; tests/integration/test_counts.py and `tests/bench/run --quick` compare.
"""

from harness.recorder import said

# A launch looks at the project's image, at what it was built from, and once more when it is its turn.
CHANGES = [
    ("project launch counted --background", ["GET /images/ID/json", "GET /images/test/busybox:1/json", "GET /images/ID/json",
                                             "POST /containers/create", "POST /containers/ID/start"]),
    ("container-attach counted -- true", ["POST /containers/ID/exec", "POST /exec/ID/start", "GET /exec/ID/json"]),
    ("container retire counted --force", ["DELETE /containers/ID"]),
]
READS = ["container-list", "container-list --all --json", "container-stats", "check-limits", "image-list", "project list",
         "gpu-queue status", "dashboard --json"]
# What an event makes ds01d look at comes at its own time, and is no command's.
LOOK = "GET /containers/ID/json"


def asked(recorder, action):
    """What an action that changes something asks of the engine, without what its own event caused."""
    return [r for r in said(recorder.during(action)) if r != LOOK]


def asked_to_show(recorder, action):
    """What an action asks that can be done again: with a look in it it is, as the look may be an event's."""
    for _ in range(5):
        seen = said(recorder.during(action))
        if seen != [LOOK]:
            break
    return seen


# What every command loads when it starts; a build and the live view load more, by modules.
LIBRARIES = ["libc.so.6", "libjansson.so.4", "libmd.so.0", "libyaml-0.so.2"]
# How often container-list asks for memory for one row more, buffers that grow by doubling left out.
ALLOCATIONS_FOR_A_ROW = 123


def allocations_for_a_row(count):
    """From how many there are with one row and with five: count(n) makes n rows and counts."""
    few, many = count(1), count(5)
    return (many - few) // 4
