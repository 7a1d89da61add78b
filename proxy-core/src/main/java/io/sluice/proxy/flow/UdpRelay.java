package io.sluice.proxy.flow;

import io.sluice.proxy.capture.CaptureSocket;
import io.sluice.proxy.capture.DatagramHandler;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.target.Steering;

/** Stub. */
public final class UdpRelay implements DatagramHandler {
  public UdpRelay(Loop loop, Steering steering, FlowLimit limit) {}

  @Override
  public void open(CaptureSocket socket) {}

  @Override
  public void close(CaptureSocket socket) {}

  public void shutdown() {}
}
