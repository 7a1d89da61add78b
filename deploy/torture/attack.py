"""What an attack is, and all of them by name."""

import dataclasses
import socket
import struct
import time
from collections.abc import Callable

ALL = {}


@dataclasses.dataclass
class Outcome:
    """What one run of an attack came to, beside what the healthy clients saw."""

    notes: list = dataclasses.field(default_factory=list)
    broken: list = dataclasses.field(default_factory=list)

    def note(self, text):
        self.notes.append(text)

    def require(self, good, text):
        """A bound: text says what is wrong if it isn't met."""
        if not good:
            self.broken.append(text)


@dataclasses.dataclass(frozen=True)
class Attack:
    name: str
    issue: str  # the fault that it repeats
    title: str
    run: Callable  # (rig, outcome, seconds, random)
    label: str | None = None  # what of a rig it needs
    peers: bool = False  # HAProxy and nginx can be attacked by it as well
    mixed: bool = True  # it may run beside others
    short: bool = False  # it is part of the short version
    own: dict | None = None  # options of a rig of its own; None: the common one
    least: float = 0  # seconds that it needs
    healthy: bool = True  # whether healthy clients are there, and must stay healthy


def attack(name, issue, title, **more):
    """Registers a function as an attack."""

    def register(run):
        ALL[name] = Attack(name, issue, title, run, **more)
        return run

    return register


def connect(rig, label, timeout=5.0):
    s = socket.socket()
    s.settimeout(timeout)
    try:
        s.connect((rig.address, rig.port(label)))
    except OSError:
        s.close()
        raise
    return s


def connect_many(rig, label, count, receive_buffer=None):
    """So many connections, begun without waiting for each."""
    found = []
    for i in range(count):
        s = socket.socket()
        s.setblocking(False)
        if receive_buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.connect_ex((rig.address, rig.port(label)))
        found.append(s)
        if i % 200 == 199:
            rig.pause(0.02)
    return found


def close_all(sockets):
    for s in sockets:
        s.close()


def reset(s):
    """Closes with a reset."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def every(rig, seconds, interval):
    """Yields again and again until the time is over."""
    end = time.monotonic() + seconds
    due = time.monotonic()
    while due < end:
        yield
        due = max(due + interval, time.monotonic() - 1)
        rig.pause(due - time.monotonic())


def await_condition(rig, seconds, condition):
    """Whether a condition came true in time; OSError counts as not yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except OSError:
            pass
        rig.pause(0.05)
    return False
