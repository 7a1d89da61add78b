"""What `reload` and `change` share: a large table of bindings, the memory of a process, a client's figures."""

import os
import re


def write_table(path, rows, count):
    """A CSV file of so many bindings: the rows that matter, and others of addresses that nobody asks for."""
    with open(path, "w") as f:
        f.write("label,protocol,prefix,port\n")
        for row in rows:
            f.write(row + "\n")
        for i in range(len(rows), count):
            f.write(f"echo,tcp,10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}/32,{1 + i % 65535}\n")


def memory_mb(pid, what):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(rf"^{what}:\s+(\d+)", f.read(), re.M)[1]) * 1024 / 1e6


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def shown(name, found):
    micros = "  ".join(f"{p} {found[p] / 1000:7.2f}" for p in ("p50", "p99", "p99.9", "max"))
    return f"{name:14} {micros} ms   {found['ok']} answered, {found['fail']} not"
