"""Waiting, ending processes, reading the ends of logs."""

import contextlib
import os
import signal
import time


def wait_until(condition, seconds, what):
    """Polls until condition() is true and returns its value; fails with `what` when time is up."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not so after {seconds} s")
        time.sleep(0.05)


def end_process(popen, seconds=20):
    """TERM, then KILL; returns the exit status."""
    if popen.poll() is None:
        popen.terminate()
        try:
            popen.wait(seconds)
        except Exception:  # whatever it was, it must not survive
            popen.kill()
            popen.wait(10)
            raise AssertionError(f"{popen.args[0]} did not end within {seconds} s of SIGTERM") from None
    return popen.returncode


def kill_process(popen):
    """KILL, reaped."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(popen.pid, signal.SIGKILL)
    popen.wait(10)


def tail(path, lines=40, without=None):
    """The last lines of a file, those left out that contain `without`."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return "".join([line for line in f if not without or without not in line][-lines:])
    except OSError as error:
        return f"({error})\n"


def unmount_below(folder):
    """Detaches every mount on and below the folder, the innermost first."""
    import subprocess

    with open("/proc/self/mounts", encoding="utf-8") as f:
        paths = [line.split()[1].encode().decode("unicode_escape") for line in f]
    for path in sorted(paths, reverse=True):
        if path == str(folder) or path.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", path], check=False)
