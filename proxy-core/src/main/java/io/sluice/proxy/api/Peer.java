package io.sluice.proxy.api;

/** Who asks: as the kernel says, and what that allows. */
public record Peer(int pid, int uid, Right right) {
  /** As the log of changes writes it: {@code uid=1000 pid=4711}. */
  @Override
  public String toString() {
    return "uid=" + uid + " pid=" + pid;
  }
}
