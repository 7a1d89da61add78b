package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.steering.IpPrefix;
import java.util.function.Consumer;

/** {@code inherited}: the sockets are there already, see {@link InheritedSockets}. */
record InheritedMethod() implements CaptureMethod {
  @Override
  public void sockets(Part part, boolean ipv6, Consumer<CapturePlan.Key> wanted) {}

  @Override
  public String way(CaptureSpec capture, IpPrefix prefix, int port) {
    return capture.fdName();
  }

  @Override
  public String kind(CaptureSpec capture, boolean oneLoopEach) {
    return "inherited";
  }
}
