package io.sluice.config;

import java.time.Duration;

/**
 * Bounds of the whole process.
 *
 * @param halfClosed how long a half-closed connection may linger
 * @param drain how long sessions may finish after SIGTERM; zero is not at all
 * @param lameDuck how long new ones are still taken after SIGTERM, before the drain, while {@code
 *     /readyz} already says no
 * @param bufferBytes how much memory all bytes in flight may take; 0 is a share of the machine's
 */
public record Limits(
    int connections,
    int flows,
    Duration halfClosed,
    Duration drain,
    Duration lameDuck,
    long bufferBytes) {
  public static final Limits DEFAULTS =
      new Limits(
          100_000, 100_000, Duration.ofSeconds(60), Duration.ofSeconds(30), Duration.ZERO, 0);
}
