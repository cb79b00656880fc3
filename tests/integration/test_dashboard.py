"""The dashboard: what it shows of simulated GPUs, to whom, and that it fits."""

import json
import re
import time
import unicodedata

import pexpect
import pytest
from harness import rpc
from harness.expect import assert_clean, assert_error
from harness.gpus import MOMENT, change, launch, states
from harness.process import wait_until

pytestmark = pytest.mark.usefixtures("idle")

END = MOMENT + r" \((?:2h 59m|3h) left\)"


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def shown(user, *words, rows=24, cols=80, env=None):
    """What it shows on a terminal of that size, without colour."""
    t = user.tty(["dashboard", *words], rows=rows, cols=cols, env={"NO_COLOR": "1", **(env or {})})
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == 0, t.before
    text = t.before.replace("\r\n", "\n")
    assert_clean(text)
    assert all(width(line) <= cols for line in text.splitlines()), text
    return text


def as_json(user, *words):
    body = json.loads(user.ok(["dashboard", *words, "--json"]).out)
    assert body.pop("schema") == 1
    return body


def line_of(text, start):
    found = [line for line in text.splitlines() if line.startswith(start)]
    assert len(found) == 1, (start, text)
    return found[0]


def test_a_page_of_an_idle_machine(alice):
    page = shown(alice)
    assert re.match(r"\S+ · \d\d:\d\d · 4 simulated GPUs, 4 free\n", page), page
    assert re.search(r"^CPU     [█░]{20} +\d+%  \d+\.\d of \d+ CPUs?$", page, re.M), page
    assert re.search(r"^Memory  [█░]{20} +\d+%  \d+\.\d of \d+\.\d GiB$", page, re.M), page
    assert re.search(r"^Disk /  [█░]{20} +\d+%  \d+\.\d of \d+\.\d GiB$", page, re.M), page
    assert "You have no containers: project launch starts one" in page
    assert page.endswith("Nobody waits for a GPU\n")


def test_who_has_what(alice, bob, world):
    launch(alice, "mine", 2)
    launch(bob, "theirs")
    change(world, "gpu 0 util=37 memory=10G temp=61 power=250\n")
    wait_until(lambda: as_json(alice, "gpu")["gpus"][0]["utilisation"] == 37, 30, "it is busy")
    text = shown(alice, "gpu", cols=100)
    assert line_of(text, "4 simulated GPUs, 1 free")
    lines = text.splitlines()
    at = lines.index(line_of(text, "GPU 0"))
    assert re.fullmatch(rf"GPU 0   A100 40 GB  held by {alice.name} for mine · \d+s · until {END}", lines[at]), text
    assert re.fullmatch(r" {8}█{7}░{13}  37%   10\.0 of 40\.0 GiB   61°C   250 W", lines[at + 1]), text
    # Others' names and ends, not what they do.
    assert re.search(rf"^GPU 2   A100 40 GB  held by {bob.name} · \d+s · until {END}$", text, re.M), text
    assert "theirs" not in text and "theirs" in shown(bob, "gpu", cols=100)
    assert re.search(r"^GPU 3   A100 40 GB  free$", text, re.M), text
    page = shown(alice, cols=150)
    assert re.search(rf"^0 +A100 40 GB +{alice.name} +mine +█{{7}}░{{13}} +37% +10\.0/40\.0 GiB +61°C +250 W +\d+s +{MOMENT} +(2h 59m|3h)$",
                     page, re.M), page
    assert re.search(r"^mine +running \d+s +0, 1 +test/busybox:1$", page, re.M), page


def test_states_are_told_in_words(alice, world):
    coloured = alice.ok(["dashboard", "gpu", "--color=always"]).out
    launch(alice, "a")
    launch(alice, "b")
    change(world, "gpu 1 process=5\n")
    rpc.call(alice, "Containers.Retire", {"name": "b", "force": True})
    change(world, "gpu 1 process=5\ngpu 2 process=77\ngpu 3 lost\n")
    words = ["held", "drained", "in use outside ds01", "not answering"]
    wait_until(lambda: states(alice) == words, 30, "all are seen")
    text = shown(alice, "gpu", cols=120)
    lines = text.splitlines()
    assert re.search(r"^GPU 1 .*  drained \(process 5 still uses it\)$", text, re.M), text
    assert re.search(r"^GPU 2 .*  in use outside ds01 \(process 77 uses it\)$", text, re.M), text
    assert re.search(r"^GPU 3 .*  not answering$", text, re.M), text
    # Without figures, not with zeros.
    assert lines[-1].split() == ["-", "-", "of", "40.0", "GiB", "-", "-"], text
    page = shown(alice)
    assert re.search(r"^2 +outside ds01 +-", page, re.M) and re.search(r"^3 +not answering +-", page, re.M), page
    coloured += alice.ok(["dashboard", "gpu", "--color=always"]).out
    styles = {word: re.search(rf"\x1b\[(\d+)m{word}", coloured)[1] for word in ["free", *words]}
    assert len(set(styles.values())) == 5, styles


def test_every_section_and_its_key(alice, bob):
    launch(alice, "a", 2)
    keys = {"gpu": {"driver", "gpus"}, "system": {"system"}, "containers": {"containers"}, "queue": {"queue"},
            "users": {"users"}}
    for section, own in keys.items():
        assert set(as_json(alice, section)) == own | {"at"}
        assert shown(alice, section).count("\n") >= 2
    everything = as_json(alice)
    assert set(everything) == {"at"}.union(*keys.values())
    gpu = everything["gpus"][0]
    assert (gpu["slot"], gpu["user"], gpu["container"], gpu["mine"], gpu["turn"]) == ("0", alice.name, "a", True, False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", gpu["until"]) and gpu["memory_total"] == 40 << 30
    assert everything["gpus"][3]["user"] is None and everything["gpus"][3]["until"] is None
    assert everything["driver"]["simulated"] is True
    assert 0 < everything["system"]["memory_used"] < everything["system"]["memory_total"]
    assert everything["users"] == [{"user": alice.name, "mine": True, "gpus": 2.0, "until": gpu["until"], "waiting": 0,
                                    "containers": 1, "running": 1}]
    full = shown(alice, "--full", cols=100)
    for title in ("4 simulated GPUs, 2 free", "Your containers · ", "Queue for GPUs", "Users"):
        assert line_of(full, title)
    assert "2 of 3 GPUs" in line_of(full, "Your containers")
    for words in (["ds01", "dashboard", "gpu"], ["dashboard", "gpu"]):
        assert "held by" in alice.ok(words).out


def test_the_queue_and_a_turn(alice, bob):
    launch(alice, "a", 2)
    launch(bob, "b", 2)
    rpc.call(bob, "Queue.Join", {"name": "later", "gpus": 1})
    rpc.call(alice, "Queue.Join", {"gpus": 1})
    text = shown(bob, "queue", cols=120)
    assert re.search(rf"^1 +{bob.name} +later +1 +\d+s +\S", text, re.M), text
    assert re.search(r"^later: ", text, re.M), text
    # What others' tickets are for is theirs.
    assert "later" not in shown(alice, "queue", cols=120)
    assert "your next launch" in shown(alice, "queue", cols=120)
    rpc.call(alice, "Containers.Retire", {"name": "a", "force": True})
    wait_until(lambda: rpc.rows(bob, "Queue.List", {"mine": True})[0]["state"] == "turn", 10, "bob's turn")
    assert re.search(rf"^turn +{bob.name} +later +1 +\d+s +turn until {MOMENT} \(", shown(bob, "queue", cols=120), re.M)
    assert re.search(rf"held for the turn of {bob.name} for later · ", shown(bob, "gpu", cols=120)), shown(bob, "gpu")
    page = shown(alice, cols=160)
    assert f"{bob.name} (turn)" in page, page
    users = {u["user"]: u for u in as_json(alice, "users")["users"]}
    assert users[bob.name]["gpus"] == 3 and users[bob.name]["containers"] is None


def test_it_fits(alice, bob):
    launch(alice, "a-name-that-is-as-long-as-a-name-may-be")
    launch(bob, "b", 2)
    for n in range(3):
        rpc.call(bob, "Queue.Join", {"name": f"waits-for-a-long-time-{n}", "gpus": 2})
    for n in range(7):
        alice.ok(["container-create", f"many-{n}", "test/busybox:1", "--cpu-only"])
    for cols in (20, 40, 79, 80, 200):
        page = shown(alice, cols=cols)
        assert page.count("\n") <= 23, page
        assert re.search(r"^\d more: dash", page, re.M), page
        for section in ("gpu", "system", "containers", "users", "queue"):
            shown(alice, section, cols=cols)
        # With more room all of it is shown.
        assert "more: dashboard" not in shown(alice, rows=60, cols=cols)
    # In a pipe it is the page for 80 columns, and a section is whole.
    piped = alice.ok(["dashboard"]).out
    assert piped.count("\n") <= 23 and max(map(width, piped.splitlines())) <= 80
    assert "a-name-that-is-as-long-as-a-name-may-be" in alice.ok(["dashboard", "containers"]).out


def test_a_locale_without_utf8(alice):
    launch(alice, "a")
    for words in ([], ["--full"]):
        text = shown(alice, *words, env={"LANG": "C", "LC_ALL": "C"})
        assert text.isascii() and re.search(r"^CPU +[#-]{20} ", text, re.M), text


def test_what_the_policy_hides_is_not_shown(alice, bob, ds01d):
    before = ds01d.policy
    ds01d.policy = {"defaults": {**before["defaults"], "visibility": "counts"}}
    ds01d.restart()
    try:
        launch(bob, "b", 2)
        rpc.call(bob, "Queue.Join", {"name": "q", "gpus": 2})
        for words in ([], ["--full"], ["gpu"], ["users"], ["queue"], ["--json"]):
            assert bob.name not in alice.ok(["dashboard", *words]).out, words
        assert re.search(r"^GPU 0 .*held by somebody$", shown(alice, "gpu"), re.M)
        assert re.search(r"^others +2 +1 ", shown(alice, "users"), re.M)
        assert re.search(r"^\S+ +somebody ", shown(alice, "queue"), re.M)
        hidden = rpc.rows(alice, "Queue.List")[0]
        assert (hidden["user"], hidden["turn_until"], hidden["eta_early"], hidden["eta_late"]) == ("", 0, 0, 0)
        assert bob.name in shown(bob, "users", cols=120)
    finally:
        ds01d.policy = before
        ds01d.restart()


def test_a_driver_that_hangs(alice, world):
    launch(alice, "a")
    change(world, "hang 60\n")
    wait_until(lambda: "not answering" in states(alice), 60, "it hangs")
    start = time.monotonic()
    page = shown(alice)
    assert time.monotonic() - start < 4
    assert re.search(r"^The GPU driver does not answer; it last did at \d\d:\d\d$", page, re.M), page
    assert page.count("\n") <= 23
    text = shown(alice, "gpu", cols=120)
    assert re.search(rf"^GPU 0 .*  held by {alice.name} for a · ", text, re.M), text
    assert re.search(r"^GPU 1 .*  not answering$", text, re.M) and "%" not in text, text
    assert as_json(alice, "gpu")["gpus"][0]["utilisation"] is None


def test_a_machine_without_gpus(alice, world, ds01d):
    launch(alice, "a", 0)
    world.write_text("health none No NVIDIA driver is loaded\n")
    ds01d.restart()
    try:
        wait_until(lambda: rpc.rows(alice, "Gpus.List")[0]["health"] == "none", 30, "it has no GPUs")
    finally:
        page, gpu = shown(alice), shown(alice, "gpu")
        world.write_text("")
        ds01d.restart()
    assert "· no GPUs\n" in page and "This machine has no GPUs: " in page, page
    assert gpu.startswith("This machine has no GPUs: ") and gpu.count("\n") == 1, gpu


def test_parts_of_a_gpu(alice, ds01d):
    probe = ds01d.config["probe"]
    ds01d.config["probe"] = {**probe, "simulate": "A100-40G,H100:mig=3g.40gb+2x2g.20gb"}
    ds01d.restart()
    try:
        launch(alice, "a")
        text, page = shown(alice, "gpu", cols=120), shown(alice)
        users = as_json(alice, "users")["users"]
    finally:
        alice.clear()
        ds01d.config["probe"] = probe
        ds01d.restart()
    assert "2 simulated GPUs and 3 parts of GPUs, 3 free" in text, text
    assert re.search(r"^GPU 1   H100\b.*  split$", text, re.M), text
    assert re.search(rf"^  1\.\d   \dg\.\d\dgb  held by {alice.name} for a · ", text, re.M), text
    assert re.search(rf"^  1\.\d +{alice.name[:4]}", page, re.M), page
    assert 0 < users[0]["gpus"] < 1


def test_root_sees_everyone_s_containers(alice, bob, ds01d):
    launch(alice, "hers", 0)
    launch(bob, "his", 0)
    for words in ([], ["containers"], ["--full"]):
        done = ds01d.as_root(["dashboard", *words])
        assert done.returncode == 0, done.stderr
        assert re.search(rf"^hers +running .*{alice.name}$", done.stdout, re.M), done.stdout
        assert re.search(r"^his +running ", done.stdout, re.M), done.stdout


def test_wrong_words(alice):
    assert_error(alice.run(["dashboard", "gpus"]), 2, "The dashboard has no section 'gpus', did you mean 'gpu'?",
                 "Usage: dashboard [gpu|system|containers|users|queue]", "dashboard --help")
    assert_error(alice.run(["dashboard", "gpu", "queue"]), 2, "One argument too many: 'queue'")
    assert_error(alice.run(["dashboard", "--ful"]), 2, "Unknown option '--ful', did you mean '--full'?", "dashboard --help")
    assert "Usage: dashboard [gpu|system|containers|users|queue] [options]" in alice.ok(["dashboard", "--help"]).out
    assert alice.ok(["dashboard", "--concepts"]).out.startswith("GPUs and the queue\n")


def test_the_machine_is_shown_without_ds01d(alice, ds01d):
    ds01d.stop()
    try:
        assert "Memory" in alice.ok(["dashboard", "system"]).out
        assert alice.run(["dashboard"]).rc == 6
    finally:
        ds01d.start()


def test_container_stats_with_gpus(alice, world):
    launch(alice, "a", 2)
    launch(alice, "plain", 0)
    change(world, "gpu 0 util=50 memory=10G\ngpu 1 util=20 memory=2G\n")
    wait_until(lambda: as_json(alice, "gpu")["gpus"][0]["utilisation"] == 50, 30, "it is busy")
    table = alice.ok(["container-stats", "--gpu"]).out
    assert re.search(r"^a +running .*  0, 1 +50%, 20% +12\.0 GiB / 80\.0 GiB$", table, re.M), table
    assert re.search(r"^plain +running .*  - +- +-$", table, re.M), table
    rows = {r["name"]: r for r in json.loads(alice.ok(["container-stats", "--gpu", "--json"]).out)["containers"]}
    assert rows["a"]["gpus"][0] == {"slot": "0", "utilisation": 50, "memory_used": 10 << 30, "memory_total": 40 << 30}
    assert rows["plain"]["gpus"] == []
    assert "gpus" not in json.loads(alice.ok(["container-stats", "--json"]).out)["containers"][0]
