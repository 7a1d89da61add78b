package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Exceptions;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** By which capture, and which way, traffic comes in: what {@code explain} says. */
public record CaptureEntry(String capture, String method, String socket) {
  /** How traffic to this local address and port comes in; null if nothing captures it. */
  public static @Nullable CaptureEntry of(
      List<CaptureSpec> captures, Protocol protocol, IpAddress local, int port) {
    CaptureEntry found = null;
    for (CaptureSpec capture : captures) {
      if (!capture.protocols().contains(protocol)
          || capture.ports().stream().noneMatch(it -> it.contains(port))
          || Exceptions.excepted(capture, protocol).stream().anyMatch(it -> it.contains(port))
          || capture.options().exceptAddresses().stream().anyMatch(it -> it.contains(local))) {
        continue;
      }
      for (IpPrefix prefix : capture.addresses()) {
        if (prefix.contains(local) && (found == null || prefix.isSingle())) {
          CaptureMethod method = CaptureMethod.of(capture.method());
          String socket = method.way(capture, prefix, port);
          found = new CaptureEntry(capture.name(), capture.method().word(), socket);
        }
      }
    }
    return found;
  }
}
