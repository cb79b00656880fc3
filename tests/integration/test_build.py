"""Images are built from the project's Dockerfile, through ds01d, within its limits."""

import json
import os
import re
import signal
import subprocess
import time

import pexpect
import pytest
from harness.expect import assert_clean, assert_error, row, rows
from harness.process import wait_until


@pytest.fixture
def make(alice, starter):
    """make(name, dockerfile, files): a project of alice's made by hand."""
    def make(name, dockerfile, files=(), user=alice):
        user.write(user.workspace / name / "Dockerfile", dockerfile)
        for path, text in dict(files).items():
            user.write(user.workspace / name / path, text)
        return user.workspace / name
    return make


def build_leftovers(loaded, before):
    """Containers and images that a build left and nobody asked for."""
    stray = [c["Names"][0] for c in loaded.containers() if "._." not in c["Names"][0]]
    return stray, loaded.images() - before


BUSY = "FROM test/busybox:1\n"


def test_steps_plain_lines_and_the_result(alice, make, loaded):
    make("plain", BUSY + "COPY src/data.txt /data.txt\nRUN cat /data.txt && id -u\n", {"src/data.txt": "from the context\n"})
    done = alice.ok(["image-create", "plain"], timeout=120)
    for text in ("Step 1/", "Step 2/", "Step 3/", "from the context", f"ds01-{alice.name}/plain:latest"):
        assert text in done.err, done
    assert done.out == ""
    assert_clean(done.err)
    listed = json.loads(alice.ok(["image-list", "--json"]).out)["images"]
    assert f"ds01-{alice.name}/plain:latest" in [i["image"] for i in listed]
    alice.ok(["container", "deploy", "plain", "--background"])
    assert alice.ok(["container-attach", "plain", "--", "cat", "/data.txt"]).out == "from the context\n"


def test_a_terminal_shows_steps_and_the_time(alice, make):
    make("onterm", BUSY + "RUN sleep 3\n")
    t = alice.tty("image-create onterm", cols=100, timeout=60)
    t.expect(r"2/\d RUN sleep 3")
    t.expect(r"[23] ?s")
    t.expect("Built")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 0


def test_a_failed_step_shows_the_whole_log(alice, make, loaded):
    before = loaded.images()
    make("fails", BUSY + "RUN echo first words\nRUN echo last words; exit 9\n")
    done = alice.run(["image-create", "fails"], timeout=60)
    assert done.rc == 1 and "first words" in done.err and "last words" in done.err, done
    assert f"Error: Can't build image ds01-{alice.name}/fails:latest: step 3 of 4 ended with exit code 9\n" in done.err
    assert done.err.endswith("To fix:\n  Mend requirements.txt or the Dockerfile, then: image-create fails\n")
    assert f"ds01-{alice.name}/fails:latest" not in loaded.image_tags()
    stray, _ = build_leftovers(loaded, before)
    assert stray == []
    t = alice.tty("image-create fails", timeout=60)
    t.expect("first words")
    t.expect("last words")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 1


def test_a_build_without_a_network_says_so(alice, make):
    make("offline", BUSY + "RUN echo '[Errno -2] Name or service not known'; exit 1\n")
    done = alice.run(["image-create", "offline"], timeout=60)
    assert done.rc == 1 and "It did not reach a server" in done.err, done
    assert done.err.endswith("Ask an admin for a proxy or a package index: build.env in ds01d.yaml\n"), done


def test_ctrl_c_ends_the_build_within_two_seconds(alice, make, loaded):
    before = loaded.images()
    make("endless", BUSY + "RUN sleep 600\n")
    t = alice.tty("image-create endless", timeout=60)
    t.expect(r"2/\d RUN sleep 600")
    wait_until(lambda: any(c["State"] == "running" for c in loaded.containers()), 10, "the step runs")
    start = time.monotonic()
    t.sendcontrol("c")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 130
    wait_until(lambda: build_leftovers(loaded, before) == ([], set()), 2 - (time.monotonic() - start) + 0.1,
               "no container and no temporary image is left")


def test_a_killed_client_ends_the_build_too(alice, make, loaded):
    before = loaded.images()
    make("killed", BUSY + "RUN sleep 600\n")
    p = alice.popen(["image-create", "killed"], stderr=subprocess.DEVNULL)
    wait_until(lambda: any(c["State"] == "running" for c in loaded.containers()), 15, "the step runs")
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()
    wait_until(lambda: build_leftovers(loaded, before) == ([], set()), 3, "nothing is left")


def test_dockerignore_and_what_is_never_sent(alice, make):
    folder = make("ignore", BUSY + "COPY . /ctx\nRUN ls -R /ctx\n",
                  {".dockerignore": "data/\n*.bin\n!keep.bin\n", "data/huge": "x", "a.bin": "x", "keep.bin": "x", "b": "x"})
    alice.ok(["bash", "-c", f"mkdir -m 000 {folder}/data/locked"])
    done = alice.ok(["image-create", "ignore"], timeout=60)
    alice.ok(["bash", "-c", f"chmod 700 {folder}/data/locked"])
    words = done.err.split()
    assert "keep.bin" in words and "b" in words and "a.bin" not in words and "huge" not in words, done


def test_an_installation_that_lacks_what_packs(alice, make, prefix):
    make("unpacked", BUSY)
    alone = alice.mkdir(alice.home / "alone") / "image-create"
    alice.ok(["cp", str(prefix / "bin/ds01"), str(alone)])
    done = alice.run([str(alone), "unpacked"])
    assert_error(done, 1, re.compile(r"Can't open what packs a project: .*ds01-pack\.so: .*"), "Ask an administrator")
    # It is of use for everything else.
    assert alice.ok([str(alone), "--help"]).out


def test_size_limit_names_the_largest_folder(alice, make):
    folder = make("large", BUSY)
    alice.ok(["bash", "-c", f"mkdir -p {folder}/models && truncate -s 3G {folder}/models/weights"])
    done = alice.run(["image-create", "large"], timeout=120)
    assert done.rc == 3 and "models" in done.err and ".dockerignore" in done.err, done
    alice.ok(["rm", "-rf", str(folder)])


def test_edit_requirements_rebuilds_one_layer(alice, project, ds01d, loaded, base):
    """pip finds its packages where build.env points: here at a folder served on the build network."""
    folder = project("reqs")
    alice.ok(["project", "launch", "reqs", "--background", "--yes"], timeout=180)
    alice.write(folder / "requirements.txt", "# nothing yet, but changed\n")
    stale = alice.run(["project", "launch", "reqs", "--background"])
    assert stale.rc == 1  # it runs
    alice.ok(["container", "retire", "reqs", "--force"])
    kept = alice.ok(["project", "launch", "reqs", "--background"])
    assert "requirements.txt changed since it was built" in kept.err
    alice.ok(["container", "retire", "reqs", "--force"])
    done = alice.ok(["project", "launch", "reqs", "--background", "--yes"], timeout=180)
    assert "requirements.txt changed since it was built" in done.err and "Built" in done.err
    assert "Using cache" in done.err or "cache" in done.err.lower()
    again = alice.run(["project", "launch", "reqs", "--background", "--yes"])
    assert again.rc == 1 and "changed" not in again.err


@pytest.mark.slow
def test_pip_installs_through_build_env(alice, project, ds01d, loaded, base):
    """A package index on the build network's gateway, reached by what build.env says."""
    index = base / "index"
    make_wheel(index / "ds01-sample")
    folder = project("pip")
    alice.write(folder / "requirements.txt", "ds01-sample==1.0\n")
    alice.ok(["project", "init", "first", "--quick", "--framework=none", "--type=custom"])
    gateway = loaded.gateway("ds01-test-build")
    server = loaded.run_in_network(["/usr/bin/python3", "-m", "http.server", "8099", "--bind", gateway, "-d", str(index)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ds01d.stop()
    ds01d.config["build"] = {"env": {"PIP_INDEX_URL": f"http://{gateway}:8099/", "PIP_TRUSTED_HOST": gateway}}
    ds01d.start()
    try:
        alice.ok(["project", "launch", "pip", "--background", "--yes"], timeout=180)
        got = alice.ok(["container-attach", "pip", "--", "python3", "-c", "import ds01_sample; print(ds01_sample.x)"])
        assert got.out == "17\n"
        env = loaded.inspect(f"pip._.{alice.uid}")["Config"]["Env"]
        assert not any("PIP_INDEX_URL" in e for e in env)
    finally:
        server.kill()
        server.wait()
        ds01d.stop()
        del ds01d.config["build"]
        ds01d.start()


def make_wheel(folder):
    """The smallest wheel that pip takes, and the page of a simple index that lists it."""
    import base64
    import hashlib
    import zipfile

    folder.mkdir(parents=True)
    name = "ds01_sample-1.0-py3-none-any.whl"
    info = "ds01_sample-1.0.dist-info"
    files = {"ds01_sample.py": "x = 17\n", f"{info}/METADATA": "Metadata-Version: 2.1\nName: ds01-sample\nVersion: 1.0\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
        f"{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    (folder / "index.html").write_text(f'<a href="{name}">{name}</a>\n')


@pytest.mark.parametrize("dockerfile, line, word", [
    ("FROM test/busybox:1\nRUN --mount=type=bind,target=/x id\n", 2, "--mount"),
    ("FROM test/busybox:1\nADD http://127.0.0.1/x /x\n", 2, "ADD"),
    ("FROM test/busybox:1\nLABEL ds01.user=root\n", 2, "ds01."),
    ("# syntax=evil/frontend\nFROM test/busybox:1\n", 1, "syntax"),
    ("FROM test/busybox:1\nRUNN id\n", 2, "RUN"),
    ("FROM test/hidden:1\n", 1, "test/hidden:1"),
    ("ARG B=test/hidden:1\nFROM $B\n", 2, "test/hidden:1"),
    ("FROM test/busybox:1\nCOPY --from=test/hidden:1 /etc/passwd /x\n", 2, "test/hidden:1"),
])
def test_a_dockerfile_that_is_refused_names_the_line(alice, make, loaded, dockerfile, line, word):
    before = loaded.images()
    make("refused", dockerfile)
    done = alice.run(["image-create", "refused"], timeout=60)
    assert done.rc != 0 and done.out == "" and f"line {line}" in done.err and word in done.err, done
    assert_clean(done.err)
    assert loaded.images() == before


def test_someone_elses_image_is_no_base(alice, bob, make, loaded):
    make("base", BUSY + "RUN echo secret > /secret\n")
    alice.ok(["image-create", "base"], timeout=60)
    make("thief", f"FROM ds01-{alice.name}/base:latest\nRUN cat /secret\n", user=bob)
    done = bob.run(["image-create", "thief"], timeout=60)
    assert done.rc in (4, 5) and "secret\n" not in done.err, done


def test_own_image_is_a_base(alice, make):
    make("lower", BUSY + "RUN echo low > /low\n")
    alice.ok(["image-create", "lower"], timeout=60)
    make("upper", f"FROM ds01-{alice.name}/lower:latest\nRUN cat /low\n")
    assert "low" in alice.ok(["image-create", "upper"], timeout=60).err


def test_a_build_runs_within_limits_and_apart(alice, make, loaded):
    make("limits", BUSY + "RUN sleep 8\n")
    p = alice.popen(["image-create", "limits"], stderr=subprocess.DEVNULL)
    step = wait_until(lambda: [c for c in loaded.containers() if c["State"] == "running"], 15, "the step runs")[0]
    host = loaded.inspect(step["Id"])["HostConfig"]
    assert host["NetworkMode"] == "ds01-test-build"
    assert host["Memory"] > 0 and "ds01" in host["CgroupParent"], host
    assert not host["Privileged"]
    assert p.wait(60) == 0


def test_a_fork_bomb_in_a_build_hits_only_itself(alice, bob, make):
    make("bomb", BUSY + "RUN i=0; while [ $i -lt 9000 ]; do sleep 30 & i=$((i+1)); done; wait\n")
    p = alice.popen(["image-create", "bomb"], stderr=subprocess.DEVNULL)
    time.sleep(3)
    start = time.monotonic()
    assert bob.run(["container-list"]).rc == 0
    assert time.monotonic() - start < 1.5
    os.killpg(p.pid, signal.SIGINT)
    assert p.wait(30) != 0


def test_rebuilding_replaces_and_leaves_nothing(alice, make, loaded):
    folder = make("redo", BUSY + "RUN echo one > /v\n")
    alice.ok(["image-create", "redo"], timeout=60)
    before = loaded.images()
    for word in ("two", "three", "four"):
        alice.write(folder / "Dockerfile", BUSY + f"RUN echo {word} > /v\n")
        alice.ok(["image-create", "redo"], timeout=60)
    wait_until(lambda: len(loaded.images()) <= len(before), 5, "older ones are gone")
    alice.ok(["container", "deploy", "redo", "--background"])
    assert alice.ok(["container-attach", "redo", "--", "cat", "/v"]).out == "four\n"


def test_an_image_in_use_is_replaced_once_it_is_free(alice, make, loaded):
    folder = make("used", BUSY + "RUN echo one > /v\n")
    alice.ok(["image-create", "used"], timeout=60)
    alice.ok(["container", "deploy", "used", "--background"])
    old = loaded.inspect(f"used._.{alice.uid}")["Image"]
    alice.write(folder / "Dockerfile", BUSY + "RUN echo two > /v\n")
    alice.ok(["image-create", "used"], timeout=60)
    assert row(alice, "used")["state"] == "running"
    alice.ok(["container", "retire", "used", "--force"])
    wait_until(lambda: old not in loaded.images(), 10, "the old image went with its last container")


def test_retire_with_its_image(alice, make, loaded):
    make("both", BUSY + "RUN true\n")
    alice.ok(["image-create", "both"], timeout=60)
    alice.ok(["container", "deploy", "both", "--background"])
    alice.ok(["container", "retire", "both", "--images"])
    assert rows(alice, "--all") == []
    assert f"ds01-{alice.name}/both:latest" not in loaded.image_tags()


def test_image_create_writes_a_dockerfile_if_there_is_none(alice, starter):
    alice.mkdir(alice.workspace / "fromflags")
    alice.ok(["image-create", "fromflags", "-f", "none", "-t", "custom", "--no-build"])
    text = (alice.workspace / "fromflags/Dockerfile").read_text()
    assert "FROM ds01/starter:12" in text
    alice.write(alice.workspace / "fromflags/Dockerfile", "FROM test/busybox:1\n")
    alice.ok(["image-create", "fromflags", "--no-build"])
    assert (alice.workspace / "fromflags/Dockerfile").read_text() == "FROM test/busybox:1\n"
