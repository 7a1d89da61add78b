"""One run of attacks: rigs are started and ended, each attack is measured, the results are kept."""

import json
import os
import random
import subprocess
import threading
import time

import adminside  # noqa: F401 (this and the others register their attacks)
import failing  # noqa: F401
import floods  # noqa: F401
import holders  # noqa: F401
import inject
import leaving  # noqa: F401
import logs  # noqa: F401
import measure
import reloads  # noqa: F401
import verdict
from attack import ALL, Outcome
from clients import Healthy
from measure import Failed
from rig import Sluice
from rivals import Haproxy, Nginx
from stage import own_seconds, say

SETTLE_SECONDS = 20
SHORT_LAST_SECONDS = 15  # what one attack takes at most, in the short version
PEERS = {"haproxy": Haproxy, "nginx": Nginx}


class Campaign:
    """One run: the rigs, what was found, what is to be ended."""

    def __init__(self, options, home):
        self.options, self.home = options, home
        self.random = random.Random(options.seed)
        self.number = 0
        self.rig = self.healthy = None
        self.rows, self.left_out = [], []
        self.kept = self.earlier() if options.add else []
        self.versions = measure.versions(os.path.dirname(os.path.dirname(options.sluice)), options.sluice)
        self.ends = time.monotonic() + options.minutes * 60

    def is_over(self):
        """Whether the short version has no time for one more: a machine may be slow, and tests have a bound."""
        return self.options.short and time.monotonic() + SHORT_LAST_SECONDS > self.ends

    def earlier(self):
        """The rows that are in the results already."""
        if not os.path.exists(self.options.out):
            return []
        with open(self.options.out) as f:
            return json.load(f)["rows"]

    def start(self, make):
        """A new rig, with its healthy clients."""
        self.number += 1
        self.rig = make(self.number)
        self.rig.start()

    def greet(self):
        self.healthy = Healthy(self.rig)
        # What is compiled while it runs is compiled by then.
        time.sleep(2.5)

    def end(self):
        if self.healthy:
            self.healthy.close()
        if self.rig:
            self.rig.stop()
        self.healthy = self.rig = None

    def settle(self, before):
        """Waits until what an attack opened is closed, and its memory is given back by and by; how long that took."""
        began = time.monotonic()
        while self.rig.alive() and time.monotonic() < began + SETTLE_SECONDS:
            if abs(self.rig.descriptors() - before["descriptors"]) <= verdict.slack("descriptors", before["descriptors"]):
                break
            time.sleep(0.2)
        time.sleep(1.5)
        return time.monotonic() - began

    def execute(self, attacks, seconds, outcome):
        """Runs attacks side by side; what goes wrong in one is a finding."""
        def one(attack, seed):
            try:
                attack.run(self.rig, outcome, seconds, random.Random(seed))
            except (OSError, Failed, subprocess.SubprocessError) as fault:
                outcome.require(False, f"{attack.name} could not go on: {type(fault).__name__}: {fault}")

        threads = [threading.Thread(target=one, args=(a, self.random.randrange(1 << 40)), daemon=True) for a in attacks]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)

    def measure(self, name, attacks, seconds, **more):
        """One row: vitals, attack, vitals."""
        row = {**more, "name": name, "peer": self.rig.kind, "issue": attacks[0].issue if len(attacks) == 1 else "–"}
        row["title"] = attacks[0].title if len(attacks) == 1 else " + ".join(a.name for a in attacks)
        outcome = Outcome()
        row["before"] = self.rig.vitals(not self.options.short)
        time.sleep(0.5)  # counting live objects stops the daemon for some 70 ms: who waited then isn't the attack's
        self.healthy.report()
        busy, ours = sum(measure.machine_seconds()), own_seconds()
        began = time.monotonic()
        self.execute(attacks, seconds, outcome)
        row["seconds"] = time.monotonic() - began
        row["settled"] = self.settle(row["before"])
        row["healthy"] = self.healthy.report()
        took = time.monotonic() - began
        row["others"] = max(0.0, sum(measure.machine_seconds()) - busy - (own_seconds() - ours)) / took
        if self.options.short and verdict.overloaded(row) and outcome.broken:
            outcome.note(f"not judged, as the machine was too busy: {'; '.join(outcome.broken)}")
            outcome.broken = []
        if self.rig.alive():
            outcome.broken += self.rig.faults()
            try:
                row["after"] = self.rig.vitals(not self.options.short)
            except (Failed, OSError) as fault:
                outcome.require(False, f"its memory can't be read: {fault}")
        else:
            row["exit"] = self.rig.process.poll()
        row["notes"], row["broken"] = outcome.notes, outcome.broken
        self.keep(row)

    def keep(self, row):
        row["broken"] += verdict.broken(row, self.options.short)
        row["commit"] = self.versions["commit"]
        self.rows.append(row)
        say(verdict.line(row))
        for text in row["notes"]:
            say(f"    {text}")
        for text in row["broken"]:
            say(f"    BROKEN {text}")
        self.save()

    def save(self):
        new = {(row["peer"], row["name"]) for row in self.rows}
        kept = [row for row in self.kept if (row["peer"], row["name"]) not in new]
        results = {
            "date": measure.today(), "seed": self.options.seed, "minutes": self.options.minutes,
            "machine": measure.machine(), "versions": self.versions, "rows": kept + self.rows,
        }
        with open(self.options.out + ".new", "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
        os.rename(self.options.out + ".new", self.options.out)

    def recover(self, make):
        """Another rig in the place of one that is dead or sick."""
        if self.options.short and self.rows and not self.rows[-1]["broken"]:
            return
        try:
            well = self.rig.alive() and not self.rig.faults()
            if well:
                self.healthy.report()
                time.sleep(1)
                well = sum(found["fail"] for found in self.healthy.report().values()) == 0
        except (OSError, Failed):
            well = False
        if not well:
            say("    it doesn't recover: starting another")
            self.end()
            self.start(make)
            self.greet()

    def common(self, attacks, seconds, make, mixtures):
        """All attacks that share a rig: each once in short, so that what is made at first use is there; then each
        measured, then random mixtures until the time is over."""
        self.start(make)
        self.greet()
        warm = [a for a in attacks if self.rig.has(a.label or "tcp")]
        fresh = {"descriptors": self.rig.descriptors()}
        say(f"{self.rig.kind}: a warm-up round of {len(warm)} attacks")
        for one in warm:
            self.execute([one], 0.5 if self.options.short or self.rig.kind != "sluice" else 1.0, Outcome())
            if not self.rig.alive() or (self.rig.kind == "sluice" and self.rig.faults()):
                say(f"    {one.name} leaves it sick: starting another")
                self.end()
                self.start(make)
                self.greet()
        self.settle(fresh)
        self.recover(make)
        number, baseline = self.number, self.rig.vitals(not self.options.short)
        for one in warm:
            if self.is_over():
                self.left_out.append(one.name)
                continue
            self.measure(one.name, [one], max(seconds, one.least))
            self.recover(make)
        able = [a for a in warm if a.mixed]
        while mixtures and time.monotonic() + seconds + 8 < self.ends and len(able) > 1:
            chosen = self.random.sample(able, min(len(able), self.random.randint(2, 4)))
            self.measure("mixture", chosen, max(seconds, *(a.least for a in chosen)))
            self.recover(make)
        if self.number == number and self.rig.alive():
            row = {"name": "all of it", "peer": self.rig.kind, "issue": "–", "title": "from the warm-up round to the end", "seconds": 0, "settled": 0,
                   "before": baseline, "after": self.rig.vitals(not self.options.short), "notes": [], "broken": []}
            self.keep(row)
        self.end()

    def alone(self, one, seconds):
        """An attack on a rig of its own."""
        self.start(lambda number: Sluice(self.home, number, one.own))
        try:
            if one.healthy:
                self.greet()
                # What a first use leaves in memory can't be told from what an attack leaves: so no bound on that here.
                self.measure(one.name, [one], max(seconds, one.least), fresh=True)
            else:
                outcome = Outcome()
                began = time.monotonic()
                self.execute([one], max(seconds, one.least), outcome)
                self.keep({"name": one.name, "peer": "sluice", "issue": one.issue, "title": one.title, "seconds": time.monotonic() - began,
                           "settled": 0, "notes": outcome.notes, "broken": outcome.broken})
        finally:
            self.end()

    def run(self):
        chosen = [ALL[name] for name in self.options.names if name in ALL]
        shared, own = [a for a in chosen if a.own is None], [a for a in chosen if a.own is not None]
        mixtures = "mixture" in self.options.names
        if mixtures and not shared:
            shared = [a for a in ALL.values() if a.own is None and a.mixed]
        left = self.options.minutes * 60 - (70 if "inject" in self.options.names else 0)
        seconds = 1.5 if self.options.short else min(10.0, max(2.0, left / max(1, len(chosen)) - 8))
        if not self.options.peers_only:
            self.attack_sluice(shared, own, seconds, mixtures)
        for name in self.options.peers:
            able = [a for a in chosen if a.peers]
            self.common(able, seconds, lambda number, make=PEERS[name]: make(self.home, number), False)

    def attack_sluice(self, shared, own, seconds, mixtures):
        if "inject" in self.options.names:
            inject.run(self, 60 if len(self.options.names) > 1 else self.options.minutes * 60)
        for one in own:
            try:
                self.alone(one, seconds)
            except (Failed, OSError) as fault:
                self.keep({"name": one.name, "peer": "sluice", "issue": one.issue, "title": one.title, "seconds": 0, "settled": 0,
                           "notes": [], "broken": [f"{type(fault).__name__}: {fault}"]})
        if shared:
            self.common(shared, seconds, lambda number: Sluice(self.home, number), mixtures)
