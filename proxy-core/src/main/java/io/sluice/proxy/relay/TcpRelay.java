package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.config.ProxyProtocolIn;
import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.arrival.Captured;
import io.sluice.proxy.arrival.ConnectionHandler;
import io.sluice.proxy.connect.Attempt;
import io.sluice.proxy.connect.LoopGuard;
import io.sluice.proxy.connect.OwnSources;
import io.sluice.proxy.connect.Upstreams;
import io.sluice.proxy.handover.Leaving;
import io.sluice.proxy.handover.LeavingWalk;
import io.sluice.proxy.handover.Movable;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.header.ProxyHeader;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.limit.SourcePlaces;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.PeekedPayload;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.lookup.Answer;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.loop.AcceptGate;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.AccessLog;
import io.sluice.proxy.observe.AccessRecord;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.proxy.observe.SessionWalk;
import io.sluice.proxy.target.Target;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import io.sluice.steering.reuseport.Tried;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Steers the TCP connections that one loop accepts: looks each up once, and opens its session or
 * resets it. Called on its loop only.
 */
public final class TcpRelay implements ConnectionHandler {
  private final Loop loop;
  private final Steering steering;
  private final AcceptGate gate;
  private final Sockaddr local = new Sockaddr();
  private final LookupContext described = new LookupContext();
  private final PeekedPayload payload;
  private final Upstreams upstreams;
  private final ProxyHeader header = new ProxyHeader();
  private final LoopGuard guard;
  private final Sessions sessions = new Sessions();
  private final Entrance entrance;
  private long halfClosedMillis;

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
    this.guard = new LoopGuard(loop.syscalls(), ownSources, captured);
    this.loop = loop;
    this.steering = steering;
    this.entrance = new Entrance(this, steering);
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

  /** Notes connections whose traffic could come back. */
  LoopGuard guard() {
    return guard;
  }

  /** The connections of this loop. */
  Sessions sessions() {
    return sessions;
  }

  /** What a connection reads its PROXY protocol header with, in one go. */
  ProxyHeader header() {
    return header;
  }

  /** Where a session describes its connection, for what it asks next. */
  LookupContext scratch() {
    return described;
  }

  /** Where the next lookup is described. */
  LookupContext lookup() {
    return steering.context();
  }

  @Override
  public void accepted(int fd, Sockaddr client, CaptureSocket via) {
    Sessions.Entry entry;
    try {
      entry = take(fd, client, via);
    } catch (RuntimeException | Error failure) {
      failed(fd, failure); // thrown on, others would not be accepted
      return;
    }
    if (entry == null) {
      abandon(fd);
    } else {
      entry.begin();
    }
  }

  /** Makes what owns the connection from now on; null if it is refused, which has been counted. */
  private Sessions.@Nullable Entry take(int fd, Sockaddr client, CaptureSocket via) {
    boolean isTold = readLocal(fd, client.isIpv4(), via);
    LookupContext context = describe(fd, client);
    if (!isTold || !(via.isBound() || isCaptured(context, via))) {
      return refused(Refusal.NOT_CAPTURED, null);
    }
    if (!guard.sources().isEmpty() && guard.sources().contains(context)) {
      return refused(Refusal.LOOP, null);
    }
    ProxyProtocolIn announcing = headerOf(context);
    return announcing == null
        ? steer(fd, context, null, null)
        : new HeaderWait(this, fd, context, announcing.timeout().toMillis());
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
   * Looks up where a connection belongs whose client was announced, and opens its session or resets
   * it. From here on it isn't the caller's to close, whatever fails.
   *
   * @param context describes its client, announced or not
   * @param via who announced the client; null if nobody did
   */
  void open(int fd, LookupContext context, @Nullable Via via) {
    open(fd, context, via, null);
  }

  /**
   * The same of one that may have waited.
   *
   * @param waiting how it has waited, which goes on or ends now; null if it hasn't
   */
  @SuppressWarnings("ReferenceEquality") // an entry is itself only
  void open(int fd, LookupContext context, @Nullable Via via, @Nullable SourceWait waiting) {
    Sessions.Entry session;
    try {
      session = steer(fd, context, via, waiting);
    } catch (RuntimeException | Error failure) {
      leave(waiting);
      failed(fd, failure);
      return;
    }
    if (session != null && session == waiting) {
      return;
    }
    leave(waiting);
    if (session == null) {
      abandon(fd);
    } else {
      session.begin();
    }
  }

  /** Opens the session of a connection that has waited for the places that it has now. */
  void begin(
      int fd,
      LookupContext context,
      Target target,
      @Nullable Via via,
      @Nullable SourcePlaces source) {
    Session session;
    try {
      session = entrance.session(fd, context, target, via, source);
    } catch (RuntimeException | Error failure) {
      failed(fd, failure);
      return;
    }
    session.begin();
  }

  private static void leave(@Nullable SourceWait waiting) {
    if (waiting != null) {
      waiting.leave();
    }
  }

  private Sessions.@Nullable Entry steer(
      int fd, LookupContext context, @Nullable Via via, @Nullable SourceWait waiting) {
    context.payload(payload.of(fd));
    Answer answer = steering.steer();
    Target target = answer.target();
    if (target == null) {
      return recorded(answer.refusal(), null);
    }
    return entrance.enter(fd, context, target, via, waiting);
  }

  /** Something that can't happen did, before there was a session that would end by it. */
  private void failed(int fd, Throwable failure) {
    loop.fault("a new connection", failure);
    counters().drops(Refusal.FAULT, Protocol.TCP).increment(); // it may not be described yet
    abandon(fd);
  }

  private static boolean isCaptured(LookupContext context, CaptureSocket via) {
    return via.captures(
        context.family(), context.localHigh(), context.localLow(), context.localPort());
  }

  /**
   * Opens a socket towards a target for a client's connection. If the machine lacks something for
   * it, others wait.
   *
   * @param client the client's socket
   * @return what came of it, until the next one
   */
  Attempt connect(Target target, int client, LookupContext connection) {
    Attempt attempt = upstreams.openStream(target, connection, client);
    if (attempt.state() == Attempt.State.FAILED) {
      switch (attempt.reason()) {
        case NO_DESCRIPTORS -> gate.pause(Linux.errnoName(attempt.errno()) + " at socket");
        case NO_SOURCE_PORT -> {
          if (!target.isTransparent()) { // or one client could have all others wait
            gate.pause("no source port is left for " + target);
          }
        }
        default -> {}
      }
    }
    return attempt;
  }

  /** Notes that a target's endpoint could not be reached, unless it wasn't its fault. */
  void connectFailed(Target target, @Nullable Endpoint endpoint, Refusal reason) {
    boolean isItsFault =
        switch (reason) {
          case NO_SOURCE_ADDRESS, LOOP -> false;
          case NO_SOURCE_PORT -> !target.isTransparent();
          default -> true;
        };
    if (isItsFault && endpoint != null) {
      target.counters().failed(reason);
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

  /** Counts and keeps that a session's target could not be reached. */
  void unreachable(Refusal reason, LookupContext connection, Target target, int errno) {
    steering.refuse(reason, connection, target, errno);
  }

  /** Refuses the connection that {@link #lookup} describes, for a reason that is to be counted. */
  void refuse(int fd, Refusal reason, @Nullable Target target) {
    Session _ = refused(reason, target);
    abandon(fd);
  }

  /** Closes a connection that has no session, by a reset: it was accepted by the kernel only. */
  void abandon(int fd) {
    int _ = loop.syscalls().setResetOnClose(fd);
    int _ = loop.syscalls().close(fd);
    gate.leave();
  }

  @Nullable Session refused(Refusal reason, @Nullable Target target) {
    steering.refuse(reason, target, 0);
    return recorded(reason, target);
  }

  /** Records that the connection that the lookup describes is refused; answers no session. */
  private @Nullable Session recorded(Refusal reason, @Nullable Target target) {
    if (AccessLog.isOn()) {
      LookupContext context = steering.context();
      Tuple came = context.copyPhysicalTo(new Tuple());
      AccessLog.add(
          AccessRecord.refused(
              context.copyTo(new Tuple()),
              target == null ? "-" : target.destination().label(),
              reason,
              context.isAnnounced() ? IpAddress.withPort(came.remote(), came.remotePort()) : null));
    }
    return null;
  }

  /** Another target for a session whose target could not be reached; null if there is none. */
  @Nullable Target another(LookupContext connection, Target failed, Tried tried) {
    return failed.another(connection, tried);
  }

  /** A target of the snapshot in force; null if it has none of that name. */
  @Nullable Target target(String label, String address) {
    return steering.target(label, Protocol.TCP, address);
  }

  /** Hands the connections over, step by step. */
  public Leaving leaving() {
    return new LeavingWalk<>(each -> sessions.walk(SessionFilter.ALL, each), TcpRelay::depart);
  }

  private static boolean depart(Sessions.Entry entry, Packer out) {
    boolean leaves = entry.pack(out);
    if (leaves) {
      entry.depart();
    }
    return leaves;
  }

  /**
   * Takes a connection that another daemon has; nobody listens to it yet.
   *
   * @return null if it can't be taken; then its descriptors are closed
   */
  public @Nullable Movable take(Unpacker description) {
    try (description) {
      Sessions.Entry entry = SessionForm.unpack(this, description);
      if (entry != null) {
        gate.enter();
      }
      return entry;
    } catch (RuntimeException malformed) {
      loop.fault("a connection of another daemon", malformed);
      return null;
    }
  }

  /** A session is over: what it was counted in is given back. */
  void ended(Session session) {
    session.destination().places().leaveBoth(requireNonNull(session.placed));
    SourcePlaces.leaveAny(session.places);
    ended();
  }

  /** A connection is over. */
  void ended() {
    gate.leave();
  }

  /** Adds the state of each session that matches to a list, as it steps through them. */
  public SessionWalk list(SessionFilter filter, List<SessionState> into) {
    return sessions.walk(filter, it -> into.add(it.state()));
  }

  /** Ends each session that matches, as it steps through them. */
  public SessionWalk kill(SessionFilter filter, Runnable count) {
    return sessions.walk(
        filter,
        it -> {
          it.kill();
          count.run();
        });
  }

  /** An endpoint has gone down: its sessions end if their destinations want that. */
  public void targetDown(Endpoint endpoint) {
    new Departure(loop, endpoint).begin(sessions);
  }

  /** Ends every session of this loop. */
  public void shutdown() {
    sessions.forEach(Sessions.Entry::shutdown);
  }
}
