"""The admin server (B9) and the admin socket. Each must leave /livez its answer, too."""

import os
import socket
import subprocess
import threading

from attack import attack, close_all, every
from adminsocket import AdminSocket
from clients import Liveness


def admin_connection(rig, timeout=2.0):
    s = socket.create_connection((rig.address, rig.admin), timeout)
    s.settimeout(timeout)
    return s


def require_alive(outcome, liveness):
    outcome.note(f"/livez: {liveness.ok} answers, {liveness.failed} missing")
    outcome.require(liveness.failed == 0, f"/livez didn't answer within 1 s, {liveness.failed} of {liveness.ok + liveness.failed} times")


@attack("admin-pipeline", "B9", "62 KB of GET /metrics in one connection that doesn't read", short=True)
def admin_pipeline(rig, outcome, seconds, random):
    with Liveness(rig) as liveness:
        for _ in every(rig, seconds, 2.0):
            with admin_connection(rig) as s:
                s.setblocking(False)
                try:
                    s.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1500)
                except OSError:
                    pass
                rig.pause(1.5)
    require_alive(outcome, liveness)


def connect_admin(rig, count, held):
    for _ in range(count):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((rig.address, rig.admin))
        held.append(s)


@attack("admin-connections", "B9", "1,024 admin connections that ask nothing, with 1,024 descriptors", short=True, mixed=False,
        own={"files": 1024})
def admin_connections(rig, outcome, seconds, random):
    held = []
    try:
        connect_admin(rig, 1024, held)
        rig.pause(0.5)
        rig.reload()
        with Liveness(rig) as liveness:
            rig.pause(seconds)
    finally:
        close_all(held)
    require_alive(outcome, liveness)


@attack("admin-trickle", "B9", "200 half requests, a byte at a time")
def admin_trickle(rig, outcome, seconds, random):
    held = []
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: "
    try:
        connect_admin(rig, 200, held)
        at = 0
        with Liveness(rig) as liveness:
            for _ in every(rig, seconds, 0.1):
                for s in held:
                    try:
                        s.send(request[at:at + 1] or b"y")
                    except OSError:
                        pass
                at += 1
    finally:
        close_all(held)
    require_alive(outcome, liveness)


WRONG_PATHS = ["/%00", "/%zz", "//", "/" + "a" * 5000, "/metrics?" + "b" * 3000]


def scrape_all_along(rig, outcome, seconds, random, wrong):
    """8 at a time; each fifth request asks for one of the wrong paths, if there are any."""
    ended = threading.Event()

    def scrape(seed):
        while not ended.is_set():
            try:
                rig.get("/metrics" if seed % 5 or not wrong else wrong[seed // 5 % len(wrong)], 5)
            except (OSError, ValueError):
                pass
            seed += 1
            ended.wait(0.02)

    threads = [threading.Thread(target=scrape, args=(random.randrange(100),), daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        with Liveness(rig) as liveness:
            rig.pause(seconds)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    require_alive(outcome, liveness)


@attack("scrapes", "B9", "8 scrapes at a time, again and again, with wrong requests among them")
def scrapes(rig, outcome, seconds, random):
    scrape_all_along(rig, outcome, seconds, random, WRONG_PATHS)


MANY_SCRAPED_MB = 500  # resident, with 10,000 destinations; the first version took 1.3 GB


@attack("scrapes-many", "B9", "8 scrapes at a time with 10,000 destinations, 1 GB of heap", mixed=False, own={"heap": "1g"}, label="tcp", least=5)
def scrapes_many(rig, outcome, seconds, random):
    rig.write(rig.text(destinations="\n".join(
        f'  - {{label: many-{i}, protocol: tcp, targets: ["127.0.0.1:1001"]}}' for i in range(10_000)
    )))
    outcome.require(rig.settled_reload(30), "the reload with 10,000 destinations was refused")
    scrape_all_along(rig, outcome, seconds, random, [])
    peak = rig.peak_memory() / 1e6
    outcome.note(f"at most {peak:.0f} MB resident")
    outcome.require(peak <= MANY_SCRAPED_MB, f"it took {peak:.0f} MB resident, more than {MANY_SCRAPED_MB}")


NOBODY = 65534  # of whom the configuration says that he may read


def said_to_nobody(path, method, request):
    """What an unprivileged reader is answered."""
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "curl", "-sS", "-m", "10", "-X", method]
    done = subprocess.run([*command, "--unix-socket", path, "http://sluice" + request], capture_output=True, text=True)
    return done.stdout + done.stderr


def raw(path, first, more=b"", times=0):
    """The first line of the answer to bytes that are no good request; sends on until somebody has had enough."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        try:
            s.sendall(first)
            for _ in range(times):
                s.sendall(more)
        except OSError:
            pass  # it has been answered
        return s.recv(200).split(b"\r\n")[0].decode(errors="replace")


@attack("admin-socket", "12", "the admin socket: a reader who writes, garbage, hundreds of requests at once, a request of 1 GB", mixed=False,
        own={"admin": f', socket: "@DIRECTORY@.sock", readers: [{NOBODY}]'}, label="tcp", least=5)
def admin_socket(rig, outcome, seconds, random):
    path = rig.home.directory + ".sock"  # beside it, as nobody may not look into it
    admin = AdminSocket(path, 20)
    answers = {"garbage": set(), "gigabyte": set(), "write": set()}
    asked = wrong = 0

    def ask():
        nonlocal asked, wrong
        for _ in range(40):
            try:
                wrong += admin.ask("GET", "/status")[0] != 200
            except OSError:
                wrong += 1
            asked += 1

    with Liveness(rig) as liveness:
        for _ in every(rig, seconds, 1.0):
            threads = [threading.Thread(target=ask, daemon=True) for _ in range(16)]
            for thread in threads:
                thread.start()
            answers["write"].add(said_to_nobody(path, "POST", "/kill?all=true")[:40])
            answers["garbage"].add(raw(path, b"\x00\x01garbage\r\n\r\n"))
            answers["gigabyte"].add(
                raw(path, b"POST /apply HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n", bytes(1 << 16), 1 << 14)
            )
            for thread in threads:
                thread.join()
    outcome.note(f"{asked} requests, {wrong} without a good answer; {answers}")
    outcome.require(asked > 0 and wrong == 0, f"{wrong} of {asked} requests had no good answer")
    outcome.require(all("may only read" in text for text in answers["write"]), f"a reader who writes was told {answers['write']}")
    outcome.require(all(" 400 " in text for text in answers["garbage"]), f"garbage was answered {answers['garbage']}")
    outcome.require(all(" 413 " in text for text in answers["gigabyte"]), f"a request of 1 GB was answered {answers['gigabyte']}")
    require_alive(outcome, liveness)
