"""Where the programs of this directory run: a namespace with servers, names and compiled clients, which is taken down
however they end."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import measure
import namespace
import peers
from measure import Failed
from names import Names
from rig import Home, Servers

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INSIDE = "SLUICE_TORTURE_INSIDE"
SKIPPED = 77  # exit code: it can't be done here
PROGRAMS = ("gcc", "ip", "nft", "chrt", "prlimit", "mount", "unshare")


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def own_seconds():
    """CPU seconds of everything in this campaign's namespace."""
    total = 0.0
    pids = measure.output_of("ip", "netns", "pids", os.environ[INSIDE]).split()
    for pid in pids:
        try:
            total += measure.cpu_seconds([int(pid)])
        except OSError:
            pass  # it has just ended
    return total


BACKLOG = "/proc/sys/net/core/netdev_max_backlog"


def backlog(packets):
    """Sets how many packets may wait on a processor's loopback, for the whole machine; what it was, or None if it may
    not be set. With the kernel's 1,000 a flood of TCP loses other clients' datagrams before any proxy sees them."""
    try:
        with open(BACKLOG, "r+") as f:
            before = f.read().strip()
            f.seek(0)
            f.write(str(packets))
            return before
    except OSError:
        return None


def prepare(directory):
    peers.raise_files()
    namespace.compile_c([os.path.join(HERE, f"{name}.c") for name in ("pulse", "target", "forge")], directory)
    namespace.congestion_control()
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as f:
        f.write("12000 65535")
    # Attackers would be on other machines: they shall not take the processors from what they attack.
    os.nice(10)


def unable():
    """Why it can't be done here, or None."""
    if os.geteuid() != 0:
        return "not root: it makes a network namespace of its own"
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [program for program in PROGRAMS if not shutil.which(program, path=path)]
    if missing:
        return f"no {', '.join(missing)}"
    if subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True).returncode != 0:
        return "no network or mount namespace can be made here"
    return None


def inside(sluice, act):
    """Runs act(home) with everything that it needs, and takes that down."""
    directory = tempfile.mkdtemp(prefix="sluice-torture-")
    home = None
    before = backlog(20000)
    try:
        prepare(directory)
        jdk = measure.output_of(os.path.join(ROOT, "scripts", "find-jdk"), "--with-javac")
        home = Home(ROOT, directory, sluice, jdk)
        home.names = Names(directory)
        home.servers = Servers(directory)
        return act(home)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one must not keep this from being done
            signal.signal(number, signal.SIG_IGN)
        if home and home.servers:
            home.servers.stop()
        if before:
            backlog(before)
        if os.environ.get("SLUICE_TORTURE_KEEP"):
            say(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


def main(program, options, act):
    """The exit code of a program that runs act(home) on a stage."""
    name = os.path.basename(program)
    try:
        why = unable()
        if why:
            print(f"{name}: skipped: {why}", file=sys.stderr)
            return SKIPPED
        if INSIDE not in os.environ:
            # Builds it if that has not been done since the last change.
            if subprocess.run([options.sluice, "version"], stdout=subprocess.DEVNULL).returncode != 0:
                raise Failed(f"{options.sluice} version failed")
            return namespace.run_inside(os.path.realpath(program), "sluice-torture", INSIDE)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return inside(options.sluice, act)
    except KeyboardInterrupt:
        return 130
    except Failed as problem:
        print(f"{name}: {problem}", file=sys.stderr)
        return 1
