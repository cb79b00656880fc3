"""Flags and sentences of the command table that no other file shows, by two accounts where it matters."""

import json
import time
import tomllib

import pytest
from harness.expect import assert_clean, assert_error, deploy, row
from harness.process import wait_until

IMAGE = "test/busybox:1"
TALKS = """FROM test/busybox:1
CMD ["sh", "-c", "for i in 1 2 3; do echo line $i; done; while sleep 0.3; do echo tick; done"]
"""


@pytest.fixture
def talker(alice):
    alice.write(alice.workspace / "talker/Dockerfile", TALKS)
    alice.ok(["image-create", "talker"], timeout=180)
    alice.ok(["container", "deploy", "talker", "--background"])
    yield "talker"
    alice.ok(["container", "retire", "talker", "--force", "--images"])


def test_logs_from_the_end_and_as_they_come(alice, bob, talker):
    wait_until(lambda: "tick" in alice.ok(["container-logs", talker]).out, 10, "it talks")
    done = alice.ok(["container-logs", talker])
    assert done.out.replace("\r", "").startswith("line 1\nline 2\nline 3\ntick\n") and done.err == "", done
    assert alice.ok(["container-logs", talker, "--tail=1"]).out.strip() == "tick"
    assert alice.ok(["container-logs", talker, "--tail=0"]).out == ""
    p = alice.popen(["container-logs", talker, "-f", "--tail=1"], stdout=-1, text=True)
    try:
        assert [p.stdout.readline().strip() for _ in range(4)] == ["tick"] * 4
    finally:
        p.terminate()
        p.wait(10)
        p.stdout.close()
    for value in ("-1", "x", ""):
        assert alice.run(["container-logs", talker, f"--tail={value}"]).rc == 2
    assert_error(bob.run(["container-logs", talker]), 4, f"No container '{talker}' of yours")


def test_lists_in_each_format(alice):
    deploy(alice, "runs")
    alice.ok(["container-create", "made", IMAGE])
    table = alice.ok(["container-list"]).out.splitlines()
    assert len(table) == 2 and table[0].split()[0] == "NAME" and table[1].split()[0] == "runs"
    simple = alice.ok(["container-list", "-a", "--format=simple"]).out.splitlines()
    assert [line.split()[0] for line in simple] == ["runs", "made"]
    assert alice.ok(["container-list", "--all", "--quiet"]).out == "runs\nmade\n"
    assert json.loads(alice.ok(["container-list", "--format=json"]).out)["containers"][0]["name"] == "runs"
    assert alice.run(["container-list", "--format=xml"]).rc == 2


def test_dry_runs_do_nothing(alice, bob, project, loaded):
    for user in (alice, bob):
        folder = project("dry", user=user)
        before = sorted(p.name for p in folder.iterdir())
        images = loaded.images()
        for argv in (["project", "launch", "dry"], ["container", "deploy", "dry", f"--image={IMAGE}"],
                     ["container-create", "dry", IMAGE]):
            done = user.ok([*argv, "--dry-run"])
            assert "Would " in done.err and done.out == "", (argv, done)
        assert row(user, "dry") is None and loaded.images() == images
        deploy(user, "dry")
        done = user.ok(["container", "retire", "dry", "--dry-run"])
        assert "Would stop and remove dry (running)" in done.err and str(folder) in done.err, done
        assert row(user, "dry")["state"] == "running"
        assert sorted(p.name for p in folder.iterdir()) == before


def test_retire_says_what_is_kept_and_where(alice, bob, project, loaded):
    for user in (alice, bob):
        folder = project("kept", user=user)
        ref = f"ds01-{user.name}/kept:latest"
        user.ok(["image-create", "kept"], timeout=180)
        for options, stays in (([], True), (["--keep-image"], True), (["--images"], False)):
            user.ok(["container", "deploy", "kept", "--background"])
            done = user.ok(["container", "retire", "kept", *options])
            assert f"Retired kept. Your files are kept in {folder}." in done.err, done
            assert (f"Image {ref} removed" in done.err) == (not stays), done
            assert (ref in loaded.image_tags()) == stays
        assert (folder / "Dockerfile").exists()
    assert alice.run(["container", "retire", "x", "--images", "--keep-image"]).rc == 2


@pytest.mark.parametrize("limit", ["trap '' XFSZ; ulimit -f 0", "ulimit -f 0"])
def test_an_edit_that_is_cut_short_leaves_the_old_files(alice, project, limit):
    """The disk is full, or the command dies while it writes."""
    folder = project("torn")
    alice.write(folder / "requirements.txt", "# mine\nnumpy\n")
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    for option in ("--add=rich", "--add-system=vim", "--remove=numpy"):
        done = alice.run(f"{limit}; image-update torn {option}")
        assert done.rc != 0 and "Step" not in done.err, done
        assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name in before} == before
    # What a kill left behind is in nobody's way.
    alice.ok(["image-update", "torn", "--remove=numpy"], timeout=180)
    assert (folder / "requirements.txt").read_text() == "# mine\n"


@pytest.mark.slow
def test_a_kill_at_any_moment_of_an_edit(alice, project):
    folder = project("shot")
    old, new = "# mine\nnumpy\n", "# mine\nnumpy\nrich\n"
    for delay_ms in range(0, 24, 2):
        alice.write(folder / "requirements.txt", old)
        p = alice.popen(["image-update", "shot", "--add=rich"], stderr=-1)
        time.sleep(delay_ms / 1000)
        p.kill()
        p.communicate(timeout=10)
        assert (folder / "requirements.txt").read_text() in (old, new), delay_ms


WORDS = ["a b", "it's", 'say "hi"', "$(id)", "`id`", "Grüße, 日本語", "\\", "*"]


@pytest.mark.parametrize("value", [*WORDS, "two\nlines", "-x", ""])
def test_what_is_no_name_is_refused(alice, value):
    done = alice.run(["container-create", value, IMAGE])
    assert done.rc == 2 and done.out == "" and "Error: " in done.err, done
    assert_clean(done.err)


@pytest.mark.parametrize("value", WORDS)
def test_words_go_through_unharmed(alice, value):
    """In paths, in files and on the way into the container: never part of a command."""
    folder = alice.mkdir(alice.home / f"data {value}")
    deploy(alice, "words", IMAGE, f"--data={folder}")
    listed = alice.ok(["container-attach", "words", "--", "sh", "-c", 'for f in /data/*; do printf %s "$f"; done'])
    assert listed.out == f"/data/data {value}"
    assert alice.ok(["container-attach", "words", "--", "printf", "%s", value]).out == value
    alice.ok(["rm", "-rf", str(alice.workspace / "described")])
    alice.ok(["project", "init", "described", "--quick", "--framework=none", "--no-git", f"--desc={value}"])
    with open(alice.workspace / "described/pyproject.toml", "rb") as f:
        assert tomllib.load(f)["project"]["description"] == value


def test_lines_are_no_description(alice):
    done = alice.run(["project", "init", "lines", "--quick", "--framework=none", "--desc=two\nlines"])
    assert done.rc == 2 and not (alice.workspace / "lines").exists(), done
