"""Clients that mean harm or nonsense: an error reply, a closed connection, and nobody else notices."""

import array
import json
import os
import socket
import subprocess
import textwrap
import time

import pytest
from harness.expect import deploy, row
from harness.process import wait_until

# Run as an ordinary account: sends what stands on stdin, prints what comes back until the end.
CLIENT = textwrap.dedent("""
    import socket, sys
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(15)
    s.connect(sys.argv[1])
    try:
        s.sendall(sys.stdin.buffer.read())
        if len(sys.argv) > 2:
            s.shutdown(socket.SHUT_WR)
        while True:
            data = s.recv(65536)
            if not data:
                break
            sys.stdout.buffer.write(data)
    except (ConnectionError, TimeoutError) as error:
        sys.stderr.write(type(error).__name__)
""")


def send(user, data, *options, timeout=30):
    """(what came back as JSON replies, how it ended)."""
    p = user.popen(["/usr/bin/python3", "-c", CLIENT, str(user.socket), *options], stdin=subprocess.PIPE,
                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = p.communicate(data, timeout)
    return [json.loads(frame) for frame in out.split(b"\0") if frame], err.decode()


def frame(method, parameters=None, **more):
    return json.dumps({"method": method, "parameters": parameters or {}, **more}).encode() + b"\0"


def pad(size):
    """A valid request frame of exactly `size` bytes, the NUL not counted."""
    start = b'{"method":"io.ds01.System.Info","parameters":{}'
    return start + b" " * (size - len(start) - 1) + b"}"


@pytest.mark.parametrize("data", [
    b"garbage\0", b"\0", b"[]\0", b"{}\0", b"null\0", b'{"method":1}\0', b"\xff\xfe\0", b'{"method":"x"}\0',
    b'{"method":"io.ds01.System.Info","method":"io.ds01.System.Info"}\0',
    b'{"method":"io.ds01.System.Info","parameters":{"uid":0}}\0',
    b'{"method":"io.ds01.Containers.List","parameters":{"all":false,"all":true}}\0',
    b'{"method":"io.ds01.Containers.List","parameters":{"all":"yes"},"more":true}\0',
    b'{"method":"io.ds01.Containers.Get","parameters":{"name":"\xc0\xaf"}}\0',
    b'{"method":"io.ds01.Containers.Get","parameters":{"name":' + b"[" * 5000 + b"]" * 5000 + b"}}\0",
    pad((64 << 10) + 1024) + b"\0", b"a" * (1 << 20),
], ids=range(16))
def test_nonsense_gets_an_error_reply_and_the_end(alice, data):
    replies, _ = send(alice, data)
    assert len(replies) <= 1
    if replies:
        assert "error" in replies[0], replies
    assert alice.run(["container-list"]).rc == 0


def test_64_kib_is_a_frame(alice):
    replies, _ = send(alice, pad((64 << 10) - 1) + b"\0", "half-close")
    assert replies and "error" not in replies[0], replies


def test_half_a_frame_and_silence(alice):
    start = time.monotonic()
    p = alice.popen(["/usr/bin/python3", "-c", CLIENT, str(alice.socket)], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdin.write(b'{"method":"io.ds01.Sys')
    p.stdin.close()
    assert alice.run(["container-list"]).rc == 0
    p.wait(30)
    p.stdout.close()
    p.stderr.close()
    assert time.monotonic() - start < 20


def test_half_a_frame_and_the_end(alice):
    replies, _ = send(alice, b'{"method":"io.ds01.System.In', "half-close")
    assert replies == [] or "error" in replies[0]


@pytest.mark.parametrize("key", ["uid", "user_id", "admin", "root", "privileged", "devices", "network"])
def test_rights_cannot_be_asked_for(alice, key):
    replies, _ = send(alice, frame("io.ds01.Containers.Launch", {"name": "x", "workspace": "/x", key: True}))
    assert len(replies) == 1 and "error" in replies[0] and key in json.dumps(replies[0]), replies


def test_launch_without_a_descriptor(alice):
    replies, _ = send(alice, frame("io.ds01.Containers.Launch", {"name": "x", "image": "test/busybox:1", "workspace": "/"}))
    assert len(replies) == 1 and "error" in replies[0], replies
    assert row(alice, "x") is None


def test_a_user_named_by_an_ordinary_account(alice, bob):
    deploy(alice, "p")
    replies, _ = send(bob, frame("io.ds01.Containers.Get", {"name": "p", "user": alice.name}))
    assert "error" in replies[0], replies


def test_the_protocol_describes_itself(alice):
    replies, _ = send(alice, frame("org.varlink.service.GetInfo"), "half-close")
    assert "io.ds01.Containers" in replies[0]["parameters"]["interfaces"]
    replies, _ = send(alice, frame("org.varlink.service.GetInterfaceDescription", {"interface": "io.ds01.Containers"}),
                      "half-close")
    assert "method Launch" in replies[0]["parameters"]["description"]
    replies, _ = send(alice, frame("io.ds01.Containers.Nope"))
    assert replies[0]["error"] == "org.varlink.service.MethodNotFound"


def connect(ds01d):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(15)
    s.connect(str(ds01d.socket))
    return s


def test_descriptors_nobody_asked_for_do_not_stay(ds01d):
    before = ds01d.open_files()
    for count in (1, 16, 17, 100):
        with connect(ds01d) as s:
            fds = [os.open("/", os.O_PATH) for _ in range(count)]
            s.sendmsg([frame("io.ds01.System.Info")],
                      [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
            for fd in fds:
                os.close(fd)
            try:
                s.recv(65536)
            except ConnectionError:
                pass
    wait_until(lambda: ds01d.open_files() <= before, 5, "its descriptors are closed again")


def test_root_as_a_client(ds01d, alice):
    with connect(ds01d) as s:
        s.sendall(frame("io.ds01.Containers.Launch", {"name": "x", "workspace": "/", "interface": "atomic"}))
        answer = json.loads(s.recv(65536).rstrip(b"\0"))
    assert "error" in answer and "sudo -u" in json.dumps(answer), answer


@pytest.mark.slow
def test_garbage_leaves_no_trace(alice, ds01d):
    import random

    rng = random.Random(7)
    alice.run(["container-list"])
    before, files = ds01d.rss_kib(), ds01d.open_files()
    for _ in range(300):
        with connect(ds01d) as s:
            data = bytearray(frame("io.ds01.Containers.Get", {"name": "x" * rng.randrange(200)}))
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            try:
                s.sendall(bytes(data[:rng.randrange(len(data))]))
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:
                pass
    wait_until(lambda: ds01d.open_files() <= files, 15, "its descriptors are closed again")
    if not os.environ.get("DS01_SANITIZED"):
        assert ds01d.rss_kib() < before + 8192


def test_a_stopped_client_holds_nobody_up(alice, bob):
    import signal

    deploy(alice, "yes")
    p = alice.popen(["container-attach", "yes", "--", "yes"], stdout=subprocess.PIPE)
    time.sleep(0.5)
    os.kill(p.pid, signal.SIGSTOP)
    start = time.monotonic()
    assert bob.run(["container-list"]).rc == 0
    assert time.monotonic() - start < 1.5
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    p.stdout.close()
