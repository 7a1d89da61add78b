"""Standard error that takes nothing (A1)."""

import os
import signal
import subprocess
import time

from attack import attack, close_all, connect_many, every
from holders import send_bad_headers


def warn(rig, random):
    """Makes the daemon say something about wrong headers."""
    send_bad_headers(rig, random, 8, 0.02)


def fill(rig):
    """Access records, more than a pipe holds."""
    for _ in range(15):
        held = connect_many(rig, "tcp", 100)
        rig.pause(0.02)
        close_all(held)


@attack("log-stall", "A1", "nobody reads standard error, while headers are wrong", label="header", mixed=False, short=True,
        least=7)  # more than the healthy clients' patience
def log_stall(rig, outcome, seconds, random):
    rig.pipe.may_read.clear()
    try:
        fill(rig)
        for _ in every(rig, seconds, 0.1):
            warn(rig, random)
    finally:
        rig.pipe.may_read.set()


@attack("log-stall-stop", "A1", "SIGTERM while nobody reads standard error", label="header", mixed=False, short=True, own={}, healthy=False)
def log_stall_stop(rig, outcome, seconds, random):
    rig.pipe.may_read.clear()
    fill(rig)
    for _ in every(rig, 1.5, 0.1):
        warn(rig, random)
    began = time.monotonic()
    rig.process.send_signal(signal.SIGTERM)
    try:
        rig.process.wait(12)
        outcome.note(f"ended {time.monotonic() - began:.1f} s after SIGTERM")
    except subprocess.TimeoutExpired:
        outcome.require(False, "SIGTERM didn't end it within 12 s (limits.drain is 2 s)")


@attack("log-disk-full", "A1", "standard error is a file on a full disk", label="header", mixed=False, own={"log": "full"})
def log_disk_full(rig, outcome, seconds, random):
    fill(rig)
    for _ in every(rig, seconds, 0.1):
        warn(rig, random)
    free = os.statvfs(os.path.dirname(rig.options["log"])).f_bavail
    outcome.require(free == 0, "the attack came to nothing: the disk isn't full")
