"""Stand-ins for the framework images of a catalogue: the starter, under their names, with an apt-get
that notes what it was asked for in /apt.log instead of fetching it."""

import io
import tarfile

APT = '#!/bin/sh\necho "$@" >>/apt.log\n'


def make_base(engine, name, starter):
    dockerfile = (f"FROM {starter}\nCOPY apt-get /usr/local/sbin/apt-get\n"
                  f"RUN chmod 755 /usr/local/sbin/apt-get && echo {name} >/etc/stub\n")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path, text in (("Dockerfile", dockerfile), ("apt-get", APT)):
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    status, body = engine.call("POST", f"/build?t={name}&networkmode=none&rm=1", data.getvalue(),
                               {"Content-Type": "application/x-tar"})
    assert status == 200 and b"Successfully" in (body if isinstance(body, bytes) else str(body).encode()), body


# What the tests' catalogue says of them: framework, version, image.
FRAMEWORKS = [("PyTorch", "2.8.0", "stub/pytorch:2.8.0-cpu"), ("PyTorch", "2.7.1", "stub/pytorch:2.7.1-cpu"),
              ("TensorFlow", "2.16.1", "stub/tensorflow:2.16.1"), ("JAX", "0.5.3", "stub/jax:0.5.3"),
              ("None", "13", "stub/none:13")]
