"""The folder that ds01d's memory lies in: cut short, read-only, full at the worst moment."""

import contextlib
import subprocess
import threading

import pytest
from harness.expect import assert_error, deploy, row, rows
from harness.faults import Faults
from harness.invariants import consistent, settled
from harness.process import wait_until
from harness.recorder import said

BUSYBOX = "test/busybox:1"


def database(ds01d):
    return {p: p.read_bytes() for p in ds01d.state.glob("ds01.db*")}


def put_back(files, ds01d):
    for p in ds01d.state.glob("ds01.db*"):
        p.unlink()
    for p, data in files.items():
        p.write_bytes(data)
        p.chmod(0o600)


def refused(ds01d):
    """What ds01d says when it does not start."""
    done = subprocess.run([str(ds01d.program), f"--config={ds01d.config_file}"], capture_output=True, text=True, timeout=20,
                          check=False, stdin=subprocess.DEVNULL)
    assert done.returncode not in (0, 99), done
    return done.stderr


def said_in(engine, name, command):
    """What a command says in a container, asked of the engine itself."""
    body = {"AttachStdout": True, "Tty": True, "Cmd": ["sh", "-c", command]}
    status, made = engine.call("POST", f"/containers/{name}/exec", body)
    assert status == 201, made
    status, text = engine.call("POST", f"/exec/{made['Id']}/start", {"Tty": True})
    assert status == 200, text
    return text.decode().replace("\r", "")


def test_a_database_cut_short_anywhere_is_refused(alice, ds01d, loaded):
    deploy(alice, "db")
    ds01d.stop()
    good = database(ds01d)
    (path, whole), = good.items()
    n, page = len(whole), 4096
    try:
        for length in (0, 1, 99, 100, 512, page - 1, page, page + 1, n // 2 // page * page, n - page, n - 1):
            path.write_bytes(whole[:length])
            text = refused(ds01d)
            assert str(path) in text and "--rebuild" in text, (length, text)
            assert path.read_bytes() == whole[:length], length
        assert loaded.inspect(f"db._.{alice.uid}")["State"]["Running"]
    finally:
        put_back(good, ds01d)
        ds01d.start()
    assert row(alice, "db")["state"] == "running"
    consistent(alice, loaded, ds01d)


def test_a_log_cut_short_loses_nobodys_container(alice, ds01d, loaded):
    """What was written last is forgotten then: what it was about is kept, and shown to admins."""
    ds01d.restart()
    wal = ds01d.state / "ds01.db-wal"
    sizes = []
    for name in ("first", "last"):
        deploy(alice, name)
        alice.ok(["container-attach", name, "--", "sh", "-c", "echo mine >~/it; echo ours >it"])
        settled(alice, ds01d)
        sizes.append(wal.stat().st_size)
    ds01d.kill()
    good = database(ds01d)
    assert 3 * 4096 < sizes[0] < sizes[1] == len(good[wal])
    try:
        for length in (0, 31, sizes[0], sizes[0] + 100, sizes[1] - 1):
            put_back(good, ds01d)
            wal.write_bytes(good[wal][:length])
            ds01d.start()
            settled(alice, ds01d)
            for name in ("first", "last"):
                # A running container keeps its folders, whoever else has forgotten about them.
                assert said_in(loaded, f"{name}._.{alice.uid}", "cat ~/it /workspace/it") == "mine\nours\n", (length, name)
            ds01d.kill()
    finally:
        if ds01d.popen.poll() is None:
            ds01d.kill()
        put_back(good, ds01d)
        ds01d.start()
    settled(alice, ds01d)
    assert [r["state"] for r in rows(alice)] == ["running", "running"]


def test_a_folder_that_is_read_only_is_refused(alice, ds01d, loaded):
    deploy(alice, "kept")
    ds01d.stop()
    state = str(ds01d.state)
    subprocess.run(["mount", "--bind", state, state], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", state], check=True)
        before = database(ds01d)
        text = refused(ds01d)
        assert state in text and "ead-only" in text, text
        assert database(ds01d) == before
    finally:
        subprocess.run(["umount", state], check=True)
        ds01d.start()
    assert row(alice, "kept")["state"] == "running"
    consistent(alice, loaded, ds01d)


# ---- a full disk ----

@pytest.fixture
def small(ds01d, base, dockerd):
    """The state on a file system of 4 MiB, and a socket that holds up the engine."""
    folder = base / "small-state"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "ds01-test", str(folder)], check=True)
    faults = Faults(dockerd.socket.parent / "faults.sock", dockerd.socket)
    old = ds01d.config["state_dir"], ds01d.state
    ds01d.stop()
    ds01d.config["state_dir"], ds01d.state = str(folder), folder
    ds01d.config["engine"] = {"socket": str(faults.path)}
    try:
        ds01d.start()
        yield folder, faults
    finally:
        (folder / "fill").unlink(missing_ok=True)
        ds01d.stop()
        ds01d.config["state_dir"], ds01d.state = old
        ds01d.config["engine"] = {"socket": str(dockerd.socket)}
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()
        faults.close()
        faults.path.unlink()
        ds01d.start()


def fill(folder):
    with open(folder / "fill", "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(b"x" * 4096)


@pytest.mark.slow
@pytest.mark.parametrize("request_", ["POST /containers/create", "POST /containers/ID/start"])
def test_the_disk_is_full_in_the_middle_of_a_launch(alice, ds01d, small, loaded, request_):
    folder, faults = small
    launch = ["container", "deploy", "full", f"--image={BUSYBOX}", "--background"]
    results = []
    faults.arm(request_, 0, "delay")
    t = threading.Thread(target=lambda: results.append(alice.run(launch)))
    t.start()
    # It waits there for as long as it takes to fill a disk.
    wait_until(lambda: faults.struck, 20, f"{request_} is asked")
    fill(folder)
    t.join()
    assert said(faults.requests).count(request_) == 1
    assert_error(results[0], 1, f"No space left on the disk of the database {folder / 'ds01.db'}", "df -h")
    assert alice.run(["container-list", "--all"]).rc == 0
    (folder / "fill").unlink()
    settled(alice, ds01d)
    consistent(alice, loaded, ds01d)
    # What was started already may stay, as a whole container; what was only made is gone.
    if request_.endswith("/create"):
        assert row(alice, "full") is None
        alice.ok(launch)
    assert row(alice, "full")["state"] == "running"
    alice.ok(["container", "retire", "full", "--force"])
    assert f"full._.{alice.uid}" not in loaded.names()
