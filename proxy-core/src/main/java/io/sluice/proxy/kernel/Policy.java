package io.sluice.proxy.kernel;

import io.sluice.config.ProgramSpec;
import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.steering.IpPrefix;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the kernel decides about TCP connections in our place.
 *
 * @param programs in attach order; none is somebody else's
 * @param labels which have a TCP destination
 * @param announcers peers that may speak for others: their connections come to the relay
 * @param bindings the table, and the labels' numbers
 * @param targets where each label leads
 */
public record Policy(
    List<ProgramSpec> programs,
    Set<String> labels,
    List<IpPrefix> announcers,
    BindingMaps bindings,
    TargetMaps targets) {
  /** The farthest that a jump of the kernel's code leads. */
  private static final int MOST_INSTRUCTIONS = 32_000;

  /** How many jumps the verifier follows before it gives up (BPF_COMPLEXITY_LIMIT_JMP_SEQ). */
  private static final int MOST_JUMPS = 8_000;

  public Policy {
    programs = List.copyOf(programs);
    labels = Set.copyOf(labels);
    announcers = List.copyOf(announcers);
  }

  /** What of the verifier's limits some code goes beyond; null if nothing. */
  static @Nullable String excess(BpfAssembler code) {
    if (code.size() > MOST_INSTRUCTIONS) {
      return "the rules take %d instructions of the kernel's %d"
          .formatted(code.size(), MOST_INSTRUCTIONS);
    }
    return code.jumps() > MOST_JUMPS
        ? "the rules take %d jumps of the kernel's %d".formatted(code.jumps(), MOST_JUMPS)
        : null;
  }
}
