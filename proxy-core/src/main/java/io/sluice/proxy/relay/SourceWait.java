package io.sluice.proxy.relay;

import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.limit.SourcePlaces;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * An accepted connection whose source has too many, with {@code overLimit: wait}: every 100 ms it
 * asks again whether it may begin. Nothing is read of it, and nothing sent. Called on its loop
 * only.
 */
final class SourceWait extends Sessions.Entry {
  /** For how long one waits; then it is refused. */
  private static final long MOST_MILLIS = 10_000;

  private final TcpRelay relay;
  private final int fd;
  private final Via client; // its addresses, announced or not
  private final int ifindex;
  private final @Nullable Via via;
  private final SourcePlaces places;
  private final long startMillis;
  private boolean isOver;

  /**
   * @param places that it has among those who wait
   * @param via who announced the client; null if nobody did
   */
  SourceWait(
      TcpRelay relay, int fd, LookupContext context, @Nullable Via via, SourcePlaces places) {
    this.relay = relay;
    this.fd = fd;
    this.client = Via.of(context, ProxyHeaderWriter.NO_TLVS);
    this.ifindex = context.ingressIfindex();
    this.via = via;
    this.places = places;
    this.startMillis = relay.loop().timeMillis();
  }

  @Override
  void begin() {
    relay.sessions().add(this);
    relay.loop().schedule(this);
  }

  /** Whether it has waited long enough. */
  boolean isTimeUp() {
    return ageMillis() >= MOST_MILLIS;
  }

  private long ageMillis() {
    return relay.loop().timeMillis() - startMillis;
  }

  /** It waits no more; the descriptor stays open. */
  void leave() {
    isOver = true;
    relay.loop().cancel(this);
    relay.sessions().remove(this);
    places.leave();
  }

  @Override
  protected long deadlineMillis() {
    return 0; // at the next tick
  }

  @Override
  protected void expired() {
    relay.open(fd, describe(relay.lookup()), via, this);
    if (!isOver) {
      relay.loop().schedule(this);
    }
  }

  private LookupContext describe(LookupContext context) {
    LookupContext described = client.describe(context, Protocol.TCP, ifindex);
    return via == null ? described : via.addTo(described);
  }

  @Override
  void shutdown() {
    if (!isOver) {
      leave();
      relay.abandon(fd);
    }
  }

  @Override
  void kill() {
    shutdown();
  }

  @Override
  boolean matches(SessionFilter filter) {
    LookupContext context = describe(relay.scratch());
    return filter.matches(
        null, context.family(), context.remoteHigh(), context.remoteLow(), ageMillis());
  }

  @Override
  SessionState state() {
    LookupContext context = describe(relay.scratch());
    return new SessionState(
        Protocol.TCP,
        IpAddress.withPort(context.remote(), context.remotePort()),
        IpAddress.withPort(context.local(), context.localPort()),
        null,
        null,
        "over-limit",
        ageMillis(),
        ageMillis(),
        0,
        0,
        SessionState.Tcp.of(relay.loop().syscalls().tcpInfo(fd)),
        SessionState.Tcp.NONE,
        null);
  }
}
