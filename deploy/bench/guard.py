"""The regression guard: ratios of a quick run beside the recorded ones."""

import report

# How much worse than recorded the median of a ratio may be, in percent. From the spread of unchanged
# code on two cores: see README.md.
BOUNDS = {
    "keepalive-100": {"rate": 15, "cpuPerUnit": 15},
    "newconn": {"rate": 20, "cpuPerUnit": 15},
    "bulk-1": {"rate": 30, "cpuPerUnit": 30},
    "bulk-8": {"rate": 30, "cpuPerUnit": 30},
    "udp-64": {"rate": 20, "cpuPerUnit": 20},
    "start": {"millis": 50},
}
WORDS = {"rate": "throughput", "cpuPerUnit": "CPU per unit", "millis": "time to ready"}
SLUICE = "sluice-1"


def ratio_of(results, work, what):
    if work == "start":
        return report.starts_ratio(results, SLUICE, "haproxy-1", what)
    return report.ratio(results, work, SLUICE, report.base_of(work, SLUICE), what)


def compare(results, recorded):
    """Prints each ratio, and returns 1 if one is beyond its bound."""
    print(f"\n{'Sluice, ratio of':27} {'to':6} {'recorded':>8} {'now':>6} {'change':>8} {'bound':>7}")
    worse = missing = 0
    for work, bounds in BOUNDS.items():
        if not (results.get("starts", {}).get(SLUICE) if work == "start" else report.rounds_of(results, work, SLUICE)):
            continue  # not among the chosen works
        for what, percent in bounds.items():
            before, now = ratio_of(recorded, work, what), ratio_of(results, work, what)
            label = f"{work:14} {WORDS[what]}"
            if before is None:
                print(f"{label:27} isn't recorded")
                continue
            if now is None:
                missing += 1
                print(f"{label:27} could not be measured: {report.faults(results, work, SLUICE)}")
                continue
            change = (now[0] / before[0] - 1) * 100
            bad = -change if what == "rate" else change
            verdict = "WORSE" if bad > percent else "better" if -bad > percent else ""
            worse += bad > percent
            base = "nginx" if work.startswith("udp") else "haproxy"
            bound = f"{'-' if what == 'rate' else '+'}{percent} %"
            print(f"{label:27} {base:6} {before[0]:8.2f} {now[0]:6.2f} {change:+7.0f} % {bound:>7} {verdict}")
    print(f"\nRecorded: {recorded['date']}, {recorded['versions']['commit']}, {recorded['machine']['cpu']}")
    for key in ("cpu", "cores"):
        if results["machine"][key] != recorded["machine"][key]:
            print(f"This is another machine ({key}: {results['machine'][key]}): ratios may differ for that alone.")
    disturbed, of = report.quiet(results)
    if disturbed * 4 > of:
        print(f"{disturbed} of {of} windows were disturbed by other work on this machine: rather run it again.")
    if worse:
        print(f"{worse} beyond the bound.")
    if missing:
        print(f"{missing} could not be measured.")
    if not worse and not missing:
        print("Nothing is worse than recorded beyond the noise.")
    return 1 if worse or missing else 0
