package io.sluice.proxy.observe;

import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/** What is counted per target; outlives a reload. Written by the loops, read by any thread. */
public final class TargetCounters {
  private final LongAdder sessions = new LongAdder();
  private final Durations connects = new Durations();
  private final AtomicLongArray failures = new AtomicLongArray(Refusal.values().length);

  /** Bytes, or payload of datagrams, from clients. */
  public final LongAdder bytesIn = new LongAdder();

  /** Bytes, or payload of datagrams, to clients. */
  public final LongAdder bytesOut = new LongAdder();

  /** A connection was made to it, which took so long from the first packet on. */
  public void connected(long tookNanos) {
    sessions.increment();
    connects.add(tookNanos);
  }

  /** A flow was opened to it. */
  public void flowOpened() {
    sessions.increment();
  }

  /** It failed a connection or a datagram. */
  public void failed(Refusal reason) {
    failures.getAndIncrement(reason.ordinal());
  }

  /** Connections that were made, and flows, in all. */
  public long sessions() {
    return sessions.sum();
  }

  /** How long it took to connect, by TCP. */
  public Durations connects() {
    return connects;
  }

  /** How many connections and datagrams failed so. */
  public long failures(Refusal reason) {
    return failures.get(reason.ordinal());
  }
}
