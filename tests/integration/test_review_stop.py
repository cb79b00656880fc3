"""Stopping what an operation left half gone."""

import sqlite3

from harness.expect import deploy
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
