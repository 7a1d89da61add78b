"""Too much of something: datagrams of made-up or one-shot clients, aborted connections (B7, B8, D22)."""

import os
import socket
import struct
import subprocess

import peers
from attack import attack, await_condition, connect, every, reset
from rig import local_ports


def forge(rig, label, rate, seconds, random):
    """Datagrams with made-up sources, as another process; returns it."""
    program = os.path.join(rig.home.directory, "forge")
    words = [program, rig.address, rig.port(label), rate, seconds, random.randrange(1 << 40)]
    return peers.Process("forge", [str(word) for word in words], rig.home.directory, stdout=subprocess.PIPE)


def await_end(rig, process, seconds):
    try:
        await_condition(rig, seconds, lambda: process.poll() is not None)
    finally:
        process.stop()
        process.stdout.close()


@attack("udp-forged", "B7", "25,000 forged datagrams a second to a silent target", label="quiet", peers=True, short=True)
def udp_forged(rig, outcome, seconds, random):
    # A second of it is what took all descriptors; more would measure the machine's loopback.
    burst = min(2.0, seconds / 2)
    await_end(rig, forge(rig, "quiet", 25000, burst, random), burst + 10)
    rig.pause(seconds - burst)


@attack("dns-forged", "B7", "10,000 forged queries to an answering target, limits.flows 5,000", label="dns", mixed=False, short=True,
        own={"limits": ", flows: 5000"}, least=5)
def dns_forged(rig, outcome, seconds, random):
    await_end(rig, forge(rig, "dns", 10000, 1, random), 10)
    with rig.pulse("dns", 100, timeout_millis=1000) as asking:
        rig.pause(seconds - 2)
        found = asking.report()
    outcome.note(f"new clients after it: {found['ok']} answered, {found['fail']} not")
    outcome.require(found["ok"] > 0 and found["fail"] == 0, f"{found['fail']} new clients of the attacked target weren't answered")


@attack("udp-ports", "B7", "forged datagrams with few ephemeral ports", label="quiet", mixed=False, peers=True, own={"ports": "50000 57999"})
def udp_ports(rig, outcome, seconds, random):
    # A daemon reads the range when it starts.
    with local_ports("50000 57999"):
        await_end(rig, forge(rig, "quiet", 20000, min(1.5, seconds / 2), random), 15)
        # A port for another program of this machine.
        refused = 0
        for _ in every(rig, seconds / 2, 0.02):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                try:
                    s.bind(("127.0.0.1", 0))
                except OSError:
                    refused += 1
        outcome.require(refused == 0, f"another program got no port, {refused} times")


@attack("udp-once", "B8", "5,000 questions a second, each from a new port", label="dns", peers=True, least=5)
def udp_once(rig, outcome, seconds, random):
    with rig.pulse("dns", 5000, timeout_millis=2000) as asking:
        rig.pause(seconds - 0.5)
        found = asking.report()
    share = found["ok"] / max(1, found["ok"] + found["fail"])
    outcome.note(f"{found['ok']} answered, {found['fail']} not")
    outcome.require(share >= 0.999, f"{found['fail']} of {found['ok'] + found['fail']} one-shot questions weren't answered: {found['first']}")


@attack("aborts", "–", "connections that are reset at once, in the middle and with data under way", label="tcp", peers=True, short=True)
def aborts(rig, outcome, seconds, random):
    count = 0
    for _ in every(rig, seconds, 0.01):
        for label in ("tcp", "bulk", "drip", "lines"):
            for _ in range(5):
                try:
                    s = connect(rig, label)
                    if random.random() < 0.7:
                        s.send(b"x" * random.randrange(1, 5000))
                    if random.random() < 0.3:
                        s.settimeout(0.005)
                        s.recv(100)
                except OSError:
                    pass
                reset(s)
                count += 1
    outcome.note(f"{count} connections")


ROUND = b"round and round!"


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def forged_ipv4(address, port, to_port):
    """A datagram from one port of an address to another one."""
    udp = struct.pack("!HHHH", port, to_port, 8 + len(ROUND), 0) + ROUND
    source = socket.inet_aton(address)
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0, source, source) + udp


def forged_ipv6(address, port, to_port):
    length = 8 + len(ROUND)
    source = socket.inet_pton(socket.AF_INET6, address)
    ports = struct.pack("!HHH", port, to_port, length)
    summed = checksum(source + source + struct.pack("!II", length, socket.IPPROTO_UDP) + ports + b"\0\0" + ROUND)
    return struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + source + source + ports + struct.pack("!H", summed) + ROUND


def require_no_loop(rig, outcome, seconds, address, forged):
    """Sends one forged datagram from one captured port to another, and looks how often it is relayed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    before = rig.metric("sluice_datagrams_total")
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(forged(address, rig.port("udp"), rig.port("dns")), (address, 0))
    rig.pause(seconds)
    relayed = rig.metric("sluice_datagrams_total") - before
    outcome.note(f"{relayed:.0f} datagrams relayed meanwhile")
    # The healthy client's are some hundreds a second.
    outcome.require(relayed < 2000 * seconds + 2000, f"it went round and round: {relayed:.0f} datagrams were relayed in {seconds:.0f} s")


@attack("loop", "D22", "a forged datagram from one captured address to another", label="dns", short=True, mixed=False)
def loop(rig, outcome, seconds, random):
    require_no_loop(rig, outcome, seconds, rig.address, forged_ipv4)


@attack("loop-ipv6", "D22", "the same by IPv6", label="dns", mixed=False, own={
    "capture": '  - {name: six, protocols: [udp], addresses: ["::1"], ports: [3002, 3006]}',
    "bindings": '  - {label: udp, protocol: udp, prefix: "::1/128", port: 3002}\n  - {label: dns, protocol: udp, prefix: "::1/128", port: 3006}',
})
def loop_ipv6(rig, outcome, seconds, random):
    require_no_loop(rig, outcome, seconds, "::1", forged_ipv6)
