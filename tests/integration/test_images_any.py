"""Who am I: right in any image. And the main process is the image's own."""

import re

import pexpect
import pytest
from harness.expect import deploy, prompt_of, row

IMAGES = ["test/busybox:1", "test/nopasswd:1", "test/sameuid:1", "test/hostile:1", "ds01/starter:12"]


@pytest.mark.parametrize("image", IMAGES)
def test_account_home_and_prompt(alice, starter, image):
    deploy(alice, "who.am_i", image)
    done = alice.ok(["container-attach", "who.am_i"],
                    stdin='id -u; id -g; id -G; whoami; echo "$HOME"; echo "$USER"; pwd; hostname; '
                          'touch "$HOME/x" && echo wrote; cd; pwd; echo "$LANG"\n')
    assert done.out.splitlines() == [
        str(alice.uid), str(alice.gid), str(alice.gid), alice.name, f"/home/{alice.name}", alice.name,
        "/workspace", "who-am-i", "wrote", f"/home/{alice.name}", "C.UTF-8"]
    t = alice.tty("container-attach who.am_i")
    t.expect(prompt_of(alice, "who.am_i"))
    t.sendline("cd /tmp")
    t.expect(re.escape(f"{alice.name}@who-am-i:/tmp$ "))
    t.sendline("exit")
    t.expect(pexpect.EOF)


@pytest.mark.parametrize("image", IMAGES[:4])
def test_passwd_keeps_the_images_others(alice, image):
    deploy(alice, "pw", image)
    lines = alice.ok(["container-attach", "pw", "--", "cat", "/etc/passwd"]).out.splitlines()
    assert lines[0].split(":")[:4] == [alice.name, "x", str(alice.uid), str(alice.gid)]
    names = [line.split(":")[0] for line in lines]
    ids = [line.split(":")[2] for line in lines]
    assert len(set(names)) == len(names) and ids.count(str(alice.uid)) == 1
    if image != "test/nopasswd:1":
        assert "root" in names
    alice_only = alice.run(["container-attach", "pw", "--", "sh", "-c", "echo x >> /etc/passwd"])
    assert alice_only.rc != 0


def test_home_is_fresh_each_time(alice, ds01d):
    deploy(alice, "fresh")
    alice.ok(["container-attach", "fresh", "--", "sh", "-c", "echo secret > $HOME/secret"])
    alice.ok(["container", "retire", "fresh", "--force"])
    deploy(alice, "fresh")
    found = alice.ok(["container-attach", "fresh", "--", "sh", "-c", "ls -A $HOME"]).out.split()
    assert set(found) <= {".bashrc", ".profile"}, found


def test_the_images_own_command_is_the_main_process(alice, loaded):
    deploy(alice, "tool", "test/noshell:1")
    body = loaded.inspect(f"tool._.{alice.uid}")
    assert body["Path"] == "/tool" and body["State"]["Running"]
    assert row(alice, "tool")["state"] == "running"


def test_framework_and_alias_find_the_image(alice):
    for i, option in enumerate(("--framework=busybox", "--framework=Busybox:1", "--image=aime/busybox:1")):
        alice.ok(["container", "deploy", f"alias{i}", option, "--background"])
        assert row(alice, f"alias{i}")["image"] == "test/busybox:1"


def test_python_of_the_starter_is_usable(alice, starter):
    deploy(alice, "py", starter)
    done = alice.ok(["container-attach", "py"], timeout=120, stdin="""
set -e
python -c 'import ssl, sqlite3; print("python")'
mkdir -p /tmp/pkg/hello_ds01 && cd /tmp/pkg
echo 'answer = 42' > hello_ds01/__init__.py
printf 'from setuptools import setup\\nsetup(name="hello-ds01", version="1", packages=["hello_ds01"])\\n' > setup.py
pip install -q --no-build-isolation --no-index . 2>/dev/null
cd / && python -c 'import hello_ds01; print(hello_ds01.answer)'
python -m venv --system-site-packages /tmp/v && /tmp/v/bin/python -c 'print("venv")'
git --version | cut -d. -f1
""")
    assert done.out.splitlines() == ["python", "42", "venv", "git version 2"]
