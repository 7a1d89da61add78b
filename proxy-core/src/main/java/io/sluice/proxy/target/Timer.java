package io.sluice.proxy.target;

/** Runs things later, on another thread than the caller's. Any thread. */
@FunctionalInterface
interface Timer {
  void after(long millis, Runnable task);
}
