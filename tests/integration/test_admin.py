"""What admins do to others, and the record of it."""

import contextlib
import json
import subprocess

import pytest
from harness import rpc
from harness.expect import deploy, row
from harness.process import wait_until


def audit(ds01d):
    path = ds01d.state / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def admins(bob, ds01d):
    """bob in the admin group, for a while."""
    group = f"{bob.name[:22]}-adm"
    subprocess.run(["groupadd", group], check=True)
    subprocess.run(["usermod", "-aG", group, bob.name], check=True)
    ds01d.config["admin_group"] = group
    ds01d.restart()
    yield group
    del ds01d.config["admin_group"]
    ds01d.restart()
    subprocess.run(["groupdel", group], check=True)


def test_root_lists_reads_and_retires_with_a_record(alice, ds01d):
    deploy(alice, "watched")
    before = len(audit(ds01d))
    listed = ds01d.as_root(["container-list", f"--user={alice.name}", "--json"])
    assert [r["name"] for r in json.loads(listed.stdout)["containers"]] == ["watched"]
    assert ds01d.as_root(["container-logs", "watched", f"--user={alice.name}"]).returncode == 0
    assert ds01d.as_root(["container-list", "--user=all"]).returncode == 0
    assert ds01d.as_root(["container", "retire", "nothing", "--force", f"--user={alice.name}"]).returncode == 4
    done = ds01d.as_root(["container", "retire", "watched", "--force", f"--user={alice.name}"])
    assert done.returncode == 0, done
    assert row(alice, "watched") is None

    assert (ds01d.state / "audit.jsonl").stat().st_mode & 0o7777 == 0o600
    lines = audit(ds01d)[before:]
    begun = {line["id"]: line for line in lines if line["event"] == "begin"}
    ended = [line for line in lines if line["event"] == "end"]
    assert len(begun) == len(ended) >= 5
    for line in lines:
        assert line["admin"] == "root" and line["admin_uid"] == 0 and line["time"].endswith("Z")
        assert line["target"] in (alice.name, "all")
    for line in ended:
        assert begun.pop(line["id"])["op"] == line["op"]
    by_op = {(line["op"], line.get("container"), line["result"]) for line in ended}
    assert ("Containers.List", None, "done") in by_op
    assert ("Containers.Logs", "watched", "done") in by_op
    assert ("Containers.Retire", "watched", "done") in by_op
    assert ("Containers.Get", "nothing", "io.ds01.NotFound") in by_op


def test_a_line_that_was_cut_short_spoils_no_other(ds01d):
    """What a full disk or a crash left without an end."""
    path = ds01d.state / "audit.jsonl"
    with open(path, "a", encoding="utf-8") as f:
        f.write('{"time": "2026-')
    assert ds01d.as_root(["container-list", "--user=all"]).returncode == 0
    text = path.read_text()
    path.write_text(text.replace('{"time": "2026-\n', ""))
    assert '{"time": "2026-\n' in text and audit(ds01d)[-1]["event"] == "end"


def test_a_line_that_fits_in_part_joins_no_other(ds01d, base):
    """The disk takes the beginning of a line and no more; then there is room again."""
    path, small = ds01d.state / "audit.jsonl", base / "small-audit"
    path.touch(mode=0o600)
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,mode=700", "ds01-test", str(small)], check=True)
    log, fill = small / "log", small / "fill"
    # Of its first page this leaves room for 24 bytes; there is no second one.
    log.write_text(json.dumps({"old": "x" * 4060}) + "\n")
    with contextlib.suppress(OSError):
        fill.write_bytes(b"x" * 8192)
    assert log.stat().st_size == 4072
    subprocess.run(["mount", "--bind", str(log), str(path)], check=True)
    try:
        start = len(ds01d.log.read_text())
        assert ds01d.as_root(["container-list", "--user=all"]).returncode == 0
        # The end is on record once the answer is out.
        said = "Can't write the audit log: No space left"
        wait_until(lambda: ds01d.log.read_text()[start:].count(said) == 2, 5, "both lines are told")
        assert log.stat().st_size == 4096
        fill.unlink()
        assert ds01d.as_root(["container-list", "--user=all"]).returncode == 0
        wait_until(lambda: log.read_text().count("\n") == 4, 5, "both lines are written")
        old, part, *whole = log.read_text().splitlines()
    finally:
        subprocess.run(["umount", str(path)], check=True)
        subprocess.run(["umount", str(small)], check=True)
        small.rmdir()
    assert len(old) == 4071 and len(part) == 24
    assert [json.loads(line)["event"] for line in whole] == ["begin", "end"]


FORGED = 'x"}\n{"time":"2026-01-01T00:00:00Z","event":"end","id":"0","admin":"root","op":"Forged","result":"done"}\n\u2028\x85'


def test_no_text_can_make_a_line(alice, bob, ds01d, admins):
    """Names are what a caller chooses; a line is what ds01d writes."""
    path = ds01d.state / "audit.jsonl"
    before = len(path.read_bytes()) if path.exists() else 0
    for params in ({"name": FORGED, "user": alice.name}, {"name": "x", "user": FORGED}):
        with pytest.raises(rpc.Failed):
            rpc.call(bob, "Containers.Get", params)
    with pytest.raises(rpc.Failed):
        rpc.call(bob, "Images.Delete", {"image": FORGED, "user": alice.name})
    # Too long for a sentence, which ends within one of these characters.
    for start in ("", "x", "xx"):
        with pytest.raises(rpc.Failed):
            rpc.call(bob, "Containers.Get", {"name": "x", "user": start + "€" * 600})
    # Who is no admin gets not even a line.
    with pytest.raises(rpc.Failed):
        rpc.call(alice, "Containers.Get", {"name": FORGED, "user": bob.name})
    data = path.read_bytes()[before:]
    assert all(0x20 <= byte < 0x7f or byte == 0x0a for byte in data), data
    lines = data.split(b"\n")
    assert lines.pop() == b"" and len(lines) == 12
    for line in map(json.loads, lines):
        assert line["admin_uid"] == bob.uid and line["admin"] == bob.name and line["op"] != "Forged"
        assert FORGED in (line["target"], line.get("container"), line.get("image")) or "€" * 600 in line["target"]
        assert line["event"] == "begin" or line["error"]


def test_nobody_else_can_read_or_write_it(alice, ds01d):
    assert ds01d.as_root(["container-list", "--user=all"]).returncode == 0
    path = ds01d.state / "audit.jsonl"
    st = path.stat()
    assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (0, 0, 0o600)
    for script in (f"cat {path}", f"echo x >> {path}", f"mv {path} {path}.old", f"ls {ds01d.state}"):
        assert alice.run(script).rc != 0, script
    deploy(alice, "inside")
    seen = alice.run(["container-attach", "inside", "--", "sh", "-c", "cat /proc/self/mountinfo; find / -xdev -name 'audit*'"])
    assert "/workspace" in seen.out and "audit" not in seen.out, seen


def test_what_people_do_to_themselves_is_nobodys_business(alice, bob, ds01d):
    before = len(audit(ds01d))
    deploy(alice, "own")
    alice.ok(["container-list", "--all"])
    alice.ok(["container", "retire", "own", "--force"])
    assert bob.run(["container-list", f"--user={alice.name}"]).rc == 5
    assert len(audit(ds01d)) == before


def test_members_of_the_admin_group_are_admins(alice, bob, ds01d, admins):
    deploy(alice, "theirs")
    before = len(audit(ds01d))
    bob.ok(["container-list", f"--user={alice.name}"])
    assert bob.run(["container-attach", "theirs", f"--user={alice.name}", "--", "id"]).rc == 2
    bob.ok(["container", "retire", "theirs", "--force", f"--user={alice.name}"])
    # For itself an admin is an account like any other, with containers of its own.
    deploy(bob, "mine")
    bob.ok(["container", "retire", "mine", "--force", f"--user={bob.name}"])
    lines = audit(ds01d)[before:]
    assert {line["admin_uid"] for line in lines} == {bob.uid}
    assert {line["target"] for line in lines} == {alice.name}
    assert [line["op"] for line in lines if line["event"] == "end"][-1] == "Containers.Retire"


def test_an_audit_log_that_cannot_be_written_is_told(alice, ds01d):
    path = ds01d.state / "audit.jsonl"
    kept = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)
    path.mkdir()
    try:
        start = len(ds01d.log.read_text())
        assert ds01d.as_root(["container-list", f"--user={alice.name}"]).returncode == 0
        said = ds01d.log.read_text()[start:]
        assert "Can't write the audit log" in said and '"op":"Containers.List"' in said
    finally:
        path.rmdir()
        path.write_bytes(kept)
        path.chmod(0o600)


def test_an_account_that_does_not_exist(ds01d):
    done = ds01d.as_root(["container-list", "--user=no-such-person"])
    assert done.returncode == 4 and "no-such-person" in done.stderr, done
