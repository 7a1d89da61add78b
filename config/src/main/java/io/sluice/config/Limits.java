package io.sluice.config;

import java.time.Duration;

/**
 * Bounds of the whole process.
 *
 * @param halfClosed how long a half-closed connection may linger
 * @param drain how long sessions may finish after SIGTERM; zero is not at all
 */
public record Limits(int connections, int flows, Duration halfClosed, Duration drain) {
  public static final Limits DEFAULTS =
      new Limits(100_000, 100_000, Duration.ofSeconds(60), Duration.ofSeconds(30));
}
