"""Stopping what an operation left half gone, and stopping for a client that left."""

import json
import socket
import sqlite3
import time

import pytest
from harness.expect import assert_error, deploy, row
from harness.process import wait_until
from test_review_daemon import call


def test_what_is_half_gone_is_not_stopped(alice, ds01d):
    """A removal that the engine did not answer leaves a row that may have no engine id."""
    deploy(alice, "halfgone")
    pid = ds01d.pid
    with sqlite3.connect(ds01d.state / "ds01.db", timeout=10) as db:
        db.execute("UPDATE containers SET state = 'removing', engine_id = NULL WHERE name = 'halfgone'")
    db.close()
    answer = call(alice, "Stop", {"name": "halfgone"})
    # The janitor may have been quicker.
    assert answer.get("error") in ("io.ds01.Busy", "io.ds01.NotFound"), answer
    assert ds01d.popen.poll() is None and ds01d.pid == pid


def test_what_nobody_waited_for_is_on_record_as_done(alice, ds01d):
    work = alice.workspace / "slow"
    deploy(alice, "slow")
    p = alice.popen(["container-attach", "slow", "--", "sh", "-c",
                     "trap : TERM HUP; touch /workspace/deaf; while true; do sleep 1; done"])
    wait_until((work / "deaf").exists, 10, "it runs")
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(ds01d.socket))
    s.sendall(json.dumps({"method": "io.ds01.Containers.Stop",
                          "parameters": {"name": "slow", "time": 2, "user": alice.name}}).encode() + b"\0")
    time.sleep(.5)
    s.close()
    wait_until(lambda: row(alice, "slow")["state"] == "stopped", 10, "it has stopped")
    p.wait(timeout=10)

    def ended():
        lines = [json.loads(line) for line in (ds01d.state / "audit.jsonl").read_text().splitlines()]
        return [line for line in lines if line.get("container") == "slow" and line["event"] == "end"]
    wait_until(ended, 5, "the record is whole")
    assert ended()[-1]["result"] == "done" and "error" not in ended()[-1], ended()


@pytest.mark.parametrize("hurry", [["container-stop", "long", "--force"], ["container-stop", "long", "-t", "1"],
                                   ["container", "retire", "long", "--force"],
                                   ["container-remove", "long", "--stop", "--force"]])
def test_a_long_stop_can_be_shortened(alice, hurry):
    work = alice.workspace / "long"
    deploy(alice, "long")
    alice.ok(["rm", "-f", str(work / "deaf")])
    p = alice.popen(["container-attach", "long", "--", "sh", "-c",
                     "trap : TERM HUP; touch /workspace/deaf; while true; do sleep 1; done"])
    wait_until((work / "deaf").exists, 10, "it runs")
    first = alice.popen(["container-stop", "long", "-t", "600"], stderr=-1)
    time.sleep(1.5)
    # Without a word about time nobody's grace is cut short; the way to do it is named.
    for argv in (["container-stop", "long"], ["container", "retire", "long"]):
        done = alice.run(argv)
        assert_error(done, 75, "Container long is being stopped", "container-stop long --force")
    begun = time.monotonic()
    done = alice.ok(hurry, timeout=20)
    assert time.monotonic() - begun < 5, done
    assert first.wait(5) == 0 and "Stopped long" in first.stderr.read().decode()
    left = row(alice, "long")
    assert left["state"] == "stopped" if hurry[0] == "container-stop" else left is None
    p.wait(10)
