"""Images that are not one's own: the catalogue, images.allow, and what does not exist for anybody."""

import json

import pytest
from harness.expect import assert_error, deploy, row


def image_of(loaded, user, name):
    return loaded.inspect(f"{name}._.{user.uid}")


def stub(alice, name):
    """Which stand-in the container was made from."""
    return alice.ok(["container-attach", name, "--", "cat", "/etc/stub"]).out.strip()


@pytest.mark.parametrize("arguments, image", [
    (["--image=aime/pytorch:2.8.0"], "stub/pytorch:2.8.0-cpu"), (["aime/pytorch:2.7.1"], "stub/pytorch:2.7.1-cpu"),
    (["--image=aime/pytorch"], "stub/pytorch:2.8.0-cpu"), (["--image=aime/PyTorch:2.8"], "stub/pytorch:2.8.0-cpu"),
    (["--framework=pytorch"], "stub/pytorch:2.8.0-cpu"), (["--framework=pytorch:2.7.1"], "stub/pytorch:2.7.1-cpu"),
    (["--framework=TensorFlow:2.16"], "stub/tensorflow:2.16.1"), (["--framework", "jax"], "stub/jax:0.5.3"),
    (["--framework=none:13"], "stub/none:13"), (["--image=stub/jax:0.5.3"], "stub/jax:0.5.3"),
])
def test_names_resolve_through_the_catalogue(alice, frameworks, arguments, image):
    done = alice.ok(["container", "deploy", "cat", *arguments, "--background"])
    assert done.out == ""
    assert row(alice, "cat")["image"] == image
    assert stub(alice, "cat") == image
    assert (alice.workspace / "cat").is_dir()


def test_framework_is_told(alice, frameworks):
    alice.ok(["container", "deploy", "told", "--framework=pytorch:2.7.1", "--background"])
    assert row(alice, "told")["framework"] == "PyTorch 2.7.1"


@pytest.mark.parametrize("arguments", [["--framework=caffe"], ["--framework=pytorch:9.9"], ["--image=aime/caffe"],
                                       ["--image=aime/pytorch:9.9"]])
def test_what_the_catalogue_lacks(alice, frameworks, arguments):
    done = alice.run(["container", "deploy", "lacks", *arguments, "--background"])
    assert done.rc == 4 and done.out == "" and "Error: " in done.err, done
    assert "caffe" in done.err or "9.9" in done.err
    assert row(alice, "lacks") is None and not (alice.workspace / "lacks").exists()


@pytest.mark.parametrize("value", ["pytorch;reboot", "$(id)", "a b", "../x", "pytorch:2.8.0\n", "-x", ""])
def test_odd_frameworks(alice, frameworks, value):
    done = alice.run(["container", "deploy", "odd", f"--framework={value}", "--background"])
    assert done.rc in (2, 4) and "Error: " in done.err and "\x1b" not in done.err, done
    assert row(alice, "odd") is None


def test_a_local_image_of_exactly_that_name_wins(alice, frameworks, loaded):
    loaded.call("POST", "/images/stub/jax:0.5.3/tag?repo=aime/pytorch&tag=2.8.0")
    try:
        alice.ok(["container", "deploy", "exact", "--image=aime/pytorch:2.8.0", "--background"])
        assert row(alice, "exact")["image"] == "aime/pytorch:2.8.0"
        assert stub(alice, "exact") == "stub/jax:0.5.3"
        alice.ok(["container", "retire", "exact", "--force"])
    finally:
        loaded.call("DELETE", "/images/aime/pytorch:2.8.0")
    alice.ok(["container", "deploy", "exact", "--image=aime/pytorch:2.8.0", "--background"])
    assert stub(alice, "exact") == "stub/pytorch:2.8.0-cpu"


def test_a_project_on_a_catalogue_image_is_not_built(alice, frameworks):
    alice.write(alice.workspace / "limited/pyproject.toml", '[tool.ds01]\nimage = "aime/pytorch:2.8.0"\n')
    done = alice.ok(["project", "launch", "limited", "--background"])
    assert "Step" not in done.err and stub(alice, "limited") == "stub/pytorch:2.8.0-cpu"


def test_a_dockerfile_may_begin_with_an_alias(alice, frameworks):
    alice.write(alice.workspace / "alias/Dockerfile", "FROM aime/jax\nRUN cat /etc/stub\n")
    done = alice.ok(["image-create", "alias"], timeout=60)
    assert "stub/jax:0.5.3" in done.err


def test_foreign_images_do_not_exist(alice, bob, loaded, ds01d):
    """Neither one that an admin loaded by hand, nor one that calls itself alice's."""
    forged = f"ds01-{alice.name}/forged:latest"
    loaded.call("POST", f"/images/test/hostile:1/tag?repo=ds01-{alice.name}/forged&tag=latest")
    alice.mkdir(alice.workspace / "forged")
    for user in (alice, bob):
        assert forged not in user.ok(["image-list", "--json", "--all"]).out
        assert user.run(["container", "deploy", "forged", f"--image={forged}", "--background"]).rc == 4
        assert user.run(["image-delete", forged, "--force"]).rc == 4
    done = alice.run(["container", "deploy", "forged", "--background"])
    assert_error(done, 4, f"Image {forged} not found", "project launch forged")
    done = alice.run(["container", "deploy", "hidden", "--image=test/hidden:1", "--background"])
    missing = alice.run(["container", "deploy", "hidden", "--image=test/no-such:1", "--background"])
    assert done.rc == 4 and "Image test/hidden:1 not found" in done.err
    assert missing.rc != 0 and missing.out == ""
    assert forged in loaded.image_tags()
    loaded.call("DELETE", f"/images/{forged}")


@pytest.fixture
def allow(ds01d, alice):
    """allow(patterns): images.allow, for one test."""
    def allow(patterns):
        ds01d.config["images"] = {"allow": patterns}
        ds01d.restart()
    yield allow
    del ds01d.config["images"]
    ds01d.restart()


def test_images_allow_denies(alice, allow):
    allow(["ghcr.io/lab/*", "debian"])
    for image in ("test/hidden:1", "ubuntu", "ghcr.io/laboratory/x:1", "docker.io/library/ubuntu:22.04"):
        done = alice.run(["container", "deploy", "denied", f"--image={image}", "--background"])
        assert done.rc == 5 and "may not be used on this machine" in done.err and "container deploy" in done.err, done
        alice.write(alice.workspace / "denied/Dockerfile", f"FROM {image}\n")
        built = alice.run(["image-create", "denied"])
        assert built.rc == 5 and "line 1" in built.err and "may not be used" in built.err, built
    # What is in the catalogue is there for everyone, and what is allowed is only missing.
    deploy(alice, "allowed")
    done = alice.run(["container", "deploy", "fetch", "--image=debian:12", "--background"])
    assert done.rc not in (0, 5) and "may not be used" not in done.err


def test_images_allow_nothing(alice, allow, starter):
    allow([])
    assert alice.run(["container", "deploy", "denied", "--image=debian:12", "--background"]).rc == 5
    deploy(alice, "allowed")
    alice.ok(["container", "retire", "allowed", "--force"])
    alice.write(alice.workspace / "own/Dockerfile", "FROM test/busybox:1\n")
    alice.ok(["image-create", "own"], timeout=60)
    alice.ok(["container", "deploy", "own", "--background"])


def test_the_picker_offers_own_images_then_the_catalogue(alice, frameworks):
    alice.write(alice.workspace / "mine/Dockerfile", "FROM test/busybox:1\n")
    alice.ok(["image-create", "mine"], timeout=60)
    t = alice.tty("container deploy", rows=60)
    t.expect("Select an image to deploy:")
    t.expect(r"\d+\) mine")
    t.expect(r"(\d+)\) PyTorch 2.8.0")
    number = t.match[1]
    t.expect(r"Choice \[1-\d+\]: ")
    t.sendline(number)
    t.expect(r":/workspace\$ ")
    t.sendline("cat /etc/stub; exit")
    t.expect("stub/pytorch:2.8.0-cpu")
    t.close(force=True)
    assert row(alice, "pytorch")["state"] == "running"


def test_all_lists_the_catalogues_images_here(alice, frameworks):
    listed = json.loads(alice.ok(["image-list", "--all", "--json"]).out)["images"]
    by_name = {i["image"]: i for i in listed}
    assert by_name["stub/pytorch:2.8.0-cpu"]["framework"] == "PyTorch 2.8.0"
    assert "test/hidden:1" not in by_name and "test/missing:1" not in by_name


def test_what_is_here_comes_before_what_is_newer(alice, base, ds01d, starter):
    """Where no version is asked for: a machine without a registry is of use with what it has."""
    path = base / "catalogue"
    old = path.read_text()
    path.write_text("None, 3.12, [CPU], example.org/none:3.12\nNone, 3.11, [CPU], ds01/starter:12\n")
    ds01d.restart()
    try:
        for name, framework, image in (("any", "none", "ds01/starter:12"), ("asked", "none:3.12", "example.org/none:3.12")):
            alice.ok(["project", "init", name, "--quick", f"--framework={framework}", "--type=custom"])
            assert f"\nFROM {image}\n" in (alice.workspace / name / "Dockerfile").read_text()
    finally:
        path.write_text(old)
        ds01d.restart()
