"""From raw windows to medians and ratios."""

import statistics

# A window in which others than the proxy, its servers and the generator used more than this many cores
# is disturbed: it isn't used where enough are left.
DISTURBED_CORES = 0.3
ENOUGH = 3


def failed(window):
    """Whether something went wrong, so that its figures say nothing."""
    return "failed" in window or window["units"] == 0 or sum(window["errors"].values()) > 0


def disturbed(window):
    return "cores" in window and window["cores"]["others"] > DISTURBED_CORES


def value(window, what):
    """A figure of a window: rate, cpuPerUnit, or a percentile."""
    if window is None or failed(window):
        return None
    if what in ("rate", "cpuPerUnit"):
        return window.get(what)
    return window["latencyMicros"][what]


def rounds_of(results, work, peer):
    return {w["round"]: w for w in results["windows"] if w["work"] == work and w["peer"] == peer}


def calm(pairs):
    """Of (figure, disturbed) those that weren't disturbed, if enough weren't."""
    quiet = [figure for figure, was_disturbed in pairs if not was_disturbed]
    return quiet if len(quiet) >= ENOUGH else [figure for figure, _ in pairs]


def spread(figures):
    return (statistics.median(figures), min(figures), max(figures)) if figures else None


def absolute(results, work, peer, what):
    """(median, least, greatest) over the rounds; None without any."""
    windows = rounds_of(results, work, peer).values()
    return spread(calm([(v, disturbed(w)) for w in windows if (v := value(w, what)) is not None]))


def ratio(results, work, peer, base, what):
    """(median, least, greatest) of the ratios within each round; None without any."""
    theirs = rounds_of(results, work, base)
    pairs = []
    for number, window in rounds_of(results, work, peer).items():
        ours, other = value(window, what), value(theirs.get(number), what)
        if ours and other:
            pairs.append((ours / other, disturbed(window) or disturbed(theirs[number])))
    return spread(calm(pairs))


def names(results, key):
    return list(dict.fromkeys(w[key] for w in results["windows"]))


def base_of(work, peer):
    """Who a peer is compared with: HAProxy with as many threads; for datagrams nginx."""
    threads = peer.rpartition("-")[2] if peer != "none" else "1"
    return ("nginx-" if work.startswith("udp") else "haproxy-") + threads


def shown(work, what, found):
    """The median of (median, least, greatest), with its unit."""
    if found is None:
        return "–"
    figure = found[0]
    if what == "rate":
        return f"{figure / 1e9:.2f} GB/s" if work.startswith("bulk") else f"{figure:,.0f}/s"
    if what == "cpuPerUnit":
        return f"{figure * 1e12:.0f} ms/GB" if work.startswith("bulk") else f"{figure * 1e6:.2f} µs"
    return f"{figure:,.0f} µs"


def shown_ratio(found):
    return "–" if found is None else f"{found[0]:.2f} ({found[1]:.2f}–{found[2]:.2f})"


def faults(results, work, peer):
    """What went wrong in all rounds, in words; empty if nothing did."""
    words = []
    windows = rounds_of(results, work, peer).values()
    broken = [w["failed"] for w in windows if "failed" in w]
    if broken:
        words.append(f"{len(broken)} × {broken[-1]}")
    for kind in ("connect", "reset", "reply", "stalled"):
        if number := sum(w["errors"][kind] for w in windows if "errors" in w):
            words.append(f"{number} {kind} errors")
    if number := sum(w.get("lost", 0) for w in windows):
        words.append(f"{number} lost")
    return ", ".join(words)


def quiet(results):
    """(disturbed windows, all windows)"""
    return sum(disturbed(w) for w in results["windows"]), len(results["windows"])


def starts(results, name, what):
    """(median, least, greatest) of all starts: millis, rss."""
    ones = results.get("starts", {}).get(name, [])
    return spread([one["millis"] if what == "millis" else one["memory"]["rss"] for one in ones])


def starts_ratio(results, name, base, what):
    """The starts of both in pairs, as they were made in turn."""
    def figures(of):
        return [one["millis"] if what == "millis" else one["memory"]["rss"] for one in results["starts"].get(of, [])]

    return spread([ours / other for ours, other in zip(figures(name), figures(base))])


def text(results):
    """For the terminal."""
    lines = ["", f"{'work':16} {'peer':17} {'rate or p50':>13} {'ratio':>18} {'CPU or p99.9':>13} {'ratio':>18}"]
    for work in names(results, "work"):
        first, second = ("p50", "p99.9") if work.startswith("latency") else ("rate", "cpuPerUnit")
        for peer in names(results, "peer"):
            if rounds_of(results, work, peer):
                base = base_of(work, peer)
                lines.append(
                    f"{work:16} {peer:17} {shown(work, first, absolute(results, work, peer, first)):>13}"
                    f" {shown_ratio(ratio(results, work, peer, base, first)):>18}"
                    f" {shown(work, second, absolute(results, work, peer, second)):>13}"
                    f" {shown_ratio(ratio(results, work, peer, base, second)):>18}"
                    f"  {faults(results, work, peer)}".rstrip()
                )
    number, of = quiet(results)
    if of:
        lines.append(
            f"{number} of {of} windows were disturbed: something else used more than {DISTURBED_CORES} cores."
        )
    return "\n".join(lines)
