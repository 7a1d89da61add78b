package io.sluice.steering;

/**
 * Hears of what goes wrong in lookups, to count it. Called on the thread of the lookup, so it must
 * neither block nor log without a bound.
 */
public interface LookupObserver {
  /** Hears nothing. */
  LookupObserver NONE = new LookupObserver() {};

  /** A program's assign was answered with an error. */
  default void assignFailed(String program, Errno errno) {}

  /** A program threw, or answered something that is neither pass nor drop. */
  default void programFailed(String program, Throwable cause) {}

  /** A binding or rule with this label matched, but the socket map holds nothing for it. */
  default void missed(String label, LookupContext context) {}
}
