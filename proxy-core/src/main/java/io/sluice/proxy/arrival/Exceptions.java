package io.sluice.proxy.arrival;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.linux.Sysctl;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.List;

/** What a capture leaves out. */
public final class Exceptions {
  private Exceptions() {}

  /**
   * The ports that a capture takes, its exceptions left out. Of UDP, {@code sk_lookup} with port
   * {@code any} leaves out the machine's own ephemeral ports unless the file says something else:
   * the program outranks sockets that aren't connected, so that the answers to clients on this
   * machine would be captured.
   */
  public static PortSet ports(CaptureSpec capture, Protocol protocol) {
    if (!capture.protocols().contains(protocol)) {
      return PortSet.NONE;
    }
    return PortSet.of(capture.ports()).minus(PortSet.of(excepted(capture, protocol)));
  }

  /** The ports of this protocol that stay out. */
  public static List<PortRange> excepted(CaptureSpec capture, Protocol protocol) {
    List<PortRange> given = capture.options().exceptPorts();
    if (given != null) {
      return given;
    }
    boolean isKernels = // auto has too many ports to bind then
        capture.method() == CaptureSpec.Method.SK_LOOKUP
            || capture.method() == CaptureSpec.Method.AUTO;
    boolean outranksClients =
        isKernels && protocol == Protocol.UDP && capture.ports().contains(PortRange.ANY);
    return outranksClients ? localPorts() : List.of();
  }

  /** What stays out, for the log; empty if nothing does. */
  public static String describe(CaptureSpec capture) {
    StringBuilder all = new StringBuilder();
    for (Protocol protocol : capture.protocols()) {
      if (!excepted(capture, protocol).isEmpty()) {
        all.append(" except=").append(protocol.word()).append(excepted(capture, protocol));
      }
    }
    if (!capture.options().exceptAddresses().isEmpty()) {
      all.append(" except=").append(capture.options().exceptAddresses());
    }
    return all.toString();
  }

  /** The ports that the machine's own sockets get when they don't ask for one. */
  private static List<PortRange> localPorts() {
    String[] bounds = Sysctl.read("net/ipv4/ip_local_port_range", "32768 60999").split("\\s+", -1);
    return List.of(new PortRange(Integer.parseInt(bounds[0]), Integer.parseInt(bounds[1])));
  }
}
