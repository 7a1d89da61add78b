"""docs/performance.md and its plot, from recorded results."""

import os
import statistics
import subprocess

import goals
import report
from measure import Failed

TITLES = {
    "keepalive-10": "Keep-alive requests, 10 connections",
    "keepalive-100": "Keep-alive requests, 100 connections",
    "keepalive-1000": "Keep-alive requests, 1,000 connections",
    "keepalive-10000": "Keep-alive requests, 10,000 connections",
    "newconn": "New connections, one request each",
    "bulk-1": "Bulk download, 1 connection",
    "bulk-8": "Bulk downloads, 8 connections",
    "udp-64": "UDP round trips of 100 bytes, 64 clients",
    "udp-4096": "UDP round trips of 100 bytes, 4,096 clients",
}
PEERS = {
    "none": "no proxy",
    "haproxy-1": "HAProxy, 1 thread",
    "haproxy-2": "HAProxy, 2 threads",
    "haproxy-auto-1": "HAProxy, splice-auto, 1 thread",
    "haproxy-auto-2": "HAProxy, splice-auto, 2 threads",
    "haproxy-splice-1": "HAProxy, splice-response, 1 thread",
    "haproxy-splice-2": "HAProxy, splice-response, 2 threads",
    "nginx-1": "nginx stream, 1 worker",
    "nginx-2": "nginx stream, 2 workers",
    "sluice-1": "**Sluice, 1 loop**",
    "sluice-2": "**Sluice, 2 loops**",
}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def heading(results):
    machine, versions = results["machine"], results["versions"]
    disturbed, of = report.quiet(results)
    return f"""# Performance

Written by `make bench` from `deploy/bench/results/full.json`; not by hand, except *What stands in the way*.

| | |
|---|---|
| date | {results['date']} |
| machine | {machine['cpu']}, {machine['cores']} cores, {machine['memoryGiB']} GiB, Linux {machine['kernel']} |
| versions | {versions['sluice']}, commit {versions['commit']}; {versions['haproxy']}; {versions['nginx']} |
| command | `{results['command']}`, {results['rounds']} rounds of {results['seconds']:g} s for each sort of work, {results.get('tookSeconds', 0) // 60} minutes |
| disturbed | {disturbed} of {of} measurements: something else on the machine used more than {report.DISTURBED_CORES} cores. They aren't used where at least {report.ENOUGH} others are left |

Absolute figures mean little: clients, proxy and servers share these cores. What counts are **ratios to HAProxy in the same
round**, and CPU time per unit of work beside throughput. A figure is the median of all rounds, in brackets the least and the
greatest."""


def goal_table(results):
    rows = []
    for goal in goals.all_goals(results):
        met = "" if goal.met is None else "yes" if goal.met else "**no**"
        rows.append([goal.work, goal.wanted, goal.measured or "not measured", met])
    return table(["work", "goal", "measured", "met"], rows)


def traffic(results):
    parts = []
    for work, title in TITLES.items():
        peers = [p for p in PEERS if report.rounds_of(results, work, p)]
        if not peers:
            continue
        rows = []
        for peer in peers:
            base = report.base_of(work, peer)
            windows = [w for w in report.rounds_of(results, work, peer).values() if not report.failed(w)]
            busy = {
                who: statistics.median(w["cores"][who] for w in windows) if windows else 0
                for who in ("proxy", "generator", "servers")
            }
            is_none = peer == "none"
            rows.append([
                PEERS[peer],
                report.shown(work, "rate", report.absolute(results, work, peer, "rate")),
                report.shown_ratio(report.ratio(results, work, peer, base, "rate")),
                "–" if is_none else report.shown(work, "cpuPerUnit", report.absolute(results, work, peer, "cpuPerUnit")),
                "–" if is_none else report.shown_ratio(report.ratio(results, work, peer, base, "cpuPerUnit")),
                " / ".join(f"{share:.2f}" for share in busy.values()),
                report.faults(results, work, peer) or "none",
            ])
        base = "nginx" if work.startswith("udp") else "HAProxy"
        conns = {w["conns"] for w in results["windows"] if w["work"] == work and "conns" in w}
        if work == "keepalive-10000" and conns and conns != {10000}:
            title += f" ({max(conns):,} here: the limit of open files allows no more)"
        parts.append(
            f"### {title}\n\n"
            + table(
                ["", "rate", f"to {base}", "CPU per unit", f"to {base}", "cores: proxy / clients / servers", "errors"], rows
            )
        )
    return "\n\n".join(parts)


def latency(results):
    rows = []
    for percent in (50, 80):
        work = f"latency-{percent}"
        for peer in PEERS:
            if report.rounds_of(results, work, peer):
                row = [f"{percent} %", PEERS[peer]]
                for what in ("p50", "p99", "p99.9"):
                    found = report.absolute(results, work, peer, what)
                    ratio = report.ratio(results, work, peer, "haproxy-1", what)
                    row.append(f"{report.shown(work, what, found)}; {report.shown_ratio(ratio)}")
                rows.append([*row, report.faults(results, work, peer) or "none"])
    if not rows:
        return "Not measured."
    return (
        f"Requests at a fixed rate over 100 connections: a part of {results['capacity']:,}/s, which is what the slower one of"
        " HAProxy and Sluice could do. Latency counts from when a request was due, so a proxy that stalls pays for every request"
        " that it held up. With the ratio to HAProxy.\n\n"
        + table(["load", "", "p50", "p99", "p99.9", "errors"], rows)
    )


def footprint(results):
    rows = []
    names = {"haproxy-1": "HAProxy", "nginx-1": "nginx", "sluice-1": "Sluice, checkout", "sluice-1-image": "Sluice, as in the image"}
    for peer, title in names.items():
        millis, rss = report.starts(results, peer, "millis"), report.starts(results, peer, "rss")
        idle = [one for one in results.get("idle", []) if one["peer"] == peer]
        grown = report.spread([one["rssPerConnection"] for one in idle])
        live = report.spread([one["livePerConnection"] for one in idle if "livePerConnection" in one])
        if millis or idle:
            rows.append([
                title,
                f"{millis[0]:.0f} ms ({millis[1]:.0f}–{millis[2]:.0f})" if millis else "–",
                f"{rss[0] / 1e6:.1f} MB" if rss else "–",
                f"{grown[0]:,.0f} B ({grown[1]:,.0f}–{grown[2]:,.0f})" if grown else "–",
                f"{live[0]:,.0f} B" if live else "–",
            ])
    count = max((one["connections"] for one in results.get("idle", [])), default=0)
    return (
        "Ready: from the fork to the first request that is answered, of 10 starts. Resident: a second after that. Idle connections:"
        f" {count:,} of them, each of which has had one request.\n\n"
        + table(["", "start until ready", "resident, idle", "growth per idle connection", "live heap per idle connection"], rows)
    )


def growth(results):
    rows = []
    for one in results.get("growth", []):
        windows = [w for w in one["windows"] if "failed" not in w]
        faults = sum(sum(w["errors"].values()) for w in windows) + len(one["windows"]) - len(windows)
        cost = report.spread([w["cpuPerUnit"] * 1e6 for w in windows if "cpuPerUnit" in w])
        rows.append([
            one["dimension"],
            f"{one['size']:,}",
            f"{cost[0]:.1f} µs ({cost[1]:.1f}–{cost[2]:.1f})" if cost else "–",
            f"{one['startMillis']:,.0f} ms",
            f"{one['memory']['rss'] / 1e6:.0f} MB",
            str(faults or "none"),
        ])
    if not rows:
        return "Not measured."
    return (
        "Sluice with one loop. CPU of a new connection with one request, since connections are what is looked up; clients connect to"
        " all of the addresses and ports in a mixed order. The growth with connections stands above: keep-alive requests over 10 to"
        " 10,000 of them.\n\n"
        + table(["what", "how many", "CPU per new connection", "start until ready", "resident after start", "errors"], rows)
    )


def syscalls(results):
    found = results.get("syscalls", [])
    if not found:
        return "Not counted."
    rows = []
    for one in found:
        calls = ", ".join(f"{name} {number:.2f}" for name, number in one["perUnit"].items() if number >= 0.02)
        rows.append([one["work"], PEERS[one["peer"]], f"{one['total']:,.2f}", calls])
    order = {work: i for i, work in enumerate(TITLES)}
    rows.sort(key=lambda row: order[row[0]])
    return "Counted by strace, per request, connection, GB or datagram.\n\n" + table(["work", "", "all", "calls"], rows)


def micro(results):
    if not results.get("jmh"):
        return "Not measured: build `deploy/bench/jmh` first."
    rows = []
    for one in results["jmh"]:
        params = ", ".join(f"{key} {value}" for key, value in one["params"].items())
        more = ", ".join(f"{name} {m['score']:.1f} {m['unit']}" for name, m in one["secondary"].items())
        error = one["error"] if isinstance(one["error"], (int, float)) else 0
        rows.append([one["benchmark"], params, f"{one['score']:,.1f} ± {error:,.1f} {one['unit']}", more])
    return table(["benchmark", "parameters", "score", "beside it"], rows)


PLOTTED = [
    ("sluice-1", "Sluice", "#2f81f7", 7),
    ("nginx-1", "nginx stream", "#2da44e", 5),
    ("haproxy-splice-1", "HAProxy, splice-response", "#bf8700", 9),
]


def plot(results, path):
    """Ratios of all works, with their spread. Mid-tones on no background: for light and dark pages."""
    works = [w for w in TITLES if report.rounds_of(results, w, "sluice-1")]
    blocks, commands = [], []
    for number, what in enumerate(("rate", "cpuPerUnit")):
        drawn = []
        for at, (peer, title, colour, point) in enumerate(PLOTTED):
            lines = []
            for row, work in enumerate(works):
                found = report.ratio(results, work, peer, report.base_of(work, peer), what)
                if found and not (work.startswith("udp") and peer == "nginx-1"):
                    lines.append(f"{found[0]} {len(works) - row - (at - 1) * 0.22} {found[1]} {found[2]}")
            if lines:
                block = f"$d{number}_{at}"
                blocks.append(f"{block} << EOD\n" + "\n".join(lines) + "\nEOD")
                drawn.append(
                    f"{block} using 1:2:3:4 with xerrorbars lw 1.5 pt {point} ps 0.7 lc rgb '{colour}' title '{title}'"
                )
        label = "throughput (more is better)" if what == "rate" else "CPU per unit (less is better)"
        tics = ", ".join(f"'{w if number == 0 else ''}' {len(works) - row}" for row, w in enumerate(works))
        left, right = ((0.16, 0.56), (0.59, 0.98))[number]
        commands.append(f"set ytics ({tics}) textcolor '#808080'")
        commands.append(f"set lmargin at screen {left}\nset rmargin at screen {right}")
        key = "off" if number == 0 else "at screen 0.5, screen 0.05 center horizontal textcolor '#808080'"
        commands.append(f"set key {key}")
        commands.append(f"set title '{label}' textcolor '#808080'\nplot " + ", \\\n  ".join(drawn))
    script = "\n".join([
        *blocks,
        f"set terminal svg size 900,{140 + 44 * len(works)} font 'sans-serif,13'",
        f"set output '{path}'",
        "set border 3 lc rgb '#808080'\nset grid x lc rgb '#808080' dt 3 lw 0.5",
        "set logscale x 2\nset xtics (0.125, 0.25, 0.5, 1, 2, 4, 8, 16) nomirror textcolor '#808080'\nset ytics nomirror",
        f"set yrange [0.4:{len(works) + 0.6}]",
        "set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb '#808080' lw 1.5",
        "set tmargin at screen 0.91\nset bmargin at screen 0.18",
        "set multiplot",
        *commands,
        "unset multiplot",
        "",
    ])
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"gnuplot: {done.stderr.strip()[-300:]}")


HOW = """## How it is measured

`make bench` as root, on Debian; it installs what is missing, takes less than 25 minutes, and does everything in a network namespace
of its own, which it removes. [deploy/bench/README.md](../deploy/bench/README.md) says what else it can do.

- **Peers.** All are in front of the same servers at the same time, each on ports of its own, and are started anew for each round.
  Access logs are off everywhere. HAProxy: `mode tcp`, `nbthread`, `maxconn`, a backlog of 4,096, timeouts that never come, and otherwise its
  defaults; of bulk data also with `option splice-auto`, which leaves it to HAProxy whether to splice, and with `splice-request` and
  `splice-response`, which make it splice. nginx: `stream` with `reuseport`, `worker_processes`, `worker_connections`,
  for datagrams sessions without `proxy_responses` (several times faster than with it) and buffers of 4 MiB, as Sluice has
  them; otherwise its defaults. Sluice: `loops`, bindings, otherwise its defaults, started by `bin/sluice`.
- **Network.** Loopback of a namespace, congestion control `cubic`, the kernel's default, or `reno` where a namespace may not have that; whatever the machine's is.
- **Servers.** Requests: NGINX, one worker, 64 bytes of body. Bulk data and datagrams: `serve.c`.
- **Clients.** `load.c`, one thread. Each reply is checked: status, length and body; one of 32 reads of a download is compared with what
  was sent. A measurement with an error isn't used, and is listed. Datagrams that had no reply within 250 ms are lost.
- **Order.** In each round each sort of work is done by every peer once, the first one another each round, every other round
  backwards. Before that each peer is warmed up with all sorts of work, Sluice for 6.5 s, as its code is compiled while it runs.
- **CPU.** Of all processes and threads of the proxy, by the kernel's own clock, in nanoseconds, within the measured time. On
  loopback, who sends also does the receiver's part of the kernel's work, so a proxy pays for what a server's card would do elsewhere;
  that is the same for all."""


def write(results, root, here):
    """Writes the document and its plot."""
    docs = os.path.join(root, "docs")
    plot(results, os.path.join(docs, "performance.svg"))
    with open(os.path.join(here, "notes.md")) as f:
        notes = f.read().strip()
    parts = [
        heading(results),
        "## Goals\n\nRatios are to HAProxy with as many threads, unless it says so.\n\n" + goal_table(results),
        "![Ratios to HAProxy (datagrams: to nginx)](performance.svg)\n\nRatios to HAProxy, one thread each; of datagrams to nginx.",
        "## What stands in the way\n\n" + notes,
        "## Throughput and CPU\n\n" + traffic(results),
        "## Latency\n\n" + latency(results),
        "## Start and memory\n\n" + footprint(results),
        "## Growth\n\n" + growth(results),
        "## System calls\n\n" + syscalls(results),
        "## Micro-benchmarks\n\n" + micro(results),
        HOW,
    ]
    with open(os.path.join(docs, "performance.md"), "w") as f:
        f.write("\n\n".join(parts) + "\n")
