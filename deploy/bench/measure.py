"""What is read from the machine: CPU clocks of processes, memory, what else was running, versions."""

import datetime
import json
import os
import platform
import re
import subprocess
import time

CPUCLOCK_SCHED = 2


def cpu_seconds(pids):
    """CPU time of whole processes, in nanosecond steps; threads that have ended are part of it."""
    return sum(time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED) for pid in pids)


def machine_seconds():
    """(busy, stolen) CPU seconds of the whole machine."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq, steal = map(int, f.readline().split()[1:9])
    tick = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / tick, steal / tick


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(child) for child in f.read().split()]


def memory(pids):
    """Resident and proportional bytes of processes."""
    rss = pss = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            text = f.read()
        rss += int(re.search(r"^Rss:\s+(\d+)", text, re.M)[1]) * 1024
        pss += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) * 1024
    return {"rss": rss, "pss": pss}


def output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip()


def sysctl(name):
    try:
        with open("/proc/sys/" + name.replace(".", "/")) as f:
            return f.read().split()
    except OSError:
        return None


def machine():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"^model name\s*:\s*(.*)", f.read(), re.M)
    with open("/proc/meminfo") as f:
        total = int(re.search(r"^MemTotal:\s+(\d+)", f.read(), re.M)[1])
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memoryGiB": round(total / 1024 / 1024, 1),
        "kernel": platform.release(),
        "loadAtStart": os.getloadavg()[0],
        "rmemMax": (sysctl("net.core.rmem_max") or [None])[0],
    }


def versions(root, sluice):
    return {
        "sluice": output_of(sluice, "version"),
        "haproxy": output_of("haproxy", "-v").split("\n")[0],
        "nginx": output_of("nginx", "-v"),
        "gcc": output_of("gcc", "--version").split("\n")[0],
        "commit": output_of("git", "-C", root, "rev-parse", "--short=12", "HEAD")
        + ("+" if output_of("git", "-C", root, "status", "--porcelain", "--", "*.java", "*.c", "bin") else ""),
    }


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


class Failed(Exception):
    """Something that one line can say."""


def expect_line(process, event):
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise Failed(process.complaint() or f"the load generator ended before it said {event}")
    said = json.loads(line)
    if said["event"] != event:
        raise Failed(f"the load generator said {said['event']} instead of {event}")
    return said


def measured(load, proxy_pids, server_pids):
    """Runs a load to its end and returns its result, with the CPU time of everybody in that time."""
    everybody = {"proxy": proxy_pids, "generator": [load.pid], "servers": server_pids}

    def sample():
        at = {name: cpu_seconds(pids) for name, pids in everybody.items()}
        at["busy"], at["stolen"] = machine_seconds()
        return at, time.monotonic()

    expect_line(load, "ready")
    expect_line(load, "begin")
    before, began = sample()
    result = expect_line(load, "end")
    after, ended = sample()
    load.finish()
    took = ended - began
    used = {name: after[name] - before[name] for name in after}
    used["others"] = max(0.0, used.pop("busy") - sum(used[name] for name in everybody))
    # Shares of one core. A unit's cost is share by rate, so it doesn't matter that the sampled time
    # is some microseconds off the generator's.
    result["cores"] = {name: round(value / took, 4) for name, value in used.items()}
    del result["event"], result["mode"]
    if result["rate"] > 0:
        result["cpuPerUnit"] = result["cores"]["proxy"] / result["rate"]
    return result
