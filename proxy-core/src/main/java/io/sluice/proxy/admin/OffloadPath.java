package io.sluice.proxy.admin;

import io.sluice.config.CaptureSpec;
import io.sluice.config.Lookup;
import io.sluice.config.OffloadObstacles;
import io.sluice.config.ProxyProtocolIn;
import io.sluice.config.TargetAddress;
import io.sluice.proxy.capture.CaptureEntry;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.OffloadState;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether the kernel gives a connection to its target by itself, or why the relay has it: beside
 * the daemon, as the targets are now; from a file, as if all of them listened on this machine.
 *
 * @param why empty if the kernel does
 */
record OffloadPath(Target target, String why) {
  /** The path of a connection that was led to a target. */
  static OffloadPath of(
      Lookup lookup, Snapshot snapshot, CaptureEntry capture, boolean byListener, Target target) {
    String why = why(lookup, snapshot, capture, byListener, target);
    return new OffloadPath(target, why == null ? "" : why);
  }

  private static @Nullable String why(
      Lookup lookup, Snapshot snapshot, CaptureEntry capture, boolean byListener, Target target) {
    Destination destination = target.destination();
    if (!destination.spec().offload().isWanted()) {
      return "offload is off";
    }
    if (byListener) {
      return "an ordinary listener takes it";
    }
    List<CaptureSpec> captures = snapshot.config().captures();
    if (!capture.method().equals(CaptureSpec.Method.SK_LOOKUP.word())
        && !capture.method().equals(CaptureSpec.Method.AUTO.word())) {
      return "capture " + capture.capture() + " is by " + capture.method();
    }
    if (captures.stream().anyMatch(it -> isAnnouncer(it, lookup.remote()))) {
      return "the client's address is that of a peer that announces others";
    }
    if (!destination.offloadTrouble().isEmpty()) {
      return destination.offloadTrouble();
    }
    OffloadObstacles obstacles =
        new OffloadObstacles(captures, snapshot.config().programs(), snapshot.config().limits());
    List<String> all = obstacles.of(destination.spec());
    if (!all.isEmpty()) {
      return String.join("; ", all);
    }
    String obstacle = obstacles.of(target.spec());
    return obstacle == null ? ofState(target, lookup.remote().family()) : obstacle;
  }

  private static boolean isAnnouncer(CaptureSpec capture, IpAddress remote) {
    ProxyProtocolIn in = capture.proxyProtocol();
    return in != null && in.from().stream().anyMatch(it -> it.contains(remote));
  }

  private static @Nullable String ofState(Target target, Family family) {
    OffloadState state = target.offload();
    boolean isKnown = state.kind() != OffloadState.Kind.OFF;
    if (isKnown && !state.isOffloaded()) {
      return "target " + target + ": " + state.why();
    }
    boolean takes =
        isKnown
            ? state.takes(family)
            : target.spec().address() instanceof TargetAddress.Ip ip
                && ip.address().family() == family;
    return takes ? null : "target " + target + " doesn't take " + family.word();
  }

  boolean isKernels() {
    return why.isEmpty();
  }

  /** Whether the connection is refused because of it. */
  boolean isRefused() {
    return !isKernels() && target.destination().spec().offload().isRequired();
  }

  /** {@code kernel 127.0.0.1:8081} or {@code relay: …}. */
  @Override
  public String toString() {
    return isKernels() ? "kernel " + target : (isRefused() ? "none: " : "relay: ") + why;
  }
}
