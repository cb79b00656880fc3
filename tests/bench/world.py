"""What the benchmark runs on: an engine, ds01d and two accounts of its own.

`user` is who is measured. `others` stands for everybody else: containers on the machine are that account's.
"""

import json
import os
import pathlib
import secrets
import shutil
import subprocess

from harness import accounts, daemon, engine, images
from harness.process import wait_until
from harness.recorder import Recorder
from raw import Raw
from typist import Typist

REPO = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "test/busybox:1"
ROOT_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent", "DOCKER_BUILDKIT": "0"}
# So many containers run; what is beyond is created and never started, as most of a thousand would be.
RUNNING = 50
LAUNCH = ("project", "launch", "bench", "--background")
RETIRE = ("container", "retire", "bench", "--force")
DEPLOY = ("container", "deploy", "bench", f"--image={IMAGE}", "--background")
ATTACH = ("container-attach", "stay", "--", "true")


def build_folder():
    return pathlib.Path(os.environ.get("DS01_BUILD") or REPO / "build")


class World:
    def __init__(self, stack):
        name = f"bench{secrets.token_hex(3)}"
        self.base, self.run = (pathlib.Path(f"{p}/ds01-test-{name}") for p in ("/var/lib", "/run"))
        os.umask(0o022)
        for folder in (self.base, self.run):
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            folder.mkdir(mode=0o755)
        self.prefix = self.install()
        self.bin, self.docker, self.n_others, self.recorder = self.prefix / "bin", shutil.which("docker"), 0, None
        for top in ("ds01", "docker"):
            stack.callback(engine.remove_cgroups, top, below=False)
        self.engine = engine.Engine(self.base, self.run)
        stack.callback(self.engine.destroy)
        self.engine.start()
        (self.base / "home").mkdir()
        self.user, self.others = (self.account(stack, f"ds01-{name}{suffix}") for suffix in ("", "-o"))
        tar = images.busybox_tree().save(self.base / "image.tar")
        self.engine.import_image(IMAGE, tar, ['CMD ["/bin/sh"]', "ENV PATH=/bin"])
        self.ds01d = daemon.Daemon(self.base, self.run, self.engine, self.prefix,
                                   images.write_catalogue(self.base / "catalogue"))
        self.ds01d.policy["defaults"]["max_containers_per_user"] = 2000
        stack.callback(self.ds01d.destroy)
        self.ours, self.filler = (self.typist(stack, u.env(), u.home, u) for u in (self.user, self.others))
        self.root = self.typist(stack, {**ROOT_ENV, "DOCKER_HOST": f"unix://{self.engine.socket}"}, self.base)
        self.stack, self.raw = stack, None

    def install(self):
        target = self.base / "install"
        subprocess.run(["meson", "install", "-C", str(build_folder()), "--no-rebuild", "--quiet"], check=True,
                       env={**os.environ, "DESTDIR": str(target)}, stdout=subprocess.DEVNULL)
        return next(target.rglob("bin/ds01")).parents[1]

    def account(self, stack, name):
        user = accounts.User(name, self.base / "home" / name, self.bin, self.run / "ds01/ds01.sock")
        stack.callback(lambda: engine.remove_cgroups(f"ds01/{user.uid}"))
        stack.callback(user.destroy)
        return user

    @staticmethod
    def typist(stack, env, folder, user=None):
        typist = Typist(env, str(folder), user)
        stack.callback(typist.close)
        return typist

    def start_raw(self):
        """The floor; only who measures times needs it."""
        subprocess.run(["ninja", "-C", str(build_folder()), "tests/bench/raw"], check=True, stdout=subprocess.DEVNULL)
        self.raw = Raw(build_folder() / "tests/bench/raw", self.engine.socket, self.base)
        self.stack.callback(self.raw.close)

    def type(self, command, *args):
        return self.ours.type([self.bin / command, *args])

    def project(self, name, dockerfile):
        return self.user.write(self.user.workspace / name / "Dockerfile", dockerfile).parent

    # ---- ds01d and what stands between it and the engine ----

    def start_recorded(self):
        self.recorder = Recorder(self.run / "recorder.sock", self.engine.socket)
        self.ds01d.config["engine"]["socket"] = str(self.recorder.path)
        self.ds01d.start()

    def start_direct(self):
        """From here on nothing stands between."""
        self.ds01d.stop()
        if self.recorder:
            self.recorder.close()
            self.recorder.path.unlink()
            self.recorder = None
        self.ds01d.config["engine"]["socket"] = str(self.engine.socket)
        self.ds01d.start()
        wait_until(lambda: "stay" in self.user.run(["container-list", "--quiet"]).out.split(), 10, "stay runs")

    def prepare(self):
        """A project and its image, which was used once; `stay`, a container that runs."""
        for project in ("bench", "stay"):
            self.project(project, f"FROM {IMAGE}\n")
        for project in ("stay", "bench"):
            self.type("image-create", project)
        self.type("project", "launch", "stay", "--background")
        self.type(*LAUNCH)
        self.type(*RETIRE)
        self.type(*DEPLOY)
        self.type(*RETIRE)

    def requests(self):
        """What ds01d asks of the engine for each: the bodies that the others send, too."""
        seen = {name: self.recorder.during(lambda w=words: self.type(*w)) for name, words in (
            ("launch", LAUNCH), ("attach", ATTACH), ("retire", RETIRE), ("build", ("image-create", "bench")))}
        self.project("first", f"FROM {IMAGE}\nLABEL first=recorded\n")
        self.type("image-create", "first")
        seen["first"] = self.recorder.during(lambda: self.type("project", "launch", "first", "--background"))
        self.type("container", "retire", "first", "--force")
        return seen

    # ---- everybody else's ----

    def fill(self, n):
        """So many containers on the machine, with those of the user."""
        while self.n_others + 1 < n:
            words = ["container", "deploy", f"c{self.n_others}", f"--image={IMAGE}", "--background"]
            if self.n_others >= RUNNING:
                words = ["container-create", f"c{self.n_others}", IMAGE]
            self.filler.type([self.bin / words[0], *words[1:]])
            self.n_others += 1

    def facts(self):
        """The machine and the versions, for the head of the table."""
        _, version = self.engine.call("GET", "/version")
        parts = [f"{c['Name']} {c['Version']}" for c in version["Components"] if c["Name"] in ("Engine", "runc")]
        client = subprocess.run([self.docker, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout \
            if self.docker else "none"
        return {"engine": ", ".join(parts), "client": client.strip()}


def recorded_body(requests, path):
    """The body of the last request for that path."""
    return [json.loads(r["body"]) for r in requests if r["path"].partition("?")[0] == path][-1]
