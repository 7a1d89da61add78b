"""Targets and names that fail (B10, C12 to C14)."""

import os
import socket
import subprocess
import threading
import time

from attack import attack, await_condition, close_all, connect, connect_many, every, reset

SLOW_SHARE = 0.10  # of the clients of a destination one of whose targets is dead


def nft(text):
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True, capture_output=True)


class Firewalled:
    """Traffic to one address of ours is dropped, or refused, meanwhile."""

    def __init__(self, address, verdict="drop"):
        self.address, self.verdict = address, verdict
        self.table = "torture_" + address.replace(".", "_").replace(":", "_")

    def __enter__(self):
        rule = f"{'ip6' if ':' in self.address else 'ip'} daddr {self.address} {self.verdict}"
        nft(f"table inet {self.table} {{\n chain incoming {{\n type filter hook input priority 0;\n {rule};\n }}\n}}\n")

    def __exit__(self, *_):
        subprocess.run(["nft", "delete", "table", "inet", self.table], capture_output=True)


def slow_clients(rig, outcome, label, seconds, grace):
    """Clients of a destination with a dead target: of those that came after a moment of grace, few may wait."""
    with rig.pulse(label, 100, timeout_millis=10000) as clients:
        rig.pause(grace)
        clients.report()
        rig.pause(max(2.0, seconds - grace))
        found = clients.report()
    total = found["ok"] + found["fail"]
    late = found["slow"] + found["fail"]
    outcome.note(f"{late} of its {total} clients waited more than 1 s or failed")
    outcome.require(total > 0 and late <= total * SLOW_SHARE, f"{late} of {total} clients of {label} waited more than 1 s or failed")


@attack("pair-half-dead", "C12", "a name with two addresses, first one of them dead, then the other", label="pair", least=14)
def pair_half_dead(rig, outcome, seconds, random):
    for address in ("127.0.0.9", "127.0.0.10"):
        with Firewalled(address):
            slow_clients(rig, outcome, "pair", seconds / 2, 3)


@attack("target-dead", "C13", "two targets, one answers nothing", label="half", peers=True, least=8)
def target_dead(rig, outcome, seconds, random):
    with Firewalled("127.0.0.3"):
        slow_clients(rig, outcome, "half", seconds, 3)


def in_the_end(rig, clients, seconds):
    """What becomes of the clients of the last part of the time."""
    rig.pause(seconds * 0.6)
    clients.report()
    rig.pause(seconds * 0.4)
    return clients.report()


def udp_clients(rig, outcome, verdict, seconds, address="127.0.0.3"):
    with rig.pulse("udphalf", 100, timeout_millis=1000) as clients:
        rig.pause(1)  # who has never answered can't fall silent
        clients.report()
        with Firewalled(address, verdict):
            found = in_the_end(rig, clients, seconds)
    total = found["ok"] + found["fail"]
    outcome.note(f"in the end {found['fail']} of {total} clients had no answer")
    outcome.require(total > 0 and found["fail"] <= total * 0.1, f"in the end {found['fail']} of {total} clients of udphalf had no answer")


@attack("udp-silent", "C14", "two UDP targets, one falls silent", label="udphalf", peers=True, least=10)
def udp_silent(rig, outcome, seconds, random):
    udp_clients(rig, outcome, "drop", seconds)


@attack("udp-prohibited", "C14", "two UDP targets, one is prohibited by a firewall", label="udphalf", peers=True, least=5)
def udp_prohibited(rig, outcome, seconds, random):
    udp_clients(rig, outcome, "reject with icmpx admin-prohibited", seconds)


@attack("udp-prohibited-host", "C14", "the same by host-prohibited", label="udphalf", mixed=False, least=5)
def udp_prohibited_host(rig, outcome, seconds, random):
    udp_clients(rig, outcome, "reject with icmp host-prohibited", seconds)


IPV6_TARGETS = "fd00:5:1::2", "fd00:5:1::3"


@attack("udp-prohibited-ipv6", "C14", "the same with targets that have IPv6 addresses", label="udphalf", mixed=False, own={}, least=5)
def udp_prohibited_ipv6(rig, outcome, seconds, random):
    for address in IPV6_TARGETS:
        subprocess.run(["ip", "address", "replace", f"{address}/128", "dev", "lo"], check=True)
        rig.home.servers.start("udp", address, 1002)
    four = '"127.0.0.2:1002", "127.0.0.3:1002"'
    rig.write(rig.text().replace(four, ", ".join(f'"[{address}]:1002"' for address in IPV6_TARGETS)))
    outcome.require(rig.settled_reload(), "the reload with IPv6 targets was refused")
    udp_clients(rig, outcome, "udp dport 1002 reject with icmpv6 admin-prohibited", seconds, IPV6_TARGETS[1])


@attack("killed", "C13", "targets that are killed and come back", label="killed", peers=True, short=True, least=4)
def killed(rig, outcome, seconds, random):
    servers = rig.home.servers
    with rig.pulse("killed", 100) as clients:
        for _ in every(rig, seconds - 2, 2.0):
            address = random.choice(["127.0.0.4", "127.0.0.5"])
            servers.kill(address, 1011)
            try:
                rig.pause(1.0)
            finally:
                servers.start("echo", address, 1011)
            rig.pause(0.5)
        found = clients.report()
    # One that was answered by a server as that was killed has failed for good reason.
    total = found["ok"] + found["fail"]
    outcome.note(f"{found['fail']} of its {total} clients failed")
    outcome.require(found["fail"] <= total * 0.02, f"{found['fail']} of {total} clients failed though one target was always there: {found['first']}")


@attack("bad-targets", "–", "targets that reset, never answer, and send a byte a second", label="reset", peers=True, short=True)
def bad_targets(rig, outcome, seconds, random):
    held = []
    try:
        for _ in every(rig, seconds, 0.1):
            for label in ("reset", "mute", "drip"):
                try:
                    s = connect(rig, label)
                    s.send(b"hello")
                    held.append(s)
                except OSError:
                    pass
            while len(held) > 300:
                s = held.pop(random.randrange(len(held)))
                (reset if random.random() < 0.5 else type(s).close)(s)
    finally:
        close_all(held)


@attack("dead-names", "B10", "60 names that no server answers, beside one that is known", least=8, mixed=False, own={}, label="tcp")
def dead_names(rig, outcome, seconds, random):
    """The name that is known comes last: it must not wait for those before it."""
    names = [f"dead-{random.randrange(1 << 30)}-{i}.test" for i in range(60)]
    labels = "".join(f"  - {{label: n{i}, protocol: tcp, targets: ['{name}:1001']}}\n" for i, name in enumerate(names))
    labels += "  - {label: known, protocol: tcp, targets: ['alive.test:1001']}"
    ports = ", ".join(str(4000 + i) for i in range(61))
    capture = f"  - {{name: names, protocols: [tcp], addresses: [{rig.address}], ports: [{ports}]}}"
    bound = [*(f"n{i}" for i in range(60)), "known"]
    bindings = "\n".join(
        f"  - {{label: {label}, protocol: tcp, prefix: {rig.address}/32, port: {4000 + i}}}" for i, label in enumerate(bound)
    )
    rig.write(rig.text(destinations=labels, capture=capture, bindings=bindings))
    began = time.monotonic()
    outcome.require(rig.settled_reload(), "the reload with dead names was refused")
    took = time.monotonic() - began
    # It waits up to 3 s for names that are new, and serves meanwhile.
    outcome.require(took < 4, f"the reload waited {took:.1f} s for dead names")
    held = []

    def known_answers():
        with socket.create_connection((rig.address, 4060), 1) as s:
            s.settimeout(1)
            s.sendall(b"hello")
            return s.recv(5) == b"hello"

    try:
        for i in range(60):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((rig.address, 4000 + i))
            held.append(s)
        began = time.monotonic()
        answered = await_condition(rig, max(seconds, 8), known_answers)
        outcome.note(f"the known name answered after {time.monotonic() - began:.1f} s")
        outcome.require(answered and time.monotonic() - began < 3, "the known name waited for dead ones")
        rig.pause(seconds - (time.monotonic() - began))
    finally:
        close_all(held)
        rig.write(rig.text())
        rig.settled_reload()


@attack("moving-name", "C12", "a name whose address changes every second", label="moving", least=5)
def moving_name(rig, outcome, seconds, random):
    names = rig.home.names
    with rig.pulse("moving", 50) as clients:
        rig.pause(0.5)
        clients.report()
        for _ in every(rig, seconds - 1, 1.0):
            names.addresses["moving.test"] = random.sample(["127.0.0.6", "127.0.0.7", "127.0.0.8"], 2)
        found = clients.report()
    outcome.note(f"{found['fail']} of its {found['ok'] + found['fail']} clients failed")
    outcome.require(found["fail"] == 0, f"{found['fail']} clients of a name that moves failed: {found['first']}")


@attack("unix-backlog", "C17", "a Unix socket with a backlog of one, whose server is slow to accept", label="unix", least=4)
def unix_backlog(rig, outcome, seconds, random):
    path = os.path.join(rig.home.directory, "unix.sock")
    ended = threading.Event()

    def serve(listener):
        while not ended.is_set():
            try:
                client = listener.accept()[0]
            except TimeoutError:
                continue
            with client:
                client.settimeout(1)
                try:
                    client.sendall(client.recv(100))
                except OSError:
                    pass
            ended.wait(0.04)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(0.2)
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            with rig.pulse("unix", 15) as clients:
                # Some at once, more than the backlog takes.
                for _ in every(rig, seconds - 1, 0.5):
                    held = connect_many(rig, "unix", 5)
                    for s in held:
                        try:
                            s.setblocking(True)
                            s.sendall(b"hello")
                        except OSError:
                            pass
                    rig.pause(0.3)
                    close_all(held)
                rig.pause(0.5)
                found = clients.report()
        finally:
            ended.set()
            thread.join()
            os.unlink(path)
    total = found["ok"] + found["fail"]
    outcome.note(f"{found['fail']} of its {total} clients failed")
    outcome.require(found["ok"] > 0 and found["fail"] == 0, f"{found['fail']} of {total} clients failed, though the server takes them all: {found['first']}")
