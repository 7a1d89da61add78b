package io.sluice.proxy.conformance;

import io.sluice.steering.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Counts of a comparison, and what differed. */
final class Tally {
  private static final int MAX_DIFFERENCES = 5;

  private final long seed;
  private final Random random;
  private final List<String> differences = new ArrayList<>();
  private final Map<String, Integer> outcomes = new TreeMap<>();
  private final Map<String, Integer> answers = new TreeMap<>();
  private int programs;
  private int cases;

  /** A tally of what this seed makes up. */
  Tally(long seed) {
    this.seed = seed;
    this.random = new Random(seed);
  }

  /** Whose seed is {@code -Dconformance.seed}, or new. */
  static Tally seeded() {
    return new Tally(Long.getLong("conformance.seed", System.nanoTime()));
  }

  Random random() {
    return random;
  }

  void program() {
    programs++;
  }

  void add(String outcome) {
    cases++;
    outcomes.merge(outcome, 1, Integer::sum);
  }

  /** Counts what a helper answered. */
  void answered(long answer) {
    answers.merge(answer < 0 ? Errno.ofResult((int) answer).name() : "" + answer, 1, Integer::sum);
  }

  /** How often helpers answered what. */
  Map<String, Integer> answers() {
    return answers;
  }

  void difference(String difference) {
    differences.add("seed " + seed + ": " + difference);
  }

  void differences(List<String> more) {
    more.forEach(this::difference);
  }

  /** Whether there are so many differences that more would tell nothing. */
  boolean isFull() {
    return differences.size() >= MAX_DIFFERENCES;
  }

  List<String> differences() {
    return differences;
  }

  int cases() {
    return cases;
  }

  int count(String outcome) {
    return outcomes.getOrDefault(outcome, 0);
  }

  /** Prints the summary line. */
  void print(String what) {
    System.out.println(
        "conformance: "
            + what
            + (programs == 0 ? "" : " programs=" + programs)
            + " cases="
            + cases
            + " "
            + outcomes
            + (answers.isEmpty() ? "" : " helpers " + answers)
            + " differences="
            + differences.size()
            + " seed="
            + seed);
  }
}
