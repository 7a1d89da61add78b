package io.sluice.proxy.target;

import io.sluice.config.SourceSpec;
import io.sluice.config.TargetAddress;
import io.sluice.config.TargetSpec;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.loop.Loop;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One live endpoint of a destination, and the engine's socket that stands for it.
 *
 * <p>A target that fails {@value #FALL} times in a row is passed over for {@value #DOWN_SECONDS}
 * seconds, and then tried again. Shared by all event loops.
 */
public final class Target {
  private static final int ANY_PORT =
      1; // targets are not found by port, but only a bound socket may be in a map

  /** How many failures in a row take it out. */
  static final int FALL = 3;

  /** For how long it is passed over then. */
  static final int DOWN_SECONDS = 5;

  private final Destination destination;
  private final TargetSpec spec;
  private final Socket socket;
  private final Resolver.@Nullable Name name;
  private final AtomicInteger active;
  private final Silence silence;
  private final AtomicInteger failures = new AtomicInteger();
  private volatile boolean up = true;

  /**
   * @param previous the same endpoint before a reload: its sessions are this one's as well
   */
  Target(Destination destination, TargetSpec spec, @Nullable Target previous, Resolver resolver) {
    this.destination = destination;
    this.spec = spec;
    this.active = previous == null ? new AtomicInteger() : previous.active;
    this.silence =
        previous == null ? new Silence(destination.spec().responses() > 0) : previous.silence;
    this.name =
        spec.address() instanceof TargetAddress.Host host ? resolver.name(host.name()) : null;
    this.socket =
        Socket.bound(destination.protocol(), IpAddress.ANY_IPV6, ANY_PORT).attachment(this).build();
  }

  /** The target that a socket of a snapshot stands for. */
  public static Target of(Socket socket) {
    return (Target) Objects.requireNonNull(socket.attachment());
  }

  /** Whether a socket is one of a snapshot's. */
  public static boolean isBehind(Socket socket) {
    return socket.attachment() instanceof Target;
  }

  public Destination destination() {
    return destination;
  }

  public TargetSpec spec() {
    return spec;
  }

  public Socket socket() {
    return socket;
  }

  /** Sessions that it has now. */
  public int active() {
    return active.get();
  }

  /** Counts a session in. */
  public void opened() {
    active.incrementAndGet();
  }

  /** Counts a session out. */
  public void closed() {
    active.decrementAndGet();
  }

  /** False while it is passed over. */
  public boolean isUp() {
    return up;
  }

  /**
   * Writes where to connect.
   *
   * @param context the lookup, for targets that keep the address that the client used
   * @return false if the name has no address (yet)
   */
  public boolean address(LookupContext context, Sockaddr out) {
    switch (spec.address()) {
      case TargetAddress.Ip ip -> out.set(ip.address(), ip.port());
      case TargetAddress.Unix unix -> out.setUnix(unix.path());
      case TargetAddress.Original original ->
          out.set(
              context.family(),
              context.localHigh(),
              context.localLow(),
              original.port() == 0 ? context.localPort() : original.port());
      case TargetAddress.Host host -> {
        IpAddress resolved =
            name == null ? null : name.address(destination.sourceFamily(context.family()));
        if (resolved == null) {
          return false;
        }
        out.set(resolved, host.port());
      }
    }
    return true;
  }

  /** Whether its name has several addresses: {@link #failed} goes on to the next. */
  public boolean hasOtherAddresses() {
    return name != null && name.count() > 1;
  }

  /** A connection was made, or a datagram answered. */
  public void succeeded() {
    if (failures.get() != 0) {
      failures.set(0);
    }
  }

  /** A connection failed, or a datagram came back as unreachable. */
  public void failed(Loop loop) {
    if (name != null) {
      name.failed();
    }
    if (failures.incrementAndGet() >= FALL && up) {
      up(false);
      var _ =
          loop.events()
              .schedule(
                  () -> {
                    failures.set(0);
                    up(true);
                  },
                  DOWN_SECONDS,
                  TimeUnit.SECONDS);
    }
  }

  // ---- UDP: what is heard, and where

  /** A flow has sent it something; for {@code before} see {@link Silence#asked}. */
  public int asked(int before, long nowMillis) {
    return silence.asked(before, nowMillis);
  }

  /** A flow has been answered. */
  public void heard(long nowMillis) {
    silence.heard(nowMillis);
    succeeded();
  }

  /**
   * Takes it out if it has fallen silent: several flows in a row without an answer are as many
   * failures in a row.
   */
  public void checkSilence(Loop loop, long nowMillis) {
    if (silence.isSilent(nowMillis)) {
      silence.again();
      for (int flow = 0; flow < Silence.FLOWS; flow++) {
        failed(loop);
      }
    }
  }

  /** Changes with the addresses that its name has; always 0 for a target without a name. */
  public int addressesVersion() {
    return name == null ? 0 : name.version();
  }

  /** Whether an address is (still) one of its name's; for a target without a name it is. */
  public boolean isAt(Family family, long high, long low) {
    return name == null || name.has(family, high, low);
  }

  private void up(boolean up) {
    this.up = up;
    destination.group().available(socket, up);
  }

  /** Whether it is to see the client's own address. */
  public boolean isTransparent() {
    return destination.spec().source() instanceof SourceSpec.Transparent;
  }

  /** Whether it can be reached without the network: a Unix socket. */
  public boolean isUnix() {
    return spec.address() instanceof TargetAddress.Unix;
  }

  /** As the configuration writes it. */
  @Override
  public String toString() {
    return spec.address().toString();
  }
}
