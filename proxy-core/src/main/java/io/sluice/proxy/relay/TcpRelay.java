package io.sluice.proxy.relay;

import io.sluice.config.ProxyProtocolIn;
import io.sluice.proxy.capture.AcceptGate;
import io.sluice.proxy.capture.CaptureSocket;
import io.sluice.proxy.capture.Captured;
import io.sluice.proxy.capture.ConnectionHandler;
import io.sluice.proxy.header.ProxyHeader;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.PeekedPayload;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.metrics.AccessLog;
import io.sluice.proxy.metrics.Counters;
import io.sluice.proxy.target.Endpoint;
import io.sluice.proxy.target.MessagePlan;
import io.sluice.proxy.target.OwnSources;
import io.sluice.proxy.target.Steering;
import io.sluice.proxy.target.Target;
import io.sluice.proxy.target.Upstreams;
import io.sluice.steering.DropReason;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.reuseport.Tried;
import org.jspecify.annotations.Nullable;

/**
 * Steers the TCP connections that one loop accepts: looks each up once, and opens its session or
 * resets it. Called on its loop only.
 */
public final class TcpRelay implements ConnectionHandler {
  private static final int NONE = -1;

  private final Loop loop;
  private final Steering steering;
  private final AcceptGate gate;
  private final Sockaddr local = new Sockaddr();
  private final Sockaddr targetAddress = new Sockaddr();
  private final PeekedPayload payload;
  private final Upstreams upstreams;
  private final ProxyHeader header = new ProxyHeader();
  private final OwnSources ownSources;
  private final Captured captured;
  private long halfClosedMillis;

  /** The connection that nobody will close yet but this relay, if anything fails; or NONE. */
  private int unowned = NONE;

  /**
   * A relay without sessions. Made on any thread.
   *
   * @param ownSources shared by all loops
   * @param captured what could come back to us
   */
  public TcpRelay(
      Loop loop,
      Steering steering,
      AcceptGate gate,
      OwnSources ownSources,
      Captured captured,
      long halfClosedMillis) {
    this.upstreams = new Upstreams(loop.syscalls());
    this.ownSources = ownSources;
    this.captured = captured;
    this.loop = loop;
    this.steering = steering;
    this.payload = new PeekedPayload(loop.syscalls(), loop.buffer(), Loop.BUFFER_BYTES);
    this.gate = gate;
    this.halfClosedMillis = halfClosedMillis;
  }

  /** Sets for how long a half-closed session may stand still. */
  public void halfClosedMillis(long millis) {
    halfClosedMillis = millis;
  }

  long halfClosedMillis() {
    return halfClosedMillis;
  }

  Loop loop() {
    return loop;
  }

  AcceptGate gate() {
    return gate;
  }

  Counters counters() {
    return steering.counters();
  }

  /** What opens the sockets towards targets. */
  Upstreams upstreams() {
    return upstreams;
  }

  /** Where a session writes the address that it connects to. */
  Sockaddr targetAddress() {
    return targetAddress;
  }

  /** What a connection reads its PROXY protocol header with, in one go. */
  ProxyHeader header() {
    return header;
  }

  /** What the next lookup looks at. */
  LookupContext context() {
    return steering.context();
  }

  @Override
  public void accepted(int fd, Sockaddr client, CaptureSocket via) {
    unowned = fd;
    try {
      take(fd, client, via);
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, it would cost others their turn to be accepted
    }
  }

  private void take(int fd, Sockaddr client, CaptureSocket via) {
    boolean isTold = readLocal(fd, client.isIpv4(), via);
    LookupContext context = describe(fd, client);
    if (!isTold || !(via.isBound() || isCaptured(context, via))) {
      steering.refuse(DropReason.NOT_CAPTURED);
      reset(fd, null);
      return;
    }
    if (!ownSources.isEmpty() && ownSources.contains(context)) {
      steering.refuse(DropReason.LOOP);
      reset(fd, null);
      return;
    }
    ProxyProtocolIn announcing = headerOf(context);
    if (announcing != null) {
      HeaderWait wait = new HeaderWait(this, fd, context, announcing.timeout().toMillis());
      unowned = NONE;
      wait.start();
      return;
    }
    steer(fd, context, null);
  }

  private @Nullable ProxyProtocolIn headerOf(LookupContext context) {
    return steering
        .headerSources()
        .of(
            Protocol.TCP,
            context.family(),
            context.remoteHigh(),
            context.remoteLow(),
            context.localHigh(),
            context.localLow(),
            context.localPort());
  }

  /**
   * Looks up where a connection belongs, and opens its session or resets it. From here on it isn't
   * the caller's to close, whatever fails.
   *
   * @param context describes its client, announced or not
   * @param via who announced the client; null if nobody did
   */
  void open(int fd, LookupContext context, @Nullable Via via) {
    unowned = fd;
    try {
      steer(fd, context, via);
    } catch (RuntimeException | Error failure) {
      failed(failure);
    }
  }

  private void steer(int fd, LookupContext context, @Nullable Via via) {
    context.payload(payload.of(fd));
    Target target = steering.steer();
    if (target == null) {
      reset(fd, null);
      return;
    }
    if (!target.destination().tryOpen()) {
      steering.refuse(DropReason.DESTINATION_LIMIT);
      reset(fd, target);
      return;
    }
    try {
      begin(fd, context, target, via);
    } finally {
      if (unowned != NONE) {
        target.destination().close(); // there is no session that would
      }
    }
  }

  private void begin(int fd, LookupContext context, Target target, @Nullable Via via) {
    MessagePlan messages = target.destination().messages();
    if (messages != null) {
      MessageSession session = new MessageSession(this, context, fd, target, messages, via);
      unowned = NONE;
      session.begin();
      return;
    }
    TcpSession session = new TcpSession(this, context, fd, target, via);
    unowned = NONE;
    try {
      session.connect();
    } catch (RuntimeException | Error failure) {
      session.failed(failure);
    }
  }

  /** Something that can't happen did, before there was a session that would end by it. */
  private void failed(Throwable failure) {
    loop.fault("a new connection", failure);
    int fd = unowned;
    if (fd != NONE) {
      counters().drops(DropReason.FAULT, Protocol.TCP).increment();
      abandon(fd);
    }
  }

  private static boolean isCaptured(LookupContext context, CaptureSocket via) {
    return via.captures(
        context.family(), context.localHigh(), context.localLow(), context.localPort());
  }

  /**
   * Notes where a connection to {@link #targetAddress} comes from, if it could come back to us.
   *
   * @return what {@link #forgetSource} is owed for; or null
   */
  OwnSources.@Nullable Source noteSource(int fd, Target target) {
    boolean mayLoop =
        targetAddress.family() != Linux.AF_UNIX
            && captured.contains(
                Protocol.TCP,
                targetAddress.ipFamily(),
                targetAddress.high(),
                targetAddress.low(),
                targetAddress.port())
            && upstreams.mayReturn();
    if (!mayLoop || loop.syscalls().localAddress(fd, local) < 0) {
      return null;
    }
    return target.isTransparent()
        ? ownSources.addTransparent(Protocol.TCP, local, targetAddress)
        : ownSources.add(Protocol.TCP, local);
  }

  /** Takes back {@link #noteSource}. */
  void forgetSource(OwnSources.Source source) {
    ownSources.remove(source);
  }

  /** Opens a socket towards a target at {@link #targetAddress}: see {@link Upstreams#open}. */
  int open(TcpSession session, Target target) {
    return open(target, session.clientNumber(), session.describe(steering.context()));
  }

  /** Opens one for the client of a connection, whose descriptor this is. */
  int open(Target target, int client, LookupContext connection) {
    boolean isRedirected = target.isTransparent() && isRedirected(client, connection);
    return upstreams.open(Linux.SOCK_STREAM, target, connection, targetAddress, isRedirected);
  }

  /** Whether a connection's socket has another local end than its client wanted. */
  private boolean isRedirected(int client, LookupContext connection) {
    if (connection.isAnnounced() || loop.syscalls().localAddress(client, local) < 0) {
      return false;
    }
    local.unmap();
    return local.port() != connection.localPort()
        || local.low() != connection.localLow()
        || local.high() != connection.localHigh();
  }

  /** What it comes to that a socket could not be opened; if that is our want, others wait. */
  DropReason notOpened(int errno, Target target) {
    DropReason reason = upstreams.refusal();
    switch (reason) {
      case NO_DESCRIPTORS -> gate.pause(Linux.errnoName(errno) + " at socket");
      case NO_SOURCE_PORT -> {
        if (!target.isTransparent()) { // or one client could have all others wait
          gate.pause("no source port is left for " + target);
        }
      }
      default -> {}
    }
    return reason;
  }

  /** Notes that a target's endpoint could not be reached, unless it wasn't its fault. */
  void connectFailed(Target target, @Nullable Endpoint endpoint, DropReason reason) {
    boolean isItsFault =
        switch (reason) {
          case NO_SOURCE_ADDRESS, LOOP -> false;
          case NO_SOURCE_PORT -> !target.isTransparent();
          default -> true;
        };
    if (isItsFault && endpoint != null) {
      endpoint.failed(reason);
    }
  }

  /**
   * Writes where a connection wanted to go to {@link #local}.
   *
   * @return whether that could be told: not of a socket that broke already, nor if it came to a
   *     socket for redirected connections without having been redirected
   */
  private boolean readLocal(int fd, boolean ipv4, CaptureSocket via) {
    int result =
        switch (via.arrival()) {
          case BOUND -> 0;
          case WILDCARD, SK_LOOKUP, TPROXY -> loop.syscalls().localAddress(fd, local);
          case REDIRECT -> loop.syscalls().originalDestination(fd, ipv4, local);
        };
    if (via.isBound() || result < 0) {
      local.set(via.address(), via.port());
    }
    local.unmap();
    return result >= 0;
  }

  private LookupContext describe(int fd, Sockaddr client) {
    LookupContext context = steering.context();
    boolean ipv4 = client.isIpv4();
    int ifindex = steering.asksForInterface() ? loop.syscalls().ingressIfindex(fd, ipv4) : 0;
    return ipv4
        ? context.ipv4(
            Protocol.TCP, client.ipv4(), client.port(), local.ipv4(), local.port(), ifindex)
        : context.ipv6(
            Protocol.TCP,
            client.high(),
            client.low(),
            client.port(),
            local.high(),
            local.low(),
            local.port(),
            ifindex);
  }

  /** Refuses the connection that the context describes, for a reason that is to be counted. */
  void refuse(int fd, DropReason reason) {
    steering.refuse(reason);
    reset(fd, null);
  }

  /** Resets a connection that has no session yet, because the daemon stops or failed. */
  void abandon(int fd) {
    unowned = NONE;
    int _ = loop.syscalls().setResetOnClose(fd);
    int _ = loop.syscalls().close(fd);
    gate.leave();
  }

  /** Refuses the connection that the context describes: accepted by the kernel, reset by us. */
  private void reset(int fd, @Nullable Target target) {
    abandon(fd);
    if (AccessLog.isOn()) {
      LookupContext context = steering.context();
      AccessLog.ended(
          Protocol.TCP,
          context.remote(),
          context.remotePort(),
          context.local(),
          context.localPort(),
          target == null ? "-" : target.destination().label(),
          "-",
          steering.refusal().word(),
          0,
          0,
          0,
          context.isAnnounced()
              ? IpAddress.withPort(context.physicalRemote(), context.physicalRemotePort())
              : null);
    }
  }

  /** Another target for a session whose target could not be reached; null if there is none. */
  @Nullable Target another(TcpSession session, Target failed, Tried tried) {
    return failed.another(session.describe(steering.context()), tried);
  }

  /** Writes where the session is to connect; null if its target has no address. */
  @Nullable Endpoint resolve(TcpSession session, Target target) {
    return target.endpoint(session.describe(steering.context()), targetAddress);
  }

  /** A session is over. */
  void ended() {
    gate.leave();
  }

  /** Ends every session of this loop. */
  public void shutdown() {
    loop.forEachTimed(
        entry -> {
          if (entry instanceof TcpSession session) {
            session.shutdown();
          } else if (entry instanceof MessageSession session) {
            session.shutdown();
          } else if (entry instanceof HeaderWait wait) {
            wait.close();
          }
        });
  }
}
