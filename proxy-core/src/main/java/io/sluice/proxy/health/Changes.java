package io.sluice.proxy.health;

/** Hears of each change of an endpoint's {@link Status}; on the timer's thread, in their order. */
@FunctionalInterface
public interface Changes {
  void changed(Endpoint endpoint, Status before, Status after);
}
