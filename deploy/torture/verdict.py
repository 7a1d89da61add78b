"""What is a broken bound, and how results are shown."""

LATENCY_MILLIS = 50
PERCENT = 5
DISTURBED_CORES = 0.3
OVERLOADED_MILLIS = 150
UNITS = {"heap": 1e6, "rss": 1e6, "descriptors": 1, "threads": 1}
WORDS = {"heap": "live heap", "rss": "resident memory", "descriptors": "descriptors", "threads": "threads"}
# What may differ in any case: a page of metrics that has just been made, classes loaded and code compiled meanwhile, healthy connections more or less, a pool's
# threads that are started when they are needed. (That both loops are there is looked at by itself.)
LEAST = {"heap": 1_200_000, "rss": 8_000_000, "descriptors": 20, "threads": 4}


def slack(what, before):
    return max(before * PERCENT / 100, LEAST[what])


def direct(row):
    return row["healthy"]["direct"]["p99.9"] / 1000


def overloaded(row):
    """Whether clients without a proxy waited so long that this machine could lose any datagram and miss any deadline."""
    return "healthy" in row and (direct(row) > OVERLOADED_MILLIS or row["healthy"]["direct"]["fail"] > 0)


def disturbed(row):
    """Whether clients waited too long, but this machine alone made them wait for much of that."""
    if "healthy" not in row:
        return False
    late = max(row["healthy"][who]["p99.9"] / 1000 for who in ("tcp", "udp") if who in row["healthy"])
    return LATENCY_MILLIS < late < direct(row) * 4


def broken(row, short):
    """One line for each bound that a row breaks. The short version has no bound on what another's load on this
    machine could break: time, and memory in percent."""
    found = []
    if "exit" in row and row["name"] != "tight-heap":
        found.append(f"the process ended: exit code {row['exit']}")
    if "exit" not in row:
        for who in ("tcp", "udp"):
            seen = row.get("healthy", {}).get(who)
            if not seen:
                continue
            if seen["fail"] and not (short and overloaded(row)):
                found.append(f"{seen['fail']} of {seen['fail'] + seen['ok']} healthy {who.upper()} requests failed: {seen['first']}")
            if seen["ok"] == 0:
                found.append(f"no healthy {who.upper()} request was answered")
            late = seen["p99.9"] / 1000
            if late > LATENCY_MILLIS and not short and not disturbed(row):
                found.append(f"healthy {who.upper()} p99.9 is {late:.0f} ms, more than {LATENCY_MILLIS} (without a proxy {direct(row):.0f} ms)")
    before, after = row.get("before"), row.get("after")
    for what in UNITS if before and after else ():
        if what not in before or (row.get("fresh") and what in ("heap", "rss")) or (short and what in ("heap", "rss")) and after[what] < before[what] * 1.5:
            continue
        change = after[what] - before[what]
        both_ways = what in ("descriptors", "threads")
        if change > slack(what, before[what]) or (both_ways and -change > slack(what, before[what])):
            found.append(f"{WORDS[what]} before {shown(what, before)}, after {shown(what, after)}")
    return found


def shown(what, vitals):
    if not vitals or what not in vitals:
        return "–"
    return f"{vitals[what] / UNITS[what]:.1f} MB" if UNITS[what] > 1 else str(vitals[what])


def pair(what, row):
    before, after = row.get("before"), row.get("after")
    if not before or what not in before:
        return "–"
    scale = UNITS[what]
    digits = 1 if scale > 1 else 0
    return "→".join(f"{v[what] / scale:.{digits}f}" if v else "–" for v in (before, after))


def client(row, who):
    seen = row.get("healthy", {}).get(who)
    if not seen:
        return ["–"] * 3
    millis = " ".join(f"{seen[p] / 1000:.1f}" for p in ("p50", "p99", "p99.9"))
    return [str(seen["ok"]), str(seen["fail"]), millis]


HEAD = ["attack", "of", "s", "TCP ok", "fail", "p50 p99 p99.9 ms", "UDP ok", "fail", "p50 p99 p99.9 ms", "direct ms", "heap MB", "RSS MB", "fds", "threads", ""]


def cells(row):
    return [
        row["name"], row["peer"], f"{row['seconds']:.0f}", *client(row, "tcp"), *client(row, "udp"), client(row, "direct")[2],
        *(pair(what, row) for what in UNITS), "BROKEN" if row["broken"] else "",
    ]


def table(rows):
    lines = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n" + "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines) + "\n"


def line(row):
    seen = row.get("healthy", {})
    text = f"{row['peer']:8} {row['name']:18} {row['seconds']:5.1f} s +{row['settled']:.0f}"
    for who in ("tcp", "udp"):
        if who in seen:
            text += f"  {who} {seen[who]['ok']} ok {seen[who]['fail']} fail p99.9 {seen[who]['p99.9'] / 1000:.1f} ms"
    if "direct" in seen:
        text += f"  direct p99.9 {seen['direct']['p99.9'] / 1000:.1f}"
    if row.get("others", 0) > DISTURBED_CORES:
        text += f"  ({row['others']:.1f} cores were used by others)"
    for what in UNITS:
        text += f"  {what} {pair(what, row)}" if row.get("before") else ""
    return text


def summary(rows):
    """All broken bounds of ours, one line each; what peers do has no bound."""
    unsure = [row["name"] for row in rows if disturbed(row)]
    if unsure:
        print(f"Not judged by latency, as clients without a proxy waited nearly as long: {', '.join(unsure)}")
    lines = [f"BROKEN {row['name']}: {text}" for row in rows if row["peer"] == "sluice" for text in row["broken"]]
    return "\n".join(lines)
