"""The goals, each with how its figure is taken from the results."""

import dataclasses

import report

SPLICING = [("haproxy-auto", "splice-auto"), ("haproxy-splice", "splice-response")]
LOOKUP_NANOS = {"1": 15, "1000": 25, "100000": 50, "1000000": 80}


@dataclasses.dataclass
class Goal:
    """One row: what was wanted, and what was measured; None: it wasn't measured."""

    work: str
    wanted: str
    measured: str | None
    met: bool | None = None  # None: no verdict


def at_most(limit, found):
    return None if found is None else found[0] <= limit


def at_least(limit, found):
    return None if found is None else found[0] >= limit


def both(verdicts):
    known = [v for v in verdicts if v is not None]
    return all(known) if known else None


def compared(results, work, what, threads, base="haproxy"):
    return report.ratio(results, work, f"sluice-{threads}", f"{base}-{threads}", what)


def of_threads(results, title, work, what, limit, wanted, base="haproxy", test=at_most, threads=(1, 2)):
    """A ratio to a peer of as many threads, for one and two."""
    found = [compared(results, work, what, n, base) for n in threads]
    if not any(found):
        return Goal(title, wanted, None)
    shown = "; ".join(f"{n} thread{'s' if n > 1 else ''}: {report.shown_ratio(f)}" for n, f in zip(threads, found))
    return Goal(title, wanted, shown, both([test(limit, f) for f in found]) if limit else None)


def traffic(results):
    yield of_threads(results, "CPU per keep-alive request, 100 connections", "keepalive-100", "cpuPerUnit", 0.85, "≤ 0.85")
    yield of_threads(results, "CPU per new connection", "newconn", "cpuPerUnit", 1.0, "≤ 1.0")
    yield of_threads(results, "CPU per new connection, then", "newconn", "cpuPerUnit", 0.9, "≤ 0.9")
    for conns, limit in ((1, 0.25), (8, 0.15)):
        title = f"CPU per GB, {conns} bulk connection{'s' if conns > 1 else ''}"
        yield of_threads(results, title, f"bulk-{conns}", "cpuPerUnit", limit, f"≤ {limit}")
        for kind, option in SPLICING:
            yield of_threads(results, f"… to HAProxy with {option}", f"bulk-{conns}", "cpuPerUnit", None, "–", kind)
    for title, work, limit in (
        ("Keep-alive requests/s, 100 connections", "keepalive-100", 1.0),
        ("New connections/s", "newconn", 1.0),
        ("GB/s, 1 bulk connection", "bulk-1", 1.8),
        ("GB/s, 8 bulk connections", "bulk-8", 1.8),
    ):
        yield of_threads(results, title, work, "rate", limit, f"≥ {limit}", test=at_least)
        if work.startswith("bulk"):
            for kind, option in SPLICING:
                yield of_threads(results, f"… to HAProxy with {option}", work, "rate", None, "–", kind)
    for percent in (50, 80):
        for what in ("p50", "p99", "p99.9"):
            yield of_threads(
                results, f"Latency {what} at {percent} % of capacity", f"latency-{percent}", what, 1.0, "≤ 1.0",
                threads=(1,),
            )


def datagrams(results):
    for clients in (64, 4096):
        work = f"udp-{clients}"
        yield of_threads(
            results, f"UDP responses/s, {clients:,} clients, to nginx", work, "rate", 1.5, "≥ 1.5", "nginx", at_least
        )
        yield of_threads(
            results, f"CPU per UDP round trip, {clients:,} clients, to nginx", work, "cpuPerUnit", 0.6, "≤ 0.6", "nginx"
        )
        lost = []
        for threads in (1, 2):
            ours, theirs = (report.rounds_of(results, work, f"{kind}-{threads}") for kind in ("sluice", "nginx"))
            if ours and theirs:
                lost.append([sum(w.get("lost", 0) for w in windows.values()) for windows in (ours, theirs)])
        shown = "; ".join(f"{ours}, nginx {theirs}" for ours, theirs in lost) or None
        yield Goal(
            f"UDP datagrams lost, {clients:,} clients", "≤ nginx", shown,
            all(ours <= theirs for ours, theirs in lost) if lost else None,
        )


def scaling(results):
    for work in ("keepalive-100", "newconn", "bulk-8", "udp-64"):
        found = report.ratio(results, work, "sluice-2", "sluice-1", "cpuPerUnit")
        yield Goal(
            f"1 → 2 loops: CPU per unit, {work}", "0.9–1.1", report.shown_ratio(found) if found else None,
            0.9 <= found[0] <= 1.1 if found else None,
        )


def footprint(results):
    idle = [one for one in results.get("idle", []) if one["peer"] == "sluice-1"]
    for title, key, limit in (
        ("Live heap per idle connection", "livePerConnection", 512),
        ("Process growth per idle connection", "rssPerConnection", 1024),
    ):
        found = report.spread([one[key] for one in idle])
        shown = f"{found[0]:.0f} B ({found[1]:.0f}–{found[2]:.0f})" if found else None
        yield Goal(title, f"≤ {limit / 1024:g} KB", shown, at_most(limit, found))
    name = "sluice-1-image" if results.get("starts", {}).get("sluice-1-image") else "sluice-1"
    found = report.starts(results, name, "millis")
    shown = f"{found[0]:.0f} ms ({found[1]:.0f}–{found[2]:.0f})" if found else None
    yield Goal("Start until ready, as in the image", "≤ 200 ms", shown, at_most(200, found))
    found = report.starts(results, name, "rss")
    shown = f"{found[0] / 1e6:.1f} MB ({found[1] / 1e6:.1f}–{found[2] / 1e6:.1f})" if found else None
    yield Goal("Resident memory, idle daemon", "≤ 64 MB", shown, at_most(64e6, found))


def micro(results):
    """From JMH; of several parameters (family, hit or miss) the slowest counts."""
    jmh = results.get("jmh") or []

    def slowest(benchmark, **params):
        ones = [
            one for one in jmh
            if one["benchmark"].endswith(benchmark) and all(one["params"].get(k) == v for k, v in params.items())
        ]
        return max(ones, key=lambda one: one["score"]) if ones else None

    def allocated(one):
        return one["secondary"].get("gc.alloc.rate.norm", {}).get("score", 0)

    for bindings, limit in LOOKUP_NANOS.items():
        one = slowest("LookupBenchmark.match", bindings=bindings)
        shown = met = None
        if one:
            shown = f"{one['score']:.1f} ns, {allocated(one):.1f} B allocated"
            met = one["score"] <= limit and allocated(one) < 0.5
        yield Goal(f"Lookup, {int(bindings):,} bindings", f"≤ {limit} ns, 0 B", shown, met)
    one = slowest("BuildBenchmark.build", bindings="1000000")
    shown = met = None
    if one:
        size = one["secondary"].get("bytesPerBinding", {}).get("score")
        millis = one["score"] * {"ms/op": 1, "s/op": 1000, "us/op": 0.001}[one["unit"]]
        shown = f"{millis:.0f} ms, {size:.0f} B each" if size else f"{millis:.0f} ms"
        met = millis <= 1000 and size is not None and size <= 64
    yield Goal("Building a table of 1,000,000 bindings", "≤ 1 s, ≤ 64 B each", shown, met)
    one = slowest("BindBenchmark.bind", bindings="1000000")
    shown = met = None
    if one:
        millis = one["score"] * {"ms/op": 1, "s/op": 1000, "us/op": 0.001}[one["unit"]]
        shown = f"{millis:.1f} ms"
        met = millis <= 10
    yield Goal("One binding more in 1,000,000, checked and in a snapshot", "≤ 10 ms", shown, met)
    single, eight = slowest("EngineBenchmark.lookup", programs="1"), slowest("EngineBenchmark.lookup", programs="8")
    shown = met = None
    if single and eight:
        shown = f"{eight['score'] / single['score']:.1f} × one ({eight['score']:.1f} ns), {allocated(eight):.1f} B"
        met = eight["score"] <= 8 * single["score"] and allocated(eight) < 0.5
    yield Goal("A chain of 8 programs", "≤ 8 × one, 0 B", shown, met)


def all_goals(results):
    for part in (traffic, footprint, datagrams, micro, scaling):
        yield from part(results)
