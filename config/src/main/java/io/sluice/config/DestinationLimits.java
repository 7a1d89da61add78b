package io.sluice.config;

import io.sluice.steering.Protocol;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a destination's clients may have of it. A bandwidth is in bytes per second, both directions
 * together; 0 is no bound.
 *
 * @param perSource what one source may have; null for no bound
 * @param bandwidth what all its sessions or flows may move
 * @param sessionBandwidth what each of them may move
 * @param queue how clients wait who are too many; null if they are refused
 */
public record DestinationLimits(
    @Nullable SourceLimits perSource,
    long bandwidth,
    long sessionBandwidth,
    @Nullable QueueSpec queue) {
  public static final DestinationLimits NONE = new DestinationLimits(null, 0, 0, null);

  static final long LEAST_BANDWIDTH = 1L << 10;
  static final long MOST_BANDWIDTH = 1L << 40;
  private static final List<String> BANDWIDTH_KEYS = List.of("total", "session");

  static DestinationLimits read(Fields destination, @Nullable Protocol protocol) {
    Value perSource = destination.optional(SourceLimitsSection.KEY);
    Value bandwidth = destination.optional("bandwidth");
    Fields fields = bandwidth == null ? null : Fields.of(bandwidth, BANDWIDTH_KEYS);
    Value queue = destination.optional("queue");
    if (queue != null && protocol == Protocol.UDP) {
      queue.error("queue is for tcp; a datagram doesn't wait");
    }
    return new DestinationLimits(
        perSource == null ? null : SourceLimitsSection.read(perSource, protocol),
        fields == null ? 0 : bandwidth(fields, "total"),
        fields == null ? 0 : bandwidth(fields, "session"),
        queue == null ? null : QueueSpec.read(queue));
  }

  private static long bandwidth(Fields fields, String key) {
    return fields.optional(key, 0L, it -> it.bytes(LEAST_BANDWIDTH, MOST_BANDWIDTH));
  }
}
