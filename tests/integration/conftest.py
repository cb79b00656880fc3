"""Fixtures: one engine, one ds01d and two accounts for the whole run.

DS01_BUILD names the build to test (default: build/), DS01_TEST_NAME the run, so that whoever started
it can look for what it left behind. Two runs may share the work, each with an engine of its own: each
takes a file of tests when it comes to it, the one with DS01_SHARE_FROM=end from the end, and leaves a
mark in the folder DS01_SHARE.
"""

import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fakes"))

from harness import accounts, daemon, engine, gpus, images, rpc  # noqa: E402
from harness.engine import remove_cgroups  # noqa: E402
from harness.process import tail, wait_until  # noqa: E402

REPO = pathlib.Path(__file__).resolve().parents[2]
NAME = os.environ.get("DS01_TEST_NAME") or secrets.token_hex(3)
BASE = pathlib.Path(f"/var/lib/ds01-test-{NAME}")
RUN = pathlib.Path(f"/run/ds01-test-{NAME}")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds; left out by ./check --fast")
    # Without this a SIGTERM would end the run with everything still there; SystemExit would end one test.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", 143))


# ---- two runs that share the work ----

SHARE = os.environ.get("DS01_SHARE")
TAKEN = {}


def is_mine(file):
    """Whoever comes first makes the file's mark, and has all its tests."""
    if file not in TAKEN:
        try:
            os.close(os.open(f"{SHARE}/{file}", os.O_CREAT | os.O_EXCL))
            TAKEN[file] = True
        except FileExistsError:
            TAKEN[file] = False
    return TAKEN[file]


def pytest_collection_modifyitems(items):
    if SHARE and os.environ.get("DS01_SHARE_FROM") == "end":
        files = list(dict.fromkeys(item.path for item in items))
        items.sort(key=lambda item: -files.index(item.path))


def pytest_runtest_protocol(item):
    return True if SHARE and not is_mine(item.path.name) else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for log in ("ds01d.log", "dockerd.log"):
            if (BASE / log).exists():
                report.sections.append((f"end of {log}", tail(BASE / log, 12, without="level=info")))


def install(build, target):
    """Installs the build below the target folder; returns the prefix there."""
    options = subprocess.run(["meson", "introspect", "--buildoptions", str(build)], check=True,
                             stdout=subprocess.PIPE)
    prefix = next(o["value"] for o in json.loads(options.stdout) if o["name"] == "prefix")
    subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--quiet"], check=True,
                   env={**os.environ, "DESTDIR": str(target)}, stdout=subprocess.DEVNULL)
    return target / prefix.lstrip("/")


@pytest.fixture(scope="session")
def base():
    os.umask(0o022)
    assert os.getuid() == 0, "The integration tests make accounts and start an engine: run them as root"
    BASE.mkdir(mode=0o755)
    RUN.mkdir(mode=0o755)
    yield BASE
    remove_cgroups("docker", below=False)
    if os.environ.get("DS01_TEST_KEEP") != "1":
        shutil.rmtree(BASE)
        shutil.rmtree(RUN)


@pytest.fixture(scope="session")
def build():
    return pathlib.Path(os.environ.get("DS01_BUILD") or REPO / "build")


@pytest.fixture(scope="session")
def prefix(base, build):
    return install(build, base / "install")


@pytest.fixture(scope="session")
def dockerd(base):
    e = engine.Engine(base, RUN)
    try:
        e.start()
        yield e
    finally:
        e.destroy()


def make_user(base, prefix, short):
    (base / "home").mkdir(exist_ok=True)
    return accounts.User(f"ds01-{short}-{NAME}"[:31], base / "home" / short, prefix / "bin", RUN / "ds01/ds01.sock")


@pytest.fixture(scope="session")
def people(base, prefix):
    """Both accounts; they outlive ds01d and the engine."""
    made = []
    try:
        for short in ("alice", "bob"):
            made.append(make_user(base, prefix, short))
        yield made
    finally:
        for user in made:
            user.destroy()
            remove_cgroups(f"ds01/{user.uid}")
        remove_cgroups("ds01", below=False)


@pytest.fixture(scope="session")
def loaded(base, dockerd, people):
    """The engine with every test image in it."""
    images.load_images(dockerd, base / "images", *people)
    return dockerd


@pytest.fixture(scope="session")
def starter(loaded):
    """The name of the Debian image with Python; slow to make the first time."""
    if "ds01/starter:12" not in loaded.image_tags():
        loaded.import_image("ds01/starter:12", images.starter_tar(),
                            ['CMD ["bash"]', "ENV LANG=C.UTF-8",
                             "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
    return "ds01/starter:12"


@pytest.fixture(scope="session")
def ds01d_session(base, prefix, loaded):
    d = daemon.Daemon(base, RUN, loaded, prefix, images.write_catalogue(base / "catalogue"))
    try:
        d.start()
        yield d
    finally:
        d.destroy()


@pytest.fixture
def ds01d(ds01d_session):
    """The running daemon; brought back if a test left it dead."""
    if ds01d_session.popen.poll() is not None:
        ds01d_session.start()
    yield ds01d_session
    if ds01d_session.popen.poll() is None:
        ds01d_session.check_log()


@pytest.fixture
def alice(people, ds01d):
    yield people[0]
    people[0].clear()


@pytest.fixture
def bob(people, ds01d):
    yield people[1]
    people[1].clear()


@pytest.fixture
def project(alice, starter):
    """make(name): a project of alice's that needs no network to build."""
    def make(name="thesis", user=alice):
        user.ok(["project", "init", name, "--quick", "--framework=none", "--type=custom"])
        return user.workspace / name
    return make


@pytest.fixture(scope="module")
def frameworks(ds01d_session, starter, loaded, base):
    """PyTorch, TensorFlow and JAX in the catalogue: stubs of their images."""
    import bases

    path = base / "catalogue"
    old = path.read_text()
    lines = [f"{name}, {version}, [CPU], {image}\n" for name, version, image in bases.FRAMEWORKS]
    for _, _, image in bases.FRAMEWORKS:
        bases.make_base(loaded, image, starter)
    path.write_text("".join(lines) + old)
    ds01d_session.restart()
    yield bases.FRAMEWORKS
    path.write_text(old)
    ds01d_session.restart()


@pytest.fixture(scope="module")
def index(ds01d_session, loaded, base):
    """A folder that builds use as their package index, served on the build network's gateway."""
    folder = base / "wheels"
    folder.mkdir()
    gateway = loaded.gateway("ds01-test-build")
    server = loaded.run_in_network(["/usr/bin/python3", "-m", "http.server", "8098", "--bind", gateway, "-d", str(folder)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = ds01d_session.config.get("build")
    ds01d_session.config["build"] = {**(before or {}), "env": {"PIP_INDEX_URL": f"http://{gateway}:8098/",
                                                             "PIP_TRUSTED_HOST": gateway}}
    ds01d_session.restart()
    yield folder
    server.kill()
    server.wait()
    if before is None:
        del ds01d_session.config["build"]
    else:
        ds01d_session.config["build"] = before
    ds01d_session.restart()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def world(ds01d_session, base):
    """The file that changes the four simulated GPUs."""
    file = base / "world"
    file.write_text("")
    before = ds01d_session.policy
    ds01d_session.config["probe"] = {"command": str(ds01d_session.probe), "simulate": "4xA100-40G", "world": str(file)}
    ds01d_session.policy = {"defaults": {**before["defaults"], "max_gpu_equivalents": 3, "max_gpu_slots_per_container": 2,
                                         "max_runtime_h": 2, "gpu_hold_after_stop_h": 1}}
    ds01d_session.restart()
    yield file
    del ds01d_session.config["probe"]
    ds01d_session.policy = before
    ds01d_session.restart()


@pytest.fixture
def idle(world, alice, bob):
    """Every test begins with four free GPUs and nobody in the queue."""
    world.write_text("")
    yield
    world.write_text("")
    wait_until(lambda: "not answering" not in gpus.states(alice), 40, "the driver answers")
    for user in (alice, bob):
        for t in rpc.rows(user, "Queue.List", {"mine": True}):
            rpc.call(user, "Queue.Leave", {"name": t["name"]})
        user.clear()
    wait_until(lambda: gpus.states(alice) == ["free"] * 4, 20, "all are free")
