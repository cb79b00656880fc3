"""A Docker Engine of our own, in a network namespace of its own.

Its bridges, packet filter rules and addresses vanish with that namespace, and no registry can be
reached from it: what a test needs must be there.
"""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import urllib.parse

from harness.process import end_process, kill_process, tail, unmount_below, wait_until


FAKES = pathlib.Path(__file__).resolve().parents[2] / "fakes"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("engine", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    def __init__(self, base, run):
        self.data = base / "docker"
        self.exec_root = run / "docker"
        self.socket = run / "docker.sock"
        self.pid_file = run / "docker.pid"
        self.log = base / "dockerd.log"
        self.hook_log = base / "nvhook.log"
        self.popen = None

    @property
    def pid(self):
        return self.popen.pid

    def start(self):
        for stale in (self.pid_file, self.exec_root / "containerd/containerd.pid"):
            stale.unlink(missing_ok=True)
        self.data.mkdir(exist_ok=True)
        argv = ["dockerd", "--data-root", self.data, "--exec-root", self.exec_root, "-p", self.pid_file,
                "-H", f"unix://{self.socket}"]
        script = 'ip link set lo up; exec "$@"'
        # With the stand-in of NVIDIA's hook on its PATH, the engine takes requests for GPUs.
        env = {**os.environ, "PATH": f"{FAKES / 'nvidia'}:{os.environ['PATH']}",
               "DS01_NVHOOK_LOG": str(self.hook_log)}
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                ["unshare", "--net", "--", "sh", "-c", script, "sh", *map(str, argv)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=env)
        wait_until(self.answers, 60, f"dockerd is ready\n{tail(self.log)}")

    def answers(self):
        if self.popen.poll() is not None:
            raise AssertionError(f"dockerd ended with {self.popen.returncode}\n{tail(self.log)}")
        try:
            return self.call("GET", "/_ping", timeout=5)[0] == 200
        except OSError:
            return False

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def stop(self):
        """Ends dockerd in peace; containers stop with it."""
        if self.popen:
            end_process(self.popen, 60)

    def kill(self):
        """As a crash would: its containers' processes go on."""
        kill_process(self.popen)

    def destroy(self):
        """Takes everything down; safe to call whatever state it is in."""
        if not self.popen:
            return
        try:
            if self.popen.poll() is not None:
                self.start()
            for c in self.containers():
                self.call("DELETE", f"/containers/{c['Id']}?force=1&v=1")
            self.stop()
        finally:
            if self.popen.poll() is None:
                self.kill()
            self.end_shims()
            unmount_below(self.data)
            unmount_below(self.exec_root)

    def end_shims(self):
        """containerd forgets some of its shims when it is killed in the middle of a start."""
        mark = f"-address {self.exec_root}/".encode()
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "cmdline").read_bytes().replace(b"\0", b" "):
                    os.kill(int(folder.name), signal.SIGKILL)

    # ---- the API ----

    def call(self, method, path, body=None, headers=None, timeout=120):
        """(status, decoded answer); JSON where it is JSON, else bytes."""
        c = UnixConnection(str(self.socket), timeout)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body).encode()
                headers = {"Content-Type": "application/json"}
            c.request(method, path, body, headers or {})
            answer = c.getresponse()
            data = answer.read()
        finally:
            c.close()
        if answer.getheader("Content-Type", "").startswith("application/json"):
            try:
                return answer.status, json.loads(data)
            except ValueError:
                pass
        return answer.status, data

    def containers(self, label=None):
        query = "all=1"
        if label:
            query += "&filters=" + urllib.parse.quote(json.dumps({"label": [label]}))
        status, rows = self.call("GET", f"/containers/json?{query}")
        assert status == 200, rows
        return rows

    def names(self):
        return sorted(c["Names"][0].lstrip("/") for c in self.containers())

    def hook_calls(self):
        """What the stand-in hook was called with: id of the container → its devices."""
        if not self.hook_log.exists():
            return {}
        calls = [json.loads(line) for line in self.hook_log.read_text().splitlines()]
        return {c["id"]: c["devices"] for c in calls}

    @contextlib.contextmanager
    def told(self, *events):
        """What happens to containers meanwhile, as the engine tells it, in a list that grows."""
        seen, filters = [], json.dumps({"type": ["container"], "event": events})
        c = UnixConnection(str(self.socket), None)
        c.request("GET", f"/events?filters={urllib.parse.quote(filters)}")
        stream = c.getresponse()

        def read():
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                for line in stream:
                    seen.append(json.loads(line))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield seen
        finally:
            c.sock.shutdown(socket.SHUT_RDWR)
            reader.join()
            c.close()

    def inspect(self, name):
        status, body = self.call("GET", f"/containers/{name}/json")
        assert status == 200, body
        return body

    def inspect_image(self, name):
        status, body = self.call("GET", f"/images/{name}/json")
        assert status == 200, body
        return body

    def said(self, name):
        """What a container without a terminal wrote, both streams, the engine's stream heads left out."""
        status, data = self.call("GET", f"/containers/{name}/logs?stdout=1&stderr=1")
        assert status == 200, data
        text = b""
        while data:
            size = int.from_bytes(data[4:8], "big")
            text, data = text + data[8:8 + size], data[8 + size:]
        return text.decode(errors="replace")

    def image_tags(self):
        _, rows = self.call("GET", "/images/json")
        return sorted(t for i in rows for t in i["RepoTags"] or [])

    def images(self):
        """Every image id, untagged ones included."""
        _, rows = self.call("GET", "/images/json?all=1")
        return {i["Id"] for i in rows}

    def import_image(self, name, tar, changes=()):
        """Loads a root file system as image `name:tag` with Dockerfile-like changes."""
        repo, tag = name.split(":")
        query = urllib.parse.urlencode(
            [("fromSrc", "-"), ("repo", repo), ("tag", tag)] + [("changes", c) for c in changes])
        size = os.stat(tar).st_size
        with open(tar, "rb") as f:
            status, body = self.call(
                "POST", f"/images/create?{query}", f,
                {"Content-Type": "application/x-tar", "Content-Length": str(size)})
        assert status == 200 and name in self.image_tags(), body

    def run_in_network(self, argv, **kwargs):
        """Runs a program where the engine's bridges are."""
        return subprocess.Popen(["nsenter", "-t", str(self.pid), "-n", "--", *argv], **kwargs)

    def gateway(self, network):
        _, body = self.call("GET", f"/networks/{network}")
        return body["IPAM"]["Config"][0]["Gateway"]


def cgroup_folders(name):
    """Every place where a cgroup of that path below the root may be."""
    root = pathlib.Path("/sys/fs/cgroup")
    return [p for p in [root / name, *(top / name for top in root.iterdir() if top.is_dir())] if p.is_dir()]


def remove_cgroups(name, below=True):
    """Removes the cgroup, and all below it unless that may be another run's, as far as they are empty."""
    for top in cgroup_folders(name):
        for folder in [f for f, _, _ in os.walk(top, topdown=False)] if below else [top]:
            try:
                os.rmdir(folder)
            except OSError:
                pass
