"""ds01d with no more rights than its systemd unit leaves it, as far as that can be had without systemd."""

import json
import os
import pathlib
import re
import sys

import pytest
from harness.expect import deploy, row

CONFINE = pathlib.Path(__file__).parent / "harness/confine.py"


@pytest.fixture
def confined(ds01d, prefix, tmp_path):
    """The daemon restarted with the unit's capabilities, without new privileges, under systemd's system call filters."""
    text = (prefix / "lib/systemd/system/ds01d.service").read_text()
    assert "NoNewPrivileges=yes" in text
    if os.environ.get("DS01_SANITIZED"):
        # A sanitizer traces its own process when that ends.
        text = text.replace(" @debug ", " ")
    unit = tmp_path / "ds01d.service"
    unit.write_text(text)
    ds01d.stop()
    ds01d.wrapper = [sys.executable, str(CONFINE), str(unit)]
    ds01d.start()
    yield ds01d
    ds01d.stop()
    ds01d.wrapper = []
    ds01d.start()


def test_the_units_rights_are_enough(confined, alice):
    with open(f"/proc/{confined.pid}/status", encoding="ascii") as f:
        status = f.read()
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    # One for each group of calls and each other setting; there would be none if the filters were not loaded.
    assert int(re.search(r"^Seccomp_filters:\t(\d+)$", status, re.M)[1]) >= 12
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
    found = {c["check"]: c for c in json.loads(confined.as_root(["doctor", "--json"]).stdout)["checks"]}
    for name in ("permissions", "idmap", "engine", "networks"):
        assert found[name]["state"] == "ok", found[name]


# Settings that give a service a mount namespace of its own (systemd.exec(5)), and with that the engine an empty
# folder in place of each one that ds01d mounts.
NAMESPACED = ("PrivateTmp", "PrivateDevices", "PrivateMounts", "PrivateIPC", "PrivateUsers", "ProtectSystem", "ProtectHome",
              "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "ProtectProc",
              "ProcSubset", "ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths",
              "TemporaryFileSystem", "BindPaths", "BindReadOnlyPaths", "MountFlags", "MountImages", "ExtensionImages",
              "ExtensionDirectories", "RootDirectory", "RootImage", "DynamicUser", "LogNamespace", "MountAPIVFS")


def test_the_engine_sees_what_the_unit_mounts(prefix):
    text = (prefix / "lib/systemd/system/ds01d.service").read_text()
    given = set(re.findall(r"^(\w+)=", text, re.M))
    assert "CapabilityBoundingSet" in given and not given & set(NAMESPACED)
