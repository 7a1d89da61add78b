package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.steering.IpPrefix;
import java.util.function.Consumer;

/** {@code auto}, of which only the running daemon knows what it is: {@link Methods} decides. */
record UndecidedMethod() implements CaptureMethod {
  @Override
  public void sockets(Part part, boolean ipv6, Consumer<CapturePlan.Key> wanted) {
    throw new IllegalArgumentException("capture " + part.capture().name() + " has no method yet");
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
