package io.sluice.proxy.flow;

import io.sluice.config.Config;
import io.sluice.config.DestinationSpec;
import io.sluice.config.ProxyProtocolOut;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Prints how much the loop's thread allocates for a round of datagrams, once it is warm: of an
 * affinity that the argument names, with {@code headers} such that PROXY protocol headers come in
 * and go out, with {@code mapped} of IPv4 through an IPv6 socket, or with {@code steered} of
 * replies that leave through reply sockets.
 */
final class AllocationProbe {
  /** How many datagrams, and replies, a round has. */
  static final int ROUND = 10_000;

  private static final int MOST_ROUNDS = 30;
  private static final int FLOWS = 5;

  private static final byte[] PLAIN = {'p', 'i', 'n', 'g'};

  /** With TLVs and a checksum. */
  private static final byte[] ANNOUNCED =
      new ProxyHeaderWriter(new ProxyProtocolOut(2, true, true, List.of(), false, true))
          .header(
              new LookupContext().ipv4(Protocol.UDP, 0xcb007109, 56324, 0xc6336401, 53, 0),
              ProxyHeaderWriter.NO_TLVS);

  private AllocationProbe() {}

  private static RelayHarness relay(String argument, int port) {
    return switch (argument) {
      case "headers" -> new RelayHarness(withHeaders(port));
      case "steered", "mapped" -> relay("FLOW", port);
      default ->
          new RelayHarness(
              RelayHarness.at("127.0.0.1", port),
              RelayHarness.NEVER,
              0,
              DestinationSpec.Affinity.valueOf(argument));
    };
  }

  /** Datagrams come with PROXY protocol headers, and go on with others, all to one target. */
  private static Config withHeaders(int port) {
    return TestDaemon.config(
        """
        capture:
          - {name: edge, protocols: [udp], addresses: [127.0.3.0/24], ports: any,
             proxyProtocol: {from: [127.0.0.1]}}
        listeners:
          - {protocol: udp, address: 0.0.0.0, port: 53, destination: echo}
        bindings:
          - {label: echo, protocol: udp, prefix: 127.0.3.0/24, port: any}
        destinations:
          - {label: echo, protocol: udp, targets: ["127.0.0.1:%d"], idleTimeout: 1h,
             proxyProtocol: {version: v2, uniqueId: true, crc32c: true}}
        """
            .formatted(port));
  }

  public static void main(String[] arguments) throws Exception {
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0);
        RelayHarness relay = relay(arguments[0], server.port());
        UdpPeer client = UdpPeer.client()) {
      Round exchange =
          switch (arguments[0]) {
            case "steered" -> replies(server, relay, client);
            case "headers" -> exchanges(server, relay, client, "0.0.0.0", ANNOUNCED);
            case "mapped" -> exchanges(server, relay, client, "::ffff:0.0.0.0", PLAIN);
            default -> exchanges(server, relay, client, "0.0.0.0", PLAIN);
          };
      AtomicLong thread = new AtomicLong();
      relay.run(() -> thread.set(Thread.currentThread().threadId()));
      long least = Long.MAX_VALUE;
      for (int round = 0; round < MOST_ROUNDS && least > 0; round++) {
        long before = allocatedBytes(thread.get());
        if (before <= 0) {
          throw new IllegalStateException("this JVM doesn't say what threads allocate");
        }
        for (int i = 0; i < ROUND; i += 2 * FLOWS) {
          exchange.run();
          for (int reply = 0; reply < 2 * FLOWS; reply++) {
            client.receive();
          }
        }
        least = Math.min(least, allocatedBytes(thread.get()) - before);
      }
      System.out.println(least);
    }
  }

  /** Brings two replies of each flow on their way. */
  private interface Round {
    void run() throws IOException;
  }

  private static Round exchanges(
      UdpPeer server, RelayHarness relay, UdpPeer client, String bound, byte[] datagram) {
    Thread _ = Thread.ofPlatform().daemon().start(() -> echo(server));
    int port = relay.open(bound, "127.0.3.0/24").port();
    return () -> {
      for (int flow = 0; flow < FLOWS; flow++) {
        client.send(datagram, "127.0.3." + flow, port);
        client.send(datagram, "127.0.3." + flow, port);
      }
    };
  }

  private static Round replies(UdpPeer server, RelayHarness relay, UdpPeer client)
      throws IOException {
    int port = relay.openSteered("0.0.0.0", "127.0.3.0/24").port();
    List<UdpPeer.Datagram> asked = new ArrayList<>();
    for (int flow = 0; flow < FLOWS; flow++) {
      client.send("ping", "127.0.3." + flow, port);
      asked.add(server.receive());
    }
    return () -> {
      for (UdpPeer.Datagram each : asked) {
        server.answer(each);
        server.answer(each);
      }
    };
  }

  /** Unlike a server of {@link UdpPeer#echo}, doesn't keep what it has heard. */
  private static void echo(UdpPeer server) {
    try {
      while (true) {
        server.answer(server.receive());
      }
    } catch (IOException _) {
      // Closed: that's all.
    }
  }

  /** As com.sun.management.ThreadMXBean says, whose module this one doesn't read. */
  private static long allocatedBytes(long thread) throws ReflectiveOperationException {
    Object threads =
        Class.forName("java.lang.management.ManagementFactory")
            .getMethod("getThreadMXBean")
            .invoke(null);
    return (long)
        Objects.requireNonNull(
            Class.forName("com.sun.management.ThreadMXBean")
                .getMethod("getThreadAllocatedBytes", long.class)
                .invoke(threads, thread));
  }
}
