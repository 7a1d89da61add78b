"""Clients that hold something: unread downloads, unfinished lines and headers, silent connections (A2)."""

import resource
import socket

from attack import attack, close_all, connect_many, every


def bounded(count, descriptors_each):
    """So many, but no more than descriptors allow, here and in the proxy."""
    limit = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return min(count, (limit - 1500) // descriptors_each)


@attack("slow-readers", "A2", "clients that don't read a download", label="bulk", peers=True, least=6, mixed=False)
def slow_readers(rig, outcome, seconds, random):
    held = connect_many(rig, "bulk", bounded(8000, 4), 4096)
    outcome.note(f"{len(held)} of them")
    try:
        rig.pause(seconds)
    finally:
        close_all(held)


@attack("slow-readers-few", "A2", "500 clients that don't read a download, and come back", label="bulk", peers=True, short=True)
def slow_readers_few(rig, outcome, seconds, random):
    for _ in every(rig, seconds, 1.0):
        held = connect_many(rig, "bulk", 500, 4096)
        try:
            rig.pause(0.7)
        finally:
            close_all(held)


@attack("half-lines", "A2", "clients with 60 KB of an unfinished line each, affinity: message", label="lines", least=6, mixed=False)
def half_lines(rig, outcome, seconds, random):
    held = connect_many(rig, "lines", bounded(5000, 3))
    outcome.note(f"{len(held)} of them")
    line = b"x" * 60000
    left = {s: len(line) for s in held}
    try:
        for _ in every(rig, seconds, 0.05):
            for s in [s for s, bytes_left in left.items() if bytes_left > 0]:
                try:
                    left[s] -= s.send(line[: left[s]])
                except BlockingIOError:
                    pass
                except OSError:
                    left[s] = 0
    finally:
        close_all(held)


@attack("silent", "–", "2,000 connections that send nothing, to servers that answer nothing", label="mute", peers=True)
def silent(rig, outcome, seconds, random):
    held = connect_many(rig, "mute", 2000)
    try:
        rig.pause(seconds)
    finally:
        close_all(held)


HEADER = b"PROXY TCP4 127.0.50.1 127.0.99.1 40000 99\r\n"
BAD_HEADERS = [
    b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 1.2.3.4.5 6.7.8.9 1 2\r\n", b"PROXY UDP9\r\n", b"\r\n\r\n\x00\r\nQUIT\n\x2f\xff\xff\xff" + b"x" * 200,
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x03abc", b"P" * 300, b"PROXY TCP6 ::1 127.0.0.1 1 99999999\r\n", b"\x00" * 16,
]


def send_bad_headers(rig, random, count, seconds):
    """Connections that each send a wrong header, after so many seconds."""
    held = connect_many(rig, "header", count)
    rig.pause(seconds)
    for s in held:
        try:
            s.send(random.choice(BAD_HEADERS))
        except OSError:
            pass
    close_all(held)


@attack("bad-headers", "–", "wrong PROXY headers, 200 a second", label="header", peers=True, short=True)
def bad_headers(rig, outcome, seconds, random):
    for _ in every(rig, seconds, 0.05):
        send_bad_headers(rig, random, 10, 0.005)


@attack("slow-headers", "–", "500 PROXY headers, a byte at a time", label="header", peers=True)
def slow_headers(rig, outcome, seconds, random):
    held = connect_many(rig, "header", 500)
    at = 0
    try:
        for _ in every(rig, seconds, 0.2):
            for s in held:
                try:
                    s.send(HEADER[at % len(HEADER):][:1])
                except OSError:
                    pass
            at += 1
    finally:
        close_all(held)
    outcome.note("the headers' own bound is 3 s")


@attack("half-closed", "–", "clients that send FIN and wait, servers that don't", label="mute", peers=True)
def half_closed(rig, outcome, seconds, random):
    held = connect_many(rig, "mute", 500)
    try:
        rig.pause(0.2)
        for s in held:
            try:
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        rig.pause(seconds)
    finally:
        close_all(held)
