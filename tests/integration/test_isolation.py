"""What one account's container may not do to others, to the machine, or to its own limits."""

import os
import stat
import subprocess

import pytest
from harness.engine import cgroup_folders
from harness.expect import deploy, row, rows


def inside(user, name, script, **kwargs):
    return user.run(["container-attach", name, "--", "sh", "-c", script], **kwargs)


def test_bob_sees_and_touches_nothing_of_alices(alice, bob, loaded):
    deploy(alice, "mine")
    assert rows(bob, "--all") == []
    for argv in (["container-list", f"--user={alice.name}"], ["container-logs", "mine", f"--user={alice.name}"],
                 ["container", "retire", "mine", f"--user={alice.name}", "--force"]):
        assert bob.run(argv).rc in (2, 5), argv
    deploy(bob, "mine")
    bob.ok(["container", "retire", "mine", "--force"])
    assert row(alice, "mine")["state"] == "running"
    assert loaded.inspect(f"mine._.{alice.uid}")["State"]["Running"]


def test_the_create_body(alice, loaded, ds01d):
    deploy(alice, "body")
    host = loaded.inspect(f"body._.{alice.uid}")["HostConfig"]
    config = loaded.inspect(f"body._.{alice.uid}")["Config"]
    assert config["User"] == f"{alice.uid}:{alice.gid}"
    assert host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"]
    assert "no-new-privileges" in " ".join(host["SecurityOpt"])
    assert not any("seccomp" in o or "apparmor=unconfined" in o for o in host["SecurityOpt"])
    assert host["NetworkMode"] == "ds01-test" and host["PidMode"] == "" and host["IpcMode"] == "private"
    assert host["RestartPolicy"]["Name"] in ("", "no") and host["Init"] is True
    assert host["Memory"] == host["MemorySwap"] == 1 << 30 and host["PidsLimit"] == 512
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert not host["Devices"] and not host["DeviceRequests"] and not host["Binds"]
    assert host["CgroupParent"].rstrip("/").endswith(f"ds01/{alice.uid}")
    sources = [m["Source"] for m in host["Mounts"]]
    assert all(s.startswith((str(ds01d.run_dir), str(ds01d.state))) for s in sources), sources
    assert config["Labels"]["ds01.user"] == alice.name and config["Labels"]["ds01.uid"] == str(alice.uid)


def test_processes_are_the_users_and_hold_nothing(alice):
    deploy(alice, "caps")
    text = inside(alice, "caps", "cat /proc/self/status /proc/1/status").out
    assert text.count(f"Uid:\t{alice.uid}\t{alice.uid}\t{alice.uid}\t{alice.uid}") == 2
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert text.count(f"{name}:\t0000000000000000") == 2, name
    assert text.count("NoNewPrivs:\t1") == 2 and text.count("Seccomp:\t2") == 2


def test_low_ports_are_not_for_users(alice):
    """As on the machine: a file server may take who comes from one for the machine's root."""
    deploy(alice, "ports")
    done = inside(alice, "ports", "nc -l -p 700 </dev/null")
    assert done.rc == 1 and "Permission denied" in done.err, done
    assert inside(alice, "ports", "nc -l -p 1024 </dev/null & sleep 1; nc 127.0.0.1 1024 </dev/null && wait").rc == 0
    assert inside(alice, "ports", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start").out == "1024\n"


def test_tricks_of_an_image_do_not_work(alice, bob, loaded):
    deploy(alice, "hostile", "test/hostile:1")
    assert inside(alice, "hostile", "become-root root").out == f"setuid=-1 uid={alice.uid} euid={alice.uid}\n"
    assert inside(alice, "hostile", "id -G").out.split() == [str(alice.gid)]
    env = inside(alice, "hostile", "cat /proc/1/environ | tr '\\0' '\\n'; env").out
    assert "NVIDIA_VISIBLE_DEVICES=all" not in env and "evil" not in env
    body = loaded.inspect(f"hostile._.{alice.uid}")
    assert body["Config"]["Labels"]["ds01.user"] == alice.name
    assert row(alice, "hostile")["user"] == alice.name and rows(bob, "--all") == []
    alice.ok(["container", "retire", "hostile"])


def test_files_made_inside_give_no_rights_outside(alice, bob):
    """A set-id program left in the workspace is its owner's: it makes root, or a group, of nobody."""
    deploy(alice, "suid", "test/hostile:1")
    inside(alice, "suid", "cp /bin/become-root /workspace/tool; chmod 777 /workspace; "
                          "for g in 0 6 42; do cp /workspace/tool /workspace/group$g; chgrp $g /workspace/group$g; done; "
                          "chmod 6755 /workspace/tool /workspace/group*; chown 0 /workspace/tool; "
                          "mknod /workspace/null c 1 5; mknod /workspace/pipe p")
    folder = alice.workspace / "suid"
    made = sorted(folder.glob("group*")) + [folder / "tool"]
    assert len(made) == 4 and (folder / "pipe").is_fifo() and not (folder / "null").exists()
    for path in made:
        st = path.stat()
        assert st.st_mode & stat.S_ISUID and (st.st_uid, st.st_gid) == (alice.uid, alice.gid), path
        # Bob gets what alice could have given him in any other way: her own id.
        assert bob.ok([str(path), "root"]).out == f"setuid=-1 uid={bob.uid} euid={alice.uid}\n"
        assert alice.ok([str(path), "root"]).out == f"setuid=-1 uid={alice.uid} euid={alice.uid}\n"


def test_mounts_are_nosuid_nodev_and_ids_map_to_themselves(alice):
    deploy(alice, "mnt")
    lines = inside(alice, "mnt", "cat /proc/self/mountinfo").out.splitlines()
    ours = {line.split()[4]: line for line in lines if line.split()[4] in ("/workspace", f"/home/{alice.name}")}
    assert set(ours) == {"/workspace", f"/home/{alice.name}"}
    for line in ours.values():
        assert "nosuid" in line.split()[5] and "nodev" in line.split()[5] and "idmapped" in line, line


def test_what_root_owns_on_disk_is_nobodys_inside(alice):
    folder = alice.mkdir(alice.workspace / "rootfile")
    (folder / "roots").write_text("x")
    os.chown(folder / "roots", 0, 0)
    deploy(alice, "rootfile")
    assert inside(alice, "rootfile", "stat -c '%u %g' /workspace/roots").out == "65534 65534\n"


LISTEN = "setsid nc -l -p 4242 -e echo hello >/dev/null 2>&1 </dev/null &\nsleep 0.2\n"


def test_no_traffic_between_containers(alice, bob, loaded):
    deploy(alice, "server")
    deploy(alice, "client")
    deploy(bob, "stranger")
    address = loaded.inspect(f"server._.{alice.uid}")["NetworkSettings"]["Networks"]["ds01-test"]["IPAddress"]
    alice.ok(["container-attach", "server"], stdin=LISTEN)
    # It listens: the machine itself may connect.
    probe = loaded.run_in_network(["/bin/busybox", "nc", "-w", "2", address, "4242"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE)
    assert probe.communicate(timeout=10)[0] == b"hello\n"
    alice.ok(["container-attach", "server"], stdin=LISTEN)
    for user, name in ((bob, "stranger"), (alice, "client")):
        got = inside(user, name, f"timeout 3 nc -w 2 {address} 4242 </dev/null; ping -c1 -W1 {address}")
        assert "hello" not in got.out and "1 packets received" not in got.out, got


def test_limits_are_the_kernels(alice):
    deploy(alice, "hog")
    bomb = inside(alice, "hog", "i=0; while [ $i -lt 700 ]; do sleep 20 & i=$((i+1)); done 2>&1 | tail -1; echo end",
                  timeout=60)
    assert "fork" in bomb.out or "Resource" in bomb.out or "fork" in bomb.err, bomb
    assert row(alice, "hog")["state"] == "running"
    assert any(p.name == str(alice.uid) for p in cgroup_folders(f"ds01/{alice.uid}"))


def test_a_memory_hog_is_ended_alone(alice):
    deploy(alice, "mem")
    eat = inside(alice, "mem", "dd if=/dev/zero of=/dev/shm/x bs=1M count=2000 2>&1; tail /dev/zero; echo survived",
                 timeout=60)
    assert "survived" in eat.out or eat.rc != 0
    assert row(alice, "mem")["state"] == "running"


def test_a_secret_volume_of_the_image_is_not_left_behind(alice, loaded):
    deploy(alice, "vol", "test/hostile:1")
    alice.ok(["container", "retire", "vol", "--force"])
    _, body = loaded.call("GET", "/volumes")
    assert not body["Volumes"]


def test_groups_are_the_callers_own(alice, base):
    subprocess.run(["groupadd", f"{alice.name[:24]}-g"], check=True)
    subprocess.run(["usermod", "-aG", f"{alice.name[:24]}-g,daemon", alice.name], check=True)
    try:
        deploy(alice, "groups")
        import grp
        mine = grp.getgrnam(f"{alice.name[:24]}-g").gr_gid
        got = set(map(int, inside(alice, "groups", "id -G").out.split()))
        assert got == {alice.gid, mine}, got
    finally:
        subprocess.run(["gpasswd", "-d", alice.name, "daemon"], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(["groupdel", f"{alice.name[:24]}-g"], check=True)


def test_data_folders(alice, bob):
    shared = bob.mkdir(bob.home / "dataset")
    bob.write(shared / "sample", "one\n")
    bob.ok(["chmod", "755", str(bob.home), str(shared)])
    own = alice.mkdir(alice.home / "results")
    alice.ok(["container", "deploy", "data", "--image=test/busybox:1", f"--data={shared}", f"--data={own}:rw", "--background"])
    assert inside(alice, "data", "cat /data/dataset/sample").out == "one\n"
    assert inside(alice, "data", "touch /data/dataset/x").rc != 0
    inside(alice, "data", "echo done > /data/results/out")
    assert (own / "out").read_text() == "done\n"
    assert (own / "out").stat().st_uid == alice.uid


@pytest.mark.slow
def test_a_workspace_swapped_while_starting(alice):
    """A folder exchanged for a link to /etc in the middle: the container gets the folder or nothing."""
    alice.mkdir(alice.home / "swap/real")
    alice.write(alice.home / "swap/real/mark", "real\n")
    flip = alice.popen(["bash", "-c", "cd ~/swap; cp -r real ws; while :; do mv -T ws keep; ln -s /etc ws; rm ws; "
                                      "mv -T keep ws; done"], stderr=subprocess.DEVNULL)
    try:
        for i in range(12):
            done = alice.run(["container", "deploy", f"swap{i % 4}", "--image=test/busybox:1", "--background",
                              f"--workspace={alice.home}/swap/ws"])
            if done.rc == 0:
                seen = inside(alice, f"swap{i % 4}", "cat /workspace/mark; ls /workspace/shadow").out
                assert seen == "real\n"
                alice.run(["container", "retire", f"swap{i % 4}", "--force"])
            else:
                assert "Error: " in done.err and done.rc in (1, 2, 4, 5), done
    finally:
        os.killpg(flip.pid, 9)
        flip.wait()
