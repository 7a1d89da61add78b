package io.sluice.steering.map;

/**
 * Waits for the readers of what has been replaced, as the kernel's map-in-map updates wait for RCU.
 *
 * <p>Two are there: {@link EventLoops} for lookups that run on known loops, at no cost to them; and
 * {@link ReadSections} for lookups on any thread, which then say where they begin and end.
 */
public interface GracePeriod {
  /**
   * Returns once every lookup has finished that had begun before the call. Called on any thread
   * that runs no lookups; an interrupt doesn't end the wait, and is kept.
   *
   * @throws GraceTimeoutException if a lookup doesn't finish, or a loop doesn't answer, in time
   * @throws IllegalStateException see {@link #checkThread}
   */
  void await();

  /**
   * Throws if this thread must not wait, as it runs lookups itself: it would wait for its own.
   *
   * @throws IllegalStateException in that case
   */
  default void checkThread() {}
}
