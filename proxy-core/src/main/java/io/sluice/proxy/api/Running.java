package io.sluice.proxy.api;

import io.sluice.proxy.capture.CaptureState;
import io.sluice.proxy.change.Transactions;
import io.sluice.proxy.lookup.LookupTaps;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.ClientRates;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.DropLog;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The daemon, as far as it is shown. Asked on any thread.
 *
 * @param snapshot what is in force
 * @param captures whether each capture is there
 * @param limits how near to its limits it is
 * @param uptimeMillis for how long it has been running
 * @param drops what each loop refused last
 * @param clients which clients each loop looks up most
 * @param lookups who follows the lookups of each loop
 * @param sessions what is going on
 * @param transactions how it is changed; null if it can't be
 */
public record Running(
    Supplier<Snapshot> snapshot,
    Supplier<List<CaptureState>> captures,
    Supplier<List<Limit>> limits,
    Counters counters,
    Supplier<Long> uptimeMillis,
    List<DropLog> drops,
    List<ClientRates> clients,
    List<LookupTaps> lookups,
    Sessions sessions,
    @Nullable Transactions transactions) {

  /**
   * Something of which there is not more than so much.
   *
   * @param name like {@code connections}; {@code bufferBytes} is in bytes
   */
  public record Limit(String name, long used, long most) {}
}
