package io.sluice.proxy.health;

/** Runs things later, on another thread than the caller's. Any thread. */
@FunctionalInterface
public interface Timer extends AutoCloseable {
  void after(long millis, Runnable task);

  /** Runs nothing any more. */
  @Override
  default void close() {}
}
