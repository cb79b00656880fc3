"""GPUs and the queue as people meet them: flags, sentences, waiting, exit statuses."""

import json
import re
import signal
import time

import pytest
from harness import rpc
from harness.expect import assert_error, deploy, row
from harness.gpus import MOMENT
from harness.process import wait_until

BUSYBOX = "--image=test/busybox:1"


@pytest.fixture(scope="module", autouse=True)
def two(ds01d_session):
    """A machine with two simulated GPUs."""
    before = ds01d_session.policy
    ds01d_session.config["probe"] = {"command": str(ds01d_session.probe), "simulate": "2xA100-40G"}
    ds01d_session.policy = {"defaults": {**before["defaults"], "max_gpu_equivalents": 2, "max_gpu_slots_per_container": 2,
                                         "max_runtime_h": 2, "gpu_hold_after_stop_h": 1}}
    ds01d_session.restart()
    yield
    del ds01d_session.config["probe"]
    ds01d_session.policy = before
    ds01d_session.restart()


@pytest.fixture(autouse=True)
def idle(alice, bob):
    """Afterwards nobody is in the queue and both GPUs are free."""
    yield
    for user in (alice, bob):
        for t in tickets(user):
            if t["mine"]:
                user.run(["gpu-queue", "leave", *([t["name"]] if t["name"] else [])])
        user.clear()


def tickets(user):
    body = json.loads(user.ok(["gpu-queue", "status", "--json"]).out)
    assert body["schema"] == 1
    return body["tickets"]


def fill(user, name="all"):
    """A container that holds both."""
    return deploy(user, name, "test/busybox:1", "--gpus=2")


def waiting(user, name, *options):
    """container deploy --wait in the background, once it is in line."""
    p = user.popen(["container", "deploy", name, BUSYBOX, "--background", *(options or ["--wait"])],
                   stdout=-1, stderr=-1, text=True)
    wait_until(lambda: any(t["name"] == name for t in tickets(user)) or p.poll() is not None, 15, "it waits")
    assert p.poll() is None, p.communicate()
    return p


def test_a_launch_says_which_gpu(alice):
    said = deploy(alice, "one").err
    assert "Deployed one on GPU 0 (A100 40 GB). Attach: container-attach one · Done: container retire one" in said
    said = deploy(alice, "none", "test/busybox:1", "--cpu-only").err
    assert "Deployed none without a GPU. Attach:" in said
    table = alice.ok(["container-list"]).out
    assert re.search(r"^one .* 0$", table, re.M) and re.search(r"^none .* -$", table, re.M), table
    assert row(alice, "one")["gpus"] == ["0"] and row(alice, "none")["gpus"] == []


def test_stop_says_what_is_kept_and_retire_what_is_free(alice):
    fill(alice)
    said = alice.ok(["container-stop", "all", "--force"]).err
    assert re.search(r"It keeps GPUs 0, 1 \(A100 40 GB\) until \d{4}-\d\d-\d\d \d\d:\d\d\.", said), said
    said = alice.ok(["container-start", "all"]).err
    assert "Started all on GPUs 0, 1 (A100 40 GB)." in said
    said = alice.ok(["container", "retire", "all", "--force"]).err
    assert "GPUs 0, 1 (A100 40 GB) are free again." in said


@pytest.mark.parametrize("options", [["--gpus=65"], ["--gpus=x"], ["--gpus=1", "--cpu-only"], ["--wait=soon"],
                                     ["--wait=31d"], ["--wait="]])
def test_wrong_values(alice, options):
    r = alice.run(["container", "deploy", "x", BUSYBOX, *options])
    assert r.rc == 2 and "Usage: container deploy" in r.err, r
    assert row(alice, "x") is None


def test_no_gpus_available(alice, bob):
    fill(alice)
    r = bob.run(["container", "deploy", "mine", BUSYBOX, "--background"])
    assert_error(r, 3, "No GPUs available", "dashboard gpu", "gpu-queue join mine")
    assert re.search(rf"^  {alice.name} holds 2, until {MOMENT}", r.err, re.M), r.err


def test_what_would_be_refused_is_not_built_for(alice, bob, starter, loaded):
    alice.ok(["project", "init", "early", "--quick", "--framework=none", "--type=custom"])
    for options in ([], ["--rebuild"], ["--dry-run"], ["--wait", "--dry-run"]):
        r = alice.run(["project", "launch", "early", "--gpus=3", "--yes", *options])
        assert_error(r, 3, "A container of yours may have 2 GPUs at most, not 3", "project launch early --gpus=2")
        assert "is needed" not in r.err, (options, r)
    # That all are taken now need not be so once it is built.
    fill(bob)
    dry = ["project", "launch", "early", "--dry-run"]
    assert_error(alice.run(dry), 3, "No GPUs available", "dashboard gpu", "gpu-queue join early")
    said = alice.ok([*dry, "--wait"]).err
    assert "Would wait in line for a GPU.\n" in said and "Would launch early from " in said
    assert "Would launch early from " in alice.ok([*dry, "--cpu-only"]).err
    assert tickets(alice) == [] and row(alice, "early") is None
    assert f"ds01-{alice.name}/early:latest" not in loaded.image_tags()
    # The same for an image that is there, or that would have to be fetched.
    r = bob.run(["container", "deploy", "more", BUSYBOX, "--dry-run"])
    assert_error(r, 3, "GPU limit reached (2/2 in use)", "container retire all")
    r = alice.run(["container", "deploy", "all", BUSYBOX, "--gpus=3", "--dry-run"])
    assert_error(r, 3, "A container of yours may have 2 GPUs at most, not 3", "check-limits")


def test_what_the_machine_can_not_give_is_not_built_for(alice, ds01d, starter):
    """Nor waited for: no turn would bring it."""
    alice.ok(["project", "init", "early", "--quick", "--framework=none", "--type=custom"])
    before = ds01d.policy
    ds01d.policy = {"defaults": {**before["defaults"], "max_gpu_equivalents": 8, "max_gpu_slots_per_container": 8}}
    ds01d.restart()
    try:
        for options in ([], ["--dry-run"], ["--wait"], ["--wait", "--dry-run"]):
            r = alice.run(["project", "launch", "early", "--gpus=3", "--yes", *options])
            assert_error(r, 3, "This machine can't give 3 GPUs to one container: it has 2 that you may have together",
                         "project launch early --gpus=1")
            assert "is needed" not in r.err and "Would" not in r.err, (options, r)
    finally:
        ds01d.policy = before
        ds01d.restart()


def test_the_limit_fails_at_once_though_it_may_wait(alice):
    fill(alice)
    start = time.monotonic()
    r = alice.run(["container", "deploy", "more", BUSYBOX, "--background", "--wait"])
    assert_error(r, 3, "GPU limit reached (2/2 in use)", "container retire all")
    assert time.monotonic() - start < 10 and tickets(alice) == []


def test_waiting_starts_it_when_the_turn_comes(alice, bob):
    fill(alice)
    p = waiting(bob, "mine")
    assert "Waiting for a GPU for mine: 1st in line, " in wait_until(lambda: p.stderr.readline(), 10, "a line") + \
        p.stderr.readline()
    alice.ok(["container", "retire", "all", "--force"])
    _, err = p.communicate(timeout=40)
    assert p.returncode == 0 and "Deployed mine on GPU 0 (A100 40 GB)." in err, err
    assert tickets(bob) == [] and row(bob, "mine")["state"] == "running"


def test_ctrl_c_leaves_the_line(alice, bob):
    fill(alice)
    p = waiting(bob, "mine")
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=15)
    assert p.returncode == 130 and "Interrupted; nothing was started." in err and "Error" not in err, err
    assert tickets(bob) == [] and row(bob, "mine") is None


def test_ctrl_c_on_a_terminal(alice, bob):
    fill(alice)
    t = bob.tty(f"container deploy mine {BUSYBOX} --wait")
    t.expect(r"Waiting for a GPU\.\.\. .*1st in line, (within|in) ")
    t.sendintr()
    t.expect(r"Interrupted; nothing was started\.")
    t.expect_exact("\r\n")
    t.wait()
    assert t.exitstatus == 130 and tickets(bob) == []


def test_who_was_in_line_before_keeps_the_place(alice, bob):
    fill(alice)
    bob.ok(["gpu-queue", "join", "mine"])
    p = waiting(bob, "mine")
    time.sleep(1)
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=15)
    assert p.returncode == 130 and [t["name"] for t in tickets(bob)] == ["mine"]


def test_the_time_runs_out(alice, bob):
    fill(alice)
    start = time.monotonic()
    r = bob.run(["container", "deploy", "mine", BUSYBOX, "--background", "--wait=3s"])
    assert 2.5 < time.monotonic() - start < 15
    assert_error(r, 75, "The time to wait for a GPU for mine is over", "gpu-queue join mine --launch")
    assert tickets(bob) == [] and row(bob, "mine") is None


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_restart_costs_no_place(alice, bob, ds01d, how):
    fill(alice)
    p = waiting(bob, "mine")
    joined = tickets(bob)[0]["joined_at"]
    if how == "kill":
        ds01d.kill()
        time.sleep(2)
        ds01d.start()
    else:
        ds01d.restart()
    time.sleep(2)
    assert p.poll() is None, p.communicate()
    assert tickets(bob)[0]["joined_at"] == joined
    alice.ok(["container", "retire", "all", "--force"])
    _, err = p.communicate(timeout=40)
    assert p.returncode == 0 and "Deployed mine on GPU 0" in err, err


def test_a_ticket_for_another_number_is_not_taken_for_this_one(alice, bob):
    fill(alice)
    bob.ok(["gpu-queue", "join", "mine", "--gpus=2"])
    r = bob.run(["container", "deploy", "mine", BUSYBOX, "--background", "--wait"])
    assert_error(r, 1, "mine is in the queue already, for 2 GPUs", "gpu-queue leave mine")
    assert len(tickets(bob)) == 1


def test_its_own_gpus_are_waited_for(alice, bob, ds01d):
    before = ds01d.policy
    ds01d.policy = {"defaults": {**before["defaults"], "gpu_hold_after_stop_h": 0}}
    ds01d.restart()
    try:
        deploy(bob, "own")
        bob.ok(["container-stop", "own", "--force"])
        wait_until(lambda: row(bob, "own")["gpu_lapsed"], 20, "it lapses")
        assert re.search(r"^own .* lapsed$", bob.ok(["container-list", "--all"]).out, re.M)
        fill(alice)
        r = bob.run(["container-start", "own"])
        assert_error(r, 3, "The GPUs of own are not free", "container-start own --wait", "container retire own")
        r = bob.run(["container-start", "own", "--wait=4s"])
        assert_error(r, 75, "The time to wait for a GPU for own is over", "container-start own --wait")
        p = bob.popen(["container-start", "own", "--wait"], stderr=-1, text=True)
        time.sleep(5)
        assert p.poll() is None
        alice.ok(["container", "retire", "all", "--force"])
        _, err = p.communicate(timeout=40)
        assert p.returncode == 0 and "Started own on GPU 0 (A100 40 GB)." in err, err
    finally:
        ds01d.policy = before
        ds01d.restart()


def test_join_status_position_leave(alice, bob):
    fill(alice)
    said = bob.ok(["gpu-queue", "join", "mine"]).err
    assert re.search(r"^mine is 1st in line for 1 GPU\. Its turn comes (with)?in .*\.$", said, re.M), said
    assert "gpu-queue position mine" in said and "gpu-queue leave mine" in said
    assert "keeps its place" in bob.ok(["gpu-queue", "join", "mine"]).err
    table = alice.ok(["gpu-queue", "status"]).out.splitlines()
    assert table[0].split() == ["PLACE", "USER", "CONTAINER", "GPUS", "WAITS", "TURN"]
    # Others' names, not what they do.
    assert table[1].split()[:4] == ["1", bob.name, "-", "1"], table
    for form in ("gpu-queue position", "gpu-queue-position mine", "ds01 gpu-queue position"):
        assert bob.ok(form.split()).out.startswith("mine is 1st in line for 1 GPU.")
    ticket = json.loads(bob.ok(["gpu-queue", "position", "--json"]).out)["tickets"][0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", ticket["eta_late"]) and ticket["turn_until"] is None
    assert "Left the queue: mine" in bob.ok(["gpu-queue", "leave"]).err
    assert "Nobody waits" in bob.ok(["gpu-queue", "status"]).err
    assert_error(bob.run(["gpu-queue", "leave"]), 4, "You have no ticket in the queue", "gpu-queue join")
    assert_error(bob.run(["gpu-queue", "position", "x"]), 4, "x is not in the queue", "gpu-queue status")


def test_several_tickets_are_told_apart(alice, bob):
    fill(alice)
    bob.ok(["gpu-queue", "join"])
    bob.ok(["gpu-queue", "join", "mine"])
    assert len(bob.ok(["gpu-queue", "position"]).out.splitlines()) == 2
    r = bob.run(["gpu-queue", "leave"])
    assert r.rc == 2 and "You have 2 tickets in the queue" in r.err
    bob.ok(["gpu-queue", "leave", "mine"])
    assert "your next launch waits" in bob.ok(["gpu-queue", "leave"]).err


def test_a_turn_is_claimed_by_the_next_launch(alice, bob):
    fill(alice)
    bob.ok(["gpu-queue", "join"])
    alice.ok(["container", "retire", "all", "--force"])
    wait_until(lambda: tickets(bob) and tickets(bob)[0]["state"] == "turn", 15, "its turn")
    said = bob.ok(["gpu-queue", "position"]).out
    assert re.fullmatch(rf"It is the turn of your next launch: GPU 0 \(A100 40 GB\) is kept until {MOMENT}\.\n", said)
    deploy(bob, "whichever")
    assert row(bob, "whichever")["gpus"] == ["0"] and tickets(bob) == []


def test_join_launch(alice, bob, project):
    # Its image can be of no earlier test.
    fill(bob)
    for argv in (["gpu-queue", "join", "--launch"], ["gpu-queue", "join", "--gpus=0"]):
        r = alice.run(argv)
        assert r.rc == 2 and "Usage: gpu-queue join" in r.err, r
    assert alice.run(["gpu-queue", "join", "nothing", "--launch"]).rc == 4
    project("joined")
    r = alice.run(["gpu-queue", "join", "joined", "--launch"])
    assert_error(r, 4, f"Image ds01-{alice.name}/joined:latest not found", "image-create joined",
                 "gpu-queue join joined --launch")
    alice.ok(["image-create", "joined"], timeout=300)
    said = alice.ok(["gpu-queue", "join", "joined", "--launch"]).err
    assert "joined is then launched by itself" in said
    r = alice.run(["project", "launch", "joined", "--background", "--wait"])
    assert_error(r, 1, "joined is in the queue already, and will be launched by itself", "gpu-queue leave joined")
    bob.ok(["container", "retire", "all", "--force"])
    wait_until(lambda: (row(alice, "joined") or {}).get("state") == "running", 30, "it is launched")
    assert row(alice, "joined")["gpus"] == ["0"]
    r = alice.run(["gpu-queue", "join", "joined", "--launch"])
    assert_error(r, 1, "Container joined already exists (running)", "container-attach joined")


def test_a_launch_that_fails_in_its_turn_keeps_its_place(alice, bob, ds01d, project):
    fill(bob)
    folder = project("broken")
    alice.write(folder / "Dockerfile", "FROM test/busybox:1\n")
    alice.ok(["image-create", "broken"], timeout=300)
    alice.ok(["gpu-queue", "join", "broken", "--launch"])
    joined = tickets(alice)[0]["joined_at"]
    # Its GPU is reserved by then.
    (ds01d.state / "homes").chmod(0o755)
    bob.ok(["container", "retire", "all", "--force"])
    wait_until(lambda: any(d["what"] == "failed" for d in rpc.rows(alice, "Queue.Why", {"name": "broken"})), 30, "it failed")
    assert [(t["name"], t["joined_at"]) for t in tickets(alice)] == [("broken", joined)]
    (ds01d.state / "homes").chmod(0o700)
    # What is left of it is removed; it isn't tried again: the turn is alice's to use.
    wait_until(lambda: tickets(alice)[0]["state"] == "turn" and not row(alice, "broken"), 90, "its turn, once more")
    alice.ok(["container", "deploy", "broken", BUSYBOX, "--background"])
    assert len(row(alice, "broken")["gpus"]) == 1 and tickets(alice) == []


def test_pyproject_counts_and_the_command_line_counts_more(alice, project):
    folder = project("thesis")
    alice.ok(["image-create", "thesis"], timeout=300)
    text = (folder / "pyproject.toml").read_text()
    alice.write(folder / "pyproject.toml", text.replace("[tool.ds01]", "[tool.ds01]\ngpus = 2"))
    assert "on GPUs 0, 1 (A100 40 GB)." in alice.ok(["project", "launch", "thesis", "--background"]).err
    alice.ok(["container", "retire", "thesis", "--force"])
    said = alice.ok(["project", "launch", "thesis", "--background", "--gpus=1"]).err
    assert "on GPU 0 (A100 40 GB)." in said
    alice.ok(["container", "retire", "thesis", "--force"])
    assert "without a GPU." in alice.ok(["project", "launch", "thesis", "--background", "--cpu-only"]).err


def test_why(alice, bob):
    fill(alice)
    bob.ok(["gpu-queue", "join", "asked"])
    lines = bob.ok(["ds01", "why", "asked"]).out.splitlines()
    assert len(lines) == 2 and re.match(r"now +asked  It is first in line", lines[0]), lines
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d  asked  It waits for 1 GPU$", lines[1]), lines
    bob.ok(["gpu-queue", "leave", "asked"])
    assert len(bob.ok(["ds01", "why", "asked"]).out.splitlines()) == 1
    body = json.loads(bob.ok(["ds01", "why", "asked", "--all", "--json"]).out)
    assert [d["what"] for d in body["decisions"][:2]] == ["left", "joined"]
    assert "Nothing was decided about GPUs of never yet." in bob.ok(["ds01", "why", "never"]).err


def test_check_limits_and_the_end_of_them(alice):
    fill(alice)
    out = alice.ok(["check-limits"]).out
    assert "2/2 GPUs (100%)" in out and "GPU limit reached" in out, out


def test_parts_are_counted_exactly(alice, ds01d):
    before = ds01d.config["probe"]
    ds01d.config["probe"] = {**before, "simulate": "1xA100-40G:mig=3g.20gb+2x2g.10gb"}
    ds01d.restart()
    try:
        deploy(alice, "part")
        slices = {r["slot"]: r["slices"] for r in rpc.rows(alice, "Gpus.List")[1:]}
        n = slices[row(alice, "part")["gpus"][0]]
        out = alice.ok(["check-limits"]).out
        assert f"{n / 7:.2f}".rstrip("0") + "/2 GPUs" in out and "GPU limit reached" not in out, out
        limits = {r["key"]: r for r in json.loads(alice.ok(["check-limits", "--json"]).out)["limits"]}
        assert limits["max_gpu_equivalents"]["value"] == 2
        assert abs(limits["max_gpu_equivalents"]["used"] - n / 7) < 1e-12
        alice.ok(["container", "retire", "part", "--force"])
    finally:
        ds01d.config["probe"] = before
        ds01d.restart()


def test_a_limit_of_none_is_not_reached(alice, ds01d):
    before = ds01d.policy
    ds01d.policy = {"defaults": {**before["defaults"], "max_gpu_equivalents": 0}}
    ds01d.restart()
    try:
        out = alice.ok(["check-limits"]).out
        assert "0/0 GPUs" in out and "GPU limit reached" not in out and "All resources available" in out
    finally:
        ds01d.policy = before
        ds01d.restart()


# ---- what is shown of others ----

@pytest.fixture
def sees(ds01d, alice):
    """Sets `visibility` for everybody."""
    before = ds01d.policy

    def set_to(word, **more):
        ds01d.policy = {"defaults": {**before["defaults"], "visibility": word, **more}}
        ds01d.restart()
        wait_until(lambda: rpc.rows(alice, "Gpus.List")[0]["answering"], 30, "the GPUs answer")
    yield set_to
    ds01d.policy = before
    ds01d.restart()


def test_visibility(alice, bob, sees):
    """Of bob, alice is shown how many; or also who, which GPUs and until when; or also what for. Images: never."""
    deploy(bob, "secret", "test/busybox:1", "--gpus=2")
    bob.ok(["gpu-queue", "join", "hidden", "--gpus=2"])
    deploy(alice, "own", "test/busybox:1", "--cpu-only")
    alice.ok(["gpu-queue", "join", "mine"])
    for word in ("counts", "users", "all"):
        sees(word)
        head, *gpus = rpc.rows(alice, "Gpus.List")
        tickets_ = rpc.rows(alice, "Queue.List")
        assert [g["state"] for g in gpus] == ["held", "held"] and len(tickets_) == 2
        refused = alice.run(["container", "deploy", "more", BUSYBOX, "--gpus=2"])
        assert refused.rc == 3, refused
        texts = [json.dumps([gpus, tickets_]), refused.err]
        texts += [alice.ok(command).out for command in ("dashboard", "dashboard --full", "dashboard --json", "gpu-queue status",
                                                        "gpu-queue position mine", "ds01 why mine", "ds01 why")]
        told = "\n".join(texts)
        assert (bob.name in told) == (word != "counts"), (word, told)
        assert ("secret" in told, "hidden" in told) == ((word == "all"), (word == "all")), (word, told)
        for other in (alice.ok("container-list --all --json").out, alice.ok("image-list --json").out, alice.ok("project list --json").out):
            assert bob.name not in other and "secret" not in other
        for g in gpus:
            assert ("user" in g, "since" in g, "until" in g, "container" in g) == ((word != "counts",) * 3 + (word == "all",)), g
            assert "image" not in g and "project" not in g and g["mine"] is False
        # One's own is always there.
        own = rpc.rows(bob, "Gpus.List")[1]
        assert own["user"] == bob.name and own["container"] == "secret" and own["until"] > time.time() and own["mine"]
        assert rpc.rows(bob, "Queue.List", {"mine": True})[0]["name"] == "hidden"
        row_ = next(r for r in json.loads(alice.ok("check-limits --json").out)["limits"] if r["key"] == "visibility")
        assert row_["enforced"] is True and row_["text"] == word


@pytest.mark.parametrize(("word", "text"), [("counts", "Somebody holds GPU 0\n"), ("users", "{} holds GPU 0, until ")])
def test_visibility_where_ones_own_gpu_is_gone(alice, bob, sees, word, text):
    """A container that is started again is told of who has its GPU what its owner may see."""
    sees(word, gpu_hold_after_stop_h=0)
    deploy(alice, "again")
    alice.ok(["container-stop", "again", "--force"])
    wait_until(lambda: row(alice, "again")["gpu_lapsed"], 20, "it lapses")
    fill(bob)
    done = alice.run(["container-start", "again"])
    assert done.rc == 3 and text.format(bob.name) in done.err.replace("  ", ""), done
