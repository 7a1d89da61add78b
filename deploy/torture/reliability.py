"""docs/reliability.md and its plot, from recorded results and promises.md."""

import json
import os
import subprocess

import verdict
from measure import Failed

HERE = os.path.dirname(os.path.realpath(__file__))
PEERS = {"haproxy": "HAProxy", "nginx": "nginx"}


def load(name):
    path = os.path.join(HERE, "results", name + ".json")
    if not os.path.exists(path):
        return None
    with open(path) as f:
        return json.load(f)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def clients(row, with_latency=True):
    """Failed of all healthy requests, and the greater p99.9 of TCP and UDP."""
    healthy = row.get("healthy")
    if not healthy:
        return "–"
    seen = [healthy[who] for who in ("tcp", "udp") if who in healthy]
    failed, total = sum(s["fail"] for s in seen), sum(s["fail"] + s["ok"] for s in seen)
    text = "0" if not failed else f"**{failed:,}** of {total:,}"
    if with_latency and failed < total:
        text += f"; {max(s['p99.9'] for s in seen) / 1000:.0f} ms" + ("†" if row.get("others", 0) > verdict.DISTURBED_CORES else "")
    return text


def own(row):
    """The bounds of the attack's own that were broken."""
    general = ("healthy", "the process ended", *verdict.WORDS.values())
    return [text for text in row["broken"] if not any(word in text for word in general)]


def found(row):
    """What a run came to: clients, and bounds of the attack's own."""
    if row is None:
        return "–"
    if "exit" in row and row["name"] != "tight-heap":
        return f"**ended, exit code {row['exit']}**"
    if row["name"] == "inject":
        return f"**{len(row['broken'])} faults**" if row["broken"] else "0"
    parts = [clients(row)] if "healthy" in row else []
    return "; ".join([*parts, *(f"**{text}**" for text in own(row)[:1])]) or "kept"


def rows_of(results, peer):
    return {row["name"]: row for row in (results or {"rows": []})["rows"] if row["peer"] == peer}


def memory(row):
    if not row or not row.get("before"):
        return "–"
    return " ".join(f"{verdict.pair(what, row)}" for what in ("heap", "rss"))


def attack_table(results, before):
    now, old = rows_of(results, "sluice"), rows_of(before, "sluice")
    peers = {peer: rows_of(results, peer) for peer in PEERS}
    rows = []
    for name, known in {**old, **now}.items():
        if name in ("mixture", "all of it"):
            continue
        row = now.get(name)
        rows.append([
            f"`{name}`", known["title"], found(row), found(old.get(name)),
            *(found(of[name]) if name in of else "–" for of in peers.values()),
            memory(row), f"{row['after']['descriptors'] - row['before']['descriptors']:+d}" if row and row.get("after") else "–",
        ])
    head = ["attack", "", "Sluice", "Sluice before", *PEERS.values(), "heap, resident MB", "descriptors"]
    return table(head, rows)


def other_commits(results):
    """Which rows were recorded on another commit than the last ones: runs may be in pieces."""
    of = {}
    for row in results["rows"]:
        commit = row.get("commit", results["versions"]["commit"])
        if row["peer"] == "sluice" and commit != results["versions"]["commit"]:
            of.setdefault(commit, []).append(f"`{row['name']}`")
    return "".join(f" Recorded in pieces: of commit {commit} are {', '.join(names)}." for commit, names in of.items())


def broken(results):
    if not rows_of(results, "sluice"):
        return "Not recorded yet."
    lines = [f"- `{row['name']}`: {text}" for row in results["rows"] if row["peer"] == "sluice" for text in row["broken"]]
    return "\n".join(lines) or "No bound was broken."


def attacks(results, before):
    machine, versions = results["machine"], results["versions"]
    mixtures = [row for row in results["rows"] if row["name"] == "mixture"]
    inject = rows_of(results, "sluice").get("inject")
    text = f"""`make torture` as root, on Debian: {results['minutes']:g} minutes, in a network namespace of its own. Recorded {results['date']} on {machine['cpu']},
{machine['cores']} cores, Linux {machine['kernel']}, {versions['sluice']}, commit {versions['commit']}; {versions['haproxy']}; {versions['nginx']}; seed {results['seed']}.{other_commits(results)}

All along a TCP and a UDP client each send 200 requests a second to healthy servers, half of them on new sockets; each is due at a fixed
time, and its latency counts from then. The cells say how many of them failed, and the greater p99.9 of both. Bounds: none
fails, p99.9 ≤ {verdict.LATENCY_MILLIS} ms; live heap, resident memory, descriptors and threads are afterwards what they were before, ± {verdict.PERCENT} %. A third client
asks the same server without a proxy: where it waited nearly as long, the machine was too busy to judge by latency. † something else
on the machine used more than {verdict.DISTURBED_CORES} cores meanwhile, so the latency says little.

{attack_table(results, before)}
"""
    if before:
        text += f"\n*Sluice before*: commit {before['versions']['commit']}, the same attacks, {before['date']}. "
    text += f"\n{len(mixtures)} random mixtures of attacks at a time ran as well" + (
        f": {sum(sum(w['fail'] for n, w in m['healthy'].items() if n != 'direct') for m in mixtures)} healthy requests failed in them." if mixtures else ".")
    if inject:
        text += f"\n`inject`: {'; '.join(inject['notes'])}."
    return text + "\n\n### Bounds that were broken\n\n" + broken(results)


def soak_text(soak):
    first, last = soak["quiet"][0], soak["quiet"][-1]
    rows = [[verdict.WORDS[what], verdict.shown(what, first), verdict.shown(what, last), f"{(last[what] / first[what] - 1) * 100:+.1f} %"] for what in verdict.UNITS]
    asked = {who: sum(s[who]["ok"] for s in soak["samples"]) for who in ("tcp", "udp")}
    failed = sum(s[who]["fail"] for s in soak["samples"] for who in ("tcp", "udp"))
    events = soak["events"]
    return f"""`deploy/torture/soak`: {soak['minutes']:.0f} minutes of random load ({soak['date']}, commit {soak['versions']['commit']}), with {events['reload']} reloads, {events['kill']} killed targets,
{events['name']} changes of a name, and {events['log']} times a log that blocked for seconds. Of {asked['tcp'] + asked['udp'] + failed:,} healthy requests {failed:,} failed.
The daemon rests {len(soak['quiet'])} times; then it is looked at after a full collection:

{table(['', 'first rest', 'last rest', 'change'], rows)}

![Memory, descriptors, sessions and latency over time](reliability.svg)
""" + ("\n" + "\n".join(f"- {text}" for text in soak["broken"]) if soak["broken"] else "")


def plot(soak, path):
    """Four panels over minutes. Mid-tones on no background: for light and dark pages."""
    samples, quiet = soak["samples"], soak["quiet"]

    def block(name, rows):
        return f"${name} << EOD\n" + "\n".join(" ".join(f"{v:.6g}" for v in row) for row in rows) + "\nEOD"

    data = [
        block("all", [(s["at"] / 60, s["rss"] / 1e6, s["heapUsed"] / 1e6, s["descriptors"], s["sessions"], s["threads"]) for s in samples]),
        block("rest", [(q["at"] / 60, q["rss"] / 1e6, q["heap"] / 1e6, q["descriptors"]) for q in quiet]),
        block("late", [(s["at"] / 60, *(s[who][p] / 1000 for who in ("tcp", "udp") for p in ("p50", "p99.9")), s["direct"]["p99.9"] / 1000) for s in samples]),
    ]
    panels = [
        ("MB", "", "$all using 1:2 with lines lc rgb '#2f81f7' title 'resident', $rest using 1:2 with points pt 7 ps 0.6 lc rgb '#2f81f7' title 'at rest',"
                   " $all using 1:3 with lines lc rgb '#2da44e' title 'heap in use', $rest using 1:3 with points pt 7 ps 0.6 lc rgb '#2da44e' title 'live, at rest'"),
        ("", "", "$all using 1:4 with lines lc rgb '#2f81f7' title 'descriptors', $rest using 1:4 with points pt 7 ps 0.6 lc rgb '#2f81f7' title 'at rest',"
                 " $all using 1:5 with lines lc rgb '#bf8700' title 'sessions and flows'"),
        ("ms", "set logscale y", "$late using 1:3 with lines lc rgb '#2f81f7' title 'TCP p99.9', $late using 1:5 with lines lc rgb '#bf8700' title 'UDP p99.9',"
                 " $late using 1:6 with lines lc rgb '#808080' title 'without a proxy', $late using 1:2 with lines lc rgb '#2da44e' title 'TCP p50'"),
    ]
    commands = []
    for number, (unit, more, drawn) in enumerate(panels):
        top = 0.95 - number * 0.32
        commands += [
            f"set tmargin at screen {top:.3f}\nset bmargin at screen {top - 0.24:.3f}", f"set ylabel '{unit}' textcolor '#808080'",
            "set xlabel 'minutes' textcolor '#808080'" if number == 2 else "unset xlabel", more or "set yrange [0:*]",
            "unset yrange" if more else "", "plot " + drawn,
        ]
    script = "\n".join([
        *data, "set terminal svg size 900,760 font 'sans-serif,13'", f"set output '{path}'",
        "set border 3 lc rgb '#808080'\nset grid lc rgb '#808080' dt 3 lw 0.5\nset xtics nomirror textcolor '#808080'\nset ytics nomirror textcolor '#808080'",
        "set key at graph 0.5, graph 1.13 center horizontal textcolor '#808080'\nset lmargin at screen 0.09\nset rmargin at screen 0.98\nset multiplot", *commands, "unset multiplot", "",
    ])
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"gnuplot: {done.stderr.strip()[-300:]}")


def write(root):
    """Writes the document and its plot."""
    results, before, soak = load("recorded"), load("before"), load("soak")
    if not results:
        raise Failed("nothing to write about: there is no results/recorded.json (--record makes it)")
    docs = os.path.join(root, "docs")
    with open(os.path.join(HERE, "promises.md")) as f:
        parts = ["# Reliability", "Written by `deploy/torture/torture --document` from `deploy/torture/results/`; by hand is only the next part.",
                 "## What is promised, and how it is tested", f.read().strip()]
    parts += ["## Under attack", attacks(results, before)]
    if soak:
        plot(soak, os.path.join(docs, "reliability.svg"))
        parts += ["## A day of traffic in an hour", soak_text(soak)]
    with open(os.path.join(docs, "reliability.md"), "w") as f:
        f.write("\n\n".join(part.strip() for part in parts) + "\n")
