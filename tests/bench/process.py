"""What one command consists of: processes, bytes on its socket, libraries, instructions, time to the first byte."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time

TRANSFERS = "sendmsg,sendto,recvmsg,recvfrom"


def traced(typist, home, bin_folder, words, *options):
    """What strace says of the command, as a list of lines; None without strace."""
    strace, trace = shutil.which("strace"), home / "trace"
    if not strace:
        return None
    typist.type([strace, "-f", "-qq", *options, "-o", trace, bin_folder / words[0], *words[1:]])
    return trace.read_text(errors="replace").splitlines()


def processes(*where):
    """Each process ends just once."""
    lines = traced(*where, "-e", "trace=exit_group")
    return lines and sum(" exit_group(" in line for line in lines)


def socket_bytes(*where):
    """(sent, received) between the command and ds01d."""
    lines = traced(*where, "-yy", "-e", f"trace={TRANSFERS}")
    if lines is None:
        return None
    sent = received = 0
    for line in lines:
        m = re.search(r"(send|recv)\w+\(\d+<UNIX[^,]*,.*= (\d+)$", line)
        if m and m[1] == "send":
            sent += int(m[2])
        elif m:
            received += int(m[2])
    return sent, received


def libraries(program):
    """The shared libraries that the program loads when it starts."""
    said = subprocess.run(["ldd", str(program)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted(re.findall(r"^\s*(lib\S+) => ", said, re.MULTILINE))


def allocations(user, counter, words):
    """How often the command asks for memory; `counter` is the module of allocations.c."""
    user.ok(list(words), env={"LD_PRELOAD": str(counter), "DS01_ALLOCATIONS": str(user.home / "allocations")})
    return int((user.home / "allocations").read_text())


def instructions(program, *words):
    """Millions of instructions of a command that asks nobody, the loader's included; None without valgrind."""
    valgrind = shutil.which("valgrind")
    if not valgrind:
        return None
    said = subprocess.run([valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", program, *words],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True).stderr
    found = re.search(r"Collected : (\d+)", said)
    return found and int(found[1]) / 1e6


def first_byte(program, env, path, rounds):
    """Milliseconds from the start of container-list to its first byte on the socket."""
    times = []
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener, open(os.devnull, "w", encoding="ascii") as null:
        listener.bind(str(path))
        listener.listen(8)
        listener.settimeout(10)
        files = [(os.POSIX_SPAWN_DUP2, null.fileno(), fd) for fd in (1, 2)]
        for _ in range(rounds):
            began = time.perf_counter()
            pid = os.posix_spawn(program, ["container-list"], {**env, "DS01_SOCKET": str(path)}, file_actions=files)
            peer, _ = listener.accept()
            peer.recv(1)
            times.append((time.perf_counter() - began) * 1000)
            peer.close()
            os.waitpid(pid, 0)
    os.unlink(path)
    return times
