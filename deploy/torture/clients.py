"""The clients that nothing may disturb, and whoever else is measured."""

import json
import os
import subprocess
import threading
import time

import peers

FAULTS = ("connect", "reset", "reply", "timeout", "port")
RATE = 200  # requests a second of each healthy client
PERCENT_NEW = 50


class Pulse:
    """A client at a fixed rate: see pulse.c."""

    def __init__(self, directory, protocol, address, port, rate, new, timeout_millis):
        program = os.path.join(directory, "pulse")
        # It shall measure the proxy, not how long it waits for a processor itself.
        command = ["chrt", "-f", "1", program, protocol, address, str(port), str(rate), str(new), str(timeout_millis)]
        self.process = peers.Process(
            f"pulse-{protocol}-{port}", command, directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def report(self):
        """What has ended since the report before."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        found = json.loads(self.process.stdout.readline())
        found["fail"] = sum(found[fault] for fault in FAULTS)
        return found

    def close(self):
        self.process.stop()
        self.process.stdin.close()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Healthy:
    """A TCP and a UDP client of healthy destinations, and a third that asks the same server without a proxy:
    what that one waits is the machine's fault."""

    def __init__(self, rig, tcp="tcp", udp="udp"):
        self.pulses = {"tcp": rig.pulse(tcp, RATE, PERCENT_NEW)}
        if rig.has(udp):
            self.pulses["udp"] = rig.pulse(udp, RATE, PERCENT_NEW)
        self.pulses["direct"] = Pulse(rig.home.directory, "tcp", "127.0.0.1", 1001, RATE, PERCENT_NEW, 5000)

    def report(self):
        return {name: pulse.report() for name, pulse in self.pulses.items()}

    def close(self):
        for pulse in self.pulses.values():
            pulse.close()


class Liveness:
    """Asks /livez four times a second while something else goes on."""

    def __init__(self, rig, timeout=1.0):
        self.rig, self.timeout = rig, timeout
        self.ok = self.failed = 0
        self.slowest = 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.ended.wait(0.25):
            began = time.monotonic()
            try:
                good = self.rig.get("/livez", self.timeout)[0] == 200
            except OSError:
                good = False
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.ok += good
            self.failed += not good

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
