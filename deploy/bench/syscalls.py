"""System calls of the proxies, by strace: how many there are for each unit of work. strace slows each of
them down, so their times say nothing; their number hardly depends on it."""

import os
import re
import signal
import subprocess
import time

import measure
from measure import Failed
from peers import Load

LINE = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$", re.M)
WORKS = ("keepalive-100", "newconn", "bulk-1", "bulk-8", "udp-64")


def traced(pid):
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            if re.search(r"^TracerPid:\s+0$", f.read(), re.M):
                return False
    return True


def count(work, peer, directory, seconds):
    """Runs a work while the proxy is traced; calls per unit (of bulk: per GB), by name. That connections
    are made is part of it."""
    command = ["strace", "-c", "-f", "-o", os.path.join(directory, "strace")]
    for pid in peer.pids():
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    load = None
    try:
        deadline = time.monotonic() + 10
        while not all(traced(pid) for pid in peer.pids()):
            if tracer.poll() is not None or time.monotonic() > deadline:
                raise Failed("strace can't attach; is ptrace allowed here?")
            time.sleep(0.01)
        load = Load(directory, work.mode, port=getattr(peer, work.port), seconds=seconds, warm=0, **work.arguments)
        for event in ("ready", "begin"):
            measure.expect_line(load, event)
        end = measure.expect_line(load, "end")
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
        load.finish()
    finally:
        if load:
            load.abandon()
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10)
    units = end["units"] / 1e9 if work.mode == "bulk" else end["units"]
    with open(os.path.join(directory, "strace")) as f:
        calls = {name: int(number) / units for number, name in LINE.findall(f.read()) if name != "total"}
    return {
        "work": work.name,
        "peer": peer.name,
        "perUnit": {name: round(n, 4) for name, n in sorted(calls.items(), key=lambda c: -c[1]) if n >= 0.005},
        "total": round(sum(calls.values()), 3),
    }
