"""What a command costs that no machine changes: requests to the engine, processes, libraries.

What is expected stands in tests/bench/counts.py, with which `tests/bench/run --quick` compares, too.
"""

import os
import pathlib
import re
import sys

import pytest
from harness.recorder import Recorder

sys.path.append(str(pathlib.Path(__file__).parents[1] / "bench"))

import counts  # noqa: E402
import process  # noqa: E402

SANITIZED = bool(os.environ.get("DS01_SANITIZED"))


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


def test_requests_of_what_changes_something(recorder, alice):
    for words, expected in counts.CHANGES:
        assert counts.asked(recorder, lambda w=words: alice.ok(w.split())) == expected, words


def test_nothing_is_asked_to_show_something(recorder, alice):
    alice.ok(["project", "launch", "counted", "--background"])
    for words in counts.READS:
        assert counts.asked_to_show(recorder, lambda w=words: alice.ok(w.split())) == [], words


def test_debug_says_where_the_time_goes(ds01d, alice):
    ds01d.options = ["--debug"]
    ds01d.restart()
    try:
        read = ds01d.log.stat().st_size
        alice.ok(["container-create", "timed", "test/busybox:1"])
    finally:
        ds01d.options = []
        ds01d.restart()
    # A method's line may come after its answer.
    said = ds01d.log.read_bytes()[read:].decode()
    assert re.search(r"engine: POST /v1\.\d+/containers/create\S*: 201 in \d+\.\d ms", said), said
    whole, inside = map(float, re.search(rf"uid {alice.uid}: io\.ds01\.Containers\.Create: ([\d.]+) ms, ([\d.]+) of them", said).groups())
    assert 0 < inside <= whole


def test_one_process_for_a_command(recorder, alice):
    trace = alice.home / "trace"
    for words in [*(words for words, _ in counts.CHANGES), *counts.READS]:
        # A leak check can't be done on a process that is traced.
        alice.ok(["strace", "-f", "-qq", "-e", "trace=exit_group", "-o", trace, *words.split()],
                 env={"ASAN_OPTIONS": "detect_leaks=0"})
        assert trace.read_text().count(" exit_group(") == 1, words


def test_what_every_command_loads(prefix):
    loaded = process.libraries(prefix / "bin/ds01")
    if SANITIZED:  # a sanitizer brings its own, and wants the C++ runtime as it always is
        loaded = [name for name in loaded if not re.match(r"lib(asan|ubsan|tsan|dl|rt|pthread|m|stdc\+\+|gcc_s)\.", name)]
    assert loaded == counts.LIBRARIES


@pytest.mark.skipif(SANITIZED, reason="a sanitizer counts allocations itself, and lets nobody stand before it")
def test_allocations_of_a_list(alice, build):
    def count(n):
        for i in range(len(alice.ok(["container-list", "--all", "--quiet"]).out.split()), n):
            alice.ok(["container-create", f"row{i}", "test/busybox:1"])
        return process.allocations(alice, build / "tests/bench/allocations.so", ["container-list", "--all"])

    assert counts.allocations_for_a_row(count) == counts.ALLOCATIONS_FOR_A_ROW
