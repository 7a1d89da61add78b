package io.sluice.config;

/** What {@code sluice test} checks. */
public record Expectation(Lookup lookup, Outcome outcome, int line) {
  public sealed interface Outcome {
    record Assign(String label) implements Outcome {}

    record Pass() implements Outcome {}

    record Drop() implements Outcome {}
  }
}
