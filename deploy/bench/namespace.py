"""A network namespace that a program makes for itself, runs in, and removes however it ends."""

import os
import signal
import subprocess
import sys

import measure
from measure import Failed


def run_inside(program, prefix, variable):
    """Runs a program again, with the same arguments, in a new namespace whose name is in an environment variable."""
    if os.geteuid() != 0:
        raise Failed(f"not root: {os.path.basename(program)} makes a network namespace of its own (try sudo)")
    name = f"{prefix}-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode != 0:
        raise Failed(f"no network namespace can be made here: {made.stderr.strip()}")
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        inner = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, program, *sys.argv[1:]], env={**os.environ, variable: name}
        )
        # The inner one cleans up; a signal from the keyboard has reached it already.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: inner.terminate())
        return inner.wait()
    finally:
        for pid in measure.output_of("ip", "netns", "pids", name).split():
            os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", name], check=False)


def compile_c(sources, directory):
    """Compiles C programs, given as paths, into a directory."""
    for source in sources:
        program = os.path.join(directory, os.path.basename(source).removesuffix(".c"))
        include = os.path.dirname(os.path.realpath(__file__))
        command = ["gcc", "-O2", "-Wall", "-pthread", "-I", include, "-o", program, source]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"gcc: {done.stderr.strip()}")


def congestion_control():
    """Not BBR, which some machines have: its pacing by timers weighs on a loopback."""
    for name in ("cubic", "reno"):  # the kernel's default; and what a namespace may always have
        try:
            with open("/proc/sys/net/ipv4/tcp_congestion_control", "w") as f:
                f.write(name)
            return
        except OSError:
            pass  # the next one
