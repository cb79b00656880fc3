"""An engine that comes up on another data folder knows none of our containers: nothing may be lost."""

import shutil

import pytest
from harness.expect import deploy, rows
from harness.process import unmount_below, wait_until


@pytest.mark.slow
def test_an_engine_without_our_containers_is_refused(alice, ds01d, loaded):
    for name in ("one", "two"):
        deploy(alice, name)
    mine, other = loaded.data, loaded.data.with_name("docker-other")
    loaded.stop()
    loaded.data = other
    try:
        loaded.start()
        wait_until(lambda: "knows none of the 2 containers" in
                   alice.run(["container", "deploy", "three", "--image=test/busybox:1", "--background"]).err,
                   30, "the engine is refused")
        assert {r["name"] for r in rows(alice, "--all")} == {"one", "two"}
        refused = alice.run(["container", "retire", "one", "--force"])
        assert refused.rc == 6 and "data folder" in refused.err, refused.err
    finally:
        loaded.stop()
        unmount_below(other)
        shutil.rmtree(other, ignore_errors=True)
        loaded.data = mine
        loaded.start()
    wait_until(lambda: alice.run(["ds01", "version"]).rc == 0, 30, "the engine is taken back")
    assert [r["state"] for r in rows(alice, "--all")] == ["stopped", "stopped"]
    for name in ("one", "two"):
        alice.ok(["container", "retire", name, "--force"])
