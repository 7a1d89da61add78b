package io.sluice.proxy.target;

import io.sluice.config.Code;
import io.sluice.config.ConfigException;
import io.sluice.config.DestinationSpec;
import io.sluice.config.MessageSpec;
import io.sluice.config.MessageSpec.Framing;
import io.sluice.config.Selection;
import io.sluice.proxy.program.Jars;
import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.map.SockMap;
import io.sluice.steering.stream.LengthFieldParser;
import io.sluice.steering.stream.LineParser;
import io.sluice.steering.stream.OctetCountedParser;
import io.sluice.steering.stream.SkSkb;
import io.sluice.steering.stream.SpreadVerdict;
import io.sluice.steering.stream.StreamParser;
import io.sluice.steering.stream.StreamVerdict;
import io.sluice.steering.stream.Strparser;
import io.sluice.steering.stream.SyslogParser;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * How a destination steers messages: its parser, what its verdict goes by, and a socket map with
 * one connected socket for each target, by its index, that verdicts redirect to. A session has a
 * connection of its own behind each of these.
 *
 * <p>A program from a jar is one object for all streams, on all loops, and gets that map if its
 * constructor asks for it. A pass without redirect leads to the target that the connection's lookup
 * chose.
 *
 * <p>Shared by all event loops; immutable but for the map, which only a program could change.
 */
public final class MessagePlan {
  private final MessageSpec spec;
  private final List<Target> targets;
  private final StreamParser parser;
  private final SpreadVerdict.By by;
  private final SockMap sockets;
  private final int[] weights;
  private final Socket[] own;
  private final String verdictName;
  private final @Nullable StreamVerdict program;
  private final AtomicInteger streams = new AtomicInteger();

  MessagePlan(DestinationSpec destination, MessageSpec spec, List<Target> targets, Jars jars)
      throws ConfigException {
    this.spec = spec;
    this.targets = targets;
    this.parser =
        switch (spec.framing()) {
          case Framing.Line _ -> new LineParser();
          case Framing.OctetCounted _ -> new OctetCountedParser();
          case Framing.Syslog _ -> new SyslogParser();
          case Framing.LengthField it ->
              new LengthFieldParser(it.offset(), it.size(), it.bigEndian(), it.adjustment());
        };
    this.by =
        switch (destination.selection()) {
          case Selection.Payload bytes -> new SpreadVerdict.By.Hash(bytes.offset(), bytes.length());
          case Selection.RoundRobin _ -> new SpreadVerdict.By.Turn();
          case Selection.Hash _,
              Selection.Source _,
              Selection.LeastConnections _,
              Selection.Quic _,
              Selection.Program _ ->
              new SpreadVerdict.By.Hash(0, 0);
        };
    this.weights = targets.stream().mapToInt(it -> it.spec().share()).toArray();
    this.sockets = new SockMap(targets.size());
    this.own = new Socket[targets.size()];
    for (int i = 0; i < targets.size(); i++) {
      Socket socket =
          Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, 1)
              .state(Socket.State.ESTABLISHED)
              .attachment(i)
              .build();
      own[i] = socket;
      int result = sockets.update(i, socket);
      if (result < 0) {
        throw new IllegalStateException(targets.get(i) + ": " + Errno.ofResult(result));
      }
    }
    Code its = destination.selection() instanceof Selection.Program it ? it.code() : null;
    this.verdictName = its == null ? destination.label() : its.name();
    this.program = its == null ? null : jars.load(its, StreamVerdict.class, SockMap.class, sockets);
  }

  public MessageSpec spec() {
    return spec;
  }

  /** In the order of the map. */
  public List<Target> targets() {
    return targets;
  }

  /** How many targets may be chosen at all. */
  public int candidates() {
    int count = 0;
    for (int weight : weights) {
      count += weight > 0 ? 1 : 0;
    }
    return count;
  }

  /** What failures of the verdict are reported under. */
  public String verdictName() {
    return verdictName;
  }

  /**
   * Which target a verdict meant that redirected to this socket; negative if none: programs can
   * make sockets.
   */
  public int index(Socket socket) {
    return socket.attachment() instanceof Integer index
            && index >= 0
            && index < own.length
            && own[index] == socket
        ? index
        : -1;
  }

  /** The path of a new stream. */
  public SkSkb open(LookupContext connection, SpreadVerdict.Availability availability) {
    return new SkSkb(
        new Strparser(parser, spec.maxMessageBytes(), spec.parserTimeout().toMillis()),
        program != null
            ? program
            : new SpreadVerdict(sockets, weights, by, streams.getAndIncrement(), availability),
        connection);
  }
}
