"""dashboard --watch: what it shows, what its keys do, and that it gives the terminal back."""

import json
import os
import re
import signal
import subprocess
import time

import pexpect
import pytest
from harness.expect import assert_error, prompt_of, row
from harness.gpus import change, launch
from harness.process import wait_until
from harness.screen import Screen, screen

pytestmark = pytest.mark.usefixtures("idle")

READY = r"^q quit"
DOWN = "\x1b[B"
ENTER_SCREEN, LEAVE_SCREEN, SHOW_CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


def watch(user, *words, rows=24, cols=80, env=None):
    s = screen(user, ["dashboard", *words, "--watch"], rows, cols, env)
    s.until(READY)
    return s


def prompt(user, container):
    """The shell's; a screen has no blanks at the end of its lines."""
    return prompt_of(user, container).removesuffix(r"\ ")


def gpu_line(text, slot):
    found = [line for line in text.splitlines() if re.match(rf"{slot} ", line)]
    return found[0] if len(found) == 1 else ""


@pytest.mark.parametrize("rows,cols", [(24, 80), (60, 200), (10, 40)])
def test_what_it_shows(alice, bob, world, rows, cols):
    launch(alice, "mine", 2)
    launch(bob, "theirs")
    change(world, "gpu 0 util=37 memory=10G temp=61\n")
    s = watch(alice, rows=rows, cols=cols)
    s.until(lambda text: " 37% " in gpu_line(text, 0), 30)
    text = s.text()
    assert alice.name[:4] in gpu_line(text, 0) and "▃" in gpu_line(text, 0), text
    assert bob.name[:4] in gpu_line(text, 2) or rows == 10, text
    assert re.match(r"\S+ · \d\d:\d\d · 4 simulated GPUs, 1 free", text), text
    assert re.search(r"^> mine +run\S+", text, re.M), text
    assert "theirs" not in text
    assert s.lines()[-1].startswith("q quit"), text
    if cols >= 80:
        assert re.search(r"^> mine +running \d+s +0, 1 +test/busybox:1$", text, re.M), text
        assert "mine" in gpu_line(text, 0) and "10.0/40.0 GiB" in gpu_line(text, 0) and "61°C" in gpu_line(text, 0), text
        assert re.search(r"█+░+ +37%", gpu_line(text, 0)), text
        assert re.search(r"^CPU     [█░]{20} +\d+%", text, re.M) and re.search(r"^Memory  [█░]{20}", text, re.M), text
        assert "Nobody waits for a GPU" in text
    if cols == 200:
        assert re.search(r"A100 40 GB .* W +\d+[sm].* \d\d:\d\d", gpu_line(text, 0)), text
    s.send("q")
    assert s.end() == 0


@pytest.mark.parametrize("section,words", [
    ("gpu", ["HISTORY", "A100 40 GB"]), ("system", ["load ", "Memory"]), ("containers", ["> mine"]),
    ("users", ["GPUS UNTIL"]), ("queue", ["Nobody waits for a GPU"])])
def test_a_section_alone(alice, section, words):
    launch(alice, "mine")
    s = watch(alice, section, cols=120)
    s.until(lambda text: all(word in text for word in words))
    assert ("Memory  " in s.text()) == (section == "system")
    s.send("q")
    assert s.end() == 0


def test_the_history_goes_on(alice, world):
    s = watch(alice, cols=100)
    for percent, block in ((100, "█"), (0, "▁"), (50, "▄")):
        change(world, f"gpu 1 util={percent}\n")
        s.until(lambda text, block=block: gpu_line(text, 1).split("%")[-1].split()[0].endswith(block), 20)
    history = gpu_line(s.text(), 1).split("%")[-1].split()[0]
    assert re.fullmatch(r"▁*█+▁+▄+", history), history
    # What isn't known is a gap, not a zero.
    change(world, "gpu 1 lost\n")
    s.until(lambda text: "not answering" in gpu_line(text, 1), 20)
    change(world, "gpu 1 util=50\n")
    s.until(r"^1 .*▄ +▄+  ", 20)


def test_resize(alice):
    launch(alice, "mine")
    s = watch(alice)
    s.resize(40, 120)
    s.until(lambda text: s.lines()[39].startswith("q quit") and "A100 40 GB" in text, 10)
    s.resize(9, 80)
    s.until(lambda text: text.strip() == "Too small: 40x10 is needed", 10)
    s.resize(24, 39)
    s.until(lambda text: text.strip() == "Too small: 40x10 is needed", 10)
    s.resize(24, 80)
    s.until(lambda text: s.lines()[23].startswith("q quit") and "> mine" in text, 10)
    s.send("\x0c")
    s.pump(0.5)
    assert "> mine" in s.text()


def test_sort(alice, world):
    launch(alice, "mine")
    change(world, "gpu 1 util=90 memory=1G\ngpu 2 util=10 memory=9G\n")
    s = watch(alice, "gpu", cols=120)

    def order(text):
        return "".join(re.findall(r"^(\d) ", text, re.M))

    s.until(lambda text: order(text) == "0123" and " 90%" in text, 30)
    for word, slots in (("use", "1203"), ("memory", "2103"), ("holder", "0123"), ("number", "0123")):
        s.send("s")
        s.until(lambda text, word=word, slots=slots: f"sort ({word})" in text and order(text) == slots, 10)


def test_a_shell_and_back(alice):
    launch(alice, "one", 0)
    launch(alice, "two", 0)
    s = watch(alice)
    assert re.search(r"^> one +running", s.text(), re.M), s.text()
    s.send(DOWN)
    s.until(r"^> two ", 10)
    s.send("a")
    s.until(prompt(alice, "two"))
    s.send("echo $((20 + 3)); stty size\r")
    s.until(r"^23$")
    s.until(r"^24 80$")
    assert LEAVE_SCREEN in s.raw
    # Ctrl-C and Ctrl-Z there are the shell's.
    s.send("sleep 100\r")
    s.until(r"\$ sleep 100$")
    s.pump(1)
    s.send("\x03")
    s.until(r"\^C$")
    s.send("exit 7\r")
    s.until(r"^> two +running")
    assert s.raw.rindex(ENTER_SCREEN) > s.raw.rindex(LEAVE_SCREEN)
    s.until(READY)
    s.send("k\r")
    s.until(prompt(alice, "one"))
    s.send("\x04")
    s.until(r"^> one +running")
    alice.ok(["container-stop", "one", "--force"])
    s.until(r"^> one +stopped")
    s.send("a")
    s.until(r"^Container one is not running \(stopped\)$")
    s.until(r"^To fix: container-start one$")
    s.send("q")
    assert s.end() == 0


def test_the_shell_s_container_is_retired(alice):
    launch(alice, "one", 0)
    s = watch(alice)
    s.send("a")
    s.until(prompt(alice, "one"))
    alice.ok(["container", "retire", "one", "--force"])
    s.until("You have no containers: project launch starts one", 30)
    s.send("a")
    s.until(r"^There is no container to attach to$", 10)
    s.send("r")
    s.until(r"^There is no container to retire$", 10)
    s.send("q")
    assert s.end() == 0


def test_retire(alice):
    launch(alice, "one", 0)
    launch(alice, "two")
    s = watch(alice, cols=120)
    s.send("jr")
    s.until(r"^Retire two \(running\)\? \[y/N\] Files in /workspace are kept\.$", 10)
    s.send("n")
    s.until(r"^Nothing was done$", 10)
    assert row(alice, "two")["state"] == "running"
    s.send("r")
    s.until(r"^Retire two ", 10)
    s.send("y")
    s.until(rf"^Retired two\. Your files are kept in {alice.workspace}/two\.$", 30)
    s.until(r"^GPU 0 \(A100 40 GB\) is free again\.$", 10)
    s.until(r"^> one ", 10)
    assert row(alice, "two") is None
    assert row(alice, "one")["state"] == "running"


def test_it_can_be_left_while_it_retires(alice):
    launch(alice, "one", 0)
    # It ignores SIGTERM, and so gets its time.
    t = alice.tty(["container-attach", "one", "--", "sh", "-c", "trap '' TERM HUP; echo up; sleep 1000 & wait; sleep 1000"])
    t.expect_exact("up")
    s = watch(alice)
    s.send("ry")
    s.until(r"^Retiring one: ", 10)
    s.send("r")
    s.until(r"^Retire one ", 10)
    s.send("y")
    s.until(r"^one is still being retired$", 10)
    start = time.monotonic()
    s.send("q")
    assert s.end() == 0 and time.monotonic() - start < 4
    assert "one is still being retired." in s.raw
    wait_until(lambda: row(alice, "one") is None, 60, "it is retired")


COLOR = re.compile(r"\x1b\[[0-9;]*[349][0-9][;m]")


@pytest.mark.parametrize("words,env", [([], {"NO_COLOR": "1"}), (["--color=never"], {}), ([], {"TERM": "vt100"})])
def test_without_colour(alice, world, words, env):
    launch(alice, "mine")
    change(world, "gpu 1 util=95\ngpu 2 process=7\ngpu 3 lost\n")
    s = watch(alice, *words, env=env)
    s.until(lambda text: all(word in text for word in ("not answering", "outside ds01", " 95%", "> mine")), 30)
    assert not COLOR.search(s.raw), COLOR.search(s.raw)
    s.send("q")
    assert s.end() == 0
    colored = watch(alice)
    colored.until("not answering")
    assert COLOR.search(colored.raw)


def test_a_locale_without_utf8(alice, world):
    launch(alice, "mine")
    change(world, "gpu 0 util=100\n")
    s = watch(alice, env={"LANG": "C", "LC_ALL": "C"})
    s.until(lambda text: re.search(r"#+ +100% +_*#+ ", gpu_line(text, 0)), 30)
    s.send("?")
    s.until(r"^q quit  arrows j k Home End select a container ", 10)
    s.send("ry")
    s.until(r"^Retired mine\.", 30)
    s.send("q")
    assert s.end() == 0
    assert s.raw.isascii()


MODES = r"([0-9a-f]+(?::[0-9a-f]+){20,})$"


@pytest.mark.parametrize("how,status", [("q", 0), ("\x03", 130), ("\x1c", 130), ("SIGTERM", 130), ("SIGHUP", 130)])
def test_the_terminal_is_given_back(alice, how, status):
    s = screen(alice, "bash --norc", cols=250)
    s.send("PS1='outer> '; stty -g\r")
    before = s.until(MODES)[1]
    s.send("clear; dashboard --watch; echo left=$?\r")
    s.until(READY)
    s.pump(0.5)
    if how.startswith("SIG"):
        subprocess.run(["pkill", f"-{how}", "-u", str(alice.uid), "-f", "dashboard --watch"], check=True)
    else:
        s.send(how)
    start = time.monotonic()
    s.until(rf"left={status}$", 10)
    assert time.monotonic() - start < 4
    assert s.raw.rindex(LEAVE_SCREEN) > s.raw.rindex(ENTER_SCREEN)
    assert s.raw.rindex(SHOW_CURSOR) > s.raw.rindex(ENTER_SCREEN)
    s.send("clear; stty -g\r")
    assert s.until(MODES)[1] == before


def test_the_terminal_can_t_be_halted(alice):
    s = watch(alice)
    s.send("\x13s")
    s.until(r"sort \(use\)", 10)
    s.send("\x13q")
    assert s.end() == 0
    assert LEAVE_SCREEN in s.raw


def test_ctrl_z_and_fg(alice):
    launch(alice, "mine", 0)
    s = screen(alice, "bash --norc", cols=250)
    s.send("PS1='outer> '; stty -g\r")
    before = s.until(MODES)[1]
    s.send("clear; dashboard --watch; echo left=$?\r")
    s.until(READY)
    for _ in range(2):
        s.send("\x1a")
        s.until("Stopped")
        s.send("clear; stty -g\r")
        assert s.until(MODES)[1] == before
        s.send("fg\r")
        s.until(READY)
        s.until("> mine")
    s.send("q")
    s.until("^outer>$")
    s.send("clear; stty -g\r")
    assert s.until(MODES)[1] == before


def test_ds01d_goes_away_and_comes_back(alice, ds01d, world):
    launch(alice, "mine")
    change(world, "gpu 0 util=50\n")
    s = watch(alice, cols=100)
    s.until(lambda text: " 50%" in gpu_line(text, 0), 30)
    ds01d.stop()
    try:
        s.until(r"\Ads01d does not answer, trying again · last read at \d\d:\d\d$")
        assert "> mine" in s.text() and " 50%" in gpu_line(s.text(), 0), s.text()
        s.send("a")
        s.until(r"^ds01d is not running: ")
        s.until("> mine")
    finally:
        ds01d.start()
    s.until(r"\A\S+ · \d\d:\d\d · 4 simulated GPUs")
    s.until(r"^0 .*▄ +▄", 20)
    s.send("q")
    assert s.end() == 0


def test_a_ds01d_that_hangs_holds_up_no_key(alice, ds01d):
    launch(alice, "mine", 0)
    s = watch(alice)
    os.kill(ds01d.pid, signal.SIGSTOP)
    try:
        s.until(r"\Ads01d does not answer, trying again", 20)
        s.send("?")
        s.until("Ctrl-L draw anew", 3)
        start = time.monotonic()
        s.send("q")
        assert s.end() == 0
        assert time.monotonic() - start < 2.5
        # Nor does one that hangs from the start.
        s = watch(alice)
        s.send("q")
        assert s.end(4) == 0
    finally:
        os.kill(ds01d.pid, signal.SIGCONT)


def test_a_ds01d_that_is_not_there(alice, ds01d):
    ds01d.stop()
    try:
        s = screen(alice, ["dashboard", "--watch"], env={"NO_COLOR": "1"})
        assert s.end() == 6
        assert "Error: ds01d is not running: " in s.raw and ENTER_SCREEN not in s.raw
        s = watch(alice, "system")
        s.send("q")
        assert s.end() == 0
    finally:
        ds01d.start()


def probes(ds01d):
    done = subprocess.run(["pgrep", "-c", "-P", str(ds01d.pid), "ds01-gpu-probe"], stdout=subprocess.PIPE, check=False)
    return int(done.stdout)


def test_two_watchers_cost_one_sampler(alice, bob, ds01d, world):
    a, b = watch(alice), watch(bob)
    assert probes(ds01d) == 1
    # Both see a change within a moment: it is read every two seconds, not every fifteen.
    change(world, "gpu 3 util=73\n")
    start = time.monotonic()
    for s in (a, b):
        s.until(lambda text: " 73%" in gpu_line(text, 3), 10)
    assert time.monotonic() - start < 10
    assert probes(ds01d) == 1
    for s in (a, b):
        s.send("q")
        assert s.end() == 0


def test_where_there_is_no_screen(alice):
    assert_error(alice.run(["dashboard", "--watch"]), 2, "The live view needs a terminal", "dashboard")
    assert_error(alice.run(["dashboard", "gpu", "-w", "--full"]), 2, "Options --watch and --full exclude each other",
                 "dashboard --help")
    for term, sentence in (("dumb", "The live view needs a terminal, and TERM says 'dumb'"),
                           ("", "The live view needs a terminal, and TERM is not set"),
                           ("no-such", "A terminal of the kind 'no-such' can't show the live view")):
        s = screen(alice, ["dashboard", "--watch"], env={"TERM": term, "NO_COLOR": "1"})
        assert s.end() == 2
        assert f"Error: {sentence}\n\nTo fix:\n  dashboard\n" in s.raw.replace("\r\n", "\n"), s.raw


def test_json_for_programs(alice):
    launch(alice, "mine")
    p = alice.popen(["dashboard", "gpu", "--watch", "--json"], stdout=subprocess.PIPE)
    bodies = [json.loads(p.stdout.readline()) for _ in range(2)]
    assert [g["container"] for g in bodies[0]["gpus"]] == ["mine", None, None, None]
    assert bodies[0]["at"] < bodies[1]["at"] and bodies[1]["schema"] == 1
    p.send_signal(signal.SIGINT)
    assert p.wait(5) == 130
    p.stdout.close()


def test_many_containers(alice):
    for n in range(7):
        launch(alice, f"c{n}", 0)
    s = watch(alice, rows=20)
    s.until(r"^  \d of 7 shown$")
    for n in range(1, 7):
        s.send("j")
        s.until(rf"^> c{n} ", 10)
    s.send("j\x1b[H")
    s.until(r"^> c0 ", 10)
    s.send("\x1b[F")
    s.until(r"^> c6 ", 10)


def test_root_sees_everyone_s(alice, bob, ds01d):
    launch(alice, "hers", 0)
    launch(bob, "his", 0)

    s = Screen(pexpect.spawn(str(ds01d.cli), ["dashboard", "--watch"], dimensions=(24, 80), encoding="utf-8",
                             env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm",
                                  "DS01_SOCKET": str(ds01d.socket)}))
    s.until(READY)
    assert re.search(rf"hers .*{alice.name[:8]}", s.text()) and re.search(r"his ", s.text()), s.text()
    s.send("a")
    s.until(rf"^To fix: sudo -u {alice.name} container-attach hers$", 10)
    s.send("ry")
    s.until(r"^Retired hers\.", 30)
    assert row(alice, "hers") is None
    s.send("q")
    assert s.end() == 0
