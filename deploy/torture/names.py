"""Names that only this namespace knows: a hosts file, and a name server that is silent about some."""

import os
import socket
import struct
import subprocess
import threading

import peers

HOSTS = """127.0.0.1 localhost
127.0.0.1 alive.test
127.0.0.9 pair.test
127.0.0.10 pair.test
"""


class Names:
    """Answers for names whose addresses can change; never for those that begin with dead-."""

    def __init__(self, directory):
        self.addresses = {"moving.test": ["127.0.0.6"], "pair.test": ["127.0.0.9", "127.0.0.10"], "alive.test": ["127.0.0.1"]}
        if os.readlink("/proc/self/ns/mnt") == os.readlink(f"/proc/{os.getppid()}/ns/mnt"):
            raise RuntimeError("not in a mount namespace of its own")
        # This process's mounts are its own, as "ip netns exec" has made them so.
        for name, text in (("hosts", HOSTS), ("resolv.conf", "nameserver 127.0.0.1\n")):
            file = peers.write(os.path.join(directory, name), text)
            subprocess.run(["mount", "--bind", file, f"/etc/{name}"], check=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            question, client = self.socket.recvfrom(1500)
            answer = self.answer(question)
            if answer:
                self.socket.sendto(answer, client)

    def answer(self, question):
        """An answer to one question, RFC 1035 section 4; None to a name that is dead, or to what is no question."""
        labels, at = [], 12
        while at < len(question) and question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode(errors="replace").lower())
            at += 1 + question[at]
        name = ".".join(labels)
        at += 5
        if len(question) < at or name.startswith("dead-"):
            return None
        kind = struct.unpack_from("!H", question, at - 4)[0]
        known = self.addresses.get(name)
        records = [socket.inet_aton(a) for a in known or []] if kind == 1 else []
        head = question[:2] + struct.pack("!HHHHH", 0x8180 if known else 0x8183, 1, len(records), 0, 0)
        tail = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + record for record in records)
        return head + question[12:at] + tail
