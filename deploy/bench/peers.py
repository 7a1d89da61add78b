"""The servers and the proxies: their configuration, and how they are started and stopped."""

import ctypes
import dataclasses
import os
import resource
import signal
import socket
import subprocess
import time

import measure
from measure import Failed

# The servers. All ports are below 3000, so that 60,000 above them can be captured.
HTTP, BULK, UDP, HTTP_EVERYWHERE = 1081, 1082, 1083, 1084
FILES_WANTED = 262144

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def _in_child():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def raise_files():
    """Raises the limit of open files as far as this process may; children inherit it."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_WANTED, FILES_WANTED))
    except ValueError:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def files():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connections():
    """How many connections one proxy can hold, with two descriptors each."""
    return (files() - 200) // 2


class Process(subprocess.Popen):
    """A child that ends with us, with its output in a file."""

    def __init__(self, name, command, directory, env=None, **more):
        self.name = name
        self.log = os.path.join(directory, name + ".log")
        with open(self.log, "ab") as log:
            super().__init__(
                command,
                stderr=more.pop("stderr", log),
                stdin=more.pop("stdin", subprocess.DEVNULL),
                stdout=more.pop("stdout", log),
                env={**os.environ, **(env or {})},
                preexec_fn=_in_child,
                **more,
            )

    def pids(self):
        return [self.pid, *measure.children(self.pid)]

    def complaint(self):
        with open(self.log, errors="replace") as f:
            lines = [line.strip() for line in f if line.strip()]
        return f"{self.name}: " + " | ".join(lines[-3:]) if lines else ""

    def stop(self):
        if self.poll() is None:
            self.terminate()
            try:
                self.wait(3)
            except subprocess.TimeoutExpired:
                self.kill()
                self.wait()


class Load(Process):
    """The load generator."""

    def __init__(self, directory, mode, **arguments):
        words = [f"{key}={value}" for key, value in arguments.items()]
        super().__init__(
            "load", [os.path.join(directory, "load"), mode, *words], directory,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )

    def complaint(self):
        return super().complaint().split(" | ")[-1]

    def finish(self):
        self.stdin.close()
        self.stdout.close()
        if self.wait(10) != 0:
            raise Failed(self.complaint())

    def abandon(self):
        self.stop()
        self.stdin.close()
        self.stdout.close()


def await_port(process, port, address="127.0.0.1"):
    """Waits until connections to the port are accepted."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((address, port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(process.complaint() or f"{process.name} is not ready") from None
            time.sleep(0.002)


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


NGINX_SERVER = """
daemon off; worker_processes 1; pid {directory}/http.pid; error_log stderr warn; worker_rlimit_nofile {files};
events {{ worker_connections {files}; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; default_type text/plain;
  client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
  uwsgi_temp_path {directory}; scgi_temp_path {directory};
  server {{
    listen 127.0.0.1:{http} backlog=4096; listen 0.0.0.0:{everywhere} backlog=4096;
    location / {{ return 200 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"; }}
  }}
}}
"""


def start_servers(directory):
    """Real NGINX for requests, C programs for bulk data and datagrams."""
    conf = write(
        os.path.join(directory, "http.conf"),
        NGINX_SERVER.format(directory=directory, http=HTTP, everywhere=HTTP_EVERYWHERE, files=files()),
    )
    serve = os.path.join(directory, "serve")
    servers = [
        Process("http", ["nginx", "-p", directory, "-c", conf], directory),
        Process("bulk", [serve, "bulk", str(BULK)], directory),
        Process("udp", [serve, "udp", str(UDP)], directory),
    ]
    await_port(servers[0], HTTP)
    await_port(servers[1], BULK)
    return servers


@dataclasses.dataclass
class Peer:
    """What stands between clients and servers, on ports of its own."""

    kind: str  # one of KINDS
    threads: int
    base: int  # its ports: base+1 http, base+2 bulk, base+3 udp, base+5 admin
    process: Process | None = None
    # Of special ones, that growth.py makes:
    title: str | None = None
    text: str | None = None  # the configuration
    address: str = "127.0.0.1"
    first_port: int | None = None

    @property
    def name(self):
        if self.title:
            return self.title
        return self.kind if self.kind == "none" else f"{self.kind}-{self.threads}"

    @property
    def http(self):
        return HTTP if self.kind == "none" else self.first_port or self.base + 1

    @property
    def bulk(self):
        return BULK if self.kind == "none" else self.base + 2

    @property
    def udp(self):
        return UDP if self.kind == "none" else self.base + 3

    def pids(self):
        return self.process.pids() if self.process else []

    def command(self, directory, sluice):
        kind = self.kind.partition("-")[0]
        make = {"haproxy": haproxy_conf, "nginx": nginx_conf, "sluice": sluice_conf}[kind]
        text = self.text or make(self, directory)
        conf = write(os.path.join(directory, f"{self.name}.conf"), text)
        return {
            "haproxy": ["haproxy", "-db", "-f", conf],
            "nginx": ["nginx", "-p", directory, "-c", conf],
            "sluice": [sluice, "run", "-f", conf],
        }[kind]

    def spawn(self, directory, sluice, env=None):
        """Starts it, without waiting."""
        if self.kind != "none":
            self.process = Process(
                self.name, self.command(directory, sluice), directory, {"SLUICE_ACCESS_LOG": "OFF", **(env or {})}
            )

    def start(self, directory, sluice, env=None):
        self.spawn(directory, sluice, env)
        if self.process:
            await_port(self.process, self.http, self.address)

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None


# splice-auto leaves it to HAProxy whether to splice, and 2.6 mostly doesn't; the others make it.
HAPROXY_SPLICE = {
    "haproxy-auto": "option splice-auto",
    "haproxy-splice": "option splice-request\n  option splice-response",
}


def haproxy_conf(peer, directory):
    splice = HAPROXY_SPLICE.get(peer.kind, "")
    # Each connection takes two descriptors; HAProxy keeps room for pipes of a quarter of them.
    maxconn = min(connections() * (3 if splice else 4) // 4, 50000)
    return f"""
global
  nbthread {peer.threads}
  maxconn {maxconn}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  {splice}
listen http
  bind 127.0.0.1:{peer.http} backlog 4096
  server http 127.0.0.1:{HTTP}
listen bulk
  bind 127.0.0.1:{peer.bulk} backlog 4096
  server bulk 127.0.0.1:{BULK}
"""


def nginx_conf(peer, directory):
    module = next(
        (m for m in ("/usr/lib/nginx/modules/ngx_stream_module.so",) if os.path.exists(m)), None
    )
    load = f"load_module {module};" if module else ""
    return f"""
{load}
daemon off; worker_processes {peer.threads}; pid {directory}/{peer.name}.pid; error_log stderr warn;
worker_rlimit_nofile {files()};
events {{ worker_connections {min(files(), 65536)}; }}
stream {{
  access_log off; proxy_connect_timeout 5s; proxy_timeout 1h;
  server {{ listen 127.0.0.1:{peer.http} reuseport backlog=4096; proxy_pass 127.0.0.1:{HTTP}; }}
  server {{ listen 127.0.0.1:{peer.bulk} reuseport backlog=4096; proxy_pass 127.0.0.1:{BULK}; }}
  server {{
    listen 127.0.0.1:{peer.udp} udp reuseport rcvbuf=4m sndbuf=4m; proxy_pass 127.0.0.1:{UDP}; proxy_timeout 60s;
  }}
}}
"""


def sluice_conf(peer, directory):
    return f"""
version: 1
loops: {peer.threads}
limits: {{connections: 1000000, flows: 100000, drain: 0s}}
admin: {{http: "127.0.0.1:{peer.base + 5}"}}
bindings:
  - {{label: http, protocol: tcp, prefix: 127.0.0.1/32, port: {peer.http}}}
  - {{label: bulk, protocol: tcp, prefix: 127.0.0.1/32, port: {peer.bulk}}}
  - {{label: udp, protocol: udp, prefix: 127.0.0.1/32, port: {peer.udp}}}
destinations:
  - {{label: http, protocol: tcp, targets: ["127.0.0.1:{HTTP}"]}}
  - {{label: bulk, protocol: tcp, targets: ["127.0.0.1:{BULK}"]}}
  - {{label: udp, protocol: udp, targets: ["127.0.0.1:{UDP}"]}}
"""


KINDS = {
    "none": [1],
    "haproxy": [1, 2],
    "haproxy-auto": [1, 2],
    "haproxy-splice": [1, 2],
    "nginx": [1, 2],
    "sluice": [1, 2],
}


def all_peers():
    peers = []
    for kind, threads in KINDS.items():
        for count in threads:
            peers.append(Peer(kind, count, 1100 + 10 * len(peers)))
    return peers


def chosen(names):
    """The peers of a list of kinds and names."""
    known = all_peers()
    for name in names:
        if not any(name in (peer.kind, peer.name) for peer in known):
            words = ", ".join([*KINDS, "or with threads like sluice-1"])
            raise Failed(f"--peers: there is no {name}; there are {words}")
    return [peer for peer in known if peer.kind in names or peer.name in names]
