"""`ds01 doctor` against the real thing: a machine that is well, and each way to be ill that can be made here."""

import contextlib
import grp
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
from harness.expect import assert_clean, deploy
from harness.gpus import change, launch, retire
from harness.process import wait_until

REPO = pathlib.Path(__file__).resolve().parents[2]
STATES = {"ok", "warning", "problem", "not checked"}
CHECKS = re.findall(r'^X\(\w+, "([\w-]+)"', (REPO / "src/rpc/doctor.def").read_text(), re.MULTILINE)


def parse(rc, out, err):
    body = json.loads(out)
    assert body["schema"] == 1 and err == ""
    for c in body["checks"]:
        assert set(c) == {"check", "title", "state", "text", "details", "fix"}, c
        assert c["state"] in STATES and c["title"] and c["text"] and not c["text"].endswith("."), c
    found = {c["check"]: c for c in body["checks"]}
    assert len(found) == len(body["checks"])
    for key, state in (("problems", "problem"), ("warnings", "warning"), ("unchecked", "not checked")):
        assert body[key] == sum(c["state"] == state for c in found.values())
    assert rc == (1 if body["problems"] else 0), body
    return found


def as_root(ds01d, *args):
    done = ds01d.as_root(["doctor", "--json", *args])
    return parse(done.returncode, done.stdout, done.stderr)


def as_user(user, *args):
    return parse(*user.run(["ds01", "doctor", "--json", *args]))


def told(check):
    return "\n".join([check["text"], *check["details"], *check["fix"]])


@contextlib.contextmanager
def restarted(ds01d, **config):
    before = dict(ds01d.config)
    ds01d.config.update(config)
    ds01d.restart()
    try:
        yield
    finally:
        ds01d.config = before
        ds01d.restart()


@pytest.fixture
def whole(ds01d):
    """The daemon with the probe that was installed with it: the tests' prefix isn't the one that it was built for."""
    with restarted(ds01d, probe={"command": str(ds01d.probe)}):
        yield ds01d


@contextlib.contextmanager
def mode(path, bits):
    before = path.stat().st_mode & 0o7777
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


def test_a_machine_that_is_well(alice, whole):
    deploy(alice, "some")
    found = as_root(whole)
    assert list(found) == ["programs", *CHECKS]
    # Members of docker would be the machine's own.
    assert [c for c in found.values() if c["state"] == "problem" and c["check"] != "docker-group"] == []
    for name in ("programs", "ds01d", "settings", "policy", "access", "permissions", "clock", "kernel", "idmap", "cgroups",
                 "engine", "networks", "gpus", "toolkit"):
        assert found[name]["state"] == "ok", found[name]
        assert found[name]["fix"] == [] and found[name]["details"] == []
    assert re.fullmatch(r"ds01d [\d.]+ has run since \d{4}-\d\d-\d\d \d\d:\d\d \(\d+\w+( \d+\w)?\)", found["ds01d"]["text"])
    assert re.fullmatch(r"Engine [\w.+~-]+ answers \(API 1\.\d+\)", found["engine"]["text"])
    # Warnings say what helps, too.
    assert all(c["fix"] for c in found.values() if c["state"] == "warning"), found


def test_lines_for_people(alice, ds01d):
    shown = ds01d.as_root(["doctor"])
    lines = shown.stdout.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert len(heads) == len(CHECKS) + 1
    for line in heads:
        assert re.match(r"(ok|warning|problem|not checked) +\w.{14}  \S", line) and line[13] != " ", line
    assert any(line.startswith(" " * 30 + "To fix: ") for line in lines), shown
    assert re.search(rf"^{len(heads)} checks: \d+ problems?, \d+ warnings?, \d+ not checked\.$", shown.stderr, re.MULTILINE)
    assert "\033" not in shown.stdout and "Admins" not in shown.stderr
    coloured = alice.run(["ds01", "doctor", "--color=always"]).out
    assert "\033[32mok" in coloured
    assert_clean(re.sub(r"\033\[\d+m", "", coloured))


def test_what_is_for_admins(alice, ds01d):
    """Others are told each state, but neither who nor where nor how."""
    with contextlib.ExitStack() as ill:
        secret = ds01d.state / "homes"
        ill.enter_context(mode(secret, 0o777))
        mine, all_of_it = as_user(alice), as_root(ds01d)
        assert [c["state"] for c in mine.values()] == [c["state"] for c in all_of_it.values()]
        assert all(c["details"] == [] for c in mine.values())
        assert all(c["fix"] == [] for name, c in mine.items() if name in CHECKS)
        assert f"chmod go-w {secret}" in told(all_of_it["permissions"])
        assert str(secret) not in told(mine["permissions"])
        assert mine["permissions"]["text"] == "1 of ds01's files and folders can be changed by others than root"
        assert "Admins are shown the details, and what helps: sudo ds01 doctor" in alice.run(["ds01", "doctor"]).err
    # A member of the admins' group sees what root sees.
    group = f"{alice.name}-adm"[:31]
    subprocess.run(["groupadd", group], check=True)
    try:
        subprocess.run(["gpasswd", "-a", alice.name, group], check=True, stdout=subprocess.DEVNULL)
        with restarted(ds01d, admin_group=group):
            assert as_user(alice)["holes"] == as_root(ds01d)["holes"]
    finally:
        subprocess.run(["groupdel", group], check=True)


def test_without_access_states_are_told(alice, ds01d):
    """Nobody may use ds01 where the group is missing: that is what it says, to whoever asks."""
    with restarted(ds01d, access=f"{alice.name}-none"[:31]):
        found = as_user(alice)
        assert found["access"]["state"] == "problem" and "Nobody may use ds01" in found["access"]["text"]
        assert "groupadd" in told(as_root(ds01d)["access"])


def test_a_member_of_docker(alice, ds01d):
    try:
        grp.getgrnam("docker")
        made = False
    except KeyError:
        subprocess.run(["groupadd", "--system", "docker"], check=True)
        made = True
    subprocess.run(["gpasswd", "-a", alice.name, "docker"], check=True, stdout=subprocess.DEVNULL)
    try:
        found = as_root(ds01d)["docker-group"]
        assert found["state"] == "problem" and alice.name in found["text"]
        assert f"sudo gpasswd -d {alice.name} docker" in found["fix"]
        seen = as_user(alice)["docker-group"]
        assert seen["state"] == "problem" and alice.name not in told(seen)
        assert re.fullmatch(r"\d+ members? of docker (is|are) root in effect", seen["text"])
    finally:
        subprocess.run(["gpasswd", "-d", alice.name, "docker"], check=True, stdout=subprocess.DEVNULL)
        if made:
            subprocess.run(["groupdel", "docker"], check=True)
    assert alice.name not in told(as_root(ds01d)["docker-group"])


def test_settings_and_policy_that_would_not_be_read_again(ds01d):
    good = ds01d.config_file.read_text()
    policy = pathlib.Path(ds01d.config["policy"])
    rules = policy.read_text()
    try:
        ds01d.config_file.write_text("sokcet: /x\n")
        policy.write_text("defaults: {memory: 1g, colour: red}\n")
        found = as_root(ds01d)
        assert found["settings"]["state"] == "problem" and "sokcet" in found["settings"]["text"]
        assert found["policy"]["state"] == "warning" and "colour" in found["policy"]["text"]
        assert found["policy"]["fix"] == [f"ds01 policy check {policy}"]
        policy.write_text("defaults: {memory: lots}\n")
        assert as_root(ds01d)["policy"]["state"] == "problem"
    finally:
        ds01d.config_file.write_text(good)
        policy.write_text(rules)
    assert {as_root(ds01d)[name]["state"] for name in ("settings", "policy")} == {"ok"}


def test_a_clock_that_went_back(alice, ds01d):
    deploy(alice, "future")
    with contextlib.closing(sqlite3.connect(ds01d.state / "ds01.db", timeout=10)) as db, db:
        db.execute("UPDATE containers SET created_at = ? WHERE name = 'future'", (int(time.time()) + 7300,))
    found = as_root(ds01d)["clock"]
    assert found["state"] == "problem" and "by 2h" in found["text"] and "timedatectl" in found["fix"]


def test_a_full_disk(ds01d):
    """The homes of containers on a disk of their own, which is too small to be enough."""
    homes = ds01d.state / "small"
    homes.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "small", str(homes)], check=True)
    try:
        with restarted(ds01d, homes={"path": str(homes)}):
            found = as_root(ds01d)["disk"]
            assert found["state"] in ("warning", "problem") and str(homes) in told(found) and "df -h" in found["fix"]
            (homes / "filling").write_bytes(b"x" * (40 << 20))
            assert f"({homes}) is full" in told(as_root(ds01d)["disk"])
            assert as_root(ds01d)["disk"]["state"] == "problem"
    finally:
        subprocess.run(["umount", "-l", str(homes)], check=True)
        homes.rmdir()


def test_a_network_that_lets_containers_talk(ds01d, loaded):
    """Made anew by an admin, without what ds01d asks for; and then gone."""
    name = ds01d.config["network"]["build_name"]
    assert loaded.call("DELETE", f"/networks/{name}")[0] == 204
    try:
        assert as_root(ds01d)["networks"]["text"] == f"Network {name} is missing"
        assert loaded.call("POST", "/networks/create", {"Name": name, "Driver": "bridge"})[0] == 201
        found = as_root(ds01d)["networks"]
        assert found["state"] == "problem" and "reach each other" in found["text"]
        assert found["fix"] == [f"docker network rm {name}"]
    finally:
        loaded.call("DELETE", f"/networks/{name}")
        ds01d.restart()
    assert as_root(ds01d)["networks"]["state"] == "ok"


def test_addresses_that_are_somebody_elses(ds01d, loaded):
    """A route of the engine's machine into the same network."""
    _, body = loaded.call("GET", f"/networks/{ds01d.config['network']['name']}")
    subnet = body["IPAM"]["Config"][0]["Subnet"]
    host = subnet.split("/")[0].rsplit(".", 2)[0] + ".77.0/24"
    ip = ["nsenter", "-t", str(loaded.pid), "-n", "--", "ip"]
    subprocess.run([*ip, "link", "add", "other0", "type", "bridge"], check=True)
    try:
        subprocess.run([*ip, "link", "set", "other0", "up"], check=True)
        subprocess.run([*ip, "route", "add", host, "dev", "other0"], check=True)
        found = as_root(ds01d)["networks"]
        assert found["state"] == "warning" and "other0" in found["text"] and subnet in found["text"], found
    finally:
        subprocess.run([*ip, "link", "del", "other0"], check=True)


def test_an_engine_that_others_reach(ds01d, loaded):
    with mode(loaded.socket, 0o666):
        found = as_root(ds01d)["engine-access"]
        assert found["state"] == "problem" and f"sudo chmod o= {loaded.socket}" in found["fix"]
    listener = loaded.run_in_network(["/usr/bin/python3", "-c", "import socket, time; s = socket.socket(); "
                                      "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
                                      "s.bind(('127.0.0.1', 2375)); s.listen(); time.sleep(60)"])
    try:
        wait_until(lambda: "TCP port 2375" in told(as_root(ds01d)["engine-access"]), 20, "it is seen")
    finally:
        listener.kill()
        listener.wait()


def test_an_engine_that_hangs(ds01d, loaded):
    """It costs its deadline once, and everything else is told."""
    loaded.popen.send_signal(signal.SIGSTOP)
    try:
        start = time.monotonic()
        found = as_root(ds01d)
        assert time.monotonic() - start < 20
    finally:
        loaded.popen.send_signal(signal.SIGCONT)
    assert found["engine"]["state"] == "problem" and "systemctl" in told(found["engine"])
    for name in ("engine-settings", "holes", "networks", "toolkit"):
        assert found[name]["state"] == "not checked"
    assert found["disk"]["state"] in ("ok", "warning") and found["docker-group"]["state"] != "not checked"
    wait_until(lambda: as_root(ds01d)["engine"]["state"] == "ok", 30, "it answers again")


HANGS_C = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <grp.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A directory of accounts and a file server that are gone, as long as the file is there. */
static void wait_for_it(void)
{
        while (access(DOWN, F_OK) == 0)
                usleep(100 * 1000);
}

int getgrnam_r(const char *name, struct group *entry, char *space, size_t n, struct group **found)
{
        int (*real)(const char *, struct group *, char *, size_t, struct group **) = dlsym(RTLD_NEXT, "getgrnam_r");
        if (strcmp(name, "docker") == 0)
                wait_for_it();
        return real(name, entry, space, n, found);
}

int statvfs64(const char *path, struct statvfs64 *v)
{
        int (*real)(const char *, struct statvfs64 *) = dlsym(RTLD_NEXT, "statvfs64");
        wait_for_it();
        return real(path, v);
}

int statvfs(const char *path, struct statvfs *v)
{
        int (*real)(const char *, struct statvfs *) = dlsym(RTLD_NEXT, "statvfs");
        wait_for_it();
        return real(path, v);
}
"""


@pytest.mark.slow
def test_servers_of_files_and_accounts_that_are_gone(ds01d, base):
    """What they are asked for costs its time and no more, however often somebody looks."""
    source, library, gone = base / "hangs.c", base / "hangs.so", base / "servers-are-gone"
    source.write_text(HANGS_C)
    subprocess.run(["gcc", "-shared", "-fPIC", f'-DDOWN="{gone}"', "-o", str(library), str(source)], check=True)
    ds01d.env = {"LD_PRELOAD": str(library), "ASAN_OPTIONS": "exitcode=99:verify_asan_link_order=0"}
    try:
        ds01d.restart()
        assert as_root(ds01d)["disk"]["state"] == "ok"
        gone.touch()
        for _ in range(5):
            start = time.monotonic()
            found = as_root(ds01d)
            assert time.monotonic() - start < 20
            for name in ("disk", "docker-group"):
                assert found[name]["state"] == "warning" and "gave no answer in time" in found[name]["text"], found
            assert found["permissions"]["state"] == found["networks"]["state"] == "ok"
        gone.unlink()
        wait_until(lambda: {as_root(ds01d)[name]["state"] for name in ("disk", "docker-group")} <= {"ok", "problem"},
                   20, "they are back")
    finally:
        gone.unlink(missing_ok=True)
        ds01d.env = {}
        ds01d.restart()


def test_many_at_once_wait_for_their_turn(alice, bob, ds01d):
    running = [user.popen(["ds01", "doctor", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for user in (alice, bob) for _ in range(4)]
    as_root(ds01d)
    for p in running:
        out, err = p.communicate(timeout=60)
        parse(p.returncode, out, err)


def test_an_admin_comes_before_those_who_ask_again_and_again(alice, ds01d):
    greedy = [alice.popen(["sh", "-c", "while ds01 doctor --json; [ $? -ne 127 ]; do :; done"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) for _ in range(8)]
    try:
        time.sleep(2)
        began = time.monotonic()
        as_root(ds01d)
        took = time.monotonic() - began
    finally:
        for p in greedy:
            p.terminate()
        for p in greedy:
            p.wait(60)
    assert took < 10, took


@pytest.mark.slow
def test_an_engine_that_is_down(alice, ds01d, loaded):
    loaded.stop()
    try:
        found = as_root(ds01d)
        assert found["engine"]["state"] == "problem" and found["engine"]["fix"] == ["sudo systemctl start docker"]
        assert as_user(alice)["engine"]["state"] == "problem"
    finally:
        loaded.start()
    wait_until(lambda: as_root(ds01d)["engine"]["state"] == "ok", 30, "it is back")


# ---- without ds01d ----

@pytest.fixture
def down(whole):
    whole.stop()
    yield whole
    whole.start()


def test_ds01d_is_down(alice, down):
    """It says so, and goes on: as root with nearly all, as another with what they may look at."""
    found = as_root(down, f"--config={down.config_file}")
    assert list(found) == ["programs", "ds01d", *CHECKS[1:]]
    assert found["ds01d"]["state"] == "problem" and found["ds01d"]["fix"] == ["sudo systemctl start ds01d"]
    assert found["ds01d"]["text"].startswith("ds01d is not running: ")
    for name in ("settings", "policy", "access", "permissions", "kernel", "idmap", "engine", "networks", "gpus"):
        assert found[name]["state"] == "ok", found[name]
    assert found["clock"]["state"] == "not checked"
    mine = as_user(alice, f"--config={down.config_file}")
    assert mine["ds01d"]["state"] == "problem"
    assert mine["engine"]["text"] == "Only root can ask the engine"
    assert {mine[name]["state"] for name in ("settings", "policy", "access", "kernel", "cgroups")} == {"ok"}
    assert mine["idmap"]["state"] == "not checked"
    down.config_file.write_text("state_dir: 7\n")
    assert as_root(down, f"--config={down.config_file}")["settings"]["state"] == "problem"


def test_what_settings_are_looked_at_where_none_are_named(down):
    found = as_root(down)
    assert found["settings"]["text"] == "There is no /etc/ds01/ds01d.yaml: the defaults hold" or os.path.exists("/etc/ds01/ds01d.yaml")


# ---- the installation ----

def test_a_program_that_is_missing_or_another(ds01d, prefix, tmp_path):
    copy = tmp_path / "prefix"
    shutil.copytree(prefix, copy, symlinks=True)
    tmp_path.chmod(0o755)
    (copy / "bin/dashboard").unlink()
    (copy / "bin/container").unlink()
    (copy / "bin/container").write_text("#!/bin/sh\n")
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "DS01_SOCKET": str(ds01d.socket)}
    done = subprocess.run([copy / "bin/ds01", "doctor", "--json"], env=env, capture_output=True, text=True, check=False)
    found = parse(done.returncode, done.stdout, done.stderr)["programs"]
    assert found["state"] == "warning" and "2 of " in found["text"] and "container, dashboard" in found["text"], found


def test_a_probe_that_is_missing(ds01d):
    with restarted(ds01d, probe={"command": "/usr/bin/no-such-probe"}):
        found = as_root(ds01d)["gpus"]
        assert found["state"] == "warning" and found["text"] == "GPUs can't be looked for: there is no /usr/bin/no-such-probe"


# ---- GPUs ----

def test_gpus_that_are_ill(alice, ds01d, world, idle):
    del idle
    simulated = as_root(ds01d)["gpus"]
    assert simulated["state"] == "warning" and simulated["text"] == "4 GPUs are simulated: containers get none"
    assert as_root(ds01d)["toolkit"]["state"] == "ok"
    launch(alice, "a")
    world.write_text("gpu 0 process=4242:1G\n")
    assert retire(alice, "a")["drained"]
    change(world, "gpu 0 process=4242:1G\ngpu 1 lost\n")
    wait_until(lambda: as_root(ds01d)["gpus"]["state"] == "problem", 40, "the lost one is seen")
    found = as_root(ds01d)["gpus"]
    assert found["text"] == "GPU 1 (A100 40 GB) doesn't answer its driver"
    assert "GPU 0 (A100 40 GB) is drained: process 4242 still uses it. It is given again once it is clean" in found["details"]


@pytest.mark.slow
def test_a_driver_that_hangs(ds01d, world, idle):
    del idle
    change(world, "hang 60\n")
    start = time.monotonic()
    wait_until(lambda: "no answer in time" in as_root(ds01d)["gpus"]["text"], 60, "it is seen to hang")
    assert time.monotonic() - start < 60
    found = as_root(ds01d)
    assert found["gpus"]["state"] == "problem" and found["toolkit"]["state"] == "ok" and len(found) == len(CHECKS) + 1
