package io.sluice.proxy.connect;

import io.sluice.proxy.arrival.Captured;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Routes;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import org.jspecify.annotations.Nullable;

/**
 * Notes the sockets towards targets inside our own captures, whose traffic would come back to us.
 * Called on one loop only; what it notes is shared by all.
 */
public final class LoopGuard {
  private final Syscalls syscalls;
  private final OwnSources sources;
  private final Captured captured;
  private final Sockaddr local = new Sockaddr();
  private final Routes routes;

  public LoopGuard(Syscalls syscalls, OwnSources sources, Captured captured) {
    this.syscalls = syscalls;
    this.routes = new Routes(syscalls);
    this.sources = sources;
    this.captured = captured;
  }

  /**
   * Notes where a new socket sends from, if that could come back.
   *
   * @return what {@link #forget} is owed for; or null
   */
  public @Nullable Tuple note(Protocol protocol, Attempt made, Target target) {
    Sockaddr remote = made.remote();
    boolean mayLoop =
        remote.family() != Linux.AF_UNIX
            && captured.contains(
                protocol, remote.ipFamily(), remote.high(), remote.low(), remote.port())
            && made.mayReturn();
    if (!mayLoop || syscalls.localAddress(made.descriptor(), local) < 0) {
      return null;
    }
    return target.isTransparent()
        ? sources.addTransparent(protocol, local, remote)
        : sources.add(protocol, local);
  }

  /**
   * Whether what is sent to an address and port comes back to us: it is captured, and on this
   * machine. What leaves the machine passes no capture.
   */
  public boolean returns(Protocol protocol, Family family, long high, long low, int port) {
    return captured.contains(protocol, family, high, low, port)
        && routes.leadHere(family, high, low, true);
  }

  /** Takes back {@link #note}. */
  public void forget(@Nullable Tuple noted) {
    if (noted != null) {
      sources.remove(noted);
    }
  }

  /** What is noted, by all loops. */
  public OwnSources sources() {
    return sources;
  }
}
