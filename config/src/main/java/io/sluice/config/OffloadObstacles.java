package io.sluice.config;

import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What in a configuration keeps the kernel from giving connections to targets itself. What only the
 * machine knows isn't here: whether a target is on it, and listens.
 */
public final class OffloadObstacles {
  /** As many entries as the kernel's table of a destination has. */
  private static final int MOST_ENTRIES = 65_537;

  private final List<CaptureSpec> captures;
  private final List<ProgramSpec> programs;
  private final Limits limits;

  public OffloadObstacles(List<CaptureSpec> captures, List<ProgramSpec> programs, Limits limits) {
    this.captures = captures;
    this.programs = programs;
    this.limits = limits;
  }

  /** Why no connection to a destination can be offloaded; empty if some can. */
  public List<String> of(DestinationSpec destination) {
    if (destination.protocol() == Protocol.UDP) {
      return List.of("it is for tcp: a UDP server answers from its own address and port");
    }
    List<String> found = new ArrayList<>();
    if (captures.stream().noneMatch(OffloadObstacles::mayBeKernels)) {
      found.add("no capture is by method sk_lookup, which takes the kernel to decide");
    }
    for (ProgramSpec program : programs) {
      switch (program) {
        case ProgramSpec.Custom _ ->
            found.add("program " + program.name() + " is a class, which the kernel can't run");
        case ProgramSpec.Bpf _ ->
            found.add(
                "program " + program.name() + " is an object, which runs in this process only");
        case ProgramSpec.Shadowed _ ->
            found.add("program " + program.name() + " has a shadow, which the kernel doesn't ask");
        case ProgramSpec.Bindings _, ProgramSpec.Rules _ -> {}
      }
    }
    if (bounds(limits.perSource())) {
      found.add("limits.perSource: the kernel counts no sources");
    }
    for (CaptureSpec capture : captures) {
      if (mayBeKernels(capture) && bounds(capture.perSource())) {
        found.add("capture " + capture.name() + " has perSource: the kernel counts no sources");
      }
    }
    addOwn(destination, found);
    addLimits(destination, found);
    if (destination.targets().stream().allMatch(it -> of(it) != null)) {
      found.add(String.valueOf(of(destination.targets().getFirst())));
    }
    return List.copyOf(found);
  }

  /** {@code auto} may come to be. */
  private static boolean mayBeKernels(CaptureSpec capture) {
    boolean isIt =
        switch (capture.method()) {
          case SK_LOOKUP, AUTO -> true;
          case BIND, TPROXY, REDIRECT, INHERITED -> false;
        };
    return isIt && capture.protocols().contains(Protocol.TCP);
  }

  private static void addOwn(DestinationSpec destination, List<String> found) {
    boolean isByHash =
        destination.selection() instanceof Selection.Hash
            || destination.selection() instanceof Selection.Source;
    if (destination.affinity() == DestinationSpec.Affinity.MESSAGE) {
      found.add("affinity message: somebody has to read the messages");
    } else if (!isByHash) {
      found.add(
          "select "
              + destination.selection().word()
              + ": the kernel selects by hash or source only");
    }
    if (destination.proxyProtocol() != null) {
      found.add("proxyProtocol: the kernel writes no header");
    }
    if (destination.source() instanceof SourceSpec.Addresses) {
      found.add("source: the target would see the client's own address");
    }
    if (destination.offload().isIdleTimeoutGiven()) {
      found.add("idleTimeout: the kernel ends no connection that is idle");
    }
    if (destination.health().onDown() == OnDown.CLOSE) {
      found.add("onDown close: what the kernel has given away can't be closed");
    }
    if (destination.health().slowStart().compareTo(Duration.ZERO) > 0) {
      found.add("slowStart: the kernel gives a target its whole share at once");
    }
    long entries = entries(destination.targets());
    if (isByHash && entries > MOST_ENTRIES) {
      found.add(
          "weight: they take %d entries, and the kernel's table has %d; use smaller weights"
              .formatted(entries, MOST_ENTRIES));
    }
  }

  private static void addLimits(DestinationSpec destination, List<String> found) {
    DestinationLimits limits = destination.limits();
    if (destination.maxConnections() > 0) {
      found.add("maxConnections: the kernel counts no connections");
    } else if (destination.targets().stream().anyMatch(it -> it.maxConnections() > 0)) {
      found.add("maxConnections of a target: the kernel counts no connections");
    }
    if (limits.queue() != null) {
      found.add("queue: no client waits in the kernel");
    }
    if (bounds(limits.perSource())) {
      found.add("perSource: the kernel counts no sources");
    }
    if (limits.bandwidth() > 0 || limits.sessionBandwidth() > 0) {
      found.add("bandwidth: the kernel slows nobody down");
    }
  }

  /** Whether TCP connections of a source are bounded, or are counted as if they were. */
  private static boolean bounds(@Nullable SourceLimits perSource) {
    return perSource != null && perSource.isForTcp();
  }

  /** The sum of all weights, divided by what they have in common. */
  private static long entries(List<TargetSpec> targets) {
    int divisor = 0;
    long sum = 0;
    for (TargetSpec target : targets) {
      divisor = greatestCommonDivisor(divisor, target.share());
      sum += target.share();
    }
    return divisor == 0 ? 0 : sum / divisor;
  }

  private static int greatestCommonDivisor(int a, int b) {
    return b == 0 ? a : greatestCommonDivisor(b, a % b);
  }

  /** Why no connection to a target can be offloaded; null if it can be. */
  public @Nullable String of(TargetSpec target) {
    return switch (target.address()) {
      case TargetAddress.Unix _ -> "target " + target.address() + " is no TCP socket";
      case TargetAddress.Host _ -> "target " + target.address() + " is a name";
      case TargetAddress.Original _ -> "target original has no socket of its own";
      case TargetAddress.Ip ip -> {
        HostPort place = new HostPort(ip.address(), ip.port());
        yield captures.stream().anyMatch(it -> CaptureChecks.takes(it, place))
            ? "target " + target.address() + " is itself in a captured range"
            : null;
      }
    };
  }

  /** Says of a destination that wants it what is in the way. */
  void check(Located<DestinationSpec> located) {
    DestinationSpec destination = located.value();
    if (!destination.offload().isWanted()) {
      return;
    }
    boolean isRequired = destination.offload().isRequired();
    List<String> all = new ArrayList<>(of(destination));
    boolean isAll = !all.isEmpty();
    for (TargetSpec target : isAll ? List.<TargetSpec>of() : destination.targets()) {
      String obstacle = of(target);
      if (obstacle != null) {
        all.add(obstacle);
      }
    }
    for (String obstacle : all) {
      if (isRequired) {
        located.at().error("required can't be: " + obstacle);
      } else {
        located.at().warning((isAll ? "all is relayed: " : "relayed: ") + obstacle);
      }
    }
  }
}
