"""ds01d with a configuration, state and socket of its own."""

import collections
import contextlib
import json
import os
import re
import subprocess

from harness.process import end_process, kill_process, tail, unmount_below, wait_until


class Daemon:
    def __init__(self, base, run, engine, prefix, catalogue):
        self.engine = engine
        self.program = prefix / "sbin/ds01d"
        self.cli = prefix / "bin/ds01"
        self.probe = prefix / "libexec/ds01/ds01-gpu-probe"
        self.state = base / "state"
        self.run_dir = run / "ds01"
        self.socket = self.run_dir / "ds01.sock"
        self.log = base / "ds01d.log"
        self.config_file = base / "ds01d.yaml"
        self.popen = None
        self.env = {}
        self.wrapper = []
        self.options = []
        self.config = {
            "socket": str(self.socket),
            "engine": {"socket": str(engine.socket)},
            "state_dir": str(self.state),
            "runtime_dir": str(self.run_dir),
            "network": {"name": "ds01-test", "bridge": "ds01t0",
                        "build_name": "ds01-test-build", "build_bridge": "ds01t1"},
            "access": "all",
            "policy": str(base / "resource-limits.yaml"),
            "catalogue": [str(catalogue)],
        }
        self.policy = {"defaults": {"max_containers_per_user": 8, "memory": "1g", "pids_limit": 512}}

    def write_config(self):
        # JSON is YAML.
        self.config_file.write_text(json.dumps(self.config, indent=1) + "\n")
        path = self.config_file.with_name("resource-limits.yaml")
        path.write_text(json.dumps(self.policy, indent=1) + "\n")

    def start(self, ready=True):
        """Starts it and waits until it answers; with an engine that runs, until it has found that."""
        for folder, mode in ((self.state, 0o700), (self.run_dir, 0o755)):
            folder.mkdir(exist_ok=True)
            folder.chmod(mode)
        self.write_config()
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
               "ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99", **self.env}
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen([*self.wrapper, str(self.program), f"--config={self.config_file}",
                                           *self.options], env=env,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True)
        if ready:
            wait_until(self.answers, 20, "ds01d answers")

    def answers(self):
        if self.popen.poll() is not None:
            raise AssertionError(f"ds01d ended with {self.popen.returncode}\n{tail(self.log)}")
        out = self.as_root(["version"]).stdout
        return "\nds01d " in out and ("\nengine " in out or not self.engine.running())

    def as_root(self, argv, **kwargs):
        """A command typed by root, who is an admin."""
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/root", "DS01_SOCKET": str(self.socket)}
        return subprocess.run([str(self.cli), *argv], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60)

    def stop(self):
        """Ends it in peace and checks that it leaves in peace."""
        if self.popen and self.popen.poll() is None:
            status = end_process(self.popen, 30)
            assert status == 0, f"ds01d ended with {status}\n{tail(self.log)}"
        self.check_log()

    def kill(self):
        kill_process(self.popen)

    def restart(self):
        self.stop()
        self.start()

    def destroy(self):
        try:
            if self.popen:
                self.stop()
        finally:
            if self.popen and self.popen.poll() is None:
                self.kill()
            unmount_below(self.run_dir)
            unmount_below(self.state)

    def check_log(self):
        """A sanitizer's report fails the test, whatever the exit status was."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        found = re.search(r".*(ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer).*", text)
        assert not found, text[found.start():found.start() + 4000]

    # ---- what can be seen from outside ----

    @property
    def pid(self):
        return self.popen.pid

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def descriptors(self):
        """What they are open on, and how many are: to be shown where there are too many."""
        kinds = collections.Counter()
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):
                kinds[re.sub(r":\[\d+\]$", "", os.readlink(f"/proc/{self.pid}/fd/{name}"))] += 1
        return dict(kinds)

    def mounts(self):
        """The mount points that ds01d has made and not yet taken away."""
        with open("/proc/self/mounts", encoding="utf-8") as f:
            points = [line.split()[1] for line in f]
        return [p for p in points if p.startswith(f"{self.run_dir}/")]
