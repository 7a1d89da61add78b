package io.sluice.bpf.run;

import org.jspecify.annotations.Nullable;

/** A program that can be run. */
public interface Code {
  /**
   * Runs it once.
   *
   * @param run of this thread, which has {@linkplain Run#begin begun}
   * @param first what R1 points at
   * @param second what R2 holds
   * @return what R0 holds at the end
   * @throws Trap if it did what it may not
   */
  long run(Run run, @Nullable Object first, long second);
}
