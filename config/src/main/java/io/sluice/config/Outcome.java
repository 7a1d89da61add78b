package io.sluice.config;

/** What is expected of a lookup. */
public sealed interface Outcome {
  /** A socket of this label was assigned. */
  record Assign(String label) implements Outcome {}

  /** Nothing was assigned: the ordinary listeners decide. */
  record Pass() implements Outcome {}

  /** Refused. */
  record Drop() implements Outcome {}
}
