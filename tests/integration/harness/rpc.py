"""The protocol itself, spoken as an account: for what no command shows."""

import json
import subprocess
import sys

# Run as an ordinary account: one request, each reply on a line of its own.
CLIENT = r"""
import array, json, os, socket, sys
path, method, params, more, folders = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4] == "1", sys.argv[5:]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
call = {"method": method, "parameters": params}
if more:
    call["more"] = True
fds = [os.open(f, os.O_PATH | os.O_DIRECTORY) for f in folders]
data = json.dumps(call).encode() + b"\0"
extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
sent = s.sendmsg([data], extra)
if sent < len(data):  # an empty send, too, fails where the answer came and the connection has ended
    s.sendall(data[sent:])
rest = b""
while True:
    piece = s.recv(65536)
    if not piece:
        sys.exit(3)
    rest += piece
    while b"\0" in rest:
        frame, rest = rest.split(b"\0", 1)
        reply = json.loads(frame)
        print(json.dumps(reply), flush=True)
        if not reply.get("continues"):
            sys.exit(0)
"""


def start(user, method, params=None, more=False, folders=(), **kwargs):
    """The running client; its stdout has one reply a line."""
    kwargs.setdefault("stdout", subprocess.PIPE)
    return user.popen(["/usr/bin/python3", "-c", CLIENT, str(user.socket), f"io.ds01.{method}",
                       json.dumps(params or {}), "1" if more else "0", *map(str, folders)], **kwargs)


class Failed(Exception):
    def __init__(self, reply):
        super().__init__(reply["parameters"].get("message"), reply["parameters"].get("detail"))
        self.reply = reply
        self.name = reply["error"].removeprefix("io.ds01.")
        self.message = reply["parameters"].get("message", "")
        self.detail = reply["parameters"].get("detail", "")
        self.fix = reply["parameters"].get("fix", "")


def result(reply):
    if "error" in reply:
        raise Failed(reply)
    return reply.get("parameters") or {}


def call(user, method, params=None, folders=(), timeout=60):
    """The answer to one request; an error reply raises Failed."""
    out, _ = start(user, method, params, folders=folders).communicate(timeout=timeout)
    assert out, f"{method}: no reply"
    return result(json.loads(out))


def rows(user, method, params=None, timeout=60):
    """All answers of a method that gives several."""
    out, _ = start(user, method, params, more=True).communicate(timeout=timeout)
    replies = [result(json.loads(line)) for line in out.splitlines()]
    return [r for r in replies if r]


def root_rows(socket, method, params=None):
    """The same as root, who is an admin."""
    done = subprocess.run([sys.executable, "-c", CLIENT, str(socket), f"io.ds01.{method}", json.dumps(params or {}), "1"],
                          stdout=subprocess.PIPE, timeout=60, check=False)
    return [r for r in (result(json.loads(line)) for line in done.stdout.splitlines()) if r]
