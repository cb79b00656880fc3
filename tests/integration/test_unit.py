"""ds01d with no more rights than its systemd unit leaves it, as far as that can be had without systemd."""

import re

import pytest
from harness.expect import deploy, row


@pytest.fixture
def confined(ds01d, prefix):
    """The daemon restarted under the unit's capability bounding set and without new privileges."""
    unit = (prefix / "lib/systemd/system/ds01d.service").read_text()
    names = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.M)[1].split()
    kept = ",".join("+" + name.removeprefix("CAP_").lower() for name in names)
    assert "NoNewPrivileges=yes" in unit
    ds01d.stop()
    ds01d.wrapper = ["setpriv", f"--bounding-set=-all,{kept}", "--no-new-privs", "--"]
    ds01d.start()
    yield ds01d
    ds01d.stop()
    ds01d.wrapper = []
    ds01d.start()


def test_the_units_rights_are_enough(confined, alice):
    with open(f"/proc/{confined.pid}/status", encoding="ascii") as f:
        status = f.read()
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    # CAP_NET_ADMIN (12), CAP_SYS_MODULE (16) and CAP_SYS_RAWIO (17) are not among them.
    effective = int(re.search(r"^CapEff:\t(\w+)$", status, re.M)[1], 16)
    assert effective and not effective & (1 << 12 | 1 << 16 | 1 << 17)
    alice.write(alice.workspace / "unit/Dockerfile", "FROM test/busybox:1\nRUN echo built > /built\n")
    alice.ok(["image-create", "unit"])
    deploy(alice, "unit", f"ds01-{alice.name}/unit:latest")
    made = alice.ok(["container-attach", "unit", "--", "sh", "-c", "cat /built; touch /workspace/x ~/y; id -un"])
    assert made.out == f"built\n{alice.name}\n"
    alice.ok(["container", "retire", "unit"])
    assert row(alice, "unit") is None and confined.mounts() == []
