"""What ds01d does when a request, the engine or a moment is not what it expected."""

import json
import subprocess
import textwrap

from harness.expect import deploy, row
from harness.process import wait_until

# Run as an ordinary account: one call with folders as descriptors.
CALL = textwrap.dedent("""
    import array, os, socket, sys
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(sys.argv[1])
    fds = array.array("i", [os.open(p, os.O_PATH | os.O_DIRECTORY) for p in sys.argv[2:]])
    s.sendmsg([sys.stdin.buffer.read()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    data = b""
    while not data.endswith(b"\\0"):
        data += s.recv(65536)
    sys.stdout.buffer.write(data[:-1])
""")


def call(user, method, parameters, *folders):
    request = json.dumps({"method": f"io.ds01.Containers.{method}", "parameters": parameters}).encode() + b"\0"
    p = user.popen(["/usr/bin/python3", "-c", CALL, str(user.socket), *map(str, folders)],
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return json.loads(p.communicate(request, 40)[0])


def folders(user, *names):
    for name in names:
        user.mkdir(user.home / name)
    return [user.home / name for name in names]


def test_a_start_takes_as_many_folders_as_the_launch(alice, loaded):
    work, data = folders(alice, "work", "data")
    deploy(alice, "folders", "test/busybox:1", f"--workspace={work}", f"--data={data}")
    loaded.call("POST", f"/containers/folders._.{alice.uid}/kill")
    wait_until(lambda: row(alice, "folders")["state"] == "stopped", 10, "it has stopped")
    for more, paths in (({}, [work]), ({"data_rw": [str(data)]}, [work, data]),
                        ({"data_ro": [str(data)] * 2}, [work, data, data])):
        answer = call(alice, "Start", {"name": "folders", **more}, *paths)
        assert answer.get("error") == "io.ds01.Invalid", answer
    assert row(alice, "folders")["state"] == "stopped"
    answer = call(alice, "Start", {"name": "FOLDERS", "data_ro": [str(data)]}, work, data)
    assert answer.get("parameters", {}).get("state") == "running", answer


def test_a_row_fits_in_a_frame(alice, bob, ds01d):
    work, = folders(alice, "work")
    many = ["/." * 2000 + f"/d{i}" for i in range(15)]
    answer = call(alice, "Launch", {"name": "fat", "image": "test/busybox:1", "workspace": str(work),
                                    "interface": "api", "data_ro": many}, *[work] * 16)
    assert answer.get("error") == "io.ds01.Invalid" and "8192" in answer["parameters"]["message"], answer
    deploy(bob, "thin")
    listed = ds01d.as_root(["container-list", "--all", "--user=all"])
    assert listed.returncode == 0 and "thin" in listed.stdout, listed


def instance(user):
    answer = user.ok(["/usr/bin/python3", "-c", textwrap.dedent("""
        import json, socket, sys
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        s.sendall(b'{"method":"io.ds01.System.Info"}' + bytes(1))
        print(json.loads(s.recv(65536)[:-1])["parameters"]["instance"])
    """), str(user.socket)])
    return answer.out.strip()


def create_by_hand(user, loaded, name, **labels):
    status, body = loaded.call("POST", f"/containers/create?name={name}._.{user.uid}", {
        "Image": "test/busybox:1", "Cmd": ["sleep", "600"],
        "Labels": {"ds01.uid": str(user.uid), "ds01.op": "0" * 32, "ds01.interface": "api", **labels}})
    assert status == 201, body


def test_a_create_that_landed_late_does_not_keep_the_name(alice, loaded):
    create_by_hand(alice, loaded, "late", **{"ds01.instance": instance(alice)})
    deploy(alice, "late")
    assert row(alice, "late")["state"] == "running"


def test_a_foreign_container_keeps_the_name(alice, loaded):
    create_by_hand(alice, loaded, "theirs", **{"ds01.instance": "someone-elses"})
    try:
        result = alice.run(["container", "deploy", "theirs", "--image=test/busybox:1", "--background"])
        assert result.rc == 1 and "that ds01 doesn't know" in result.err, result
        assert row(alice, "theirs") is None
        assert loaded.inspect(f"theirs._.{alice.uid}")["Config"]["Labels"]["ds01.instance"] == "someone-elses"
    finally:
        loaded.call("DELETE", f"/containers/theirs._.{alice.uid}?force=1")


def test_a_pause_while_ds01d_is_away_is_seen(alice, ds01d, loaded):
    deploy(alice, "frozen")
    for verb, state in (("pause", "paused"), ("unpause", "running")):
        ds01d.kill()
        loaded.call("POST", f"/containers/frozen._.{alice.uid}/{verb}")
        ds01d.start()
        assert row(alice, "frozen")["state"] == state


def test_a_log_keeps_its_characters(alice):
    deploy(alice, "euro")
    # The terminal of the main process: what is written there is in the log. The engine itself cuts lines
    # of more than 16 KiB, so these are shorter.
    alice.ok(["container-attach", "euro", "--", "sh", "-c",
              "s=€€€€€€€€; for i in 1 2 3 4 5 6 7 8 9; do s=$s$s; done; "
              "for i in 1 2 3 4 5 6 7; do echo x$s; done > /proc/1/fd/1"])
    log = alice.ok(["container-logs", "euro"]).out
    assert "\ufffd" not in log
    assert log.count("€") == 7 * 8 * 512
