"""What ds01d asks of the engine."""

import contextlib
import re
import socket
import threading
import time


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
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.engine_path)
                state = {"text": b"", "open": []}
                for pair in ((client, server, self.read), (server, client, self.answered)):
                    threading.Thread(target=self.pump, args=(*pair, state), daemon=True).start()

    @staticmethod
    def pump(source, sink, watch, state):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                watch(state, data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def read(self, state, data):
        """One more piece of what ds01d says; after an upgrade or in an upload nothing is a request."""
        state["text"] += b"" if state.get("opaque") else data
        while not state.get("opaque") and b"\r\n\r\n" in state["text"]:
            head, _, rest = state["text"].partition(b"\r\n\r\n")
            length = int((re.search(rb"(?i)\r\ncontent-length: *(\d+)", head) or [0, 0])[1])
            if len(rest) < length:
                return
            method, target = head.decode().split(" ")[:2]
            path = re.sub(r"^/v[\d.]+", "", target)
            state["open"].append({"method": method, "path": path, "body": rest[:length], "at": time.monotonic()})
            self.requests.append(state["open"][-1])
            state["text"] = rest[length:]
            state["opaque"] = b"chunked" in head.lower() or bool(re.match(r"/exec/\w+/start", path))

    @staticmethod
    def answered(state, _data):
        if state["open"]:
            request = state["open"].pop(0)
            request["ms"] = (time.monotonic() - request["at"]) * 1000

    def during(self, action):
        """The requests that an action causes, those soon after it included."""
        self.requests = []
        action()
        time.sleep(0.3)
        return list(self.requests)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
