package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.proxy.arrival.CapturedRanges;
import io.sluice.proxy.arrival.Exceptions;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the captures of a configuration need: sockets, a program in the kernel, rules. Immutable;
 * what is needed and what is there are compared by {@link #diff}.
 *
 * @param captures none of them is {@code auto} any more
 * @param sockets the sockets to bind, and for each the first capture that needs it
 * @param inherited the sockets that are there already, each with the capture that takes it
 * @param ranges everything that is captured, whichever way
 */
public record CapturePlan(
    List<CaptureSpec> captures,
    Map<Key, CaptureSpec> sockets,
    Map<InheritedSockets.Inherited, CaptureSpec> inherited,
    CapturedRanges ranges) {
  private static final int WIDE = 1024;

  /** Nothing is captured. */
  static final CapturePlan NONE =
      new CapturePlan(List.of(), Map.of(), Map.of(), CapturedRanges.NONE);

  /**
   * One socket address to bind.
   *
   * @param port 0: any free one
   */
  public record Key(Protocol protocol, IpAddress address, int port, Arrival arrival) {
    Family family() {
      return address.family();
    }

    /** Whether the socket is an IPv6 one that takes IPv4, too. */
    boolean isOfBothFamilies() {
      return address.isIpv4Mapped();
    }

    /** Whether one group takes everything, so that each loop needs a member. */
    boolean isForAll() {
      return arrival != Arrival.BOUND && arrival != Arrival.WILDCARD;
    }

    @Override
    public String toString() {
      return protocol.word() + " " + IpAddress.withPort(address, port);
    }
  }

  /** What is to be opened, and what is to be closed. */
  record Diff(List<Key> open, List<Key> close) {}

  /**
   * The plan for these captures.
   *
   * @param inherited the sockets that they take of those that are there
   * @param ipv6 whether this machine has IPv6 sockets at all
   */
  static CapturePlan of(
      List<CaptureSpec> captures,
      Map<InheritedSockets.Inherited, CaptureSpec> inherited,
      boolean ipv6) {
    return new CapturePlan(
        List.copyOf(captures),
        sockets(captures, ipv6),
        inherited,
        CapturedRanges.of(InheritedSockets.narrowed(captures, inherited)));
  }

  /** The sockets to bind for these captures, and for each the first capture that needs it. */
  public static Map<Key, CaptureSpec> sockets(List<CaptureSpec> captures, boolean ipv6) {
    Map<Key, CaptureSpec> wanted = new LinkedHashMap<>();
    for (CaptureSpec capture : captures) {
      CaptureMethod method = CaptureMethod.of(capture.method());
      for (Protocol protocol : capture.protocols()) {
        for (IpPrefix prefix : capture.addresses()) {
          method.sockets(
              new CaptureMethod.Part(capture, protocol, prefix),
              ipv6,
              key -> wanted.putIfAbsent(key, capture));
        }
      }
    }
    return wanted;
  }

  /** What it takes to get from sockets that are there to those of this plan. */
  Diff diff(Set<Key> there) {
    return new Diff(
        sockets.keySet().stream().filter(it -> !there.contains(it)).toList(),
        there.stream().filter(it -> !sockets.containsKey(it)).toList());
  }

  /** The captures of a method. */
  List<CaptureSpec> of(CaptureSpec.Method method) {
    return captures.stream().filter(it -> it.method() == method).toList();
  }

  /**
   * Whether new connections no longer come to a socket that this plan does without: a program or
   * rules of the plan get them first, or those that brought them are gone.
   */
  boolean isBypassed(Key gone) {
    return gone.isForAll()
        || captures.stream()
            .anyMatch(it ->
                (it.method() == CaptureSpec.Method.SK_LOOKUP || it.options().install())
                    && Exceptions.ports(it, gone.protocol()).contains(gone.port()));
  }

  /** Whether there are so many ports that each is bound on one loop only. */
  boolean isWide() {
    return sockets.keySet().stream().filter(it -> !it.isForAll()).count() >= WIDE;
  }
}
