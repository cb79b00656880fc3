"""The command blocks of the guide "Launching Containers", in its order.

A block starts from a state (`given`: project or container -> "project", "built", "running", "absent") and
runs its lines one by one. What a line does on a terminal is said by its second word:

    open      a shell opens; leave it with `exit`, keep the container
    shell     the same, without the question at the end
    ok        it ends by itself with status 0
    retire    asks `Continue?` and whether to remove the image; Enter each time
    exists    says that it runs already, offers to open it; `n`, status 1
    pick N, pickshell N, pickret N
              a menu; choose N, then as `open`, `shell`, `retire`
    leave     a menu; leave it with q (status 130)
    guided, guidedret
              as `open` and `retire`, with explanations to step through
    init      the questions of `project init`; Enter each time
    fails N   ends with status N
    admin     a line for someone who may use the engine
"""

from typing import NamedTuple


class Block(NamedTuple):
    section: str
    given: dict
    lines: list


BLOCKS = [
    Block("Quick Answer", {"my-project": "project"}, [("project launch my-project --open", "open")]),
    Block("project launch - Smart Launcher", {"my-thesis": "built"},
          [("project launch my-thesis --open", "open"), ("container retire my-thesis", "retire"),
           ("project launch", "pick 1")]),
    Block("container deploy - Direct Deploy", {"my-thesis": "built"},
          [("container deploy my-thesis --open", "open"), ("container deploy", "leave")]),
    Block("Decision Tree", {"my-project": "built"},
          [("project launch my-project", "open"), ("container retire my-project", "retire"),
           ("container deploy my-project", "open"), ("container deploy", "leave"),
           ("container retire my-project", "retire"), ("project launch", "pick 1")]),
    Block("Creation & Starting", {"my-project": "built"},
          [("project launch my-project", "open"), ("container retire my-project", "retire"),
           ("container deploy my-project", "open"), ("container retire my-project", "retire"),
           ("container-create my-project", "ok"), ("container-start my-project", "ok"),
           ("container-run my-project", "shell")]),
    Block("Connecting to Running Containers", {"my-project": "running"}, [("container-attach my-project", "shell")]),
    Block("Stopping & Removing", {"my-project": "running"},
          [("container retire my-project", "retire"), ("container-create my-project", "ok"),
           ("container-start my-project", "ok"), ("container-stop my-project", "ok"),
           ("container-remove my-project", "ok")]),
    Block("Information", {"my-project": "running"}, [("container-list", "ok"), ("container-stats", "ok")]),
    Block("Daily Workflow: project launch", {"my-thesis": "built", "other-project": "built"},
          [("project launch my-thesis --open", "open"), ("container retire my-thesis", "retire"),
           ("project launch other-project --open", "open"), ("container retire other-project", "retire")]),
    Block("Quick Deployment: container deploy", {"my-project": "built"},
          [("container deploy my-project --open", "open"), ("container deploy", "leave")]),
    Block("Reconnecting: container-attach", {"my-project": "running"},
          [("container-attach my-project", "shell"), ("container-list", "ok"),
           ("container-attach my-project", "shell")]),
    Block("Cleanup: container retire", {"my-project": "running"},
          [("container-attach my-project", "shell"), ("container retire my-project", "retire")]),
    Block("Interactive Mode", {"my-project": "built"},
          [("project launch", "pick 1"), ("container-attach", "pickshell 1"), ("container retire", "pickret 1"),
           ("container deploy", "pick 1"), ("container retire", "pickret 1")]),
    Block("Pattern 1: New Project Start to Finish", {"my-research": "absent"},
          [("project init my-research", "init"), ("project launch my-research --open", "open"),
           ("container retire my-research", "retire")]),
    Block("Pattern 2: Existing Project Daily Use", {"my-thesis": "built"},
          [("project launch my-thesis --open", "open"), ("container retire my-thesis", "retire")]),
    Block("Pattern 3: Quick Experiment", {"experiment": "built"},
          [("container deploy experiment --open", "open"), ("container retire experiment", "retire")]),
    Block("Pattern 4: Background Work + Reconnect", {"training": "built"},
          [("project launch training --background", "ok"), ("container-attach training", "shell"),
           ("container-attach training", "shell")]),
    Block("project launch Options", {"my-thesis": "built"},
          [("project launch my-thesis --open", "open"), ("container retire my-thesis", "retire"),
           ("project launch my-thesis --background", "ok"), ("container retire my-thesis", "retire"),
           ("project launch my-thesis --rebuild", "open"), ("project launch --help", "ok"),
           ("project launch -h", "ok"), ("container retire my-thesis", "retire"),
           ("project launch my-thesis --guided", "guided")]),
    Block("container deploy Options", {"my-project": "built"},
          [("container deploy my-project --open", "open"), ("container retire my-project", "retire"),
           ("container deploy my-project --background", "ok"),
           ("container deploy test --image=aime/pytorch:2.8.0", "open"),
           ("container retire test --keep-image", "retire"), ("container retire my-project --force", "ok"),
           ("container deploy other --project=my-project --background", "ok"), ("container deploy --help", "ok")]),
    Block("container retire Options", {"my-project": "running"},
          [("container retire --help", "ok"), ("container retire my-project --guided", "guidedret")]),
    Block("Creating Without Starting", {"my-project": "built"},
          [("container-create my-project", "ok"), ("container-start my-project", "ok"),
           ("container-run my-project", "shell"), ("container-attach my-project", "shell")]),
    Block("Stopping Without Removing", {"my-project": "running"},
          [("container-stop my-project", "ok"), ("container-start my-project", "ok")]),
    Block("Image not found", {"my-project": "project"},
          [("container deploy my-project", "fails 4"), ("project launch my-project", "open"),
           ("container retire my-project", "retire"), ("image-create my-project", "ok"),
           ("container deploy my-project", "open")]),
    Block("Container already exists", {"my-project": "running"},
          [("project launch my-project", "exists"), ("container-list", "ok"), ("container-attach my-project", "shell"),
           ("container retire my-project", "retire"), ("project launch my-project", "open")]),
    Block("No GPUs available", {"other-project": "built"},
          [("dashboard gpu", "ok"), ("gpu-queue join", "ok"), ("project launch other-project", "open")]),
    Block("Container Exits Immediately", {"my-project": "running"},
          [("docker logs my-project._.UID", "admin"), ("docker images", "admin"), ("image-update my-project", "ok")]),
    Block("Use project launch for Daily Work", {"my-thesis": "built"},
          [("project launch my-thesis", "open"), ("container retire my-thesis", "retire"),
           ("image-create my-thesis", "ok"), ("container deploy my-thesis", "open")]),
    Block("Always container retire When Done", {"my-project": "running"},
          [("container retire my-project", "retire"), ("project launch my-project --background", "ok"),
           ("container-stop my-project", "ok")]),
    Block("Use Interactive Mode When Unsure", {"my-project": "built"},
          [("project launch", "pick 1"), ("container-attach", "pickshell 1"), ("container retire", "pickret 1")]),
    Block("Check Status Before Acting", {"my-project": "running"},
          [("container-list", "ok"), ("container-attach my-project", "shell"),
           ("container retire my-project", "retire"), ("project launch my-project", "open")]),
    Block("Command Cheat Sheet", {"my-project": "built"},
          [("project launch my-project --open", "open"), ("container-attach my-project", "shell"),
           ("container retire my-project", "retire"), ("container-list", "ok"), ("dashboard", "ok")]),
]
