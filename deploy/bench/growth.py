"""How Sluice's cost grows with what it is configured with. One loop; each figure is of new connections,
as those are what is looked up. Sizes of one dimension run side by side and are measured in turn."""

import daemon
import measure
from measure import Failed
from peers import HTTP, HTTP_EVERYWHERE, Load, Peer, files

CAPTURED_LOW = 4000  # to 63999; what is below is the servers', what is above the clients'


def conf(peer, capture, bindings, targets, programs=""):
    lines = "\n".join(f"  - {b}" for b in bindings)
    return f"""
version: 1
loops: 1
limits: {{connections: 100000, drain: 0s}}
admin: {{http: "127.0.0.1:{peer.base + 5}"}}
capture:
  - {{name: all, protocols: [tcp], {capture}}}
bindings:
{lines}
destinations:
  - {{label: http, protocol: tcp, targets: [{targets}]}}
{programs}
"""


def one_binding(port):
    return [f"{{label: http, protocol: tcp, prefix: 127.0.0.1/32, port: {port}}}"]


def of_bindings(size, peer):
    """size addresses, each bound by itself; clients connect to all of them."""
    bindings = []
    for i in range(size):
        number = (16 << 16) + i
        address = f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        bindings.append(f"{{label: http, protocol: tcp, prefix: {address}/32, port: {peer.http}}}")
    peer.address = "127.16.0.0"
    peer.text = conf(peer, f"addresses: [127.0.0.0/8], ports: [{peer.http}]", bindings, f'"127.0.0.1:{HTTP}"')
    return {"address": "127.16.0.0", "spread": size, "port": peer.http}


def of_programs(size, peer):
    """size programs: the bindings and rules that match nothing."""
    rules = "".join(
        f"  - {{name: rules{i}, rules: [{{from: 203.0.113.{i}, protocol: tcp, drop: true}}]}}\n"
        for i in range(1, size)
    )
    peer.text = conf(
        peer, f"addresses: [127.0.0.1], ports: [{peer.http}]", one_binding(peer.http), f'"127.0.0.1:{HTTP}"',
        "programs:\n  - {name: bindings, builtin: bindings}\n" + rules,
    )
    return {"port": peer.http}


def of_targets(size, peer):
    """size targets, chosen by hash: addresses of one server."""
    targets = ", ".join(f'"127.0.{8 + i // 250}.{1 + i % 250}:{HTTP_EVERYWHERE}"' for i in range(size))
    peer.text = conf(peer, f"addresses: [127.0.0.1], ports: [{peer.http}]", one_binding(peer.http), targets)
    return {"port": peer.http}


def of_ports_by(method):
    return lambda size, peer: of_ports(size, peer, method)


def of_ports(size, peer, method):
    """size ports of one address captured, on all of which clients connect."""
    # Each peer has an address of its own, so that their ports don't meet.
    address = peer.address = f"127.1.0.{peer.base % 100 + 1}"
    peer.first_port = CAPTURED_LOW
    ports = f"{CAPTURED_LOW}-{CAPTURED_LOW + size - 1}"
    peer.text = conf(
        peer, f'addresses: [{address}], ports: ["{ports}"], method: {method}',
        [f"{{label: http, protocol: tcp, prefix: {address}/32, port: any}}"], f'"127.0.0.1:{HTTP}"',
    )
    return {"address": address, "port": ports}


def dimensions():
    bound = min(60000, files() - 2000)  # a descriptor each
    return [
        ("bindings", of_bindings, [1, 1000, 100000]),
        ("programs", of_programs, [1, 8, 64]),
        ("targets", of_targets, [1, 10, 1000]),
        ("ports by bind", of_ports_by("bind"), [1, 1000, bound]),
        ("ports by sk_lookup", of_ports_by("sk_lookup"), [1, 1000, 60000]),
    ]


def dimension(name, make, sizes, directory, sluice, servers, rounds, seconds, say):
    """Starts a Sluice of each size, and measures them in turn."""
    cases, records = [], []
    try:
        for size in sizes:
            peer = Peer("sluice", 1, 1300 + 10 * len(cases), title=f"growth-{len(cases)}")
            load = {"conns": 32, "sources": 50, **make(size, peer)}
            cases.append((peer, load))
            millis = daemon.time_to_ready(peer, directory, sluice)
            record = {"dimension": name, "size": size, "startMillis": round(millis, 1), "windows": []}
            record["memory"] = measure.memory(peer.pids())
            records.append(record)
            run_load(peer, load, directory, servers, 2.5, 0)
        for number in range(rounds):
            for i in range(len(cases)) if number % 2 == 0 else reversed(range(len(cases))):
                result = run_load(*cases[i], directory, servers, seconds, 0.3)
                records[i]["windows"].append(result)
                cost = result.get("failed") or f"{result['cpuPerUnit'] * 1e6:7.2f} µs CPU  {result['rate']:8.0f} /s"
                say(f"growth {name} {sizes[i]}: {cost}")
    finally:
        for peer, _ in cases:
            peer.stop()
    return records


def run_load(peer, load, directory, servers, seconds, warm):
    generator = Load(directory, "newconn", seconds=seconds, warm=warm, **load)
    try:
        return measure.measured(generator, peer.pids(), [pid for s in servers for pid in s.pids()])
    except Failed as problem:
        return {"failed": str(problem)}
    finally:
        generator.abandon()


def run(directory, sluice, servers, rounds, seconds, say):
    """All dimensions; returns one record for each size."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        usual = f.read()
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as f:
        f.write("64000 65535")
    records = []
    try:
        for name, make, sizes in dimensions():
            records += dimension(name, make, sizes, directory, sluice, servers, rounds, seconds, say)
    finally:
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as f:
            f.write(usual)
    return records
