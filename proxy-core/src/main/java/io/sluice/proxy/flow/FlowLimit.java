package io.sluice.proxy.flow;

/** Stub. */
public final class FlowLimit {
  public FlowLimit(int limit) {}

  public void limit(int limit) {}

  public int active() {
    return 0;
  }
}
