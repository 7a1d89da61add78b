package io.sluice.config;

import java.time.Duration;

/**
 * When traffic that fails takes a target out, if no check says whether it serves.
 *
 * @param fall how many failures in a row take it out
 * @param pause for how long it is passed over at first, before one connection finds out
 * @param max for how long at most: a pause is twice the one before
 */
public record Passive(int fall, Duration pause, Duration max) {
  /** What holds where the file says nothing. */
  public static final Passive DEFAULT =
      new Passive(3, Duration.ofSeconds(5), Duration.ofSeconds(60));
}
