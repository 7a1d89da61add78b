package io.sluice.proxy.target;

import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.steering.Family;
import io.sluice.steering.stream.MessageDrop;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/** What is counted per destination; outlives a change of its specification. */
public final class Traffic {
  final AtomicInteger active = new AtomicInteger();
  private final WaitingLine line = new WaitingLine();
  volatile boolean hasMessages;
  private final LongAdder[] lookups = Counters.adders(Family.values().length);
  private final LongAdder[] messageDrops = Counters.adders(MessageDrop.values().length);
  private final LongAdder[] offloaded = Counters.adders(Family.values().length);
  private final LongAdder[] fallbacks = Counters.adders(OffloadFallback.values().length);
  private final LongAdder[] ends = Counters.adders(SessionEnd.values().length);
  private final AtomicLongArray refusals = new AtomicLongArray(Refusal.values().length);

  /** Bytes, or payload of datagrams, from clients to targets. */
  public final LongAdder bytesIn = new LongAdder();

  /** Bytes, or payload of datagrams, from targets to clients. */
  public final LongAdder bytesOut = new LongAdder();

  /** Messages from clients to targets. */
  public final LongAdder messages = new LongAdder();

  /** Datagrams from clients to targets. */
  public final LongAdder datagramsIn = new LongAdder();

  /** Datagrams from targets to clients. */
  public final LongAdder datagramsOut = new LongAdder();

  /** Messages, and ends of streams inside one, that were thrown away. */
  public LongAdder messageDrops(MessageDrop reason) {
    return messageDrops[reason.ordinal()];
  }

  public LongAdder lookups(Family family) {
    return lookups[family.ordinal()];
  }

  /** Connections that the kernel gave to a target; they count as lookups, too. */
  public LongAdder offloaded(Family family) {
    return offloaded[family.ordinal()];
  }

  /** Connections that the kernel would have given to a target, and gave to the relay. */
  public LongAdder fallbacks(OffloadFallback reason) {
    return fallbacks[reason.ordinal()];
  }

  public LongAdder ends(SessionEnd end) {
    return ends[end.ordinal()];
  }

  /** Counts a connection or datagram that was for this label, and was refused. */
  public void refused(Refusal reason) {
    refusals.getAndIncrement(reason.ordinal());
  }

  public long refusals(Refusal reason) {
    return refusals.get(reason.ordinal());
  }

  /** Whether anything was ever led here. */
  public boolean isUsed() {
    for (LongAdder lookup : lookups) {
      if (lookup.sum() > 0) {
        return true;
      }
    }
    return false;
  }

  public int active() {
    return active.get();
  }

  /** Who waits for a target of the label. */
  public WaitingLine line() {
    return line;
  }

  /** Whether streams under this label are, or were, steered by message. */
  public boolean hasMessages() {
    return hasMessages;
  }
}
