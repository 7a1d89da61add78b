package io.sluice.proxy.limit;

import org.jspecify.annotations.Nullable;

/**
 * The places that a session or flow has in the {@link SourceTable}, one for each of the rules that
 * hold for it, from when it begins until {@link #leave}. On its loop.
 */
public final class SourcePlaces {
  private final SourceTable table;
  private final long unit;
  private final SourceRules[] rules;
  private final int[] places;
  private final boolean limitsBytes;
  private boolean isOver;

  SourcePlaces(SourceTable table, long unit, SourceRules[] rules, int[] places) {
    this.table = table;
    this.unit = unit;
    this.rules = rules;
    this.places = places;
    boolean isAny = false;
    for (SourceRules each : rules) {
      isAny |= each.bytes != null;
    }
    this.limitsBytes = isAny;
  }

  /** Whether bytes are limited, so that the other methods must be asked. */
  public boolean limitsBytes() {
    return limitsBytes;
  }

  /** How many bytes may be moved now. */
  public long allowedBytes(long nowNanos) {
    long allowed = Long.MAX_VALUE;
    for (int i = 0; i < rules.length; i++) {
      Rate rate = rules[i].bytes;
      if (rate != null && !rules[i].limits().isShadow()) {
        int cell = table.cell(places[i], SourceTable.BYTES);
        allowed = Math.min(allowed, rate.allowed(table.cells(), cell, nowNanos));
      }
    }
    return allowed;
  }

  /** Notes that bytes were moved. */
  public void spendBytes(long nowNanos, long count) {
    for (int i = 0; i < rules.length; i++) {
      Rate rate = rules[i].bytes;
      if (rate != null) {
        rate.spend(table.cells(), table.cell(places[i], SourceTable.BYTES), nowNanos, count);
      }
    }
  }

  /** Gives places back, if there are any. */
  public static void leaveAny(@Nullable SourcePlaces places) {
    if (places != null) {
      places.leave();
    }
  }

  /** Gives the places back; once. */
  public void leave() {
    if (!isOver) {
      isOver = true;
      for (int place : places) {
        table.leave(place, unit);
      }
    }
  }
}
