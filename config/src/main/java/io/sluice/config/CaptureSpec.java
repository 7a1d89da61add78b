package io.sluice.config;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.List;
import java.util.Set;

/** How a range of addresses and ports gets in. */
public record CaptureSpec(
    String name,
    Set<Protocol> protocols,
    List<IpPrefix> addresses,
    List<PortRange> ports,
    Method method,
    boolean strict) {
  public enum Method {
    BIND,
    SK_LOOKUP,
    TPROXY,
    REDIRECT,
    INHERITED
  }
}
