package io.sluice.proxy.header;

import io.sluice.config.CaptureSpec;
import io.sluice.config.ProxyProtocolIn;
import io.sluice.proxy.arrival.CaptureFinder;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which traffic must begin with a PROXY protocol header, by its physical addresses. The capture
 * with the longest prefix speaks for an address and port; of equal ones the first in the file.
 *
 * <p>Immutable; any thread; allocates nothing per question, and costs next to nothing where no
 * capture asks for headers.
 */
public final class HeaderSources {
  private final @Nullable CaptureFinder captures; // null if nobody announces anything

  private HeaderSources(@Nullable CaptureFinder captures) {
    this.captures = captures;
  }

  /** Those of a configuration's captures. */
  public static HeaderSources of(List<CaptureSpec> captures) {
    boolean isAny = captures.stream().anyMatch(it -> it.proxyProtocol() != null);
    return new HeaderSources(isAny ? CaptureFinder.of(captures) : null);
  }

  /** Whether nobody announces anything. */
  public boolean isEmpty() {
    return captures == null;
  }

  /**
   * What the sender must begin with; null if it is an ordinary client, of which nothing is
   * believed. Addresses are the upper and the lower 64 bits, ports in host order.
   */
  public @Nullable ProxyProtocolIn of(
      Protocol protocol,
      Family family,
      long remoteHigh,
      long remoteLow,
      long localHigh,
      long localLow,
      int localPort) {
    CaptureSpec capture =
        captures == null ? null : captures.find(protocol, family, localHigh, localLow, localPort);
    ProxyProtocolIn in = capture == null ? null : capture.proxyProtocol();
    return in != null && in.isFrom(family, remoteHigh, remoteLow) ? in : null;
  }
}
