package io.sluice.proxy.health;

/** Runs things later, on another thread than the caller's. Any thread. */
@FunctionalInterface
public interface Timer extends AutoCloseable {
  void after(long millis, Runnable task);

  /** The loops' clock, in milliseconds; it never goes back. */
  default long nowMillis() {
    return System.nanoTime() / 1_000_000;
  }

  /** Runs nothing any more. */
  @Override
  default void close() {}
}
