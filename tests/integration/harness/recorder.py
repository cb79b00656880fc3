"""What ds01d asks of the engine."""

import contextlib
import re
import socket
import threading
import time


class Connection:
    """One of ds01d's, and the one to the engine that goes with it."""

    def __init__(self, client, engine_path):
        self.client, self.server = client, socket.socket(socket.AF_UNIX)
        self.server.connect(engine_path)
        self.text = b""  # of what ds01d says: what is no whole request yet
        self.opaque = False  # after an upgrade or in an upload nothing is a request
        self.open = []  # requests without an answer
        self.fault = None  # what becomes of the answer: harness/faults.py

    def end(self):
        for s in (self.client, self.server):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def requests(self, data):
        """What one more piece completes: the bytes, and the request that begins with them, if one does."""
        self.text += data
        while self.text and (self.opaque or b"\r\n\r\n" in self.text):
            piece, request = self.text, None
            if not self.opaque:
                head, _, rest = piece.partition(b"\r\n\r\n")
                length = int((re.search(rb"(?i)\r\ncontent-length: *(\d+)", head) or [0, 0])[1])
                if len(rest) < length:
                    return
                method, target = head.decode().split(" ")[:2]
                path = re.sub(r"^/v[\d.]+", "", target)
                request = {"method": method, "path": path, "body": rest[:length], "at": time.monotonic()}
                self.opaque = b"chunked" in head.lower() or bool(re.match(r"/exec/\w+/start", path))
                piece = piece if self.opaque else piece[:len(head) + 4 + length]
            self.text = self.text[len(piece):]
            yield piece, request


class Recorder:
    """A socket between ds01d and the engine that writes down every request.

    Only for counting and for a copy of the bodies: nothing is timed while it stands between.
    """

    def __init__(self, path, engine_path):
        self.path, self.engine_path, self.requests = path, str(engine_path), []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                try:
                    c = Connection(client, self.engine_path)
                except OSError:  # no engine: neither are we
                    client.close()
                    continue
                for pump in (self.forth, self.back):
                    threading.Thread(target=pump, args=(c,), daemon=True).start()

    def forth(self, c):
        with contextlib.suppress(OSError):
            while data := c.client.recv(65536):
                for piece, request in c.requests(data):
                    if request:
                        c.open.append(request)
                        self.requests.append(request)
                    self.asked(c, request, piece)
            c.server.shutdown(socket.SHUT_WR)

    def back(self, c):
        with contextlib.suppress(OSError):
            while data := c.server.recv(65536):
                if c.open:
                    request = c.open.pop(0)
                    request["ms"] = (time.monotonic() - request["at"]) * 1000
                self.answered(c, data)
            c.client.shutdown(socket.SHUT_WR)

    def asked(self, c, _request, piece):
        """ds01d has said something: it is passed on."""
        c.server.sendall(piece)

    def answered(self, c, data):
        """The engine has said something: it is passed on."""
        c.client.sendall(data)

    def during(self, action):
        """The requests that an action causes, those soon after it included."""
        self.requests = []
        action()
        time.sleep(0.3)
        return list(self.requests)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def said(requests):
    """As texts without what differs from one run to the next: "POST /containers/ID/start"."""
    ids = re.compile(r"(?<=/)(?:sha256:)?(?:[0-9a-f]{64}|[a-z]+[.]_[.][0-9]+)(?=/|$)")
    return [r["method"] + " " + ids.sub("ID", r["path"].partition("?")[0]) for r in requests]
