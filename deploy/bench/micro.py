"""The micro-benchmarks in jmh/, if they have been built."""

import json
import os
import statistics
import subprocess

from measure import Failed

JAR = os.path.join(os.path.dirname(os.path.realpath(__file__)), "jmh", "target", "benchmarks.jar")
# Shorter than what the benchmarks say of themselves, so that all of them fit into a few minutes.
SHORT = ["-f", "1", "-wi", "3", "-i", "5", "-w", "400ms", "-r", "400ms", "-prof", "gc"]
TIME_LIMIT = 600


def run(jdk, directory):
    """Their results, and those of the kernel's own lookup beside them; None if there is no jar."""
    if not os.path.exists(JAR):
        return None
    java = os.path.join(jdk, "bin", "java")
    results = results_of([java, "-jar", JAR, *SHORT, "-rf", "json"], directory, "jmh")
    kernel = [java, "--enable-native-access=ALL-UNNAMED", "-cp", JAR, "io.sluice.bench.KernelLookup"]
    return results + results_of(kernel, directory, "kernel")


def results_of(command, directory, name):
    file = os.path.join(directory, name + ".json")
    with open(os.path.join(directory, name + ".log"), "w") as log:
        try:
            done = subprocess.run(
                [*command, "-rff", file], stdout=log, stderr=subprocess.STDOUT, timeout=TIME_LIMIT
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"the micro-benchmarks took longer than {TIME_LIMIT} s") from None
    if done.returncode != 0 or not os.path.exists(file):
        with open(log.name) as f:
            raise Failed(f"{name}: " + f.read()[-300:].strip())
    with open(file) as f:
        return [short(result) for result in json.load(f)]


def mean(metric):
    """Of all iterations: the score of what a benchmark counts itself is the sum of them."""
    if metric["scoreUnit"] != "#":
        return metric["score"]
    return statistics.mean(value for fork in metric["rawData"] for value in fork)


def short(result):
    metric = result["primaryMetric"]
    return {
        "benchmark": result["benchmark"].removeprefix("io.sluice.bench."),
        "params": result.get("params", {}),
        "score": metric["score"],
        "error": metric["scoreError"],
        "unit": metric["scoreUnit"],
        "secondary": {
            name.lstrip("·"): {"score": mean(m), "unit": m["scoreUnit"]}
            for name, m in result.get("secondaryMetrics", {}).items()
            if name.lstrip("·") == "gc.alloc.rate.norm" or not name.lstrip("·").startswith("gc.")
        },
    }
