"""An engine that fails at one request of our choice, and what ds01d sees of it."""

import json
import threading
import time

from harness.recorder import Recorder, said

OVERSIZE = 9 << 20  # of an answer ds01d takes 8 MiB
DELAY_S = 0.4


class Faults(Recorder):
    """A socket between ds01d and the engine that can spoil one request, or swallow all.

    Everything but KINDS["cut before"] and KINDS["refuse"] reaches the engine: it has done what it
    was asked to, and ds01d can't know.
    """

    def __init__(self, path, engine_path):
        self.lock, self.armed, self.struck, self.mute = threading.Lock(), None, False, False
        super().__init__(path, engine_path)

    def arm(self, request, nth, kind):
        """The nth request (from 0) of those that said() calls so, from now on."""
        with self.lock:
            self.armed, self.struck = [request, nth, KINDS[kind]], False

    def disarm(self):
        """Honest again. True if the fault was met."""
        with self.lock:
            self.armed, self.mute = None, False
            return self.struck

    def fault_of(self, request):
        with self.lock:
            if self.mute and request:
                return silence
            if not request or not self.armed or said([request])[0] != self.armed[0]:
                return None
            self.armed[1] -= 1
            if self.armed[1] >= 0:
                return None
            fault, self.armed, self.struck = self.armed[2], None, True
            return fault

    def asked(self, c, request, piece):
        fault = self.fault_of(request)
        if fault is None:
            super().asked(c, request, piece)
        elif fault is delay:
            time.sleep(DELAY_S)
            super().asked(c, request, piece)
        elif fault is cut_before:
            c.end()
        elif fault is refuse:
            say(c, 500, b'{"message": "the disk of the engine is on fire"}\n')
        else:
            c.fault, c.answer, c.is_head = fault, b"", request["method"] == "HEAD"
            super().asked(c, request, piece)

    def answered(self, c, data):
        if c.fault is None:
            super().answered(c, data)
        else:
            c.answer += data
            c.fault(c)


# ---- what an answer can be instead ----

def say(c, status, body):
    c.client.sendall(b"HTTP/1.1 %d So\r\nContent-Type: application/json\r\nConnection: close\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (status, len(body), body))
    c.end()


def body_of(c):
    """The body once the answer is whole, of a stream its beginning; None before."""
    head, end, body = c.answer.partition(b"\r\n\r\n")
    lower = head.lower()
    if not end:
        return None
    if c.is_head or b"\r\ncontent-length:" not in lower and b"chunked" not in lower:
        return b""
    if b"chunked" not in lower:
        length = int(lower.partition(b"\r\ncontent-length:")[2].split(b"\r\n")[0])
        return body if len(body) >= length else None
    if not (body.endswith(b"0\r\n\r\n") or (c.opaque and b"\n" in body)):
        return None
    text = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        text, body = text + body[:int(size, 16)], body[int(size, 16) + 2:]
    return text


def changed(value):
    """The same shape, every value of another type."""
    if isinstance(value, dict):
        return {k: changed(v) for k, v in value.items()}
    if isinstance(value, list):
        return {"0": value[0]} if value else {}
    return {str: 7, int: "7", float: "7", bool: [], type(None): 7}[type(value)]


def delay(_c):
    pass


def cut_before(_c):
    pass


def refuse(_c):
    pass


def cut_after(c):
    c.end()


def cut_in_head(c):
    c.client.sendall(c.answer[:12])
    c.end()


def cut_in_body(c):
    body = body_of(c)
    if body is not None:
        whole = len(c.answer)
        c.client.sendall(c.answer[:whole - (len(body) + 1) // 2 if body else whole - 2])
        c.end()


def truncate(c):
    body = body_of(c)
    if body is not None:
        say(c, 200, body[:len(body) // 2] or b'{"Id": "')


def oversize(c):
    say(c, 200, b'{"Id": "' + b"a" * OVERSIZE + b'"}')


def change_types(c):
    body = body_of(c)
    if body is None:
        return
    try:
        value = json.loads(body)
    except ValueError:  # none, or a stream of them
        value = {"Id": "x", "stream": "y", "message": "z"}
    say(c, 200, json.dumps(changed(value)).encode())


def silence(_c):
    pass


KINDS = {"delay": delay, "cut before": cut_before, "cut after": cut_after, "cut in the head": cut_in_head,
         "cut in the body": cut_in_body, "refuse": refuse, "truncate": truncate, "oversize": oversize,
         "change types": change_types, "silence": silence}
