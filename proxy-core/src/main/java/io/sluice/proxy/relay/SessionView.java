package io.sluice.proxy.relay;

import io.sluice.proxy.observe.AccessLog;
import io.sluice.proxy.observe.AccessRecord;
import io.sluice.proxy.observe.Outcome;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import org.jspecify.annotations.Nullable;

/** Sessions as others see them. Called on the session's loop only. */
final class SessionView {
  private SessionView() {}

  static boolean matches(Session session, SessionFilter filter) {
    LookupContext context = session.connection();
    return filter.matches(
        session.destination().label(),
        context.family(),
        context.remoteHigh(),
        context.remoteLow(),
        session.loop().timeMillis() - session.ending.startMillis());
  }

  static SessionState of(Session session) {
    long now = session.loop().timeMillis();
    LookupContext context = session.connection();
    return new SessionState(
        Protocol.TCP,
        IpAddress.withPort(context.remote(), context.remotePort()),
        IpAddress.withPort(context.local(), context.localPort()),
        session.destination().label(),
        session.targetName(),
        word(session),
        now - session.ending.startMillis(),
        Math.max(0, now - session.ending.activeMillis()),
        session.bytesIn(),
        session.bytesOut(),
        fares(session, session.client),
        fares(session, session.upstreams[0]),
        session.via == null ? null : session.via.toString());
  }

  /** How far it has come. */
  static Outcome.Phase phase(Session session) {
    Connecting connecting = session.connecting;
    if (connecting != null && connecting.isBusy()) {
      return Outcome.Phase.CONNECT;
    }
    return session.isHalfClosed() ? Outcome.Phase.CLOSING : Outcome.Phase.DATA;
  }

  /** Notes that a session is over. */
  static void record(Session session, Outcome how, Outcome.Phase phase) {
    if (AccessLog.isOn()) {
      LookupContext connection = session.connection();
      AccessLog.add(
          new AccessRecord(
              connection.copyTo(new Tuple()),
              session.destination().label(),
              session.targetName(),
              how,
              phase,
              session.loop().timeMillis() - session.ending.startMillis(),
              session.bytesIn(),
              session.bytesOut(),
              session.via == null ? null : session.via.toString()));
    }
  }

  private static SessionState.Tcp fares(Session session, @Nullable Peer peer) {
    return peer == null || !peer.isOpen()
        ? SessionState.Tcp.NONE
        : SessionState.Tcp.of(session.syscalls().tcpInfo(peer.number()));
  }

  /** What it does, or what it waits for. */
  private static String word(Session session) {
    Connecting connecting = session.connecting;
    if (connecting != null && connecting.isBusy()) {
      return "connecting";
    }
    if (session.ending.isDismissing()) {
      return "resetting";
    }
    if (session.client.isOpen() && session.client.blocked) {
      return "client-reads-slowly";
    }
    for (Peer upstream : session.upstreams) {
      if (upstream != null && upstream.blocked) {
        return "target-reads-slowly";
      }
    }
    return session.isHalfClosed() ? "half-closed" : "open";
  }
}
