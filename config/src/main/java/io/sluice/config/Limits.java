package io.sluice.config;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Bounds of the whole process.
 *
 * @param halfClosed how long a half-closed connection may linger
 * @param drain how long sessions may finish after SIGTERM; zero is not at all
 * @param lameDuck how long new ones are still taken after SIGTERM, before the drain, while {@code
 *     /readyz} already says no
 * @param bufferBytes how much memory all bytes in flight may take; 0 is a share of the machine's
 * @param newConnectionsPerSecond how many TCP connections are accepted in a second; 0 for any
 * @param perSource what one source may have; null for no bound
 */
public record Limits(
    int connections,
    int flows,
    Duration halfClosed,
    Duration drain,
    Duration lameDuck,
    long bufferBytes,
    int newConnectionsPerSecond,
    @Nullable SourceLimits perSource) {
  public static final Limits DEFAULTS =
      new Limits(
          100_000,
          100_000,
          Duration.ofSeconds(60),
          Duration.ofSeconds(30),
          Duration.ZERO,
          0,
          0,
          null);
}
