"""The sorts of work, and who does them."""

import dataclasses

import measure
from measure import Failed
from peers import Load, connections

PROXIES = ("none", "haproxy", "nginx", "sluice")


@dataclasses.dataclass(frozen=True)
class Work:
    """One sort of work at one size."""

    name: str
    group: str  # what --only calls it
    mode: str  # the load generator's
    port: str  # which of a peer's ports
    arguments: dict
    unit: str
    kinds: tuple = PROXIES
    threads: tuple = (1, 2)

    @property
    def per(self):
        return "GB" if self.mode == "bulk" else self.unit

    def does(self, peer):
        return peer.kind in self.kinds and peer.threads in self.threads

    def run(self, peer, directory, servers, seconds, warm=0.3):
        """Measures one window of it."""
        arguments = dict(self.arguments)
        if "conns" in arguments:
            arguments["conns"] = min(arguments["conns"], connections())
        load = Load(directory, self.mode, port=getattr(peer, self.port), seconds=seconds, warm=warm, **arguments)
        try:
            result = measure.measured(load, peer.pids(), [pid for s in servers for pid in s.pids()])
        except Failed as problem:
            return {"work": self.name, "peer": peer.name, "failed": str(problem)}
        finally:
            load.abandon()
        return {"work": self.name, "peer": peer.name, **arguments, **result}


SPLICING = (*PROXIES, "haproxy-auto", "haproxy-splice")

WORKS = [
    Work("keepalive-10", "keepalive", "keepalive", "http", {"conns": 10}, "request"),
    Work("keepalive-100", "keepalive", "keepalive", "http", {"conns": 100}, "request"),
    Work("keepalive-1000", "keepalive", "keepalive", "http", {"conns": 1000}, "request"),
    Work("keepalive-10000", "keepalive", "keepalive", "http", {"conns": 10000}, "request", threads=(1,)),
    Work("newconn", "newconn", "newconn", "http", {"conns": 32}, "connection"),
    Work("bulk-1", "bulk", "bulk", "bulk", {"conns": 1}, "byte", SPLICING),
    Work("bulk-8", "bulk", "bulk", "bulk", {"conns": 8}, "byte", SPLICING),
    Work("udp-64", "udp", "udp", "udp", {"clients": 64, "window": 256}, "datagram", ("none", "nginx", "sluice")),
    Work("udp-4096", "udp", "udp", "udp", {"clients": 4096, "window": 256}, "datagram", ("none", "nginx", "sluice")),
]


def named(name):
    return next(w for w in WORKS if w.name == name)


def at_rate(percent, capacity):
    """Requests at a fixed rate."""
    arguments = {"conns": 100, "rate": round(capacity * percent / 100)}
    return Work(f"latency-{percent}", "latency", "rate", "http", arguments, "request", threads=(1,))


QUICK = ("keepalive-100", "newconn", "bulk-1", "bulk-8", "udp-64")

# What is run before anything is measured: each way through a proxy, long enough for a JVM to
# compile it.
WARM_UP = [
    ("newconn", "http", {"conns": 32}, 3.0),
    ("keepalive", "http", {"conns": 100}, 1.5),
    ("bulk", "bulk", {"conns": 8}, 1.0),
    ("udp", "udp", {"clients": 64, "window": 256}, 1.0),
]


def warm_up(peer, directory, groups):
    """groups: the load generator's modes that are going to be measured."""
    for mode, port, arguments, seconds in WARM_UP:
        if mode not in groups or peer.kind.startswith("haproxy") and mode == "udp":
            continue
        seconds = seconds if peer.kind == "sluice" else 0.3
        load = Load(directory, mode, port=getattr(peer, port), seconds=seconds, warm=0, **arguments)
        try:
            for event in ("ready", "begin", "end"):
                measure.expect_line(load, event)
            load.finish()
        finally:
            load.abandon()
