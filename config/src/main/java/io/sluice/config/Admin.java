package io.sluice.config;

import io.sluice.steering.IpAddress;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the process can be asked.
 *
 * @param http read only: metrics, health, the status page; null is off
 * @param socket asks and changes the running daemon
 * @param hosts by which names {@code http} may be asked, in lower case, beside addresses, {@code
 *     localhost} and the machine's own name
 * @param state where the runtime layer is kept; null is nowhere
 * @param readyNeedsCaptures whether {@code /readyz} says no as long as a capture isn't wholly there
 */
public record Admin(
    @Nullable HostPort http,
    AdminSocketSpec socket,
    List<String> hosts,
    boolean readyNeedsCaptures,
    @Nullable Path state) {
  public static final Admin DEFAULTS =
      new Admin(new HostPort(IpAddress.ipv4(0x7f00_0001), 9901), AdminSocketSpec.DEFAULTS);

  /** Asked by address only; readiness needs no more than that the daemon serves. */
  public Admin(@Nullable HostPort http, AdminSocketSpec socket) {
    this(http, socket, List.of(), false, null);
  }
}
