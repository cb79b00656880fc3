"""Attacks by accounts and by images: what no other file shows of the list in doc/threat-model.md.

Each test stands for one line of that list; its number opens the docstring.
"""

import json
import os
import re
import signal
import subprocess
import tarfile
import textwrap
import time

import pexpect
import pytest
from harness import rpc
from harness.expect import assert_clean, assert_error, deploy, row, rows
from harness.gpus import launch
from harness.process import wait_until

BUSY = "FROM test/busybox:1\n"


def inside(user, name, script, **kwargs):
    return user.run(["container-attach", name, "--", "sh", "-c", script], **kwargs)


def build(user, name, dockerfile, timeout=90):
    """image-create of a project that is this Dockerfile."""
    user.write(user.workspace / name / "Dockerfile", dockerfile)
    return user.run(["image-create", name], timeout=timeout)


def refused(user, method, params, folders=()):
    """The error that the protocol gives; that it is one is part of the test."""
    with pytest.raises(rpc.Failed) as caught:
        rpc.call(user, method, params, folders)
    return caught.value


# ---- names ----


@pytest.mark.parametrize("name", ["a\0b", "a\x1b]0;x\x07b", "a\nb", "a\u202eb"], ids=ascii)
def test_names_that_only_the_protocol_can_carry(alice, loaded, name):
    """No. 2: nothing is made, and what comes back would do nothing to a terminal."""
    before = loaded.names()
    folder = alice.mkdir(alice.workspace / "plain")
    params = {"name": name, "image": "test/busybox:1", "workspace": str(folder), "interface": "api"}
    for method, given, folders in (("Containers.Launch", params, [folder]), ("Containers.Get", {"name": name}, []),
                                   ("Containers.Retire", {"name": name, "force": True}, [])):
        failed = refused(alice, method, given, folders)
        assert failed.name in ("Invalid", "NotFound") or "InvalidParameter" in failed.name, failed.name
        assert_clean(failed.message + failed.detail + failed.fix)
    assert loaded.names() == before


def test_names_are_shown_escaped(alice):
    """No. 2: what was typed can be recognised."""
    done = alice.run(["container", "deploy", "a\x1b[31mb", "--image=test/busybox:1", "--background"])
    assert done.rc == 2 and r"a\x1b[31mb" in done.err, done


def test_an_engine_id_opens_nothing(alice, bob, loaded):
    """No. 5: neither the owner's nor anybody else's containers go by what the engine calls them."""
    deploy(alice, "secret")
    engine_id = loaded.inspect(f"secret._.{alice.uid}")["Id"]
    for name in (f"secret._.{alice.uid}", engine_id, engine_id[:12]):
        for argv in (["container-attach", name, "--", "id"], ["container-logs", name],
                     ["container-stop", name, "--force"], ["container", "retire", name, "--force"]):
            done = bob.run(argv)
            assert done.rc in (2, 4) and done.out == "", (argv, done)
        for method in ("Containers.Attach", "Containers.Get", "Containers.Stop", "Containers.Retire"):
            assert refused(bob, method, {"name": name}).name in ("Invalid", "NotFound"), (method, name)
    assert row(alice, "secret")["state"] == "running"
    assert loaded.inspect(engine_id)["State"]["Running"]


# ---- images ----


def test_an_image_id_opens_nothing(alice, bob, loaded):
    """No. 6, 7: another account's image by its real name, id and digest, past the checks of the command line."""
    assert build(alice, "private", BUSY + "RUN echo secret > /secret\n").rc == 0
    image_id = loaded.inspect_image(f"ds01-{alice.name}/private:latest")["Id"]
    folder = bob.mkdir(bob.workspace / "thief")
    for image in (f"ds01-{alice.name}/private", f"ds01-{alice.name}/private:latest", image_id,
                  image_id.removeprefix("sha256:"), image_id.removeprefix("sha256:")[:12],
                  f"ds01-{alice.name}/private@{image_id}"):
        done = bob.run(["container", "deploy", "thief", f"--image={image}", "--background"])
        assert done.rc in (2, 4) and done.out == "", (image, done)
        params = {"name": "thief", "image": image, "workspace": str(folder), "interface": "api"}
        assert refused(bob, "Containers.Launch", params, [folder]).name in ("Invalid", "NotFound", "ImageNotFound"), image
        assert refused(bob, "Images.Delete", {"image": image}).name in ("Invalid", "NotFound", "ImageNotFound"), image
    assert rows(bob, "--all") == []
    assert loaded.inspect_image(f"ds01-{alice.name}/private:latest")["Id"] == image_id


@pytest.mark.parametrize("dockerfile", [
    "ARG B=ds01-{0}/private\nFROM $B\nRUN cat /secret\n",
    "ARG U={0}\nFROM ds01-${{U}}/private:latest AS x\nRUN cat /secret\n",
    BUSY + "COPY --from=ds01-{0}/private /secret /s\nRUN cat /s\n",
    BUSY + "ARG B=ds01-{0}/private\nCOPY --from=$B /secret /s\nRUN cat /s\n",
    "FROM {1}\nRUN cat /secret\n",
    "FROM {2}\nRUN cat /secret\n",
    BUSY + "COPY --from={2} /secret /s\nRUN cat /s\n",
    BUSY + "RUN <<EOF\nFROM ds01-{0}/private\nEOF\n",
    BUSY + "COPY <<EOF /x\nFROM ds01-{0}/private\nEOF\nRUN cat /x\n",
    BUSY + "RUN true \\\n# x\nFROM ds01-{0}/private\n\nFROM ds01-{0}/private\nRUN cat /secret\n",
], ids=range(10))
def test_no_way_to_build_on_anothers_image(alice, bob, loaded, dockerfile):
    """No. 25."""
    assert build(alice, "private", BUSY + "RUN echo thesis-of-alice > /secret\n").rc == 0
    image_id = loaded.inspect_image(f"ds01-{alice.name}/private:latest")["Id"]
    before = loaded.images()
    done = build(bob, "thief", dockerfile.format(alice.name, image_id, image_id.removeprefix("sha256:")[:12]))
    assert done.rc != 0 and "thesis-of-alice" not in done.err and "line" in done.err, done
    assert_clean(done.err)
    assert loaded.images() == before


def test_labels_of_an_image_say_nothing(alice, loaded):
    """No. 21: every label that means something to ds01d is its own."""
    deploy(alice, "labels", "test/hostile:1")
    labels = loaded.inspect(f"labels._.{alice.uid}")["Config"]["Labels"]
    deploy(alice, "plain")
    plain = loaded.inspect(f"plain._.{alice.uid}")["Config"]["Labels"]
    ours = {key for key in labels if key.startswith("ds01.")}
    assert ours == {key for key in plain if key.startswith("ds01.")} and len(ours) == 17
    same = ours - {"ds01.name", "ds01.project", "ds01.op", "ds01.image", "ds01.framework", "ds01.created_at",
                   "ds01.workspace"}
    assert {key: labels[key] for key in same} == {key: plain[key] for key in same}
    assert labels["ds01.protected"] == "" and labels["ds01.uid"] == str(alice.uid)


# ---- folders ----


def test_folders_that_root_could_reach(alice, bob):
    """No. 9, 10, 11: the kernel answers as it would answer the caller, and ds01d asks for more."""
    alice.ok(["ln", "-sfn", "/etc", str(alice.home / "link")])
    private = bob.mkdir(bob.home / "closed")
    planted = private / "planted"
    planted.mkdir()
    os.chown(planted, alice.uid, alice.gid)
    bob.ok(["chmod", "755", str(bob.home)])
    bob.ok(["chmod", "700", str(private)])
    for path in (f"{alice.home}/link", f"../{bob.home.name}", f"../{bob.home.name}/closed/planted", "/proc/self/root",
                 "/proc/1/root", "/proc/self/cwd" + "/.." * 12 + "/etc"):
        done = alice.run(["container", "deploy", "ws", "--image=test/busybox:1", f"--workspace={path}", "--background"],
                         cwd=alice.home)
        assert done.rc == 5 and done.out == "" and "Error: " in done.err, (path, done)
    assert rows(alice, "--all") == []
    # It is the way there that was closed: with it open, the same folder is one's own.
    bob.ok(["chmod", "711", str(private)])
    alice.ok(["container", "deploy", "ws", "--image=test/busybox:1", f"--workspace={planted}", "--background"])


@pytest.mark.parametrize("folder", ["/", "/etc", "/proc", "/dev", "/var/lib", "bob"])
def test_a_descriptor_is_judged_for_what_it_is(alice, bob, folder):
    """No. 10: past the command line, with a path that claims something else."""
    bob.ok(["chmod", "755", str(bob.home)])
    given = str(bob.home) if folder == "bob" else folder
    params = {"name": "fd", "image": "test/busybox:1", "workspace": str(alice.home), "interface": "api"}
    failed = refused(alice, "Containers.Launch", params, [given])
    assert failed.name == "Denied", failed.reply
    assert row(alice, "fd") is None


def test_a_workspace_swapped_while_it_is_stopped(alice, bob):
    """No. 13: every start asks anew."""
    folder = alice.mkdir(alice.home / "mine")
    alice.write(folder / "mark", "real\n")
    alice.ok(["container", "deploy", "swap", "--image=test/busybox:1", f"--workspace={folder}", "--background"])
    alice.ok(["container-stop", "swap", "--force"])
    alice.ok(["mv", str(folder), str(alice.home / "kept")])
    bob.ok(["chmod", "755", str(bob.home)])
    for target in ("/etc", str(bob.home)):
        alice.ok(["ln", "-sfn", target, str(folder)])
        done = alice.run(["container-start", "swap"])
        assert done.rc == 5 and "Error: " in done.err, (target, done)
        assert row(alice, "swap")["state"] == "stopped"
    alice.ok(["rm", str(folder)])
    alice.ok(["mv", str(alice.home / "kept"), str(folder)])
    alice.ok(["container-start", "swap"])
    assert inside(alice, "swap", "cat /workspace/mark").out == "real\n"


# ---- what can't be said ----


@pytest.mark.parametrize("line", ["caps = ['SYS_ADMIN']", "cap-add = 'ALL'", "devices = ['/dev/sda']", "network = 'host'",
                                  "pid = 'host'", "ipc = 'host'", "runtime = 'nvidia'", "user = 'root'",
                                  "env = { LD_PRELOAD = '/x' }", "security-opt = 'seccomp=unconfined'"])
def test_a_project_can_not_ask_for_rights(alice, line):
    """No. 23."""
    alice.write(alice.workspace / "rights/pyproject.toml", f"[tool.ds01]\n{line}\n")
    alice.write(alice.workspace / "rights/Dockerfile", BUSY)
    done = alice.run(["project", "launch", "rights", "--background", "--yes"])
    assert done.rc == 2 and "pyproject.toml:2:" in done.err and line.split()[0] in done.err and done.out == "", done
    assert row(alice, "rights") is None


@pytest.mark.parametrize("option", ["-e", "--env", "--privileged", "--cap-add", "--device", "--network", "--pid", "--user",
                                    "-v", "--volume", "--runtime"])
def test_a_command_can_not_ask_for_rights(alice, option):
    """No. 24: the words are not known, and nothing like them is in the protocol."""
    done = alice.run(["container", "deploy", "rights", "--image=test/busybox:1", "--background", option, "LD_PRELOAD=/x"])
    assert done.rc == 2 and option in done.err and done.out == "", done
    folder = alice.mkdir(alice.workspace / "rights")
    params = {"name": "rights", "image": "test/busybox:1", "workspace": str(folder), "interface": "api",
              option.lstrip("-"): ["LD_PRELOAD=/x"]}
    assert refused(alice, "Containers.Launch", params, [folder]).reply["parameters"]["parameter"] == option.lstrip("-")
    assert row(alice, "rights") is None


# ---- builds ----


def test_a_build_can_not_reach_the_machine_itself(alice, loaded, base):
    """No. 26: what listens on 127.0.0.1 beside the engine, from a step."""
    folder = base / "local"
    folder.mkdir()
    (folder / "x").write_text("only for this machine\n")
    server = loaded.run_in_network(["/usr/bin/python3", "-m", "http.server", "8097", "--bind", "127.0.0.1", "-d", str(folder)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def fetch():
            p = loaded.run_in_network(["/bin/busybox", "wget", "-q", "-O-", "http://127.0.0.1:8097/x"],
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            return p.communicate(timeout=10)[0]
        wait_until(lambda: fetch() == b"only for this machine\n", 10, "it is served")
        places = f"127.0.0.1 localhost {loaded.gateway('ds01-test-build')}"
        done = build(alice, "local", BUSY + f"RUN for h in {places}; do timeout 5 wget -q -O- http://$h:8097/x "
                                            "&& echo reached || echo refused-$h; done\n")
        assert done.rc == 0 and len(re.findall(r"^\s*refused-", done.err, re.M)) == 3, done
        assert "only for this machine" not in done.err
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def small_builds(ds01d):
    """Builds of at most 64 processes and 100 files."""
    ds01d.config["build"] = {"pids": 64, "max_entries": 100}
    ds01d.restart()
    yield
    del ds01d.config["build"]
    ds01d.restart()


def running(word):
    """Processes of the whole machine whose last argument it is."""
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                found += f.read().split(b"\0")[-2:-1] == [word.encode()]
        except OSError:
            pass
    return found


@pytest.mark.slow
def test_a_fork_bomb_in_a_build_is_bounded(alice, bob, small_builds):
    """No. 27: it runs into its limit, fails, and nobody waits for it."""
    alice.write(alice.workspace / "bomb/Dockerfile", BUSY + "RUN i=0; while [ $i -lt 400 ]; do sleep 17.25 & i=$((i+1)); done\n")
    p = alice.popen(["image-create", "bomb"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    most = 0
    start = time.monotonic()
    while p.poll() is None:
        most = max(most, running("17.25"))
        if most > 40:
            before = time.monotonic()
            assert bob.run(["container-list"]).rc == 0 and time.monotonic() - before < 1.5
        assert time.monotonic() - start < 60
        time.sleep(0.02)
    said = p.stderr.read().decode()
    p.stderr.close()
    assert 40 < most <= 64, most
    assert p.returncode == 1 and "fork" in said, said
    wait_until(lambda: running("17.25") == 0, 10, "all of it is gone")


# Run as an ordinary account: a build whose context is whatever archive is given.
SEND = textwrap.dedent("""
    import array, json, os, socket, sys, threading
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(sys.argv[1])
    ends = []
    for path in sys.argv[2:]:
        r, w = os.pipe()
        ends.append(r)
        def feed(w=w, path=path):
            try:
                with open(path, "rb") as f, open(w, "wb") as pipe:
                    while piece := f.read(65536):
                        pipe.write(piece)
            except OSError:
                pass
        threading.Thread(target=feed, daemon=True).start()
    call = {"method": "io.ds01.Images.Build", "parameters": {"project": "sent"}, "more": True}
    s.sendmsg([json.dumps(call).encode() + b"\\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", ends))])
    for fd in ends:
        os.close(fd)
    rest = b""
    while True:
        data = s.recv(65536)
        rest += data
        while b"\\0" in rest:
            frame, rest = rest.split(b"\\0", 1)
            print(frame.decode(), flush=True)
            if not json.loads(frame).get("continues"):
                os._exit(0)
        if not data:
            os._exit(3)
""")


def member(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("members, says", [
    ([member("../../etc/cron.d/x")], "../../etc/cron.d/x"),
    ([member("/etc/cron.d/x")], "/etc/cron.d/x"),
    ([member("a/../../x")], "a/../../x"),
    ([member("x", tarfile.LNKTYPE, "../../etc/shadow")], "x"),
    ([member("x", tarfile.CHRTYPE)], "x"),
    ([member("x", tarfile.FIFOTYPE)], "x"),
    ([member(f"f{i}") for i in range(101)], "100"),
], ids=["up", "absolute", "up again", "hard link", "device", "pipe", "many"])
def test_archives_that_no_command_would_pack(alice, loaded, ds01d, small_builds, members, says):
    """No. 28: refused as they stream by; nothing of them stays."""
    alice.write(alice.home / "Dockerfile.sent", BUSY + "COPY . /ctx\n")
    with tarfile.open(alice.home / "sent.tar", "w") as tar:
        for info in members:
            tar.addfile(info)
    before, kept = loaded.images(), {p for p in ds01d.state.rglob("*") if p.suffix != ".db-wal"}
    p = alice.popen(["/usr/bin/python3", "-c", SEND, str(alice.socket), str(alice.home / "Dockerfile.sent"),
                     str(alice.home / "sent.tar")], stdout=subprocess.PIPE)
    last = json.loads(p.communicate(timeout=60)[0].splitlines()[-1])
    assert last.get("error") in ("io.ds01.Invalid", "io.ds01.Limit"), last
    assert says in last["parameters"]["message"], last
    wait_until(lambda: loaded.images() == before, 10, "no image is left")
    assert {p for p in ds01d.state.rglob("*") if p.suffix != ".db-wal"} == kept
    assert f"ds01-{alice.name}/sent:latest" not in loaded.image_tags()


def test_links_in_a_circle_and_out_of_the_folder(alice):
    """No. 28: they are packed as what they are, links."""
    folder = alice.mkdir(alice.workspace / "links")
    alice.ok(["bash", "-c", f"cd {folder} && mkdir -p d && ln -s b a && ln -s a b && ln -s ../d d/up && ln -s /etc/shadow s "
                            "&& ln -s /etc e"])
    done = build(alice, "links", BUSY + "COPY . /ctx\nRUN for f in a s e; do readlink /ctx/$f; done; ls /ctx/e/; cat /ctx/s; true\n")
    assert done.rc == 0 and "/etc/shadow" in done.err, done
    shadow = {line.split(":")[0] for line in open("/etc/shadow", encoding="utf-8")}
    assert alice.name in shadow and f"{alice.name}:" not in done.err and "cron.d" not in done.err, done


# ---- what runs inside ----


@pytest.mark.slow
def test_a_flood_of_output_fills_no_disk(alice, bob, loaded):
    """No. 30."""
    text = BUSY + 'CMD ["sh", "-c", "yes ' + "x" * 1000 + ' | head -c 60000000; sleep 3600"]\n'
    assert build(alice, "flood", text).rc == 0
    alice.ok(["container", "deploy", "flood", "--background"])
    wait_until(lambda: "sleep 3600" in inside(alice, "flood", "ps").out
               and "head" not in inside(alice, "flood", "ps -o comm").out, 60, "all is said")
    folder = loaded.data / "containers" / loaded.inspect(f"flood._.{alice.uid}")["Id"]
    sizes = [p.stat().st_size for p in folder.glob("*-json.log*")]
    assert 2 <= len(sizes) <= 3 and sum(sizes) <= 31_000_000, sizes
    start = time.monotonic()
    assert bob.run(["container-list"]).rc == 0 and time.monotonic() - start < 1.5
    assert alice.ok(["container-logs", "flood", "--tail=1"]).out.startswith("x")


def test_a_client_that_stops_reading_its_log(alice, bob, ds01d):
    """No. 33: what it does not read is kept nowhere in ds01d."""
    deploy(alice, "talks", "test/busybox:1")
    p = alice.popen(["container-logs", "talks", "-f"], stdout=subprocess.PIPE)
    try:
        time.sleep(0.5)
        os.kill(p.pid, signal.SIGSTOP)
        before = ds01d.rss_kib()
        inside(alice, "talks", "yes " + "y" * 200 + " | head -c 20000000 > /proc/1/fd/1", timeout=60)
        start = time.monotonic()
        assert bob.run(["container-list"]).rc == 0 and time.monotonic() - start < 1.5
        if not os.environ.get("DS01_SANITIZED"):
            assert ds01d.rss_kib() < before + 6144
    finally:
        os.kill(p.pid, signal.SIGKILL)
        p.wait()
        p.stdout.close()


# ---- the socket ----


@pytest.mark.slow
def test_slow_and_huge_requests_cost_nothing(alice, ds01d):
    """No. 31: one byte a second, half frames, and frames without an end."""
    p = alice.popen(["/usr/bin/python3", "-c", textwrap.dedent("""
        import select, socket, sys, time
        def new():
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1])
            return s
        slow, half, huge = ([new() for _ in range(4)] for _ in range(3))
        request = b'{"method":"io.ds01.System.Info","parameters":{}' + b" " * 100
        for s in half:
            s.sendall(request[:20])
        sent = 0
        for s in huge:
            try:
                for _ in range(512):
                    s.sendall(b"a" * 65536)
                    sent += 65536
            except OSError:
                pass
        ended = {}
        start = time.monotonic()
        for at in range(40):
            for s in slow:
                try:
                    s.send(request[at:at + 1])
                except OSError:
                    pass
            for s in slow + half:
                if s not in ended and select.select([s], [], [], 0)[0]:
                    ended[s] = time.monotonic() - start
            if len(ended) == 8:
                break
            time.sleep(0.5)
        print(len(ended), max(ended.values(), default=-1), sent, flush=True)
    """), str(alice.socket)], stdout=subprocess.PIPE)
    before, most = ds01d.rss_kib(), 0
    while p.poll() is None:
        most = max(most, ds01d.rss_kib())
        time.sleep(0.1)
    ended, last, sent = p.stdout.read().split()
    p.stdout.close()
    assert int(ended) == 8 and 5 < float(last) < 16, (ended, last)
    assert int(sent) < 4 * (1 << 20), sent
    if not os.environ.get("DS01_SANITIZED"):
        assert most < before + 8192, (before, most)


@pytest.mark.slow
def test_from_inside_a_container(alice, ds01d, loaded, starter):
    """No. 35: an admin has put the socket into a container; the right uid is not enough there."""
    request = json.dumps({"method": "io.ds01.Containers.List", "parameters": {}, "more": True})
    client = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('/ds01.sock'); s.send({request!r}.encode() + b'\\0'); " \
             "print(s.recv(65536).decode())"
    for uid, namespace in ((alice.uid, ""), (0, ""), (alice.uid, "host")):
        status, body = loaded.call("POST", "/containers/create?name=guest", {
            "Image": starter, "Cmd": ["python3", "-c", client], "User": f"{uid}:{uid}",
            "HostConfig": {"Binds": [f"{ds01d.socket}:/ds01.sock"], "PidMode": namespace}})
        assert status == 201, body
        try:
            loaded.call("POST", "/containers/guest/start")
            wait_until(lambda: not loaded.inspect("guest")["State"]["Running"], 20, "it has tried")
            said = loaded.said("guest")
        finally:
            loaded.call("DELETE", "/containers/guest?force=1")
        # Who shares the machine's processes is no stranger: an admin has made it so.
        if namespace == "host":
            assert said.startswith("{") and "error" not in said, said
        else:
            assert "io.ds01.Denied" in said and "container" in said, said


# ---- the queue ----


@pytest.mark.usefixtures("idle")
def test_the_queue_can_not_be_talked_into_a_better_place(alice, bob):
    """No. 41: what counts is what an account has used and since when it waits, and both are ds01d's to say."""
    for n in range(2):
        launch(alice, f"a{n}", 1)
    launch(bob, "b0", 2)
    for key, value in (("position", 1), ("place", 0), ("joined_at", 1), ("uid", 0), ("user", "root"), ("usage", 0)):
        assert key in json.dumps(refused(bob, "Queue.Join", {"name": "x", key: value}).reply), key

    def ticket(name):
        return next(t for t in rpc.rows(alice, "Queue.List", {}) if t["name"] == name)

    # Both alice's: nothing but the time tells them apart.
    for name in ("first", "second"):
        rpc.call(alice, "Queue.Join", {"name": name})
        time.sleep(1.1)
    first, second = ticket("first"), ticket("second")
    assert first["joined_at"] < second["joined_at"] and first["position"] < second["position"]
    again = rpc.call(alice, "Queue.Join", {"name": "second"})
    assert again["already"] and (ticket("second")["joined_at"], ticket("second")["position"]) == (
        second["joined_at"], second["position"])
    rpc.call(alice, "Queue.Leave", {"name": "first"})
    rpc.call(alice, "Queue.Join", {"name": "first"})
    assert ticket("first")["joined_at"] > second["joined_at"] and ticket("first")["position"] > ticket("second")["position"]
    assert refused(bob, "Queue.Leave", {"name": "second"}).name == "NotFound"
    assert ticket("second")["joined_at"] == second["joined_at"]


# ---- foreign text ----

EVIL = "\x1b]52;c;cm0=\x07\x1b[2J\u202eevil\x9b31m"


def test_what_others_wrote_does_nothing_to_a_terminal(alice, ds01d):
    """No. 44: steps of builds, log and last lines, folders; to their owner, to an admin, and in ds01d's own log."""
    def shown(argv, status=0):
        t = alice.tty(argv, rows=60, cols=200, env={"NO_COLOR": "1", "TERM": "dumb"}, timeout=60)
        t.expect(pexpect.EOF)
        t.close()
        assert t.exitstatus == status, (argv, t.before)
        assert_clean(t.before.replace("\r\n", "\n"))
        return t.before

    folder = alice.mkdir(alice.home / f"w{EVIL}")
    alice.write(folder / "say", EVIL + "\n")
    alice.write(alice.workspace / "dies/say", EVIL + "\n")
    alice.write(alice.workspace / "dies/Dockerfile", BUSY + 'COPY say /say\nRUN cat /say; exit 7\n')
    escaped = r"\u{202e}evil\x9b31m"
    assert escaped in shown(["image-create", "dies"], 1)
    alice.write(alice.workspace / "dies/Dockerfile", BUSY + 'COPY say /say\nCMD ["sh", "-c", "cat /say; exit 3"]\n')
    alice.ok(["image-create", "dies"], timeout=60)
    assert escaped in shown(["container", "deploy", "dies", "--background"], 1)
    assert escaped in shown(["container-attach", "dies"], 1)
    alice.ok(["container", "deploy", "evil", "--image=test/busybox:1", f"--workspace={folder}", "--background"])
    inside(alice, "evil", "cat /workspace/say > /proc/1/fd/1")
    wait_until(lambda: "evil" in alice.run(["container-logs", "evil"]).out, 10, "it is in the log")
    assert escaped in shown(["container-logs", "evil"])
    for argv in (["container-list", "--all"], ["container-stats", "evil"], ["project", "list"], ["image-list"],
                 ["dashboard", "containers"], ["dashboard"], ["ds01", "why", "evil"]):
        shown(argv)
    # Escaped as JSON does it, for the same text to whoever parses it.
    said = shown(["container-list", "--all", "--json"])
    evil = next(c for c in json.loads(said)["containers"] if c["name"] == "evil")
    assert evil["workspace"] == str(folder) and "\\u202E" in said
    for argv in (["container-list", "--all", f"--user={alice.name}"], ["container-list", "--all", "--user=all"]):
        done = ds01d.as_root(argv)
        assert "dies" in done.stdout, done
        assert_clean(done.stdout + done.stderr)
    assert escaped in shown(["container", "retire", "evil", "--force"])
    assert_clean(ds01d.log.read_text())
