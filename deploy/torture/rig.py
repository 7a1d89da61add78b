"""What is attacked: a Sluice with one port for each sort of traffic, and the servers behind it."""

import contextlib
import http.client
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import daemon
import measure
import peers
from clients import Pulse
from measure import Failed

FILES = 20000  # what a proxy may open, where the machine allows as much
LOG_BYTES_MAX = 64 << 20

# Labels: protocol, port, targets, what else a destination of Sluice's has.
LABELS = {
    "tcp": ("tcp", 3001, ["127.0.0.1:1001"], ""),
    # Short, so that the healthy client's own flows are as many before an attack as after it.
    "udp": ("udp", 3002, ["127.0.0.1:1002"], "idleTimeout: 2s"),
    "bulk": ("tcp", 3003, ["127.0.0.1:1003"], ""),
    "lines": ("tcp", 3004, ["127.0.0.1:1004"], "affinity: message, framing: {type: line}, select: round-robin"),
    "quiet": ("udp", 3005, ["127.0.0.1:1005"], "idleTimeout: 4s"),
    "dns": ("udp", 3006, ["127.0.0.1:1002"], "idleTimeout: 8s@RESPONSES@"),
    "header": ("tcp", 3007, ["127.0.0.1:1001"], ""),
    "reset": ("tcp", 3008, ["127.0.0.1:1008"], ""),
    "mute": ("tcp", 3009, ["127.0.0.1:1009"], ""),
    "drip": ("tcp", 3010, ["127.0.0.1:1010"], ""),
    "killed": ("tcp", 3011, ["127.0.0.4:1011", "127.0.0.5:1011"], ""),
    "pair": ("tcp", 3012, ["pair.test:1001"], "connectTimeout: 1s"),
    "half": ("tcp", 3013, ["127.0.0.2:1001", "127.0.0.3:1001"], "connectTimeout: 1s"),
    "udphalf": ("udp", 3014, ["127.0.0.2:1002", "127.0.0.3:1002"], "idleTimeout: 8s"),
    "moving": ("tcp", 3015, ["moving.test:1001"], "connectTimeout: 1s"),
    "unix": ("tcp", 3016, ["unix:@DIRECTORY@/unix.sock"], ""),
}
OURS_ONLY = ("pair", "moving", "unix")  # names that change their addresses, and what else the others aren't attacked by
SERVERS = [
    ("echo", "0.0.0.0", 1001), ("udp", "127.0.0.1", 1002), ("udp", "127.0.0.2", 1002), ("udp", "127.0.0.3", 1002),
    ("flood", "127.0.0.1", 1003), ("sink", "127.0.0.1", 1004), ("quiet", "127.0.0.1", 1005),
    ("reset", "127.0.0.1", 1008), ("mute", "127.0.0.1", 1009), ("drip", "127.0.0.1", 1010),
    ("echo", "127.0.0.4", 1011), ("echo", "127.0.0.5", 1011),
]


class Servers:
    """The servers behind the proxies; each can be killed and started again."""

    def __init__(self, directory):
        self.directory = directory
        self.running = {}
        for behaviour, address, port in SERVERS:
            self.start(behaviour, address, port)

    def start(self, behaviour, address, port):
        program = os.path.join(self.directory, "target")
        # This program and its attackers are nice; what is attacked and what is behind it aren't. A server that sends as
        # fast as it can would be on another machine, as attackers would, and would not take our processors.
        niceness = [] if behaviour == "flood" else ["nice", "-n", "-20"]
        command = [*niceness, program, behaviour, address, str(port)]
        self.running[address, port] = peers.Process(f"{behaviour}-{address}-{port}", command, self.directory)

    def kill(self, address, port):
        process = self.running[address, port]
        process.kill()
        process.wait()

    def stop(self):
        for process in self.running.values():
            process.kill()
        for process in self.running.values():
            process.wait()


class LogPipe:
    """The reader of the daemon's standard error, which can stop reading."""

    def __init__(self, path):
        self.read_end, self.write_end = os.pipe()
        self.path = path
        self.may_read = threading.Event()
        self.may_read.set()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        written = 0
        with open(self.path, "ab") as f:
            while True:
                self.may_read.wait()
                data = os.read(self.read_end, 65536)
                if not data:
                    break
                if written < LOG_BYTES_MAX:
                    written += f.write(data)
                    f.flush()
        os.close(self.read_end)

    def started(self):
        os.close(self.write_end)


@contextlib.contextmanager
def local_ports(first_and_last):
    """The ports that the kernel chooses from, meanwhile."""
    path = "/proc/sys/net/ipv4/ip_local_port_range"
    with open(path) as f:
        usual = f.read()
    try:
        with open(path, "w") as f:
            f.write(first_and_last)
        yield
    finally:
        with open(path, "w") as f:
            f.write(usual)


class Rig:
    """What every proxy has: ports by label, a process, healthy clients."""

    def __init__(self, home, kind, number):
        self.home, self.kind = home, kind
        self.address = f"127.0.{number}.1"
        self.name = f"{kind}-{number}"
        self.stopping = threading.Event()
        self.files = FILES
        self.process = None

    def port(self, label):
        return LABELS[label][1]

    def has(self, label):
        return True

    def pulse(self, label, rate, new=100, timeout_millis=5000):
        protocol, port = LABELS[label][:2]
        return Pulse(self.home.directory, protocol, self.address, port, rate, new, timeout_millis)

    def pause(self, seconds):
        """Waits; whoever attacks waits by this, so that it ends early when all ends."""
        if self.stopping.wait(max(0, seconds)):
            raise Failed("stopped")

    def pids(self):
        return self.process.pids()

    def descriptors(self):
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids())

    def steady_descriptors(self):
        """The median of several looks: healthy clients come and go."""
        seen = []
        for _ in range(7):
            seen.append(self.descriptors())
            time.sleep(0.05)
        return sorted(seen)[3]

    def vitals(self, with_heap=True):
        return {
            "descriptors": self.steady_descriptors(),
            "rss": measure.memory(self.pids())["rss"],
            "threads": sum(len(os.listdir(f"/proc/{pid}/task")) for pid in self.pids()),
        }

    def spawn(self, command, env=None, stderr=None):
        files = min(self.files, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        more = {} if stderr is None else {"stderr": stderr}
        command = ["nice", "-n", "-10", "prlimit", f"--nofile={files}:{files}", *command]
        self.process = peers.Process(self.name, command, self.home.directory, env, **more)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.process:
            self.process.stop()

    def faults(self):
        return []


class Sluice(Rig):
    """A daemon of ours."""

    def __init__(self, home, number, options=None):
        super().__init__(home, "sluice", number)
        self.options = {"heap": "256m", "limits": "", "method": "bind", "bindings": "", "destinations": "", "capture": "", "admin": "", **(options or {})}
        self.files = self.options.get("files", FILES)
        self.file = os.path.join(home.directory, f"{self.name}.yaml")
        self.log = os.path.join(home.directory, f"{self.name}.log")
        self.admin = 9901
        self.pipe = self.busy = None

    def write_million(self, generation):
        """A file of a million bindings, the rig's own among them; the last one changes with the generation."""
        lines = [f"{label},{protocol},{prefix},{port}" for label, protocol, prefix, port in self.bound()]
        lines += [f"tcp,tcp,10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32,80" for i in range(1_000_000 - 1 - len(lines))]
        lines += [f"tcp,tcp,10.255.255.{generation}/32,80", "# end 1000000"]
        peers.write(self.file.replace(".yaml", ".csv.new"), "\n".join(["label,protocol,prefix,port", *lines]) + "\n")
        os.rename(self.file.replace(".yaml", ".csv.new"), self.file.replace(".yaml", ".csv"))

    def text(self, **changes):
        """The configuration; changes go on top of this rig's options."""
        lines = [self.head(**changes) + "bindings:"]
        lines += [f"  - {{label: {label}, protocol: {protocol}, prefix: {prefix}, port: {port}}}" for label, protocol, prefix, port in self.bound()]
        more = {**self.options, **changes}["bindings"]
        lines += [more] if more else []
        if self.home.knows("end"):
            lines.append("end: true")
        return "\n".join(lines) + "\n"

    def bound(self):
        """(label, protocol, prefix, port) of each binding; what announces its clients is bound to what it announces."""
        return [(label, protocol, *(("127.0.99.1/32", 99) if label == "header" else (f"{self.address}/32", port)))
                for label, (protocol, port, _, _) in LABELS.items()]

    def head(self, **changes):
        """The configuration without its bindings."""
        options = {**self.options, **changes}
        responses = ", responses: 1" if self.home.knows("responses") else ""
        tcp = ", ".join(str(p) for l, (protocol, p, _, _) in LABELS.items() if protocol == "tcp" and l != "header")
        udp = ", ".join(str(p) for protocol, p, _, _ in LABELS.values() if protocol == "udp")
        lines = [
            *(["requireEnd: true"] if self.home.knows("end") else []),
            "version: 1",
            "loops: 2",
            f"limits: {{halfClosed: 5s, drain: 2s{options['limits']}}}",
            f'admin: {{http: "{self.address}:{self.admin}"{options["admin"].replace("@DIRECTORY@", self.home.directory)}}}',
            "capture:",
            f"  - {{name: tcp, protocols: [tcp], addresses: [{self.address}], ports: [{tcp}], method: {options['method']}}}",
            f"  - {{name: udp, protocols: [udp], addresses: [{self.address}], ports: [{udp}], method: {options['method']}}}",
            f"  - {{name: header, protocols: [tcp], addresses: [{self.address}], ports: [{self.port('header')}],"
            " proxyProtocol: {from: 127.0.0.0/8, timeout: 3s}}",
            *([options["capture"]] if options["capture"] else []),
            "destinations:",
        ]
        for label, (protocol, _, targets, more) in LABELS.items():
            quoted = ", ".join(f'"{t}"' for t in targets).replace("@DIRECTORY@", self.home.directory)
            more = ", " + more.replace("@RESPONSES@", responses) if more else ""
            lines.append(f"  - {{label: {label}, protocol: {protocol}, targets: [{quoted}]{more}}}")
        lines += [options["destinations"]] if options["destinations"] else []
        return "\n".join(lines) + "\n"

    def write(self, text):
        peers.write(self.file + ".new", text)
        os.rename(self.file + ".new", self.file)

    def prepare(self):
        """What an attack's own rig needs beside it."""
        if "busy" in self.options:
            self.options.update(self.one_more(self.options["busy"]))
            self.busy = socket.create_server((self.address, self.options["busy"]))
        if "redirect" in self.options:
            self.options.update(self.one_more(self.options["redirect"], ", method: redirect, install: true"))
        if "tproxy" in self.options:
            self.options.update(self.one_more(self.options["tproxy"], ", method: tproxy, install: true"))
        if "million" in self.options:
            self.write_million(0)
        if "log" in self.options:
            full = os.path.join(self.home.directory, "full")
            os.makedirs(full, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", full], check=True)
            self.options["log"] = os.path.join(full, "log")

    def one_more(self, port, more=""):
        """Options of a rig with one port more."""
        return {
            "capture": f"  - {{name: more, protocols: [tcp], addresses: [{self.address}], ports: [{port}]{more}}}",
            "bindings": f"  - {{label: tcp, protocol: tcp, prefix: {self.address}/32, port: {port}}}",
        }

    def start(self):
        self.prepare()
        self.write(self.text() if "million" not in self.options else self.head() + f"bindings: {{file: {self.name}.csv}}\nend: true\n")
        self.pipe = LogPipe(self.log) if "log" not in self.options else None
        stderr = self.pipe.write_end if self.pipe else open(self.options["log"], "ab")
        java = f"-Xmx{self.options['heap']} -XX:-ShrinkHeapInSteps -XX:-UseDynamicNumberOfCompilerThreads"
        env = {"JAVA_OPTS": f"{java} {os.environ.get('JAVA_OPTS', '')}"}
        with local_ports(self.options["ports"]) if "ports" in self.options else contextlib.nullcontext():
            self.spawn([self.home.sluice, "run", "-f", self.file], env, stderr)
            if self.pipe:
                self.pipe.started()
            else:
                stderr.close()
            if self.options.get("wait", True):
                self.await_ready()

    def await_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.alive():
            with open(self.options.get("log", self.log), errors="replace") as f:
                if "ready http" in f.read():
                    return
            time.sleep(0.02)
        raise Failed(f"{self.name} isn't ready: {self.last_lines()}")

    def stop(self):
        if self.process and self.pipe:
            self.pipe.may_read.set()
        super().stop()
        if self.busy:
            self.busy.close()
        if "log" in self.options:
            subprocess.run(["umount", os.path.dirname(self.options["log"])], check=False)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def get(self, path, timeout=2.0):
        """(status, body) of the admin server's answer; OSError if there is none in time."""
        connection = http.client.HTTPConnection(self.address, self.admin, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except http.client.HTTPException as fault:
            raise OSError(str(fault)) from None
        finally:
            connection.close()

    def metric(self, name, **labels):
        """The sum of a metric over all series that have these labels."""
        total = 0.0
        for found in re.finditer(rf"^{name}(?:\{{(.*)\}})? ([\d.eE+-]+|NaN)$", self.get("/metrics", 5)[1], re.M):
            if all(f'{key}="{value}"' in (found[1] or "") for key, value in labels.items()):
                total += float(found[2])
        return total

    def settled_reload(self, seconds=15):
        """Reloads and waits until that is done; whether it was accepted."""
        before = [self.metric("sluice_config_reloads_total", result=r) for r in ("ok", "refused")]
        self.reload()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = [self.metric("sluice_config_reloads_total", result=r) for r in ("ok", "refused")]
            if now != before:
                return now[0] > before[0]
            time.sleep(0.05)
        raise Failed(f"no reload within {seconds} s")

    def vitals(self, with_heap=True):
        """heap: after a full collection, which makes clients wait, so never while they are measured."""
        if not with_heap:
            return super().vitals()
        descriptors = self.steady_descriptors()
        found = {"heap": daemon.live_heap(self.process.pid, self.home.jdk)}
        # Memory that malloc holds though it is free would hide what is held.
        measure.output_of(os.path.join(self.home.jdk, "bin", "jcmd"), str(self.process.pid), "System.trim_native_heap")
        return {**found, **super().vitals(), "descriptors": descriptors}

    def peak_memory(self):
        """The most bytes that were ever resident."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"^VmHWM:\s+(\d+)", f.read(), re.M)[1]) * 1024

    def installed(self):
        """The directory that has lib/ of this program: of a checkout, or of an installed tree."""
        tree = os.path.dirname(os.path.dirname(self.home.sluice))
        return tree if os.path.isdir(os.path.join(tree, "lib")) else os.path.join(tree, "deploy", "target", "sluice")

    def thread_names(self):
        directory = f"/proc/{self.process.pid}/task"
        found = []
        for task in os.listdir(directory):
            with open(f"{directory}/{task}/comm") as f:
                found.append(f.read().strip())
        return found

    def loop_seconds(self):
        """CPU seconds of each loop's thread."""
        found = {}
        tick = os.sysconf("SC_CLK_TCK")
        directory = f"/proc/{self.process.pid}/task"
        for task in os.listdir(directory):
            try:
                with open(f"{directory}/{task}/stat") as f:
                    name, _, rest = f.read().partition("(")[2].rpartition(")")
            except OSError:
                continue  # it has ended
            if name.startswith("sluice-loop"):
                fields = rest.split()
                found[int(task)] = (int(fields[11]) + int(fields[12])) / tick
        return found

    def faults(self):
        """What is wrong with a daemon that should be at rest."""
        found = []
        before = self.loop_seconds()
        if len(before) != 2:
            found.append(f"{len(before)} of 2 loop threads are alive")
        time.sleep(0.5)
        for task, used in self.loop_seconds().items():
            if used - before.get(task, 0) > 0.35:
                found.append(f"loop thread {task} spins: {used - before.get(task, 0):.2f} s of CPU in 0.5 s")
        try:
            status = self.get("/livez")[0]
            if status != 200:
                found.append(f"/livez says {status}")
        except OSError as fault:
            found.append(f"/livez: {fault}")
        return found

    def last_lines(self, count=3):
        with open(self.log, errors="replace") as f:
            lines = [line.strip() for line in f if " access " not in line and line.strip()]
        return " | ".join(lines[-count:])


class Home:
    """What all rigs share: the directory, the servers, the program."""

    def __init__(self, root, directory, sluice, jdk):
        self.root, self.directory, self.sluice, self.jdk = root, directory, sluice, jdk
        self.servers = self.names = None
        self.known = {}

    KEYS = {"responses": "version: 1\ndestinations: [{label: a, protocol: udp, targets: ['127.0.0.1:1'], responses: 1}]\n", "end": "requireEnd: true\nversion: 1\nend: true\n"}

    def knows(self, key):
        """Whether this Sluice's configuration has such a key, so that older versions can be attacked too."""
        if key not in self.known:
            file = peers.write(os.path.join(self.directory, f"knows-{key}.yaml"), self.KEYS[key])
            done = subprocess.run([self.sluice, "check", "-f", file], capture_output=True)
            self.known[key] = done.returncode == 0
        return self.known[key]
