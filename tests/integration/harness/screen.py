"""A full-screen program as its user sees it: what is sent to the terminal, drawn by an emulator (pyte)."""

import collections
import re
import time

import pexpect
import pyte


ALTERNATE = 1049  # xterm's second screen, which full-screen programs draw on


class Terminal(pyte.Screen):
    """pyte's terminal, with the second screen that it lacks."""

    first = None

    def blank(self):
        return collections.defaultdict(lambda: pyte.screens.StaticDefaultDict(self.default_char))

    def set_mode(self, *modes, **kwargs):
        if kwargs.get("private") and ALTERNATE in modes:
            self.first = (self.buffer, self.cursor.x, self.cursor.y)
            self.buffer = self.blank()
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes, **kwargs):
        super().reset_mode(*modes, **kwargs)
        if kwargs.get("private") and ALTERNATE in modes and self.first:
            self.buffer, self.cursor.x, self.cursor.y = self.first
            self.first = None


class Screen:
    def __init__(self, terminal, rows=24, cols=80):
        self.t = terminal
        self.screen = Terminal(cols, rows)
        self.stream = pyte.Stream(self.screen)
        self.raw = ""  # all that came

    def pump(self, seconds=0.1):
        """Takes what comes within that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                text = self.t.read_nonblocking(65536, 0.05)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                return
            self.raw += text
            self.stream.feed(text)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def until(self, pattern, seconds=20):
        """Waits until the pattern stands on the screen (or is true of the text); the match."""
        end = time.monotonic() + seconds
        while True:
            self.pump()
            found = pattern(self.text()) if callable(pattern) else re.search(pattern, self.text(), re.M)
            if found:
                return found
            assert time.monotonic() < end, f"{pattern}: not so after {seconds} s\n{self.text()}"

    def send(self, keys):
        self.t.send(keys)

    def resize(self, rows, cols):
        self.screen.resize(rows, cols)
        self.t.setwinsize(rows, cols)

    def end(self, seconds=10):
        """Waits for its end; the exit status."""
        end = time.monotonic() + seconds
        while self.t.isalive():
            self.pump(0.05)
            assert time.monotonic() < end, f"still there after {seconds} s\n{self.text()}"
        self.pump(0.2)
        self.t.close()
        return self.t.exitstatus


def screen(user, argv, rows=24, cols=80, env=None):
    """A command of this account on a screen."""
    return Screen(user.tty(argv, rows=rows, cols=cols, env=env), rows, cols)
