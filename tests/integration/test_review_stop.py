"""Stopping what an operation left half gone, and stopping for a client that left."""

import json
import socket
import sqlite3
import time

from harness.expect import deploy, row
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
