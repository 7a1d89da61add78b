"""What is given up while traffic goes on: targets, messages' connections, labels (C15, C16, D20)."""

import socket
import threading

from attack import attack, await_condition, close_all, every

PATIENCE_SECONDS = 10


class NamedServer:
    """A UDP server that answers with its own address."""

    def __init__(self, address, port):
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(0.2)
        self.socket.bind((address, port))
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            try:
                self.socket.sendto(self.address.encode(), self.socket.recvfrom(100)[1])
            except OSError:
                pass  # nothing came, or the client has gone

    def close(self):
        self.ended.set()
        self.thread.join()
        self.socket.close()


class BusyClient:
    """Asks without a pause, always from the same port; knows who answered last."""

    def __init__(self, address, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((address, port))
        self.socket.settimeout(0.05)

    def answered_by(self, address):
        self.socket.send(b"who?")
        return self.socket.recv(100).decode() == address

    def close(self):
        self.socket.close()


@attack("udp-leaves", "C15", "a busy UDP client, whose target loses its weight, its name's address, its label", label="udp", mixed=False, own={}, least=5)
def udp_leaves(rig, outcome, seconds, random):
    first, second, port = "127.0.0.2", "127.0.0.3", 4020
    names = rig.home.names.addresses

    def reload(label, *targets):
        rig.write(rig.text(
            capture=f"  - {{name: more, protocols: [udp], addresses: [{rig.address}], ports: [{port}]}}",
            destinations=f"  - {{label: {label}, protocol: udp, targets: [{', '.join(targets)}]}}",
            bindings=f"  - {{label: {label}, protocol: udp, prefix: {rig.address}/32, port: {port}}}",
        ))
        outcome.require(rig.settled_reload(), f"the reload to {', '.join(targets)} was refused")

    def weighted(one, other):
        return [f'{{address: "{first}:{port}", weight: {one}}}', f'{{address: "{second}:{port}", weight: {other}}}']

    def require_answers(address, why):
        outcome.require(await_condition(rig, PATIENCE_SECONDS, lambda: client.answered_by(address)),
                        f"a busy client wasn't answered by {address} within {PATIENCE_SECONDS} s, {why}")

    reload("leaving", *weighted(1, 0))
    held = [NamedServer(first, port), NamedServer(second, port), client := BusyClient(rig.address, port)]
    try:
        require_answers(first, "the only one with a weight")
        reload("leaving", *weighted(0, 1))
        require_answers(second, "though the other one's weight is 0")
        names["leaving.test"] = [first]
        reload("leaving", f'"leaving.test:{port}"')
        require_answers(first, "though the other one is no target any more")
        names["leaving.test"] = [second]
        require_answers(second, "though its name has that address only")
        reload("left", f'"{first}:{port}"')
        require_answers(first, "though the other one's label has gone")
    finally:
        close_all(held)
        names.pop("leaving.test", None)
    rig.pause(min(seconds, 1))


@attack("message-fin", "C16", "a server of messages that takes one and closes, again and again", label="tcp", mixed=False, own={}, least=5)
def message_fin(rig, outcome, seconds, random):
    address, port = "127.0.0.2", 4021
    taken, ended = [], threading.Event()

    def serve(listener):
        while not ended.is_set():
            try:
                with listener.accept()[0] as connection, connection.makefile("rb") as lines:
                    connection.settimeout(1)
                    taken.append(lines.readline())
            except OSError:
                pass  # nobody came, or said nothing

    rig.write(rig.text(
        capture=f"  - {{name: more, protocols: [tcp], addresses: [{rig.address}], ports: [{port}]}}",
        destinations=f'  - {{label: closing, protocol: tcp, targets: ["{address}:{port}"], affinity: message, framing: {{type: line}}, select: round-robin}}',
        bindings=f"  - {{label: closing, protocol: tcp, prefix: {rig.address}/32, port: {port}}}",
    ))
    outcome.require(rig.settled_reload(), "the reload with affinity: message was refused")
    sent = []
    with socket.create_server((address, port)) as listener:
        listener.settimeout(0.2)
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            with socket.create_connection((rig.address, port), 2) as client:
                # Slower than the server closes: each message after the first comes after a FIN.
                for _ in every(rig, seconds, 0.2):
                    sent.append(b"message %d\n" % len(sent))
                    client.sendall(sent[-1])
                await_condition(rig, 2, lambda: len(taken) >= len(sent))
        finally:
            ended.set()
            thread.join()
    lost = len(set(sent) - set(taken))
    outcome.note(f"{len(sent)} messages, {lost} lost")
    outcome.require(lost == 0 and len(sent) > 2, f"{lost} of {len(sent)} messages were lost behind a FIN")


@attack("removed-label", "D20", "a session whose label is removed, comes back, and goes", label="tcp", mixed=False, own={})
def removed_label(rig, outcome, seconds, random):
    port = 4022

    def reload(label):
        rig.write(rig.text(
            capture=f"  - {{name: more, protocols: [tcp], addresses: [{rig.address}], ports: [{port}]}}",
            destinations=f'  - {{label: {label}, protocol: tcp, targets: ["127.0.0.1:1001"]}}',
            bindings=f"  - {{label: {label}, protocol: tcp, prefix: {rig.address}/32, port: {port}}}",
        ))
        outcome.require(rig.settled_reload(), f"the reload with label {label} was refused")

    def requires(metric, value, when, **labels):
        outcome.require(await_condition(rig, 2, lambda: rig.metric(metric, label="passing", **labels) == value),
                        f"{when}, {metric} of its label isn't {value}")

    reload("passing")
    with socket.create_connection((rig.address, port), 2) as client:
        for label, when in (("passing", "while its label is there"), ("other", "after its label was removed"), ("passing", "after its label came back")):
            reload(label)
            client.sendall(b"hello")
            outcome.require(client.recv(5) == b"hello", f"the session isn't served {when}")
            requires("sluice_sessions_active", 1, when)
        requires("sluice_bytes_total", 15, "at the session's end", direction="in")
        reload("other")
    requires("sluice_sessions_active", 0, "after the session's end")
    rig.pause(min(seconds, 1))
