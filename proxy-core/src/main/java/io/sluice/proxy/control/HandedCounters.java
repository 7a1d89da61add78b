package io.sluice.proxy.control;

import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.CheckResult;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.target.Traffic;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.stream.MessageDrop;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * What has been counted, by names that both daemons know: the new one adds it to its own, so that
 * who watches sees no counter go back. A name that it doesn't know is left out.
 */
final class HandedCounters {
  private HandedCounters() {}

  /** Writes what has been counted. */
  static Packer pack(Counters counters, Snapshot snapshot) {
    Map<String, Long> counted = new LinkedHashMap<>();
    adders(counters, snapshot).forEach((name, adder) -> counted.put(name, adder.sum()));
    counted.values().removeIf(it -> it == 0);
    Packer out = new Packer().i32(counted.size());
    counted.forEach((name, count) -> out.text(name).i64(count));
    long[] connects = counters.connects().raw();
    out.u16(connects.length);
    for (long count : connects) {
      out.i64(count);
    }
    return out;
  }

  /** Adds what {@link #pack} wrote. */
  static void unpack(Unpacker in, Counters counters, Snapshot snapshot) {
    Map<String, LongAdder> adders = adders(counters, snapshot);
    for (int left = in.i32(); left > 0; left--) {
      LongAdder adder = adders.get(in.text());
      long count = in.i64();
      if (adder != null) {
        adder.add(count);
      }
    }
    long[] connects = new long[in.u16()];
    for (int i = 0; i < connects.length; i++) {
      connects[i] = in.i64();
    }
    counters.connects().addRaw(connects);
  }

  private static Map<String, LongAdder> adders(Counters counters, Snapshot snapshot) {
    Map<String, LongAdder> adders = new LinkedHashMap<>();
    for (Protocol protocol : Protocol.values()) {
      for (Refusal reason : Refusal.values()) {
        adders.put(
            "drops " + protocol.word() + " " + reason.word(), counters.drops(reason, protocol));
      }
    }
    for (CheckResult result : CheckResult.values()) {
      adders.put("checks " + result, counters.checks(result));
    }
    adders.put("reloads valid", counters.reloads(true));
    adders.put("reloads invalid", counters.reloads(false));
    adders.put("acceptPauses", counters.acceptPauses());
    snapshot.traffic().forEach((key, traffic) -> add(key, traffic, adders));
    return adders;
  }

  private static void add(Snapshot.Key key, Traffic traffic, Map<String, LongAdder> adders) {
    String of = " " + key.protocol().word() + " " + key.label();
    adders.put("bytesIn" + of, traffic.bytesIn);
    adders.put("bytesOut" + of, traffic.bytesOut);
    adders.put("messages" + of, traffic.messages);
    adders.put("datagramsIn" + of, traffic.datagramsIn);
    adders.put("datagramsOut" + of, traffic.datagramsOut);
    for (Family family : Family.values()) {
      adders.put("lookups " + family + of, traffic.lookups(family));
    }
    for (SessionEnd end : SessionEnd.values()) {
      adders.put("ends " + end.word() + of, traffic.ends(end));
    }
    for (MessageDrop reason : MessageDrop.values()) {
      adders.put("messageDrops " + reason + of, traffic.messageDrops(reason));
    }
  }
}
