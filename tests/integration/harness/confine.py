"""Runs a program with what a systemd unit takes away from it, on a machine where systemd does not run.

    python3 confine.py UNIT PROGRAM ARGUMENT…

Capabilities and system calls only. The filters are systemd's own: they are loaded by the functions of its shared
library that the service manager calls, so that what one setting means is not a guess of ours.
"""

import ctypes
import glob
import os
import re
import socket
import sys

CLONE_NEW = {"user": 0x10000000}
ALLOW, ERRNO_EPERM = 0x7FFF0000, 0x00050001


def settings(unit):
    """The last value of each key; this unit repeats none that matters here."""
    with open(unit, encoding="utf-8") as f:
        return dict(re.findall(r"^(\w+)=(.*)$", f.read(), re.M))


def call(lib, name, *args):
    status = getattr(lib, name)(*args)
    if status < 0:
        sys.exit(f"{name}: {os.strerror(-status)}")


def families(lib, text):
    lib._set_new.restype = ctypes.c_void_p
    known = ctypes.c_void_p(lib._set_new(None))
    for name in text.split():
        call(lib, "set_put", known, ctypes.c_void_p(int(getattr(socket, name))))
    call(lib, "seccomp_restrict_address_families", known, True)


def system_calls(lib, text):
    if not text.startswith("~"):
        sys.exit("SystemCallFilter: only lists of what is refused are known here")
    lib.syscall_filter_set_find.restype = ctypes.c_void_p
    for name in text[1:].split():
        if not name.startswith("@"):
            continue
        group = lib.syscall_filter_set_find(name.encode())
        if not group:
            sys.exit(f"SystemCallFilter: no group {name}")
        call(lib, "seccomp_load_syscall_filter_set", ctypes.c_uint32(ALLOW), ctypes.c_void_p(group),
             ctypes.c_uint32(ERRNO_EPERM), False)


FILTERS = {
    "RestrictAddressFamilies": families,
    "RestrictNamespaces": lambda lib, text: call(lib, "seccomp_restrict_namespaces", ctypes.c_ulong(CLONE_NEW[text])),
    "RestrictRealtime": lambda lib, _: call(lib, "seccomp_restrict_realtime_full", 1),
    "LockPersonality": lambda lib, _: call(lib, "seccomp_lock_personality", ctypes.c_ulong(0)),
    "MemoryDenyWriteExecute": lambda lib, _: call(lib, "seccomp_memory_deny_write_execute"),
    "SystemCallFilter": system_calls,
}


def main():
    unit, program = settings(sys.argv[1]), sys.argv[2:]
    kept = ",".join("+" + name.removeprefix("CAP_").lower() for name in unit["CapabilityBoundingSet"].split())
    program = ["setpriv", f"--bounding-set=-all,{kept}", "--no-new-privs", "--", *program]
    lib = ctypes.CDLL(glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so")[0])
    for name, load in FILTERS.items():
        load(lib, unit[name])
    os.execvp(program[0], program)


if __name__ == "__main__":
    main()
