package io.sluice.proxy.relay;

import io.sluice.proxy.header.Via;
import io.sluice.proxy.limit.SourcePlaces;
import io.sluice.steering.LookupContext;
import org.jspecify.annotations.Nullable;

/**
 * A connection whose source has too many, with {@code overLimit: wait}: every 100 ms it asks again
 * whether it may begin. Called on its loop only.
 */
final class SourceWait extends Held {
  /** For how long one waits; then it is refused. */
  private static final long MOST_MILLIS = 10_000;

  private final SourcePlaces places;

  /**
   * @param places that it has among those who wait
   */
  SourceWait(
      TcpRelay relay, int fd, LookupContext context, @Nullable Via via, SourcePlaces places) {
    super(relay, fd, context, via);
    this.places = places;
  }

  /** Whether it has waited long enough. */
  boolean isTimeUp() {
    return ageMillis() >= MOST_MILLIS;
  }

  @Override
  void leave() {
    super.leave();
    places.leave();
  }

  @Override
  protected long deadlineMillis() {
    return 0; // at the next tick
  }

  @Override
  protected void expired() {
    relay.open(number(), describe(relay.lookup()), via, this);
    if (!isOver()) {
      relay.loop().schedule(this);
    }
  }

  @Override
  @Nullable String label() {
    return null;
  }

  @Override
  String waitsFor() {
    return "over-limit";
  }
}
