"""What a command costs that no machine changes: requests to the engine, processes, libraries."""

import os
import re
import subprocess

import pytest
from harness.recorder import Recorder

# A launch looks at the project's image, at what it was built from, and once more when it is its turn.
CHANGES = [
    ("project launch counted --background", ["GET /images/ID/json", "GET /images/test/busybox:1/json", "GET /images/ID/json",
                                             "POST /containers/create", "POST /containers/ID/start"]),
    ("container-attach counted -- true", ["POST /containers/ID/exec", "POST /exec/ID/start", "GET /exec/ID/json"]),
    ("container retire counted --force", ["DELETE /containers/ID"]),
]
READS = ["container-list", "container-list --all --json", "container-stats", "check-limits", "image-list", "project list",
         "gpu-queue status", "dashboard --json"]
# What every command loads when it starts; a build and the live view load more, as modules.
LIBRARIES = {"libc.so.6", "libjansson.so.4", "libmd.so.0", "libyaml-0.so.2"}
# What an event makes ds01d look at comes at its own time, and is no command's.
LOOK = "GET /containers/ID/json"


@pytest.fixture
def recorder(ds01d, dockerd, people):
    """Between ds01d and the engine; an image was used once already, which costs more."""
    alice = people[0]
    alice.write(alice.workspace / "counted" / "Dockerfile", "FROM test/busybox:1\n")
    alice.ok(["project", "launch", "counted", "--rebuild", "--background"], timeout=60)
    alice.ok(["container", "retire", "counted", "--force"])
    r = Recorder(dockerd.socket.parent / "recorder.sock", dockerd.socket)
    ds01d.config["engine"]["socket"] = str(r.path)
    ds01d.restart()
    yield r
    ds01d.config["engine"]["socket"] = str(dockerd.socket)
    ds01d.restart()
    r.close()
    r.path.unlink()


def said(requests):
    ids = re.compile(r"(?<=/)(?:sha256:)?(?:[0-9a-f]{64}|[a-z]+[.]_[.][0-9]+)(?=/|$)")
    return [r["method"] + " " + ids.sub("ID", r["path"].partition("?")[0]) for r in requests]


def test_requests_of_what_changes_something(recorder, alice):
    for words, asked in CHANGES:
        seen = said(recorder.during(lambda w=words: alice.ok(w.split())))
        assert [r for r in seen if r != LOOK] == asked, words


def test_nothing_is_asked_to_show_something(recorder, alice):
    alice.ok(["project", "launch", "counted", "--background"])
    for words in READS:
        for _ in range(5):
            seen = said(recorder.during(lambda w=words: alice.ok(w.split())))
            if seen != [LOOK]:
                break
        assert seen == [], words


def test_one_process_for_a_command(recorder, alice):
    trace = alice.home / "trace"
    for words in [*(words for words, _ in CHANGES), *READS]:
        # A leak check can't be done on a process that is traced.
        alice.ok(["strace", "-f", "-qq", "-e", "trace=exit_group", "-o", trace, *words.split()],
                 env={"ASAN_OPTIONS": "detect_leaks=0"})
        assert trace.read_text().count(" exit_group(") == 1, words


def test_what_every_command_loads(prefix):
    said = subprocess.run(["ldd", prefix / "bin/ds01"], check=True, stdout=subprocess.PIPE, text=True).stdout
    loaded = set(re.findall(r"^\s*(lib\S+) => ", said, re.MULTILINE))
    if os.environ.get("DS01_SANITIZED"):  # a sanitizer brings its own, and wants the C++ runtime as it always is
        loaded = {name for name in loaded if not re.match(r"lib(asan|ubsan|tsan|dl|rt|pthread|m|stdc\+\+|gcc_s)\.", name)}
    assert loaded == LIBRARIES
