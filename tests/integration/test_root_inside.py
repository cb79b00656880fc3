"""Root inside a container: packages install, and nobody is root outside, or reads what isn't theirs."""

import contextlib
import json
import os
import sqlite3
import stat
import subprocess
import textwrap

import pytest
from harness import accounts, gpus, rpc
from harness.expect import assert_error, deploy, row
from harness.process import wait_until
from harness.recorder import Recorder

CAPS = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"]


@pytest.fixture(scope="module")
def policy(ds01d_session, people):
    """Alice may have root inside, bob may not. A call changes whether she may."""
    before = ds01d_session.policy

    def set_root(allowed):
        ds01d_session.policy = {**before, "groups": {"rooted": {"members": [people[0].name], "root_in_container": allowed}}}
        ds01d_session.restart()

    set_root(True)
    yield set_root
    ds01d_session.policy = before
    ds01d_session.restart()


@pytest.fixture(autouse=True)
def allowed(policy):
    yield


def inside(user, name, script, **kwargs):
    return user.run(["container-attach", name, "--", "sh", "-c", script], **kwargs)


def python_inside(user, name, code):
    """Its output; code that fails is no test."""
    done = user.run(["container-attach", name, "--", "python3", "-c", textwrap.dedent(code)])
    assert done.rc == 0, done
    return done.out


def user_of(loaded, user, name):
    return loaded.inspect(f"{name}._.{user.uid}")["Config"]["User"]


def owner(path):
    st = os.stat(path)
    return st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)


def put(path, uid, mode=0o600):
    path.write_text("secret\n")
    os.chown(path, uid, uid)
    path.chmod(mode)
    return path


def test_root_and_no_more_than_the_seven(alice, bob, loaded):
    deploy(alice, "root")
    body = loaded.inspect(f"root._.{alice.uid}")
    host = body["HostConfig"]
    assert body["Config"]["User"] == "0:0" and not host["Privileged"]
    assert host["CapDrop"] == ["ALL"] and [c.removeprefix("CAP_") for c in host["CapAdd"]] == CAPS
    assert host["SecurityOpt"][0].startswith("no-new-privileges") and host["SecurityOpt"][1].startswith("seccomp={")
    text = inside(alice, "root", "cat /proc/self/status /proc/1/status").out
    assert text.count("Uid:\t0\t0\t0\t0") == 2
    for name, caps in (("CapPrm", "fb"), ("CapEff", "fb"), ("CapBnd", "fb"), ("CapInh", "00"), ("CapAmb", "00")):
        assert text.count(f"{name}:\t00000000000000{caps}") == 2, text
    assert text.count("NoNewPrivs:\t1") == 2 and text.count("Seccomp:\t2") == 2
    home = f"/home/{alice.name}"
    assert inside(alice, "root", "whoami; echo $USER $HOME; cd; pwd").out == f"root\nroot {home}\n{home}\n"
    lines = [line.split() for line in inside(alice, "root", "cat /proc/self/mountinfo").out.splitlines()]
    ours = {line[4]: line[5].split(",") for line in lines if line[4] in ("/workspace", f"/home/{alice.name}")}
    assert len(ours) == 2 and all({"nosuid", "nodev", "idmapped"} <= set(o) for o in ours.values()), ours
    assert not {"/etc/passwd", "/etc/group"} & {line[4] for line in lines}
    deploy(bob, "root")
    assert user_of(loaded, bob, "root") == f"{bob.uid}:{bob.gid}"
    assert "not enforced" not in "".join(line for line in alice.ok(["check-limits"]).out.splitlines(True) if "oot" in line)


def test_the_prompt_says_root(alice, starter):
    deploy(alice, "prompt", starter)
    t = alice.tty(["container-attach", "prompt"])
    t.expect(r"root@prompt:/workspace# ")
    t.sendline("id -u; exit")
    t.expect(r"\r0\r\n")


CONTROL = "Package: colours\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a test\n"
POSTINST = """#!/bin/sh
set -e
adduser --system --group --no-create-home colours 2>/dev/null || useradd --system colours
install -d -o colours -g colours -m 750 /var/lib/colours
chgrp mail /usr/bin/colours
chmod 2755 /usr/bin/colours
"""


def test_a_package_with_an_account_of_its_own(alice, starter):
    folder = alice.mkdir(alice.workspace / "deb")
    tree = alice.mkdir(alice.home / "tree")
    alice.write(tree / "DEBIAN/control", CONTROL)
    alice.write(tree / "DEBIAN/postinst", POSTINST)
    alice.write(tree / "usr/bin/colours", "#!/bin/sh\necho red\n")
    alice.ok(["chmod", "-R", "755", str(tree)])
    alice.ok(["dpkg-deb", "--build", "--root-owner-group", str(tree), str(folder / "colours.deb")])
    deploy(alice, "deb", starter)
    done = inside(alice, "deb", "apt-get install -y ./colours.deb && dpkg -s colours | grep ^Status && colours", timeout=120)
    assert done.rc == 0 and "install ok installed" in done.out and done.out.endswith("red\n"), done
    assert inside(alice, "deb", "stat -c '%U:%G %a' /var/lib/colours /usr/bin/colours; useradd --system --create-home carol && "
                  "su carol -s /bin/sh -c 'id -un; touch ~/mine' && stat -c %U ~carol/mine").out == (
        "colours:colours 750\nroot:mail 2755\ncarol\ncarol\n")
    alice.ok(["container-stop", "deb"])
    alice.ok(["container-start", "deb"])
    assert inside(alice, "deb", "getent passwd colours | cut -d: -f1; id -u").out == "colours\n0\n"


def test_files_are_the_users_on_both_sides(alice, base):
    folder = alice.mkdir(alice.workspace / "files")
    alice.write(folder / "hers", "from outside\n")
    alice.ok(["chmod", "600", str(folder / "hers")])
    deploy(alice, "files")
    assert inside(alice, "files", "stat -c '%u:%g' hers; cat hers; mkdir made; echo x >made/file; echo y >~/y").out == (
        "0:0\nfrom outside\n")
    assert owner(folder / "made/file")[:2] == (alice.uid, alice.gid)
    alice.ok(["rm", "-r", str(folder / "made")])


def test_setuid_and_setgid_give_nobody_anything(alice, bob):
    """Left by root inside, run outside by both accounts: at most alice's own id."""
    deploy(alice, "suid", "test/hostile:1")
    folder = alice.workspace / "suid"
    inside(alice, "suid", "chmod 777 .; for f in tool g0 g6 g42; do cp /bin/become-root $f; done; chgrp 6 g6; chgrp 42 g42; "
                          "chown 0 tool; chown 0:0 g0; chmod 6755 tool g0 g6 g42")
    for path in (folder / "tool", folder / "g0", folder / "g6", folder / "g42"):
        # The files' group is hers as well, so no program runs with another one.
        assert owner(path) == (alice.uid, alice.gid, 0o6755), path
        for user in (alice, bob):
            assert user.ok([str(path), "root"]).out == f"setuid=-1 uid={user.uid} euid={alice.uid}\n"


TAKE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
BIG = 1 << 32
for folder in %r:
    for name in ("bobs", "roots"):
        path = os.path.join(folder, name).encode()
        fd = os.open(path, os.O_PATH)
        for uid in (0, BIG, 1, %d, -1):
            for gid in (0, BIG, 44, %d, -1):
                for call, arguments in ((92, (path, uid, gid)), (94, (path, uid, gid)), (260, (-100, path, uid, gid, 0)),
                                        (260, (fd, b"", uid, gid, 0x1000))):
                    libc.syscall(call, *[ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments])
        for attempt in (lambda: os.chmod(path, 0o666), lambda: os.unlink(path), lambda: os.rename(path, path + b"2"),
                        lambda: os.link(path, path + b"3"), lambda: os.setxattr(path, "user.x", b"1"),
                        lambda: os.setxattr(path, "security.capability", b"\\1\\0\\0\\2" + bytes(16)),
                        lambda: os.truncate(path, 0), lambda: print("READ", open(path).read())):
            try:
                attempt()
                print("done", name)
            except OSError:
                pass
print("tried")
"""


def test_what_is_others_stays_theirs(alice, bob, base, starter):
    """In the workspace, and in folders that it reads or writes: neither read, nor changed, nor taken."""
    shared, data = base / "shared", base / "dataset"
    work = alice.mkdir(alice.workspace / "take")
    kept = []
    try:
        for folder in (shared, data):
            folder.mkdir()
            folder.chmod(0o777)
        for folder in (work, shared, data):
            kept += [put(folder / "bobs", bob.uid), put(folder / "roots", 0)]
        before = [owner(p) for p in kept]
        deploy(alice, "take", starter, f"--data={data}", f"--data={shared}:rw")
        folders = ["/workspace", "/data/dataset", "/data/shared"]
        if os.uname().machine == "x86_64":
            assert python_inside(alice, "take", TAKE % (folders, alice.uid, alice.gid)) == "tried\n"
        for uid in (0, 33):
            done = inside(alice, "take", f"cat /data/dataset/bobs || setpriv --reuid={uid} --clear-groups cat /data/dataset/bobs")
            assert "secret" not in done.out and done.err.count("Permission denied") == 2, done
        assert inside(alice, "take", "chown 0:0 /data/shared/bobs; chown 1:1 /data/shared/bobs; stat -c %u:%g /data/shared/bobs"
                      ).out == "65534:65534\n"
        assert [owner(p) for p in kept] == before and all(p.read_text() == "secret\n" for p in kept)
    finally:
        alice.run(["container", "retire", "take", "--force"])
        for path in kept:
            path.unlink()
        for folder in (shared, data):
            folder.rmdir()


OUTSIDE = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print("listens", flush=True)
c = s.accept()[0]
socket.send_fds(c, [b"x"], [os.open("/", os.O_PATH | os.O_DIRECTORY)])
"""

INSIDE = """
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    r = libc.syscall(number, *map(ctypes.c_ulong, arguments))
    return "made" if r >= 0 else errno.errorcode[ctypes.get_errno()]

x86 = os.uname().machine == "x86_64"
SOCKET, SOCKETPAIR = (41, 53) if x86 else (198, 199)
pair = (ctypes.c_int * 2)()
address = ctypes.addressof(pair)
for family in (1, 1 | 1 << 32, 16, 2, 38, 40):
    print("socket", family & 0xff, call(SOCKET, family, 1 if family == 2 else 2 if family != 16 else 3, 0))
for kind in (1, 5, 2, 2 | 0o4000, 2 | 1 << 32):
    print("pair", kind & 7, call(SOCKETPAIR, 1, kind, 0, address))
print("io_uring", call(425, 8, address))
# What an end of a pair or of a filter, taken from outside by pidfd_getfd(2), could be used for.
print("recvmsg", call(47 if x86 else 212, 0, address, 0))
print("recvmmsg", call(299 if x86 else 243, 0, address, 1, 0, 0))
print("listener", call(317 if x86 else 277, 1, 8, address))
a, b = socket.socketpair()
for what in (lambda: a.connect("/workspace/s"), lambda: a.listen(), lambda: a.sendto(b"x", "/workspace/s")):
    try:
        what()
        print("reached")
    except OSError:
        pass
try:
    a.bind("/workspace/bound")
    a.listen()
    print("listens")
except OSError:
    pass
"""


def test_no_descriptor_comes_in(alice, starter):
    """With the machine's / at hand uid 0 could do anything there: no socket reaches in from outside, or out."""
    folder = alice.mkdir(alice.workspace / "fds")
    deploy(alice, "fds", starter)
    host = alice.popen(["/usr/bin/python3", "-c", OUTSIDE, str(folder / "s")], stdout=subprocess.PIPE)
    try:
        assert host.stdout.readline() == b"listens\n"
        assert python_inside(alice, "fds", INSIDE).splitlines() == [
            "socket 1 EAFNOSUPPORT", "socket 1 EAFNOSUPPORT", "socket 16 made", "socket 2 made", "socket 38 EPERM",
            "socket 40 EPERM", "pair 1 made", "pair 5 made", "pair 2 EPERM", "pair 2 EPERM", "pair 2 EPERM", "io_uring EPERM", "recvmsg EPERM",
            "recvmmsg EPERM", "listener EPERM"]
        assert host.poll() is None
        # The other way round: what a pair has bound takes no connection.
        code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])"
        assert "ConnectionRefusedError" in alice.run(["/usr/bin/python3", "-c", code, str(folder / "bound")]).err
    finally:
        host.kill()
        host.wait()


def test_nobody_else_lives_inside(alice, bob, starter):
    """Who has the id of a process outside may steer it, and walk through the container's folders from there."""
    deploy(alice, "ids", starter)
    for uid in (alice.uid, bob.uid, 1000, 65533):
        done = inside(alice, "ids", f"setpriv --reuid={uid} --clear-groups id -u")
        assert done.rc != 0 and "Operation not permitted" in done.err, (uid, done)
    assert inside(alice, "ids", "for i in 1 33 999 65534; do setpriv --reuid=$i --regid=$i --clear-groups id -u; done").out == (
        "1\n33\n999\n65534\n")
    # Files are given to packages' accounts; to people's it is said, for the sake of archives, and not done.
    assert inside(alice, "ids", f"touch /x /y && chown 33:33 /x && chown {bob.uid}:{bob.uid} /y && stat -c %u:%g /x /y").out == (
        "33:33\n0:0\n")


def test_one_with_an_older_filter_is_not_started(alice, loaded, ds01d):
    """The engine keeps the filter that it was given: a newer ds01d must not go on with it."""
    deploy(alice, "older")
    alice.ok(["container-stop", "older"])
    body = loaded.inspect(f"older._.{alice.uid}")
    old = body["HostConfig"]["SecurityOpt"][1]
    assert len(body["Config"]["Labels"]["ds01.filter"]) == 16 and "recvmsg" not in old
    # As another version would have made it: the same but for the filter and its mark.
    made = {**{k: body["Config"][k] for k in ("Image", "User", "Env", "Cmd", "Entrypoint", "Tty", "OpenStdin", "WorkingDir")},
            "Labels": {**body["Config"]["Labels"], "ds01.filter": "0" * 16}, "HostConfig": body["HostConfig"]}
    ds01d.stop()
    loaded.call("DELETE", f"/containers/{body['Id']}")
    made["HostConfig"]["Mounts"] = []
    made["HostConfig"]["SecurityOpt"][1] = old.replace('"recvfrom"', '"recvfrom","recvmsg"')
    status, new = loaded.call("POST", f"/containers/create?name=older._.{alice.uid}", made)
    assert status == 201, new
    with contextlib.closing(sqlite3.connect(ds01d.state / "ds01.db")) as db, db:
        db.execute("UPDATE containers SET engine_id = ? WHERE name = 'older'", (new["Id"],))
    ds01d.start()
    assert_error(alice.run(["container-start", "older"]), 1,
                 "Container older was made with an older filter of system calls", "container retire older", "project launch older")
    assert row(alice, "older")["state"] == "stopped"


def test_people_with_ids_of_packages(alice, base, ds01d):
    """Where accounts begin at 500, root inside could become one of them: none is started."""
    deploy(alice, "early", "test/busybox:1")
    alice.ok(["container-stop", "early"])
    defs = base / "login.defs"
    defs.write_text("UID_MIN 500\n")
    ds01d.wrapper = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/login.defs && exec "$@"', str(defs)]
    ds01d.restart()
    try:
        # Where ds01d is, so that it sees her folders.
        done = subprocess.run(["nsenter", "--mount", f"--target={ds01d.pid}", "runuser", "-u", alice.name, "--", "env",
                               f"DS01_SOCKET={alice.socket}", str(alice.bin_dir / "container-start"), "early"],
                              capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        assert_error(accounts.Result(done.returncode, done.stdout, done.stderr), 1,
                     "Container early has root inside, but people's ids begin below 1000 on this machine", "container retire early")
    finally:
        ds01d.wrapper = []
        ds01d.restart()
    alice.ok(["container-start", "early"])


WAYS = """mknod /workspace/null c 1 3
mknod /root/null c 1 3
unshare --user true
unshare --mount true
chroot / true
mount -t tmpfs none /mnt
mount -o remount,suid,dev /workspace
umount /workspace
python3 -c 'import os; os.setxattr("/bin/cat", "security.capability", b"\\1\\0\\0\\2" + bytes(16))'
echo 1 >/proc/sys/kernel/sysrq
echo b >/proc/sysrq-trigger
echo x >/sbin/docker-init
rmdir /workspace
mv /workspace /elsewhere"""


def test_other_ways_out(alice, starter):
    deploy(alice, "ways", starter)
    script = "".join(f"if {line}; then echo 'done: {number}'; fi\n" for number, line in enumerate(WAYS.splitlines()))
    assert inside(alice, "ways", f"{{ {script} }} 2>/dev/null; echo end").out == "end\n"
    assert not (alice.workspace / "ways/null").exists()
    # A setuid program of the container's own makes nobody there root again.
    assert inside(alice, "ways", "chmod 4755 /bin/cat; setpriv --reuid=123 --clear-groups cat /proc/self/status").out.count(
        "Uid:\t123\t123\t123\t123") == 1


def test_a_file_system_without_id_maps(alice, loaded):
    """Then it is a container like everybody's, and its owner is told; never plain root."""
    folder = alice.mkdir(alice.home / "plain")
    subprocess.run(["mount", "-t", "ramfs", "ramfs", str(folder)], check=True)
    try:
        os.chown(folder, alice.uid, alice.gid)
        done = alice.ok(["container", "deploy", "plain", "--image=test/busybox:1", "--background", f"--workspace={folder}"])
        assert (f"Container plain has no root inside: {folder} is on ramfs, which takes no id maps.\n"
                "Put packages into its image instead: image-update plain --add-system=PACKAGE\n") in done.err
        assert user_of(loaded, alice, "plain") == f"{alice.uid}:{alice.gid}"
        assert inside(alice, "plain", "id -u").out == f"{alice.uid}\n"
        alice.ok(["container-stop", "plain"])
        assert "root inside" not in alice.ok(["container-start", "plain"]).err
        # A data folder alone is enough, and for those without the right there is nothing to tell.
        done = alice.ok(["container", "deploy", "more", "--image=test/busybox:1", "--background", f"--data={folder}"])
        assert f"{folder} is on ramfs" in done.err and user_of(loaded, alice, "more") == f"{alice.uid}:{alice.gid}"
    finally:
        alice.clear()
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_one_that_can_not_be_mapped_any_more_is_not_started(alice):
    folder = alice.mkdir(alice.home / "moves")
    deploy(alice, "moves", "test/busybox:1", f"--workspace={folder}")
    alice.ok(["container-stop", "moves"])
    subprocess.run(["mount", "-t", "ramfs", "ramfs", str(folder)], check=True)
    try:
        os.chown(folder, alice.uid, alice.gid)
        assert_error(alice.run(["container-start", "moves"]), 1,
                     f"Container moves has root inside, but {folder} is on ramfs, which takes no id maps",
                     "container retire moves", "project launch moves")
        assert row(alice, "moves")["state"] == "stopped"
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_an_engine_whose_data_is_open(alice, loaded):
    """A setuid program of root's would lie there for everybody to run."""
    before = stat.S_IMODE(loaded.data.stat().st_mode)
    assert before & 7 == 0
    try:
        loaded.data.chmod(before | 1)
        assert f"the engine's data ({loaded.data}) is open to everyone" in deploy(alice, "open").err
        assert user_of(loaded, alice, "open") == f"{alice.uid}:{alice.gid}"
    finally:
        loaded.data.chmod(before)


def test_what_it_is_it_stays(alice, loaded, ds01d, policy):
    """Through a crash, a rebuild, and a policy that has changed."""
    deploy(alice, "runs")
    deploy(alice, "rests")
    alice.ok(["container-stop", "rests"])
    ds01d.kill()
    ds01d.start()
    assert inside(alice, "runs", "id -u").out == "0\n"
    ds01d.stop()
    done = subprocess.run([str(ds01d.program), "--rebuild", f"--config={ds01d.config_file}"], capture_output=True, text=True,
                          timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and "2 containers" in done.stdout, done
    for aside in ds01d.state.glob("ds01.db.*.old"):
        aside.unlink()
    ds01d.start()
    assert inside(alice, "runs", "id -u").out == "0\n"
    alice.ok(["container-start", "rests"])
    assert inside(alice, "rests", "id -u; touch /workspace/x").out == "0\n"
    assert owner(alice.workspace / "rests/x")[0] == alice.uid
    alice.ok(["container-stop", "rests"])
    try:
        policy(False)
        deploy(alice, "plain")
        assert user_of(loaded, alice, "plain") == f"{alice.uid}:{alice.gid}"
        # What runs goes on until it is stopped; what rests stays so.
        assert inside(alice, "runs", "id -u").out == "0\n"
        assert_error(alice.run(["container-start", "rests"]), 5,
                     "Container rests has root inside, which your limits no longer allow",
                     "container retire rests", "project launch rests")
        assert row(alice, "rests")["state"] == "stopped"
    finally:
        policy(True)
    alice.ok(["container-stop", "plain"])
    alice.ok(["container-start", "plain"])
    assert inside(alice, "plain", "id -u").out == f"{alice.uid}\n"


def test_one_that_waited_for_its_turn(alice, bob, ds01d, loaded):
    """What was mounted for root inside when it joined the queue becomes a container with root inside."""
    ds01d.config["probe"] = {"command": str(ds01d.probe), "simulate": "1xA100-40G"}
    ds01d.restart()
    try:
        gpus.launch(bob, "holds", 1)
        folder = alice.mkdir(alice.workspace / "turn")
        reply = rpc.call(alice, "Queue.Join", {"name": "turn", "launch": True, "image": "test/busybox:1", "interface": "api",
                                               "workspace": str(folder)}, [folder])
        assert reply["notice"] == "" and reply["state"] == "waiting", reply
        gpus.retire(bob, "holds")
        wait_until(lambda: (row(alice, "turn") or {}).get("state") == "running", 60, "it is launched")
        assert user_of(loaded, alice, "turn") == "0:0"
        assert inside(alice, "turn", "id -u; touch made ~/made; stat -c %u /workspace").out == "0\n0\n"
        assert owner(folder / "made")[0] == alice.uid
    finally:
        alice.clear()
        bob.clear()
        del ds01d.config["probe"]
        ds01d.restart()


class RemappedEngine(Recorder):
    """The engine's socket, behind one through which it says that it remaps user ids."""

    def answered(self, c, data):
        told = b'"name=seccomp,profile=default"'
        super().answered(c, data.replace(told, b'"name=userns"'.ljust(len(told))))


def test_an_engine_that_remaps_ids_is_refused(alice, base, ds01d, loaded):
    proxy = RemappedEngine(base / "remapped.sock", loaded.socket)
    ds01d.stop()
    ds01d.config["engine"]["socket"] = str(base / "remapped.sock")
    try:
        ds01d.start(ready=False)
        for _ in range(50):
            done = alice.run(["container", "deploy", "remapped", "--image=test/busybox:1", "--background"])
            if "not running" not in done.err:
                break
        assert done.rc == 6 and "The engine remaps user ids (userns-remap)" in done.err, done
        found = json.loads(ds01d.as_root(["doctor", "--json"]).stdout)
        assert "userns-remap" in json.dumps(found), found
    finally:
        ds01d.config["engine"]["socket"] = str(loaded.socket)
        ds01d.restart()
        proxy.listener.close()
        (base / "remapped.sock").unlink()
