package io.sluice.proxy.lookup;

import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Target;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The lookups of one loop, for one who follows them: a queue that the loop fills and another thread
 * empties, without locks or objects. While it is full, lookups aren't kept but counted.
 */
public final class LookupTap {
  /** How many wait to be read. */
  public static final int CAPACITY = 256;

  private final Filter filter;
  private final Slot[] slots = new Slot[CAPACITY];
  private volatile long written; // by the loop only
  private volatile long read; // by who follows only
  private volatile long missed; // by the loop only

  /**
   * Which lookups are meant; null is any.
   *
   * @param from the client's address
   * @param to the wanted address
   * @param label of the destination that was found
   */
  public record Filter(
      @Nullable Protocol protocol,
      @Nullable IpPrefix from,
      @Nullable IpPrefix to,
      @Nullable String label) {
    boolean matches(LookupContext it, @Nullable Target target) {
      return (protocol == null || it.protocol() == protocol)
          && (from == null || from.contains(it.family(), it.remoteHigh(), it.remoteLow()))
          && (to == null || to.contains(it.family(), it.localHigh(), it.localLow()))
          && (label == null || target != null && target.destination().label().equals(label));
    }
  }

  /**
   * A lookup, and what it came to.
   *
   * @param ifindex the interface that it came in on; 0 if that isn't known
   * @param snapshot that decided
   * @param target null if it was refused
   * @param refusal null if it wasn't
   */
  public record Seen(
      long atMillis,
      Tuple tuple,
      int ifindex,
      Snapshot snapshot,
      @Nullable Target target,
      @Nullable Refusal refusal) {}

  private static final class Slot {
    private final Tuple tuple = new Tuple();
    private long atMillis;
    private int ifindex;
    private @Nullable Snapshot snapshot;
    private @Nullable Target target;
    private @Nullable Refusal refusal;
  }

  public LookupTap(Filter filter) {
    this.filter = filter;
    for (int i = 0; i < CAPACITY; i++) {
      slots[i] = new Slot();
    }
  }

  /** Keeps a lookup, if it is meant and there is room. On the loop. */
  void offer(LookupContext context, Snapshot snapshot, Answer answer) {
    Target target = answer.target();
    if (!filter.matches(context, target)) {
      return;
    }
    long number = written;
    if (number - read == CAPACITY) {
      long before = missed;
      missed = before + 1;
      return;
    }
    Slot slot = slots[(int) (number % CAPACITY)];
    context.copyTo(slot.tuple);
    slot.atMillis = System.currentTimeMillis();
    slot.ifindex = context.ingressIfindex();
    slot.snapshot = snapshot;
    slot.target = target;
    slot.refusal = target == null ? answer.refusal() : null;
    written = number + 1;
  }

  /** Those that wait, the oldest first. By who follows. */
  public List<Seen> take() {
    List<Seen> taken = new ArrayList<>();
    long end = written;
    for (long number = read; number < end; number++) {
      Slot slot = slots[(int) (number % CAPACITY)];
      Snapshot snapshot = slot.snapshot;
      if (snapshot != null) { // which it is, since it was written
        taken.add(
            new Seen(
                slot.atMillis,
                new Tuple().copyFrom(slot.tuple),
                slot.ifindex,
                snapshot,
                slot.target,
                slot.refusal));
      }
      slot.snapshot = null; // it may be large
      slot.target = null;
    }
    read = end;
    return taken;
  }

  /** How many there was no room for. Any thread. */
  public long missed() {
    return missed;
  }
}
