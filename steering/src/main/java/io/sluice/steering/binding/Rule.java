package io.sluice.steering.binding;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * One line of a rules program: what it matches, and what is done then. A null matcher matches all.
 *
 * @param from the client's prefix
 * @param fromPorts the client's ports
 * @param to the wanted address's prefix
 * @param ports the wanted ports
 * @param ifindex the interface that the packet came in on; 0 matches all
 */
public record Rule(
    @Nullable IpPrefix from,
    @Nullable PortRange fromPorts,
    @Nullable IpPrefix to,
    @Nullable PortRange ports,
    @Nullable Protocol protocol,
    int ifindex,
    Action action) {

  /** What a matching rule does. */
  public sealed interface Action {
    /**
     * Assigns the label's socket for the packet's protocol, and passes.
     *
     * @param replace over an earlier program's selection ({@code BPF_SK_LOOKUP_F_REPLACE})
     * @param noReuseport without asking the socket's group ({@code BPF_SK_LOOKUP_F_NO_REUSEPORT})
     */
    record Assign(String label, boolean replace, boolean noReuseport) implements Action {}

    /** Drops. */
    record Drop() implements Action {}

    /** Passes, and looks at no further rule. */
    record Pass() implements Action {}
  }
}
