package io.sluice.proxy.relay;

import io.sluice.config.QueueSpec;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.limit.SourcePlaces;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Target;
import io.sluice.proxy.target.WaitingLine;
import io.sluice.steering.LookupContext;
import org.jspecify.annotations.Nullable;

/** A connection that waits in its destination's {@code queue}. Called on its loop only. */
final class QueueWait extends Held {
  private final Target wanted; // its line is the destination's
  private final @Nullable SourcePlaces source;
  private final QueueSpec queue;
  private final Place place = new Place();

  /**
   * @param source what its source has by it; null if nothing is counted
   */
  QueueWait(
      TcpRelay relay,
      int fd,
      LookupContext context,
      @Nullable Via via,
      Target wanted,
      @Nullable SourcePlaces source,
      QueueSpec queue) {
    super(relay, fd, context, via);
    this.wanted = wanted;
    this.source = source;
    this.queue = queue;
  }

  /** Its place in the line. */
  private final class Place extends WaitingLine.Waiter {
    @Override
    protected void called(Target target) {
      relay.loop().execute(() -> goOn(target));
    }
  }

  private WaitingLine line() {
    return wanted.destination().places().line();
  }

  @Override
  void begin() {
    super.begin();
    if (!isOver() && !line().enter(place, queue.length())) {
      refuse(Refusal.QUEUE_FULL, wanted);
    }
  }

  /** A target has a place, which is this connection's now. */
  private void goOn(Target target) {
    if (isOver()) {
      target.destination().places().leaveBoth(target);
      return;
    }
    super.leave();
    relay.begin(number(), describe(relay.lookup()), target, via, source);
  }

  /** It is over before it was called. */
  @Override
  void leave() {
    super.leave();
    boolean _ = line().leave(place); // if it has been called, goOn gives the place back
    if (source != null) {
      source.leave();
    }
  }

  @Override
  protected long deadlineMillis() {
    return startMillis() + queue.timeout().toMillis();
  }

  @Override
  protected void expired() {
    refuse(Refusal.QUEUE_TIMEOUT, wanted);
  }

  @Override
  String label() {
    return wanted.destination().label();
  }

  @Override
  String waitsFor() {
    return "queued";
  }
}
