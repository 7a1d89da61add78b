package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.config.QueueSpec;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.limit.Admission;
import io.sluice.proxy.limit.SourcePlaces;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.MessagePlan;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.reuseport.Tried;
import org.jspecify.annotations.Nullable;

/**
 * Lets a connection whose target is chosen in, has it wait, or refuses it: by what its source has
 * already, and by the places that its destination and the targets have. Called on its loop only.
 */
final class Entrance {
  private final TcpRelay relay;
  private final Steering steering;
  private final Tried tried = new Tried();

  Entrance(TcpRelay relay, Steering steering) {
    this.relay = relay;
    this.steering = steering;
  }

  /**
   * Makes what owns the connection from now on.
   *
   * @param context describes its client
   * @param waiting what owns it already, because its source had too many; may be the answer
   * @return null if it is refused, which has been counted
   */
  Sessions.@Nullable Entry enter(
      int fd,
      LookupContext context,
      Target target,
      @Nullable Via via,
      @Nullable SourceWait waiting) {
    Admission admission = steering.admit(target.destination());
    if (admission.refusal() != null) {
      return overLimit(fd, context, target, via, waiting);
    }
    SourcePlaces source = admission.places();
    Destination destination = target.destination();
    QueueSpec queue = destination.spec().limits().queue();
    Refusal refusal = Refusal.DESTINATION_LIMIT;
    if ((queue == null || destination.places().line().isEmpty()) && destination.tryOpen()) {
      Target placed = destination.places().take(target, context, tried);
      if (placed != null) {
        return session(fd, context, placed, via, source);
      }
      destination.close();
      refusal = Refusal.TARGET_LIMIT;
    }
    if (queue != null) {
      return new QueueWait(relay, fd, context, via, target, source, queue);
    }
    if (source != null) {
      source.leave();
    }
    return relay.refused(refusal, target);
  }

  /** A session that has its places. If it can't be made, they are given back. */
  Session session(
      int fd,
      LookupContext context,
      Target target,
      @Nullable Via via,
      @Nullable SourcePlaces source) {
    Destination destination = target.destination();
    try {
      MessagePlan messages = destination.messages();
      Session session =
          messages == null
              ? new TcpSession(relay, context, fd, target, via)
              : new MessageSession(relay, context, fd, target, messages, via);
      session.placed = target;
      session.places = source;
      session.pace = destination.pace(source);
      return session;
    } catch (RuntimeException | Error failure) {
      destination.places().leaveBoth(target); // there is no session that would
      if (source != null) {
        source.leave();
      }
      throw failure;
    }
  }

  /** What becomes of a connection whose source has too many; {@link Steering#admit} said why. */
  private Sessions.@Nullable Entry overLimit(
      int fd,
      LookupContext context,
      Target target,
      @Nullable Via via,
      @Nullable SourceWait waiting) {
    Admission admission = steering.admission();
    switch (admission.overLimit()) {
      case REFUSE -> {}
      case DROP -> relay.loop().syscalls().muffle(fd, context.family() == Family.IPV4);
      case WAIT -> {
        SourcePlaces places = waiting == null ? admission.await(context) : null;
        if (places != null) {
          return new SourceWait(relay, fd, context, via, places);
        }
        if (waiting != null && !waiting.isTimeUp()) {
          return waiting;
        }
      }
    }
    return relay.refused(requireNonNull(admission.refusal()), target);
  }
}
