package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Tuple;
import org.jspecify.annotations.Nullable;

/**
 * How a connection is told to another daemon, and made from that: docs/takeover.md defines the
 * form. Times are told as ages, as the other one may have another clock. Called on its loop only.
 */
final class SessionForm {
  private static final int RELAYED = 1;
  private static final int HEADER_AWAITED = 2;

  private SessionForm() {}

  // ---- a relayed connection

  /**
   * Describes a session.
   *
   * @return false if it is in a state that isn't handed over: it has no target yet, or ends
   */
  static boolean pack(TcpSession session, Packer out) {
    Peer upstream = session.upstreams[0];
    boolean isWhole = upstream != null && upstream.isOpen() && session.client.isOpen();
    if (session.isClosed() || !isWhole || session.ending.isDismissing()) {
      return false;
    }
    long now = session.loop().timeMillis();
    Target target = session.target(0);
    Peer to = requireNonNull(upstream);
    out.descriptor(session.client.number()).descriptor(to.number());
    out.u8(RELAYED).tuple(session.connection().copyTo(new Tuple()));
    pack(session.via, out);
    out.text(target.destination().label()).text(target.toString());
    session.ending.pack(out, now);
    session.packCounts(out);
    session.packOwn(out);
    Connecting connecting = session.connecting;
    boolean isConnecting = connecting != null && connecting.isBusy();
    out.flag(isConnecting);
    if (isConnecting) {
      requireNonNull(connecting).pack(out, now);
    }
    session.client.pack(out);
    to.pack(out);
    return true;
  }

  /** What a description stands for; null if this daemon can't have it. It has yet to be added. */
  static Sessions.@Nullable Entry unpack(TcpRelay relay, Unpacker in) {
    return switch (in.u8()) {
      case RELAYED -> unpackSession(relay, in);
      case HEADER_AWAITED -> unpackWait(relay, in);
      default -> null;
    };
  }

  private static @Nullable TcpSession unpackSession(TcpRelay relay, Unpacker in) {
    Tuple tuple = in.tuple();
    Via via = unpackVia(in);
    Target target = relay.target(in.text(), in.text());
    if (target == null || target.destination().messages() != null) {
      return null;
    }
    LookupContext context = relay.scratch().of(tuple, 0);
    TcpSession session = new TcpSession(relay, context, in.descriptor(), target, via);
    Peer upstream = new Peer(session, in.descriptor(), 0, false);
    session.upstreams[0] = upstream;
    boolean isTaken = false;
    try {
      session.ending.unpack(in, relay.loop().timeMillis());
      session.unpackCounts(in);
      session.unpackOwn(in);
      if (in.flag()) {
        session.connecting = Connecting.unpack(in, session);
      }
      isTaken = session.client.unpack(in, null) && upstream.unpack(in, target);
      if (session.connecting != null) {
        session.connecting.endpoint(upstream.endpoint);
        isTaken &= upstream.isConnecting && upstream.endpoint != null;
      }
    } finally {
      if (!isTaken) {
        relay.guard().forget(upstream.ownSource);
        session.client.close();
        upstream.close();
      }
    }
    if (isTaken) {
      enter(session);
    }
    return isTaken ? session : null;
  }

  /** Counts in what another daemon had opened. */
  private static void enter(Session session) {
    session.destination().reopen();
    session.target(0).retakePlace();
    session.placed = session.target(0);
    for (int index = 0; index < session.upstreams.length; index++) {
      if (session.upstreams[index] != null) {
        session.target(index).opened();
      }
    }
  }

  // ---- one that waits for its PROXY header

  static void pack(HeaderWait wait, Packer out) {
    out.u8(HEADER_AWAITED).descriptor(wait.number());
    pack(wait.client, out);
    out.i32(wait.ifindex)
        .i64(wait.deadlineMillis() - wait.loop().timeMillis())
        .i32(wait.lowWater());
  }

  private static @Nullable HeaderWait unpackWait(TcpRelay relay, Unpacker in) {
    Via physical = unpackVia(in);
    int ifindex = in.i32();
    long leftMillis = in.i64();
    int lowWater = in.i32();
    if (physical == null) {
      return null;
    }
    LookupContext context = physical.describe(relay.scratch(), ifindex);
    return new HeaderWait(relay, in.descriptor(), context, leftMillis, lowWater);
  }

  // ---- how a client was announced

  private static void pack(@Nullable Via via, Packer out) {
    out.flag(via != null);
    if (via != null) {
      out.tuple(via.came());
      out.bytes(via.tlvs());
    }
  }

  private static @Nullable Via unpackVia(Unpacker in) {
    return in.flag() ? Via.of(new LookupContext().of(in.tuple(), 0), in.bytes()) : null;
  }
}
