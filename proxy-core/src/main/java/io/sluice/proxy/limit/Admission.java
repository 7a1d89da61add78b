package io.sluice.proxy.limit;

import static java.util.Objects.requireNonNull;

import io.sluice.config.SourceLimits;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Lets a client in or refuses it, by what its source has already: {@code perSource}. One for each
 * loop, on which it is called; what it refuses allocates nothing.
 */
public final class Admission {
  private static final int MOST_RULES = 3; // of the process, the capture, the destination

  private final Sources sources;
  private final Counters counters;
  private final @Nullable SourceRules[] rules = new @Nullable SourceRules[MOST_RULES];
  private final int[] places = new int[MOST_RULES];
  private int count;
  private long unit = SourceTable.CONNECTION;
  private @Nullable Refusal refusal;
  private SourceLimits.OverLimit overLimit = SourceLimits.OverLimit.REFUSE;

  /**
   * @param sources shared by all loops
   */
  public Admission(Sources sources, Counters counters) {
    this.sources = sources;
    this.counters = counters;
  }

  /** Begins to ask for the client of a new connection or flow. */
  public void begin() {
    count = 0;
    refusal = null;
  }

  /**
   * Asks by some rules; null is none. Once it is refused, nothing more is asked.
   *
   * @param context describes the client
   */
  public void ask(@Nullable SourceRules by, LookupContext context) {
    if (by == null || refusal != null || !by.concerns(context)) {
      return;
    }
    SourceTable table = sources.table();
    boolean isTcp = context.protocol() == Protocol.TCP;
    unit = isTcp ? SourceTable.CONNECTION : SourceTable.FLOW;
    long key = by.key(table, context);
    int place = table.enter(key, unit);
    if (place == SourceTable.FULL) {
      counters.sourceOverflows().increment();
      return;
    }
    rules[count] = by;
    places[count] = place;
    count++;
    Refusal over = over(table, place, by, isTcp);
    if (over != null && by.limits().isShadow()) {
      counters.shadowed(over, context.protocol()).increment();
    } else if (over != null) {
      refusal = over;
      overLimit = by.limits().overLimit();
      giveBack(table);
    }
  }

  private static @Nullable Refusal over(
      SourceTable table, int place, SourceRules by, boolean isTcp) {
    int most = isTcp ? by.limits().connections() : by.limits().flows();
    int now = isTcp ? table.connections(place) : table.flows(place);
    if (most > 0 && now > most) {
      return isTcp ? Refusal.SOURCE_CONNECTIONS : Refusal.SOURCE_FLOWS;
    }
    Rate rate = isTcp ? by.newConnections : by.newFlows;
    int cell = table.cell(place, isTcp ? SourceTable.NEW_CONNECTIONS : SourceTable.NEW_FLOWS);
    if (rate != null && !rate.tryTake(table.cells(), cell, Rate.nowNanos())) {
      return isTcp ? Refusal.SOURCE_RATE : Refusal.SOURCE_FLOW_RATE;
    }
    return null;
  }

  private void giveBack(SourceTable table) {
    for (int i = 0; i < count; i++) {
      table.leave(places[i], unit);
    }
  }

  /** Takes a place to wait in by the rules that have just refused; null if there is none. */
  public @Nullable SourcePlaces await(LookupContext context) {
    SourceRules by = requireNonNull(rules[count - 1]);
    SourceTable table = sources.table();
    int place = table.enter(by.key(table, context), SourceTable.WAITING);
    if (place == SourceTable.FULL) {
      return null;
    }
    if (table.waiting(place) > by.mostWaiting()) {
      table.leave(place, SourceTable.WAITING);
      return null;
    }
    return new SourcePlaces(table, SourceTable.WAITING, new SourceRules[] {by}, new int[] {place});
  }

  /** Why it is refused; null if it isn't. */
  public @Nullable Refusal refusal() {
    return refusal;
  }

  /** What becomes of a connection that is refused. */
  public SourceLimits.OverLimit overLimit() {
    return overLimit;
  }

  /** What it has from now on, to be asked for once; null if nothing is counted of it. */
  public @Nullable SourcePlaces places() {
    if (count == 0) {
      return null;
    }
    SourceRules[] by = new SourceRules[count];
    for (int i = 0; i < count; i++) {
      by[i] = requireNonNull(rules[i]);
    }
    return new SourcePlaces(sources.table(), unit, by, Arrays.copyOf(places, count));
  }
}
