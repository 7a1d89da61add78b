"""HAProxy and nginx with the ports and servers that a rig of ours has."""

import os
import resource
import signal

import peers
from rig import FILES, LABELS, OURS_ONLY, Rig

HAPROXY_MORE = {"killed": "check inter 1s", "half": "check inter 1s fall 3 observe layer4 error-limit 3 on-error mark-down"}


class Haproxy(Rig):
    def __init__(self, home, number):
        super().__init__(home, "haproxy", number)

    def has(self, label):
        return LABELS[label][0] == "tcp" and label not in OURS_ONLY

    def start(self):
        blocks = []
        for label, (protocol, port, targets, _) in LABELS.items():
            if not self.has(label):
                continue
            accept = " accept-proxy" if label == "header" else ""
            lines = [f"listen {label}", f"  bind {self.address}:{port} backlog 4096{accept}", "  balance roundrobin"]
            for i, target in enumerate(targets):
                lines.append(f"  server s{i} {target} {HAPROXY_MORE.get(label, '')}")
            blocks.append("\n".join(lines))
        text = f"""
global
  nbthread 2
  maxconn {min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]) * 2 // 5}
defaults
  mode tcp
  option redispatch
  timeout connect 1s
  timeout client 60s
  timeout server 60s
""" + "\n".join(blocks) + "\n"
        conf = peers.write(os.path.join(self.home.directory, f"{self.name}.conf"), text)
        self.spawn(["haproxy", "-W", "-db", "-f", conf])
        peers.await_port(self.process, self.port("tcp"), self.address)

    def reload(self):
        self.process.send_signal(signal.SIGUSR2)


class Nginx(Rig):
    def __init__(self, home, number):
        super().__init__(home, "nginx", number)

    def has(self, label):
        return label not in OURS_ONLY

    def start(self):
        servers = []
        for label, (protocol, port, targets, _) in LABELS.items():
            if not self.has(label):
                continue
            members = " ".join(f"server {t} max_fails=3 fail_timeout=5s;" for t in targets)
            kind = {"udp": " udp", "tcp": " backlog=4096"}[protocol] + (" proxy_protocol" if label == "header" else "")
            # With proxy_responses nginx notices a server that is silent.
            asking = label in ("dns", "udphalf")
            idle = "60s" if protocol == "tcp" else "2s" if label == "udp" else "1s" if asking else "8s"
            more = f"proxy_timeout {idle};"
            more += " proxy_responses 1;" if asking else ""
            servers.append(
                f"upstream {label} {{ {members} }}\n"
                f"server {{ listen {self.address}:{port}{kind} reuseport; proxy_pass {label}; {more} }}"
            )
        module = "/usr/lib/nginx/modules/ngx_stream_module.so"
        files = min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        text = f"""
{f'load_module {module};' if os.path.exists(module) else ''}
daemon off; worker_processes 2; pid {self.home.directory}/{self.name}.pid; error_log stderr crit;
events {{ worker_connections {files // 2}; }}
stream {{
access_log off; proxy_connect_timeout 1s;
{chr(10).join(servers)}
}}
"""
        conf = peers.write(os.path.join(self.home.directory, f"{self.name}.conf"), text)
        self.spawn(["nginx", "-p", self.home.directory, "-c", conf])
        peers.await_port(self.process, self.port("tcp"), self.address)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
