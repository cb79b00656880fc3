"""The terminal: what is typed arrives, what is said comes back, and it is given back as it was."""

import os
import signal
import subprocess
import time

import pexpect
import pytest
from harness.expect import deploy, prompt_of, row
from harness.process import wait_until


@pytest.fixture
def box(alice):
    deploy(alice, "box")
    return "box"


@pytest.fixture
def shell(alice, box):
    """A shell in the container on a terminal of 40 × 132."""
    t = alice.tty(f"container-attach {box}", rows=40, cols=132)
    t.expect(prompt_of(alice, box))
    yield t
    t.close(force=True)


def processes_in(alice, words):
    """How many processes of the container have this command line."""
    listed = alice.ok(["container-attach", "box", "--", "ps", "-o", "args"]).out
    return sum(words in line and "ps -o" not in line for line in listed.splitlines())


def test_window_size_from_the_first_byte_and_on_resize(alice, shell):
    shell.sendline("stty size")
    shell.expect_exact("40 132")
    shell.setwinsize(50, 100)
    shell.kill(signal.SIGWINCH)
    time.sleep(0.5)
    shell.sendline("stty size")
    shell.expect_exact("50 100")


def test_a_size_that_does_not_arrive_holds_nothing_up(alice, ds01d, shell):
    """ds01d hangs; the session doesn't need it, and finds back to it afterwards."""
    os.kill(ds01d.pid, signal.SIGSTOP)
    try:
        shell.setwinsize(50, 100)
        shell.kill(signal.SIGWINCH)
        time.sleep(0.3)
        shell.sendline("echo 4$((1+1))")
        shell.expect_exact("42", timeout=8)
    finally:
        os.kill(ds01d.pid, signal.SIGCONT)
    time.sleep(4)
    shell.setwinsize(51, 101)
    shell.kill(signal.SIGWINCH)
    time.sleep(0.5)
    shell.sendline("stty size; exit 5")
    shell.expect_exact("51 101")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 5


def test_a_command_has_the_size_too(alice, box):
    for _ in range(5):
        t = alice.tty(["container-attach", box, "--", "stty", "size"], rows=33, cols=77)
        t.expect(pexpect.EOF)
        assert t.before == "33 77\r\n"


def test_keys_reach_the_shell(alice, shell):
    prompt = prompt_of(alice, "box")
    shell.sendline("sleep 1000")
    time.sleep(0.3)
    shell.sendcontrol("c")
    shell.expect(prompt)
    shell.sendline("cat")
    time.sleep(0.3)
    shell.sendcontrol("z")
    shell.expect("Stopped")
    shell.expect(prompt)
    shell.sendline("fg")
    shell.sendline("via fg")
    shell.expect("via fg\r\nvia fg")
    shell.sendcontrol("d")
    shell.expect(prompt)
    # Ctrl-P Ctrl-Q is Docker's way to detach; here both are the shell's.
    shell.send("\x10\x11")
    time.sleep(0.3)
    shell.sendcontrol("u")
    shell.sendline("echo still-$((1 + 1))-here")
    shell.expect_exact("still-2-here")
    # Before its prompt the shell has the line in canonical mode, where Ctrl-D is kept as a NUL.
    shell.expect(prompt)
    shell.sendcontrol("d")
    shell.expect(pexpect.EOF)


def test_utf8_passes_both_ways(alice, shell):
    shell.sendline("echo 'größe 漢字 🐍' > /workspace/utf8; cat /workspace/utf8")
    shell.expect_exact("\ngröße 漢字 🐍")
    assert (alice.workspace / "box/utf8").read_text() == "größe 漢字 🐍\n"


@pytest.mark.parametrize("status", [0, 1, 42, 255])
def test_exit_status_comes_through(alice, box, status):
    assert alice.run(["container-attach", box, "--", "sh", "-c", f"exit {status}"]).rc == status
    t = alice.tty(f"container-attach {box}")
    t.expect(prompt_of(alice, box))
    t.sendline(f"exit {status}")
    t.expect(pexpect.EOF)
    t.close()
    assert t.exitstatus == status
    assert row(alice, box)["state"] == "running"


def test_a_command_that_is_not_there(alice, box):
    # Which of the two is the engine's choice.
    for command in ("no-such-program", "/etc"):
        assert alice.run(["container-attach", box, "--", command]).rc in (126, 127)


def test_stdin_without_a_terminal(alice, box):
    big = os.urandom(3 << 20)
    done = alice.popen(["container-attach", box, "--", "md5sum"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = done.communicate(big, 60)
    import hashlib
    assert out.split()[0].decode() == hashlib.md5(big).hexdigest() and done.returncode == 0
    mixed = alice.run(["container-attach", box], stdin="echo out; echo err >&2; exit 9\n")
    assert (mixed.rc, mixed.out, mixed.err.strip()) == (9, "out\n", "err")


def test_nothing_on_stdin_is_nothing_to_read(alice, box):
    """The engine is spared an input that would have to be closed at once: a tenth of an attach."""
    words = f"container-attach {box} -- sh -c 'readlink /proc/self/fd/0; cat; echo end'"
    for stdin in ("</dev/null", "<&-"):
        done = alice.ok(f"{words} {stdin}")
        assert done.out == "/dev/null\nend\n", stdin
    assert alice.ok(f": | {words}").out.startswith("pipe:")


def test_much_output_arrives_whole(alice, box):
    done = alice.popen(["container-attach", box, "--", "sh", "-c", "seq 1 300000"], stdout=subprocess.PIPE)
    out, _ = done.communicate(timeout=60)
    assert out == "".join(f"{i}\n" for i in range(1, 300001)).encode()


def test_several_at_once(alice, box, shell):
    other = alice.tty(f"container-attach {box}")
    other.expect(prompt_of(alice, box))
    shell.sendline("echo one > /tmp/shared")
    shell.expect(prompt_of(alice, box))
    other.sendline("cat /tmp/shared; exit")
    other.expect_exact("one")
    other.expect(pexpect.EOF)
    shell.sendline("echo $((20 + 3))")
    shell.expect_exact("23")


MODES = r"([0-9a-f]+(?::[0-9a-f]+){20,})\r"


@pytest.mark.parametrize("end", ["exit", "killed", "retired", "SIGTERM", "SIGHUP"])
def test_the_terminal_is_given_back(alice, box, end):
    outer = alice.tty("bash --norc", rows=30, cols=90)
    outer.sendline("PS1='outer> '; stty -g")
    outer.expect(MODES)
    before = outer.match[1]
    outer.sendline(f"container-attach {box}; echo left")
    outer.expect(prompt_of(alice, box))
    if end == "exit":
        outer.sendline("exit")
    elif end == "retired":
        alice.ok(["container", "retire", box, "--force"])
    elif end == "killed":
        outer.sendline("kill -9 $$")
    else:
        subprocess.run(["pkill", f"-{end}", "-u", str(alice.uid), "-f", "container-attach"], check=True)
    outer.expect("left", timeout=25)
    outer.sendline("stty -g")
    outer.expect(MODES)
    assert outer.match[1] == before
    outer.close(force=True)


def test_a_vanished_client_takes_its_shell_along(alice, box):
    t = alice.tty(f"container-attach {box}")
    t.expect(prompt_of(alice, box))
    # What nohup(1) does.
    t.sendline("(trap '' HUP; exec sleep 7777 >/dev/null 2>&1) &")
    t.expect(prompt_of(alice, box))
    t.sendline("sleep 8888")
    wait_until(lambda: processes_in(alice, "sleep 8888") == 1, 5, "the sleep runs")
    t.kill(signal.SIGKILL)
    t.close(force=True)
    wait_until(lambda: processes_in(alice, "sleep 8888") == 0, 20, "the vanished shell's sleep has ended")
    assert processes_in(alice, "sleep 7777") == 1, "nohup lives on"
    assert row(alice, box)["state"] == "running"


@pytest.mark.slow
def test_a_session_goes_on_over_a_restart_of_ds01d(alice, box, shell, ds01d):
    shell.sendline("echo before")
    shell.expect("\nbefore")
    ds01d.restart()
    shell.sendline("echo after-$((40 + 2))")
    shell.expect_exact("after-42")
    time.sleep(12)
    shell.sendline("echo much-$((40 + 3))-later")
    shell.expect_exact("much-43-later")
    shell.setwinsize(55, 111)
    shell.kill(signal.SIGWINCH)
    time.sleep(1)
    shell.sendline("stty size")
    shell.expect_exact("55 111")
    shell.sendline("exit 6")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 6


@pytest.mark.slow
def test_a_session_goes_on_over_a_crash_of_ds01d(alice, box, shell, ds01d):
    ds01d.kill()
    shell.sendline("echo alone-$((40 + 2))")
    shell.expect_exact("alone-42")
    ds01d.start()
    time.sleep(12)
    shell.sendline("exit 4")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 4


@pytest.mark.slow
def test_an_unclaimed_session_is_ended_after_a_restart(alice, box, ds01d):
    t = alice.tty(f"container-attach {box}")
    t.expect(prompt_of(alice, box))
    t.sendline("sleep 9999")
    wait_until(lambda: processes_in(alice, "sleep 9999") == 1, 5, "the sleep runs")
    ds01d.kill()
    t.kill(signal.SIGKILL)
    t.close(force=True)
    ds01d.start()
    wait_until(lambda: processes_in(alice, "sleep 9999") == 0, 30, "nobody claimed it: it has ended")
