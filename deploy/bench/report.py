"""From raw windows to ratios, tables and a plot."""

import statistics


def value(window, what):
    """A figure of a window; None if it can't be used."""
    if window is None or "failed" in window or window["units"] == 0:
        return None
    if sum(window["errors"].values()) > 0:
        return None
    return window.get(what)


def rounds_of(results, work, peer):
    return {w["round"]: w for w in results["windows"] if w["work"] == work and w["peer"] == peer}


def median(results, work, peer, what):
    values = [v for w in rounds_of(results, work, peer).values() if (v := value(w, what)) is not None]
    return statistics.median(values) if values else None


def ratio(results, work, peer, base, what):
    """The median of the ratios within each round, and the least and the greatest; None without any."""
    theirs = rounds_of(results, work, base)
    ratios = []
    for number, window in rounds_of(results, work, peer).items():
        ours, other = value(window, what), value(theirs.get(number), what)
        if ours and other:
            ratios.append(ours / other)
    return (statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def names(results, key):
    return list(dict.fromkeys(w[key] for w in results["windows"]))


def base_of(work, peer):
    """Who a peer is compared with: HAProxy with the same threads; for datagrams nginx."""
    threads = peer.rpartition("-")[2] if peer != "none" else "1"
    return ("nginx-" if work.startswith("udp") else "haproxy-") + threads


def shown(work, what, figure):
    if figure is None:
        return "–"
    if what == "rate":
        return f"{figure / 1e9:.2f} GB/s" if work.startswith("bulk") else f"{figure:,.0f}/s"
    return f"{figure * 1e12:.0f} ms/GB" if work.startswith("bulk") else f"{figure * 1e6:.2f} µs"


def shown_ratio(found):
    return "–" if found is None else f"{found[0]:.2f} ({found[1]:.2f}–{found[2]:.2f})"


def text(results):
    """For the terminal."""
    lines = ["", f"{'work':16} {'peer':17} {'rate':>13} {'ratio':>18} {'CPU/unit':>13} {'ratio':>18}  errors"]
    for work in names(results, "work"):
        for peer in names(results, "peer"):
            windows = rounds_of(results, work, peer)
            if not windows:
                continue
            base = base_of(work, peer)
            bad = sum(sum(w["errors"].values()) if "errors" in w else 1 for w in windows.values())
            lost = sum(w.get("lost", 0) for w in windows.values())
            lines.append(
                f"{work:16} {peer:17} {shown(work, 'rate', median(results, work, peer, 'rate')):>13}"
                f" {shown_ratio(ratio(results, work, peer, base, 'rate')):>18}"
                f" {shown(work, 'cpuPerUnit', median(results, work, peer, 'cpuPerUnit')):>13}"
                f" {shown_ratio(ratio(results, work, peer, base, 'cpuPerUnit')):>18}"
                f"  {bad or ''}{f' lost {lost}' if lost else ''}"
            )
    return "\n".join(lines)
