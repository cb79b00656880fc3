"""The engine's API asked by a small C program, raw.c: the floor."""

import json
import pathlib
import subprocess


class Raw:
    def __init__(self, program, socket, folder):
        self.folder, self.n = pathlib.Path(folder), 0
        self.popen = subprocess.Popen([program, str(socket)], text=True, bufsize=1,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def request(self, method, path, body=None):
        """What `ask` takes: the body, if any, lies in a file that is read before the clock runs."""
        file = "-"
        if body is not None:
            self.n += 1
            file = self.folder / f"raw-{self.n}.json"
            file.write_text(json.dumps(body))
        return f"{method}\t/v1.41{path}\t{file}\n"

    def ask(self, *requests, expect=(200, 201, 204, 101)):
        """Milliseconds that the requests took, one after the other; an error ends the benchmark."""
        total = 0
        for request in requests:
            self.popen.stdin.write(request)
            status, ns = self.popen.stdout.readline().split() or (0, 0)
            if int(status) not in expect:
                raise SystemExit(f"raw: {request.strip()}: {status}")
            total += int(ns)
        return total / 1e6

    def close(self):
        self.popen.stdin.close()
        self.popen.stdout.close()
        self.popen.wait(10)
