"""Commands, measured as the account that types them."""

import json
import os
import signal
import socket
import time


class Typist:
    """A process of one account that starts commands and measures each from spawn to its end.

    Python needs milliseconds to start a program as somebody else; a process that is that account
    already needs what a shell needs.
    """

    def __init__(self, env, folder, user=None):
        self.here, there = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            # Whatever happens here, it must not run the clean-up of the process that it was forked from.
            try:
                self.become(user)
                self.here.close()
                self.serve(there, env, folder)
            finally:
                os._exit(0)
        there.close()
        self.lines = self.here.makefile("r")

    @staticmethod
    def become(user):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if user:
            os.setgroups(user.groups())
            os.setgid(user.gid)
            os.setuid(user.uid)

    @staticmethod
    def serve(sock, env, folder):
        os.chdir(folder)
        out = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
        for line in sock.makefile("r"):
            argv = json.loads(line)
            os.ftruncate(out, 0)
            os.lseek(out, 0, os.SEEK_SET)
            began = time.perf_counter_ns()
            pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            ms = (time.perf_counter_ns() - began) / 1e6
            said = os.pread(out, 4000, 0).decode(errors="replace") if status else ""
            sock.sendall((json.dumps([status, ms, said]) + "\n").encode())

    def type(self, argv):
        """Milliseconds that the command took; one that fails ends the benchmark."""
        self.here.sendall((json.dumps([str(a) for a in argv]) + "\n").encode())
        status, ms, said = json.loads(self.lines.readline())
        if status != 0:
            raise SystemExit(f"{argv}: exit status {status}\n{said}")
        return ms

    def close(self):
        self.lines.close()
        self.here.close()
        os.waitpid(self.pid, 0)
