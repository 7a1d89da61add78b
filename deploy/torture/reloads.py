"""Reloads, captures and signals (A4, A5, B11, D18, D19, D21)."""

import os
import signal
import socket
import subprocess
import time

from attack import attack, await_condition, every


@attack("reloads", "A5", "reloads, ten a second, that each change something", label="tcp", peers=True, short=True)
def reloads(rig, outcome, seconds, random):
    count = 0
    for _ in every(rig, seconds, 0.1 if rig.kind == "sluice" else 1.0):
        if rig.kind == "sluice":
            port = 5000 + count % 50
            rig.write(rig.text(bindings=f"  - {{label: tcp, protocol: tcp, prefix: {rig.address}/32, port: {port}}}"))
        rig.reload()
        count += 1
    outcome.note(f"{count} reloads")
    if rig.kind == "sluice":
        rig.write(rig.text())
        rig.reload()


@attack("signals", "B11", "500 SIGHUP, then SIGTERM", mixed=False, short=True, own={}, healthy=False)
def signals(rig, outcome, seconds, random):
    for _ in range(500):
        rig.process.send_signal(signal.SIGHUP)
        time.sleep(0.001)
    began = time.monotonic()
    rig.process.send_signal(signal.SIGTERM)
    try:
        code = rig.process.wait(10)
        outcome.note(f"ended after {time.monotonic() - began:.1f} s with {code}")
        outcome.require(code == 0, f"it ended with exit code {code}")
    except subprocess.TimeoutExpired:
        outcome.require(False, "SIGTERM behind 500 SIGHUP didn't end it within 10 s")


@attack("early-signal", "B11", "SIGHUP during the start", mixed=False, own={"wait": False}, healthy=False)
def early_signal(rig, outcome, seconds, random):
    # Not before there is something of ours that could mind a signal, which Java's own start isn't: the log's thread is the first.
    def has_begun():
        return any(name.startswith("sluice-") for name in rig.thread_names())

    outcome.require(await_condition(rig, 20, has_begun), "it doesn't begin")
    for _ in every(rig, 3, 0.01):
        if not rig.alive():
            break
        rig.process.send_signal(signal.SIGHUP)
    code = rig.process.poll()
    outcome.require(code is None, f"a SIGHUP during the start ended it: {code}")
    if code is None:
        outcome.require(await_condition(rig, 10, lambda: rig.get("/livez")[0] == 200), "it doesn't answer after SIGHUPs during its start")


@attack("truncated", "D21", "the file is cut somewhere, and read", label="tcp", mixed=False)
def truncated(rig, outcome, seconds, random):
    whole = rig.text(bindings="\n".join(
        f"  - {{label: tcp, protocol: tcp, prefix: 127.0.200.{i}/32, port: 3001}}" for i in range(1, 200)
    ))
    # Where the bindings stand in the file's middle, as in many files.
    accepted = cuts = 0
    try:
        for _ in every(rig, seconds, 0.15):
            cut = random.choice([random.randrange(len(whole)), whole.rfind("\n", 0, random.randrange(10, len(whole) - 20)) + 1])
            rig.write(whole[:cut])
            accepted += rig.settled_reload()
            cuts += 1
    finally:
        rig.write(rig.text())
        rig.settled_reload()
    outcome.note(f"{accepted} of {cuts} cut files were accepted")
    if rig.home.knows("end"):
        outcome.require(accepted == 0, f"{accepted} of {cuts} files without their end were accepted")


@attack("method", "D18", "the capture's method changes, bind and sk_lookup, under load", mixed=False, own={}, label="tcp")
def method(rig, outcome, seconds, random):
    methods = ["sk_lookup", "bind"]
    count = refused = 0
    for _ in every(rig, seconds, 0.4):
        rig.write(rig.text(method=methods[count % 2]))
        refused += not rig.settled_reload()
        count += 1
    rig.write(rig.text())
    rig.settled_reload()
    outcome.note(f"{count} changes, {refused} refused")
    outcome.require(refused < count, "no change of the method was accepted: has it the rights?")


@attack("strict-taken", "D18", "a strict capture moves to a port that is taken", mixed=False, label="tcp", own={})
def strict_taken(rig, outcome, seconds, random):
    def strict(port):
        return rig.text(capture=f"  - {{name: exact, protocols: [tcp], addresses: [{rig.address}], ports: [{port}], strict: true}}",
                        bindings=f"  - {{label: tcp, protocol: tcp, prefix: {rig.address}/32, port: {port}}}")

    def serves(port):
        with socket.create_connection((rig.address, port), 1) as s:
            s.settimeout(1)
            s.sendall(b"hello")
            return s.recv(5) == b"hello"

    rig.write(strict(4500))
    outcome.require(rig.settled_reload(), "the strict capture of a free port was refused")
    with socket.create_server((rig.address, 4501)):
        rig.write(strict(4501))
        outcome.require(not rig.settled_reload(), "a strict capture that isn't whole was accepted")
        outcome.require(await_condition(rig, 1, lambda: serves(4500)), "the old port was given up, though the new one is taken")
    rig.pause(min(seconds, 1))


@attack("busy-port", "D19", "a port is busy at the start, and becomes free", mixed=False, own={"busy": 4600}, label="tcp")
def busy_port(rig, outcome, seconds, random):
    rig.busy.close()
    began = time.monotonic()

    def serves():
        with socket.create_connection((rig.address, 4600), 1) as s:
            s.settimeout(1)
            s.sendall(b"hello")
            return s.recv(5) == b"hello"

    taken = await_condition(rig, 15, serves)
    outcome.note(f"taken after {time.monotonic() - began:.1f} s")
    outcome.require(taken, "a port that became free wasn't taken within 15 s")


def flush(rig, outcome):
    def rules():
        return "table inet sluice" in subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout

    outcome.require(await_condition(rig, 3, rules), "no rules of the daemon's at the start")
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    began = time.monotonic()
    back = await_condition(rig, 15, rules)
    outcome.note(f"back after {time.monotonic() - began:.1f} s")
    outcome.require(back, "rules that were flushed weren't put back within 15 s")


@attack("flushed", "D19", "nft flush ruleset takes the daemon's rules away", mixed=False, own={"redirect": 4700}, label="tcp")
def flushed(rig, outcome, seconds, random):
    flush(rig, outcome)


@attack("flushed-tproxy", "D19", "the same with tproxy, and its routing rule goes, too", mixed=False, own={"tproxy": 4701}, label="tcp")
def flushed_tproxy(rig, outcome, seconds, random):
    def routed():
        return "0x534c" in subprocess.run(["ip", "rule"], capture_output=True, text=True).stdout

    flush(rig, outcome)
    outcome.require(routed(), "no routing rule of the daemon's at the start")
    subprocess.run(["ip", "rule", "del", "fwmark", "0x534c"], check=True)
    began = time.monotonic()
    outcome.require(await_condition(rig, 15, routed), "a routing rule that was deleted wasn't put back within 15 s")
    outcome.note(f"routing rule back after {time.monotonic() - began:.1f} s")


MILLION_MB = 1000  # resident, at most, with a million bindings


def many(rig, count, generation):
    """So many bindings of single addresses, the last of which changes with the generation."""
    lines = []
    for i in range(count - 1):
        lines.append(f"  - {{label: tcp, protocol: tcp, prefix: 10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32, port: 80}}")
    lines.append(f"  - {{label: tcp, protocol: tcp, prefix: 10.255.255.{generation}/32, port: 80}}")
    return "\n".join(lines)


def big_reload(rig, outcome, seconds, count):
    text = rig.text(bindings=many(rig, count, 1))
    done = 0
    end = time.monotonic() + seconds
    while True:
        done += 1
        rig.write(text.replace("10.255.255.1/32", f"10.255.255.{done % 250}/32"))
        outcome.require(rig.settled_reload(60), f"a reload with {count:,} bindings was refused")
        if outcome.broken or time.monotonic() > end:
            break
        rig.pause(1)
    outcome.note(f"{done} reloads with {count:,} bindings")


@attack("big-reload", "A4", "reloads with 200,000 bindings, 512 MB of heap", mixed=False, own={"heap": "512m"}, label="tcp", least=8)
def reload_200k(rig, outcome, seconds, random):
    big_reload(rig, outcome, seconds, 200_000)


@attack("million-reload", "A4", "reloads with 1,000,000 bindings from a file, 768 MB of heap", mixed=False, own={"heap": "768m", "million": True}, label="tcp", least=8)
def reload_million(rig, outcome, seconds, random):
    done, end = 0, time.monotonic() + seconds
    while not done or not outcome.broken and time.monotonic() < end:
        done += 1
        rig.write_million(done % 250)
        outcome.require(rig.settled_reload(60), "a reload with a million bindings was refused")
        rig.pause(1)
    peak = rig.peak_memory() / 1e6
    outcome.note(f"{done} reloads with a million bindings, at most {peak:.0f} MB resident")
    outcome.require(peak <= MILLION_MB, f"it took {peak:.0f} MB resident, more than {MILLION_MB}")


@attack("tight-heap", "A3", "a reload with 150,000 bindings, 160 MB of heap", mixed=False, own={"heap": "160m"}, label="tcp", least=5)
def tight_heap(rig, outcome, seconds, random):
    """It may be refused, and the process may end (it says so by its code); it may not live on half."""
    rig.write(rig.text(bindings=many(rig, 150_000, 1)))
    rig.reload()
    rig.pause(max(seconds, 6))
    if not rig.alive():
        outcome.note(f"it ended at once, exit code {rig.process.poll()}")
        outcome.require(rig.process.poll() not in (0, 1), f"out of memory, it ended with {rig.process.poll()}, which says nothing")


GLUTTON = """
package glutton;

public final class Glutton implements io.sluice.steering.Program {
  private final java.util.ArrayList<long[]> eaten = new java.util.ArrayList<>();

  @Override
  public int run(io.sluice.steering.LookupContext context) {
    if (context.localPort() == %d) {
      for (;;) {
        eaten.add(new long[1 << 16]);
      }
    }
    return io.sluice.steering.Program.SK_PASS;
  }
}
"""


@attack("hungry-jar", "A3", "a program in a jar fills the heap", mixed=False, own={}, label="tcp", least=5, healthy=False)
def hungry_jar(rig, outcome, seconds, random):
    directory = os.path.join(rig.home.directory, "glutton")
    os.makedirs(directory, exist_ok=True)
    source = os.path.join(directory, "Glutton.java")
    with open(source, "w") as f:
        f.write(GLUTTON % rig.port("reset"))
    lib = os.path.join(rig.installed(), "lib")
    for command in (["javac", "-proc:none", "-cp", os.path.join(lib, "*"), "-d", directory, source],
                    ["jar", "--create", "--file", os.path.join(directory, "glutton.jar"), "-C", directory, "glutton"]):
        subprocess.run([os.path.join(rig.home.jdk, "bin", command[0]), *command[1:]], check=True, capture_output=True)
    jar = os.path.join(directory, "glutton.jar")
    rig.write(rig.text().replace("\nbindings:\n", f"\nprograms: [{{name: glutton, jar: {jar}, class: glutton.Glutton}}, {{name: own, builtin: bindings}}]\nbindings:\n"))
    outcome.require(rig.settled_reload(), "the reload with the jar was refused")
    with socket.socket() as s:
        s.setblocking(False)
        s.connect_ex((rig.address, rig.port("reset")))
        ended = await_condition(rig, 20, lambda: not rig.alive())
    if not ended:
        outcome.require(False, f"it lives on 20 s after its heap was full: {'; '.join(rig.faults()) or 'though whole'}")
    else:
        outcome.note(f"it ended, exit code {rig.process.poll()}")
        outcome.require(rig.process.poll() not in (0, 1), f"out of memory, it ended with {rig.process.poll()}, which says nothing")
