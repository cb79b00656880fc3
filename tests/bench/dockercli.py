"""The docker command, asked for the same."""


def run_options(body):
    """A create body in words of `docker run`. NonRecursive it can't say; there is nothing below ours."""
    host = body["HostConfig"]
    words = ["--tty", "--interactive", "--init", "--no-healthcheck"]
    single = {"user": body["User"], "hostname": body["Hostname"], "workdir": body["WorkingDir"],
              "stop-signal": body["StopSignal"], "stop-timeout": body["StopTimeout"],
              "network": host["NetworkMode"], "runtime": host["Runtime"], "ipc": host["IpcMode"],
              "cgroupns": host["CgroupnsMode"], "cgroup-parent": host["CgroupParent"],
              "memory": host["Memory"], "memory-swap": host["MemorySwap"], "pids-limit": host["PidsLimit"],
              "shm-size": host["ShmSize"], "cpus": host["NanoCpus"] / 1e9, "oom-score-adj": host["OomScoreAdj"],
              "log-driver": host["LogConfig"]["Type"]}
    many = {"group-add": host["GroupAdd"], "cap-drop": host["CapDrop"], "security-opt": host["SecurityOpt"],
            "env": body["Env"], "label": [f"{k}={v}" for k, v in body["Labels"].items()],
            "ulimit": [f"{u['Name']}={u['Soft']}:{u['Hard']}" for u in host["Ulimits"]],
            "log-opt": [f"{k}={v}" for k, v in host["LogConfig"]["Config"].items()],
            "mount": [f"type=bind,source={m['Source']},target={m['Target']},bind-propagation=rprivate"
                      + (",readonly" if m.get("ReadOnly") else "") for m in host["Mounts"]]}
    words += [f"--{k}={v}" for k, v in single.items() if v not in ("", 0)]
    words += [f"--{k}={v}" for k, values in many.items() for v in values]
    return [*words, body["Image"], *body["Cmd"]]


def build_options(query, tag):
    """The query of ds01d's build in words of `docker build`, for an image of another name."""
    words = [f"--tag={tag}", f"--cache-from={tag}"]
    named = {"networkmode": "network", "cgroupparent": "cgroup-parent", "memory": "memory", "memswap": "memory-swap",
             "cpuquota": "cpu-quota", "cpuperiod": "cpu-period"}
    return words + [f"--{option}={query[key]}" for key, option in named.items() if key in query]
