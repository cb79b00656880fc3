"""The three ways to ask for the same: ours, the engine's own requests, the docker command.

A group is measured together, in rounds: {who: a function that does it once and says {row: milliseconds}}.
"""

import json
import time
import urllib.parse

from dockercli import build_options, run_options
from world import ATTACH, DEPLOY, IMAGE, LAUNCH, RETIRE, recorded_body

IGNORED = 10000
SETTLE_S = 1
OURS, RAW, DOCKER = "ours", "raw", "docker"
STEPS = f"FROM {IMAGE}\nENV A=1\nCOPY requirements.txt /\nRUN echo one >/one\nRUN echo two >/two\nCOPY src /src\n"
# ds01d adds labels of its own, which is a step more.
LABEL = "LABEL bench=1\n"


class Contenders:
    def __init__(self, world, seen):
        self.w, self.raw, self.n_first = world, world.raw, 0
        self.stay = f"stay._.{world.user.uid}"
        self.create = self.body(recorded_body(seen["launch"], "/containers/create"))
        self.start = [self.raw.request("POST", "/containers/create?name=raw", self.create),
                      self.raw.request("POST", "/containers/{id}/start")]
        self.remove = self.raw.request("DELETE", "/containers/raw?force=1&v=1")
        self.exec = [self.raw.request("POST", f"/containers/{self.stay}/exec",
                                      next(json.loads(r["body"]) for r in seen["attach"] if r["path"].endswith("/exec"))),
                     self.raw.request("HIJACK", "/exec/{id}/start", {"Detach": False, "Tty": False}),
                     self.raw.request("GET", "/exec/{id}/json")]
        self.list = self.raw.request("GET", "/containers/json")
        self.inspect = self.raw.request("GET", f"/images/{IMAGE}/json")
        self.facts = [self.replayed(r) for r in self.of_facts(seen["first"])]
        query = next(r["path"] for r in seen["build"] if r["path"].startswith("/build?"))
        self.query = dict(urllib.parse.parse_qsl(query.partition("?")[2]))

    def body(self, create):
        """A create body of ours for the copies: without the label ds01d would look after them; their folders are
        those of `stay`, since the mounts of the container that was recorded have gone with it."""
        create["Labels"]["ds01.instance"] = "bench"
        create["HostConfig"]["Mounts"] = self.w.engine.inspect(self.stay)["HostConfig"]["Mounts"]
        return create

    @staticmethod
    def of_facts(requests):
        """Of a first launch's requests those about the container in which the image's files are read, its end included."""
        reads = next(r["path"] for r in requests if "/archive" in r["path"]).split("/")[2]
        return [r for r in requests if reads in r["path"] or "ds01-facts-" in r["path"]]

    def replayed(self, request):
        """Such a request anew: of an image that stays, and of the container that was created last."""
        body = json.loads(request["body"]) if request["body"] else None
        if body:
            body["Image"] = IMAGE
            body["Labels"]["ds01.instance"] = "bench"
        path = request["path"]
        if path.startswith("/containers/") and not path.startswith("/containers/create"):
            path = "/containers/{id}" + path.removeprefix("/containers/")[64:]
        return self.raw.request(request["method"], path, body)

    def groups(self):
        """What is measured at every size of the machine."""
        return [self.group(self.life_ours, self.life_raw, self.life_docker),
                self.group(self.attach_ours, self.attach_raw, self.attach_docker),
                self.group(self.look_ours, self.look_raw, self.look_docker)]

    def image_groups(self):
        """What no number of containers changes."""
        self.make_projects()
        return [self.group(self.first_ours, self.first_raw, self.first_docker),
                self.group(self.build_ours, self.build_raw, self.build_docker)]

    def group(self, ours, raw, docker):
        return {OURS: ours, RAW: raw, **({DOCKER: docker} if self.w.docker else {})}

    def dock(self, *words):
        return self.w.root.type([self.w.docker, *words])

    # ---- a container's life; the same body does for both ways to get one ----

    def life_ours(self):
        launch = self.w.type(*LAUNCH)
        retire = self.w.type(*RETIRE)
        deploy = self.w.type(*DEPLOY)
        self.w.type(*RETIRE)
        return {"launch": launch, "deploy": deploy, "retire": retire}

    def life_raw(self):
        start = self.raw.ask(*self.start)
        return {"launch": start, "deploy": start, "retire": self.raw.ask(self.remove)}

    def life_docker(self):
        start = self.dock("run", "--detach", "--name=docker", *run_options(self.create))
        return {"launch": start, "deploy": start, "retire": self.dock("rm", "-f", "docker")}

    # ---- going in ----

    def attach_ours(self):
        return {"attach": self.w.type(*ATTACH)}

    def attach_raw(self):
        return {"attach": self.raw.ask(*self.exec)}

    def attach_docker(self):
        return {"attach": self.dock("exec", self.stay, "true")}

    # ---- looking: who has no daemon of their own would have to ask the engine for the list ----

    LOOKS = {"list": ("container-list",), "limits": ("check-limits",), "dashboard": ("dashboard", "--json"),
             "queue": ("gpu-queue-status",)}

    def look_ours(self):
        return {row: self.w.type(*words) for row, words in self.LOOKS.items()}

    def look_raw(self):
        return dict.fromkeys(self.LOOKS, self.raw.ask(self.list))

    def look_docker(self):
        return dict.fromkeys(self.LOOKS, self.dock("ps"))

    # ---- images ----

    def make_projects(self):
        """`layers` has every kind of step, `ignored` the same and 10,000 files that no step needs."""
        for name in ("layers", "ignored"):
            folder = self.w.project(name, STEPS)
            self.w.user.write(folder / "requirements.txt", "none\n")
            self.w.user.write(folder / "src/main.py", "print(1)\n")
            # The pattern names files: every one of them has to be looked at.
            self.w.user.write(folder / ".dockerignore", "data/*.bin\n")
            copy = self.w.base / name
            self.w.root.type(["/bin/cp", "-r", folder, copy])
            with open(copy / "Dockerfile", "a", encoding="ascii") as f:
                f.write(LABEL)
        for folder in (self.w.user.workspace / "ignored", self.w.base / "ignored"):
            (folder / "data").mkdir()
            for i in range(IGNORED):
                (folder / f"data/{i}.bin").write_bytes(b"0123456789")
        # Plain: an image that has nothing but its base.
        (self.w.base / "bench").mkdir()
        (self.w.base / "bench/Dockerfile").write_text(f"FROM {IMAGE}\n{LABEL}")

    BUILDS = {"nothing": "bench", "layers": "layers", "ignored": "ignored"}

    def build_ours(self):
        return {row: self.w.type("image-create", project) for row, project in self.BUILDS.items()}

    def build_raw(self):
        return {row: self.curl(project) for row, project in self.BUILDS.items()}

    def curl(self, project):
        tag = f"raw/{project}:latest"
        query = {**self.query, "t": tag, "cachefrom": json.dumps([tag]), "dockerfile": "Dockerfile"}
        line = (f"tar -C {self.w.base / project} --exclude='./data/*.bin' -cf - . | "
                f"curl -sSf --unix-socket {self.w.engine.socket} -H 'Content-Type: application/x-tar' -T - -X POST "
                f"'http://d/v1.41/build?{urllib.parse.urlencode(query)}' | grep -q 'Successfully tagged'")
        return self.w.root.type(["/bin/sh", "-c", line])

    def build_docker(self):
        return {row: self.dock("build", "--quiet", *build_options(self.query, f"docker/{project}:latest"),
                               self.w.base / project) for row, project in self.BUILDS.items()}

    # ---- an image's first use: its passwd and group are read ----

    def first_ours(self):
        self.n_first += 1
        self.w.project("first", f"FROM {IMAGE}\nLABEL first={self.n_first}\n")
        self.w.type("image-create", "first")
        time.sleep(SETTLE_S)  # the image before it is being deleted
        launch = self.w.type("project", "launch", "first", "--background")
        self.w.type("container", "retire", "first", "--force")
        return {"first": launch}

    def first_raw(self):
        ms = self.raw.ask(*self.facts, *self.start)
        self.raw.ask(self.remove)
        return {"first": ms}

    def first_docker(self):
        start = self.dock("run", "--detach", "--name=docker", *run_options(self.create))
        self.dock("rm", "-f", "docker")
        return {"first": start}
