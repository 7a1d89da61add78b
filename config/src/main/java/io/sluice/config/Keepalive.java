package io.sluice.config;

import java.time.Duration;

/**
 * How the kernel finds out that the other end of a TCP connection has gone without a word (tcp(7)).
 *
 * @param idle how long nothing comes before the first question; whole seconds
 * @param interval the time between questions; whole seconds
 * @param count how many in a row stay unanswered until the connection counts as broken
 */
public record Keepalive(Duration idle, Duration interval, int count) {
  /** What holds where the file says nothing. */
  public static final Keepalive DEFAULT =
      new Keepalive(Duration.ofSeconds(60), Duration.ofSeconds(10), 6);
}
