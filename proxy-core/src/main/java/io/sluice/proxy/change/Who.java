package io.sluice.proxy.change;

/**
 * Who asks for a change.
 *
 * @param source the way it came: {@code SIGHUP}, {@code admin.socket}
 * @param uid the peer's user; -1 if there is no peer
 * @param pid the peer's process; -1 if there is no peer
 */
public record Who(String source, int uid, int pid) {
  /** One who is no peer of a socket. */
  public static Who of(String source) {
    return new Who(source, -1, -1);
  }

  @Override
  public String toString() {
    return pid < 0 ? source : source + " uid=" + uid + " pid=" + pid;
  }
}
