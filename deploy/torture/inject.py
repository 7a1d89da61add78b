"""Faults of the kernel: each system call that a loop makes, with each errno that its man page names, by strace."""

import collections
import os
import re
import signal
import socket
import subprocess
import threading
import time

import peers
from attack import close_all, connect_many
from measure import Failed
from rig import Sluice

# From the ERRORS sections of the man pages (man-pages 6.9): what can come of a call that is made rightly. EFAULT, EBADF,
# EINVAL and the like are faults of the caller's; one of them stands for all where the kernel gives it for other reasons, too.
# EAGAIN isn't among them where it says "not ready": of a socket that is ready it would be a lie, and no event would follow.
ERRNOS = {
    "accept": "ECONNABORTED EINTR EMFILE ENFILE ENOBUFS ENOMEM EPERM EPROTO ENETDOWN EHOSTUNREACH",
    "accept4": "ECONNABORTED EINTR EMFILE ENFILE ENOBUFS ENOMEM EPERM EPROTO ENETDOWN EHOSTUNREACH",
    "bind": "EACCES EADDRINUSE EADDRNOTAVAIL ENOMEM",
    "close": "EINTR EIO",
    "connect": "EACCES EPERM EADDRINUSE EADDRNOTAVAIL EAGAIN ECONNREFUSED EINTR ENETUNREACH ETIMEDOUT EHOSTUNREACH",
    "dup3": "EINTR EMFILE ENOMEM",
    "epoll_create1": "EMFILE ENOMEM",
    "epoll_ctl": "ENOMEM ENOSPC EPERM",
    "epoll_pwait": "EINTR",
    "epoll_pwait2": "EINTR",
    "epoll_wait": "EINTR",
    "fcntl": "EINTR",
    "getpeername": "ENOBUFS ENOTCONN",
    "getsockname": "ENOBUFS",
    "getsockopt": "ENOPROTOOPT ENOMEM",
    "ioctl": "ENOTTY",
    "listen": "EADDRINUSE",
    "pipe2": "EMFILE ENFILE ENOMEM",
    "read": "EINTR EIO",
    "recv": "ECONNREFUSED EINTR ENOMEM ECONNRESET",
    "recvfrom": "ECONNREFUSED EINTR ENOMEM ECONNRESET ETIMEDOUT",
    "recvmmsg": "ECONNREFUSED EINTR ENOMEM EHOSTUNREACH",
    "recvmsg": "ECONNREFUSED EINTR ENOMEM",
    "sendmmsg": "EACCES EINTR EMSGSIZE ENOBUFS ENOMEM ECONNREFUSED EPERM ENETUNREACH",
    "sendmsg": "EACCES EINTR EMSGSIZE ENOBUFS ENOMEM ECONNRESET EPIPE EPERM",
    "sendto": "EACCES EINTR EMSGSIZE ENOBUFS ENOMEM ECONNRESET EPIPE EPERM",
    "setsockopt": "ENOPROTOOPT EPERM ENOMEM EINVAL",
    "shutdown": "ENOBUFS ENOTCONN",
    "socket": "EACCES EMFILE ENFILE ENOBUFS ENOMEM EAFNOSUPPORT",
    "socketpair": "EMFILE ENFILE",
    "splice": "ENOMEM EINVAL EPIPE ECONNRESET EINTR",
    "timerfd_settime": "EINVAL",
    "write": "EINTR EIO ENOSPC EPIPE",
    "writev": "EINTR ENOBUFS EPIPE ECONNRESET",
}
# Java's own, by which it runs at all: without memory or locks it ends, which is tried in unit tests by its own means.
JAVAS = {"futex", "madvise", "mmap", "mprotect", "munmap", "sched_yield", "rt_sigreturn", "rt_sigprocmask", "restart_syscall", "getrusage",
         "clock_nanosleep", "clock_gettime", "exit", "membarrier", "sched_getaffinity", "gettid", "getpid", "prctl", "set_robust_list",
         "rseq", "sigaltstack", "clone3", "openat", "lseek", "newfstatat", "fstat", "brk", "getcpu", "tgkill", "rt_sigtimedwait"}
LOADED_SECONDS = 0.4


class Load:
    """Traffic of all sorts, so that each system call is made."""

    def __init__(self, rig):
        self.rig = rig
        self.pulses = [rig.pulse("tcp", 200, 50), rig.pulse("udp", 200, 50), rig.pulse("half", 50), rig.pulse("reset", 30), rig.pulse("dns", 50)]
        self.downloads = connect_many(rig, "bulk", 3)
        self.lines = connect_many(rig, "lines", 3)
        self.headers = connect_many(rig, "header", 3)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        turn = 0
        while not self.ended.wait(0.005):
            turn += 1
            for s in self.downloads:
                self.attempt(lambda s=s: s.recv(1 << 20))
            for s in self.lines:
                self.attempt(lambda s=s: s.send(b"a line\n"))
            for s in self.headers:
                self.attempt(lambda s=s: s.send(b"PROXY TCP4 127.0.50.1 127.0.99.1 40000 99\r\n"[turn % 43:][:1]))

    @staticmethod
    def attempt(call):
        try:
            call()
        except OSError:
            pass

    def close(self):
        self.ended.set()
        self.thread.join()
        close_all([*self.downloads, *self.lines, *self.headers])
        for pulse in self.pulses:
            pulse.close()


def loops(rig):
    return list(rig.loop_seconds())


def strace(rig, words, seconds):
    """Attaches to the loops for so long; strace's output."""
    file = os.path.join(rig.home.directory, "strace")
    command = ["strace", "-q", "-o", file, *words]
    for task in loops(rig):
        command += ["-p", str(task)]
    tracer = peers.Process("strace", command, rig.home.directory)
    time.sleep(seconds)
    if tracer.poll() is not None and rig.alive():
        raise Failed(f"strace can't attach: {tracer.complaint()}")
    tracer.send_signal(signal.SIGINT)
    try:
        tracer.wait(5)
    except subprocess.TimeoutExpired:
        tracer.stop()
    with open(file, errors="replace") as f:
        return f.read()


def calls_of(rig):
    """The system calls that loops make under load, new sockets and reloads among it."""
    load = Load(rig)
    try:
        threading.Timer(0.8, rig.reload).start()
        text = strace(rig, ["-c"], 2.5)
    finally:
        load.close()
    return set(re.findall(r"(\w+)$", text, re.M)) - {"syscall", "total"}


def echoes(rig, label, attempts=1):
    kind = socket.SOCK_DGRAM if label == "udp" else socket.SOCK_STREAM
    for _ in range(attempts):
        try:
            with socket.socket(socket.AF_INET, kind) as s:
                s.settimeout(2)
                s.connect((rig.address, rig.port(label)))
                s.sendall(b"hello")
                if s.recv(5) == b"hello":
                    return True
        except OSError:
            pass
    return False


def tcp_sessions(rig):
    return rig.metric("sluice_sessions_active", protocol="tcp")


def await_none(rig, seconds):
    """How many TCP sessions are left when all clients have gone."""
    end = time.monotonic() + seconds
    left = None
    while time.monotonic() < end:
        try:
            left = tcp_sessions(rig)
            if left == 0:
                return 0
        except OSError:
            pass
        time.sleep(0.05)
    return left


def check(rig, where):
    """What is wrong after an injection, one line each."""
    if not rig.alive():
        return [f"{where}: the process ended, exit code {rig.process.poll()}"]
    found = [f"{where}: {fault}" for fault in rig.faults()]
    left = await_none(rig, 8)
    if left:
        found.append(f"{where}: {left:.0f} TCP sessions are left, without clients")
    elif left is None:
        found.append(f"{where}: /metrics doesn't answer")
    # Several, so that each loop has some.
    for label in ("tcp", "udp"):
        bad = sum(not echoes(rig, label) for _ in range(6))
        if bad:
            found.append(f"{where}: {bad} of 6 new {label.upper()} clients aren't served afterwards")
    return found


def row(campaign, began, notes, broken, **more):
    campaign.keep({"name": "inject", "peer": "sluice", "issue": "A6", "title": "system calls that fail, each errno of its man page", "notes": notes,
                   "seconds": time.monotonic() - began, "settled": 0, "broken": broken, **more})


def run(campaign, seconds):
    """Injects for about so long; in a random order, so that runs with other seeds try others."""
    began = time.monotonic()
    make = lambda number: Sluice(campaign.home, number)
    campaign.start(make)
    notes, broken, tried, reached = [], [], 0, collections.Counter()  # reached: calls that failed, of each that was tried
    try:
        rig = campaign.rig
        load = Load(rig)  # warms up
        time.sleep(1.5)
        load.close()
        calls = calls_of(rig)
        unknown = calls - ERRNOS.keys() - JAVAS
        if unknown:
            broken.append(f"the campaign has no errnos for {', '.join(sorted(unknown))}: add them to inject.py")
        combinations = [(c, e) for c in sorted(calls & ERRNOS.keys()) for e in ERRNOS[c].split()]
        campaign.random.shuffle(combinations)
        await_none(rig, 8)
        time.sleep(9)
        before = after = rig.descriptors()
        for call, errno in combinations:
            if time.monotonic() > began + seconds:
                break
            first, step = campaign.random.randint(1, 20), campaign.random.randint(3, 30)
            if call in ("splice", "pipe2", "bind", "shutdown", "getsockopt", "socket", "connect"):
                first, step = campaign.random.randint(1, 5), campaign.random.randint(2, 6)
            where = f"{call} {errno} when={first}+{step}"
            load = Load(rig)
            try:
                text = strace(rig, ["-e", f"trace={call}", "-e", f"inject={call}:error={errno}:when={first}+{step}"], LOADED_SECONDS)
            finally:
                load.close()
            tried += 1
            reached[call] += text.count("(INJECTED)")
            found = check(rig, where)
            broken += found
            if found:
                campaign.end()
                campaign.start(make)
                rig = campaign.rig
                time.sleep(1)
                before = rig.descriptors()
        # UDP flows of the load take 8 s to time out.
        end = time.monotonic() + 12
        while rig.alive() and (after := rig.descriptors()) > before + 12 and time.monotonic() < end:
            time.sleep(0.2)
        if after > before + 12:
            broken.append(f"descriptors before {before}, after {after}")
        notes.append(f"{tried} of {len(combinations)} pairs of call and errno, {sum(reached.values())} calls failed")
        never = sorted(c for c, n in reached.items() if n == 0)
        if never:
            notes.append(f"not reached by this run: {', '.join(never)}")
    finally:
        row(campaign, began, notes, broken, pairs=tried, calls=dict(reached))
        campaign.end()
