package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.function.Consumer;

/** {@code auto}, of which only the running daemon knows what it is: {@link Methods} decides. */
record UndecidedMethod() implements CaptureMethod {
  @Override
  public void sockets(
      CaptureSpec capture,
      Protocol protocol,
      IpPrefix prefix,
      boolean ipv6,
      Consumer<CapturePlan.Key> wanted) {
    throw new IllegalArgumentException("capture " + capture.name() + " has no method yet");
  }

  @Override
  public String way(CaptureSpec capture, IpPrefix prefix, int port) {
    return prefix.toString();
  }

  @Override
  public String kind(CaptureSpec capture, boolean oneLoopEach) {
    return "undecided";
  }
}
