"""What a daemon costs that does nothing: its start, its memory, and that of idle connections."""

import os
import re
import socket
import subprocess
import time

import measure
from measure import Failed
from peers import Load, connections

IDLE_CONNECTIONS = 10000


def answered(peer):
    """Whether a request on a new connection gets its reply."""
    try:
        with socket.create_connection((peer.address, peer.http), 1) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            return s.recv(12) == b"HTTP/1.1 200"
    except OSError:
        return False


def time_to_ready(peer, directory, sluice):
    """Milliseconds from the fork to the first request that is answered."""
    began = time.monotonic()
    peer.spawn(directory, sluice)
    while not answered(peer):
        if peer.process.poll() is not None or time.monotonic() > began + 30:
            raise Failed(peer.process.complaint() or f"{peer.name} is not ready")
        time.sleep(0.001)
    return (time.monotonic() - began) * 1000


def start(peer, directory, sluice, idle_seconds=1.0):
    """One start: how long it takes, and the memory a moment later."""
    try:
        took = time_to_ready(peer, directory, sluice)
        time.sleep(idle_seconds)
        return {"millis": round(took, 1), "memory": measure.memory(peer.pids())}
    finally:
        peer.stop()


def live_heap(pid, jdk):
    """Bytes of live objects of a Java process, after a full collection."""
    text = measure.output_of(os.path.join(jdk, "bin", "jcmd"), str(pid), "GC.class_histogram")
    total = re.search(r"^Total\s+\d+\s+(\d+)", text, re.M)
    if not total:
        raise Failed(f"jcmd: {text[-200:]}")
    return int(total[1])


def idle_memory(peer, directory, sluice, jdk):
    """What idle connections add, each of which has had one request and its reply."""
    count = min(IDLE_CONNECTIONS, connections())
    is_java = peer.kind == "sluice"
    peer.start(directory, sluice)
    try:
        for conns in (200, 200):  # so that what is made once, at first use, isn't counted
            hold(peer, directory, conns, lambda: None)
        if is_java:
            live_heap(peer.process.pid, jdk)
        before = measure.memory(peer.pids())
        live_before = live_heap(peer.process.pid, jdk) if is_java else None

        def look():
            time.sleep(1)
            after = measure.memory(peer.pids())
            live = live_heap(peer.process.pid, jdk) if is_java else None
            return after, live

        after, live = hold(peer, directory, count, look)
        result = {
            "peer": peer.name,
            "connections": count,
            "rssPerConnection": (after["rss"] - before["rss"]) / count,
            "rssBefore": before["rss"],
            "rssAfter": after["rss"],
        }
        if is_java:
            result["livePerConnection"] = (live - live_before) / count
        return result
    finally:
        peer.stop()


def hold(peer, directory, count, look):
    """Looks while so many idle connections are open."""
    load = Load(directory, "idle", port=peer.http, conns=count)
    try:
        measure.expect_line(load, "ready")
        seen = look()
        load.stdin.close()
        end = measure.expect_line(load, "end")
        if end["units"] != count:
            raise Failed(f"{peer.name}: {count - end['units']} of {count} idle connections broke")
        return seen
    finally:
        load.abandon()


def image_tree(root, directory):
    """The tree that the image ships: a runtime of its own, and what else makes its start fast."""
    tree = os.path.join(directory, "tree")
    done = subprocess.run([os.path.join(root, "deploy/image/build-tree"), tree], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"build-tree: {(done.stdout + done.stderr).strip()[-300:]}")
    return os.path.join(tree, "bin", "sluice")
