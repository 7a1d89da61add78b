package io.sluice.steering;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The ordinary listening sockets, which take what the programs passed without assigning: the exact
 * local address first, then the wildcard, each by score (net/ipv4/inet_hashtables.c, net/ipv4/udp.c
 * and their IPv6 twins). Immutable.
 */
public final class ListenerTable {
  /** Takes nothing. */
  public static final ListenerTable EMPTY = of(List.of());

  private static final Socket[] NONE = {};

  private final List<Socket> sockets;
  private final Socket[][] chains; // by bucket(protocol, port); newest first
  private final int mask;

  private ListenerTable(List<Socket> sockets) {
    this.sockets = sockets;
    int size = Integer.highestOneBit(Math.max(8, sockets.size() * 4 - 1));
    this.mask = size - 1;
    this.chains = new Socket[size][];
    Map<Integer, List<Socket>> chained = new HashMap<>();
    for (Socket socket : sockets) {
      List<Socket> chain =
          chained.computeIfAbsent(bucket(socket.protocol(), socket.port()), _ -> new ArrayList<>());
      // The newest goes to the head; but IPv6 sockets with SO_REUSEPORT go to the tail.
      if (socket.family() == Family.IPV6 && socket.group() != null) {
        chain.add(socket);
      } else {
        chain.add(0, socket);
      }
    }
    chained.forEach((bucket, chain) -> chains[bucket] = chain.toArray(NONE));
  }

  /**
   * A table of these sockets.
   *
   * @param sockets in the order in which they were bound; those with a reuseport group have joined
   *     it already, for that decides their place in the kernel's chains
   */
  public static ListenerTable of(List<Socket> sockets) {
    return new ListenerTable(List.copyOf(sockets));
  }

  /** In the order in which they were bound. */
  public List<Socket> sockets() {
    return sockets;
  }

  /**
   * The socket that is hit, before its reuseport group is asked; null if there is none. A hit on
   * the exact address ends the search, whatever the group then says.
   */
  @Nullable Socket find(LookupContext context) {
    Socket[] chain = chains[bucket(context.protocol(), context.localPort())];
    if (chain == null) {
      return null;
    }
    Socket exact = best(chain, context, false);
    return exact != null ? exact : best(chain, context, true);
  }

  private static @Nullable Socket best(Socket[] chain, LookupContext context, boolean wildcard) {
    Socket best = null;
    int bestScore = -1;
    for (Socket socket : chain) {
      int score = score(socket, context, wildcard);
      if (score > bestScore) {
        best = socket;
        bestScore = score;
        if (socket.group() != null) {
          return socket; // a group's selection ends the walk: chain order decides, not score
        }
      }
    }
    return best;
  }

  /** The kernel's score, or -1 for no candidate. */
  private static int score(Socket socket, LookupContext context, boolean wildcard) {
    boolean ipv4 = context.family() == Family.IPV4;
    if (socket.protocol() != context.protocol()
        || socket.port() != context.localPort()
        || !socket.takesNew()
        || socket.address().isWildcard() != wildcard
        || !takesFamily(socket, ipv4)) {
      return -1;
    }
    if (!wildcard && !isBoundTo(socket.address(), context)) {
      return -1;
    }
    boolean device = socket.boundIfindex() != 0;
    if (device && socket.boundIfindex() != context.ingressIfindex()) {
      return -1;
    }
    int ipv4Bonus = ipv4 && socket.family() == Family.IPV4 ? 1 : 0;
    if (socket.protocol() == Protocol.TCP) {
      return (device ? 2 : 1) + ipv4Bonus;
    }
    return ipv4 ? 1 + ipv4Bonus + (device ? 4 : 0) : device ? 1 : 0;
  }

  private static boolean takesFamily(Socket socket, boolean ipv4) {
    if (socket.family() == Family.IPV4) {
      return ipv4;
    }
    // ::ffff:0.0.0.0 and ::ffff:a.b.c.d take IPv4 only; [::] takes both unless it is v6-only.
    return socket.address().isIpv4Mapped() ? ipv4 : !ipv4 || !socket.isV6Only();
  }

  private static boolean isBoundTo(IpAddress bound, LookupContext context) {
    boolean mapped = bound.isIpv4Mapped();
    return (bound.family() == context.family() && bound.high() == context.localHigh()
            || mapped && context.family() == Family.IPV4)
        && (mapped ? bound.low() & 0xffff_ffffL : bound.low()) == context.localLow();
  }

  private int bucket(Protocol protocol, int port) {
    return (port * 2 + protocol.ordinal()) & mask;
  }
}
