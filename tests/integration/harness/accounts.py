"""Ordinary accounts, and what they type."""

import os
import pathlib
import pwd
import shlex
import subprocess
import typing

import pexpect


class Result(typing.NamedTuple):
    rc: int
    out: str
    err: str


class User:
    """An account of this machine that is in no special group."""

    def __init__(self, name, home, bin_dir, socket):
        self.name = name
        subprocess.run(["useradd", "--create-home", "--home-dir", str(home), "--shell", "/bin/bash", name],
                       check=True)
        entry = pwd.getpwnam(name)
        self.uid, self.gid, self.home = entry.pw_uid, entry.pw_gid, pathlib.Path(entry.pw_dir)
        self.workspace = self.home / "workspace"
        self.bin_dir, self.socket = bin_dir, socket
        self.terminals = []

    def destroy(self):
        subprocess.run(["pkill", "-KILL", "-u", str(self.uid)], check=False)
        subprocess.run(["userdel", "--remove", self.name], check=False, stderr=subprocess.DEVNULL)

    def env(self, extra=None):
        env = {"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name, "SHELL": "/bin/bash",
               "PATH": f"{self.bin_dir}:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm",
               "DS01_SOCKET": str(self.socket)}
        # A sanitizer's report must not pass for one of our own exit statuses.
        env["ASAN_OPTIONS"] = "exitcode=99"
        env["UBSAN_OPTIONS"] = "halt_on_error=1:exitcode=99"
        env.update(extra or {})
        return env

    def popen(self, argv, **kwargs):
        """Starts a command (a string goes through the shell) as this account, without a terminal."""
        if isinstance(argv, str):
            argv = ["bash", "-c", argv]
        kwargs.setdefault("env", self.env())
        kwargs.setdefault("cwd", self.home)
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(argv, user=self.uid, group=self.gid, extra_groups=self.groups(),
                                umask=0o022, start_new_session=True, **kwargs)

    def groups(self):
        return os.getgrouplist(self.name, self.gid)

    def run(self, argv, stdin=None, env=None, timeout=60, cwd=None):
        """Runs a command to its end: (rc, out, err)."""
        p = self.popen(argv, env=self.env(env), cwd=cwd or self.home,
                       stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        data = stdin.encode() if isinstance(stdin, str) else stdin
        try:
            out, err = p.communicate(data, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, 9)
            out, err = p.communicate()
            raise AssertionError(f"{argv} still ran after {timeout} s\n{out.decode()}\n{err.decode()}") from None
        result = Result(p.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        assert result.rc != 99 and "runtime error:" not in result.err, result
        return result

    def ok(self, argv, **kwargs):
        """run(), which must succeed."""
        result = self.run(argv, **kwargs)
        assert result.rc == 0, f"{argv}: {result}"
        return result

    def tty(self, argv, rows=24, cols=80, env=None, timeout=20):
        """Starts a command on a terminal of its own."""
        words = shlex.split(argv) if isinstance(argv, str) else list(argv)

        def become():
            os.setgroups(self.groups())
            os.setgid(self.gid)
            os.setuid(self.uid)
            os.umask(0o022)

        t = pexpect.spawn(words[0], words[1:], env=self.env(env), cwd=str(self.home), dimensions=(rows, cols),
                          encoding="utf-8", timeout=timeout, preexec_fn=become)
        self.terminals.append(t)
        return t

    # ---- shorthands ----

    def clear(self):
        """Closes the terminals that are still open and retires every container of the account."""
        while self.terminals:
            self.terminals.pop().close(force=True)
        for name in self.run(["container-list", "--all", "--quiet"]).out.split():
            self.run(["container", "retire", name, "--force"])

    def mkdir(self, path):
        self.ok(["mkdir", "-p", str(path)])
        return pathlib.Path(path)

    def write(self, path, text):
        """Writes a file as this account."""
        self.ok(["bash", "-c", 'mkdir -p "$(dirname "$1")"; cat >"$1"', "bash", str(path)], stdin=text)
        return pathlib.Path(path)
