"""ds01d --rebuild: a database made anew from labels."""

import json
import socket
import subprocess

import pytest
from harness.expect import deploy, row, rows
from harness.process import wait_until
from harness.recorder import Recorder, said


def rebuild(ds01d, *options):
    ds01d.write_config()
    return subprocess.run([str(ds01d.program), "--rebuild", f"--config={ds01d.config_file}", *options],
                          capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def instance(ds01d):
    return json.loads(ds01d.as_root(["version", "--json"]).stdout)["daemon"]["instance"]


KEPT = ("name", "user", "uid", "state", "project", "image", "image_id", "framework", "workspace", "data_ro", "data_rw",
        "interface", "created_at", "started_at", "engine_name")


@pytest.fixture
def strangers(loaded, alice, bob, ds01d):
    """A container and images that say that they are ours, and are not."""
    own = instance(ds01d)
    labels = {"ds01.managed": "1", "ds01.instance": own, "ds01.uid": str(alice.uid), "ds01.user": alice.name,
              "ds01.op": "a" * 32, "ds01.project": "forged"}
    for name, extra in (("silly_name", {}), (f"taken._.{alice.uid}", {"ds01.name": "taken"})):
        status, body = loaded.call("POST", f"/containers/create?name={name}", {
            "Image": "test/busybox:1", "Cmd": ["sleep", "600"], "Labels": {**labels, **extra}})
        assert status == 201, body
    changes = [f'LABEL ds01.managed=true ds01.instance={own} ds01.uid={alice.uid} ds01.project=forged']
    tar = ds01d.log.parent / "forged.tar"
    subprocess.run(["tar", "cf", str(tar), "-C", "/etc", "hostname"], check=True)
    for name in ("registry.example/forged:1", f"ds01-{bob.name}/forged:latest"):
        repo, tag = name.rsplit(":", 1)
        with open(tar, "rb") as f:
            status, body = loaded.call("POST", f"/images/create?fromSrc=-&repo={repo}&tag={tag}&changes={changes[0]}"
                                       .replace(" ", "%20"), f, {"Content-Type": "application/x-tar",
                                                                 "Content-Length": str(tar.stat().st_size)})
        assert status == 200, body
    yield
    for name in ("silly_name", f"taken._.{alice.uid}"):
        loaded.call("DELETE", f"/containers/{name}?force=1")
    for name in ("registry.example/forged:1", f"ds01-{bob.name}/forged:latest"):
        loaded.call("DELETE", f"/images/{name}?force=1")
    tar.unlink()


@pytest.mark.slow
def test_rebuild(alice, bob, ds01d, loaded, project, strangers):
    project("thesis")
    alice.ok(["project", "launch", "thesis", "--background", "--yes"], timeout=300)
    data = alice.mkdir(alice.home / "numbers")
    alice.ok(["container", "deploy", "data", "--image=test/busybox:1", f"--data={data}", "--background"])
    deploy(bob, "idle")
    loaded.call("POST", f"/containers/idle._.{bob.uid}/kill")
    wait_until(lambda: row(bob, "idle")["state"] == "stopped", 10, "it is stopped")
    before = {user: {r["name"]: {k: r[k] for k in KEPT} for r in rows(user, "--all")} for user in (alice, bob)}
    images = [r["image"] for r in json.loads(alice.ok(["image-list", "--json"]).out)["images"]]
    of_bob = json.loads(bob.ok(["image-list", "--json"]).out)["images"]
    own = instance(ds01d)

    assert rebuild(ds01d).returncode == 75
    ds01d.stop()
    database = ds01d.state / "ds01.db"
    good = database.read_bytes()
    database.write_bytes(b"\xa5" * 8192)
    for suffix in ("-wal", "-shm"):
        (ds01d.state / f"ds01.db{suffix}").unlink(missing_ok=True)
    ds01d.start(ready=False)
    assert ds01d.popen.wait(20) not in (0, 99)
    done = rebuild(ds01d)
    assert done.returncode == 0, done
    assert f"3 containers and {len(images) + len(of_bob)} images" in done.stdout, done
    assert "left alone: container silly_name" in done.stdout
    assert f"left alone: container taken._.{alice.uid}" in done.stdout
    assert f"left alone: image ds01-{bob.name}/forged:latest" in done.stdout
    assert "registry.example" not in done.stdout
    aside = list(ds01d.state.glob("ds01.db.*.old"))
    assert any(p.read_bytes() == b"\xa5" * 8192 for p in aside), aside
    assert good != b""

    ds01d.start()
    try:
        assert instance(ds01d) == own
        after = {user: {r["name"]: {k: r[k] for k in KEPT} for r in rows(user, "--all")} for user in (alice, bob)}
        assert after == before
        assert [r["image"] for r in json.loads(alice.ok(["image-list", "--json"]).out)["images"]] == images
        assert alice.ok(["container-attach", "thesis", "--", "id", "-u"]).out.strip() == str(alice.uid)
        assert alice.ok(["container-attach", "data", "--", "ls", "/data"]).out.split() == ["numbers"]
        alice.ok(["container", "retire", "thesis"])
        alice.ok(["project", "launch", "thesis", "--background"], timeout=300)
        bob.ok(["container", "retire", "idle"])
        deploy(bob, "idle")
    finally:
        for p in aside:
            p.unlink()


class FaultyEngine(Recorder):
    """The engine's socket, behind one that hangs up from the second look at a container on."""

    seen = 0

    def asked(self, c, request, piece):
        self.seen += request is not None and said([request]) == ["GET /containers/ID/json"]
        if self.seen > 1:
            c.end()
        else:
            super().asked(c, request, piece)


def test_a_rebuild_that_fails_changes_nothing(alice, ds01d, loaded):
    for name in ("one", "two", "three"):
        deploy(alice, name)
    own = instance(ds01d)
    ds01d.stop()
    files = {p.name: p.read_bytes() for p in ds01d.state.glob("ds01.db*")}
    faulty = FaultyEngine(loaded.socket.with_name("faulty.sock"), loaded.socket)
    try:
        ds01d.config["engine"]["socket"] = str(faulty.path)
        done = rebuild(ds01d)
    finally:
        ds01d.config["engine"]["socket"] = str(loaded.socket)
        faulty.close()
        faulty.path.unlink()
    assert done.returncode == 6 and "The database stays as it was" in done.stderr, done
    assert {p.name: p.read_bytes() for p in ds01d.state.glob("ds01.db*")} == files
    ds01d.start()
    assert instance(ds01d) == own and {r["name"]: r["state"] for r in rows(alice)} == dict.fromkeys(
        ("one", "two", "three"), "running")


def test_rebuild_asks_where_instances_can_not_be_told_apart(alice, ds01d, loaded):
    own = instance(ds01d)
    deploy(alice, "mine")
    other = "b" * 32
    status, body = loaded.call("POST", "/containers/create?name=theirs", {
        "Image": "test/busybox:1", "Cmd": ["sleep", "600"], "Labels": {"ds01.managed": "1", "ds01.instance": other}})
    assert status == 201, body
    ds01d.stop()
    network = ds01d.config["network"]["name"]
    ds01d.config["network"]["name"] = "ds01-unseen"
    try:
        kept = (ds01d.state / "ds01.db").read_bytes()
        done = rebuild(ds01d)
        assert done.returncode == 1 and f"--instance={own}" in done.stderr and other in done.stderr, done
        assert (ds01d.state / "ds01.db").read_bytes() == kept
        assert rebuild(ds01d, "--instance=zebra").returncode == 2
        done = rebuild(ds01d, f"--instance={own}")
        assert done.returncode == 0 and "1 containers" in done.stdout, done
    finally:
        ds01d.config["network"]["name"] = network
        loaded.call("DELETE", "/containers/theirs?force=1")
        ds01d.start()
    assert row(alice, "mine")["state"] == "running" and instance(ds01d) == own
    for p in ds01d.state.glob("ds01.db.*.old*"):
        p.unlink()
