package io.sluice.proxy.conformance;

import static io.sluice.steering.Protocol.TCP;
import static io.sluice.steering.Protocol.UDP;

import io.sluice.proxy.conformance.Twin.Spec;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Sockets of each sort, and a sockmap and a sockhash that hold them at random: in the kernel, and
 * the same in the engine.
 */
final class World implements AutoCloseable {
  private static final int LOOPBACK_IFINDEX = 1;

  final Kernel kernel;
  final List<Twin> twins = new ArrayList<>();
  final Map<Long, Socket> byCookie = new HashMap<>();
  final SocketMaps maps;

  /** Whether the last lookup of the engine asked a socket's group. */
  boolean groupAsked;

  private final Random random;

  World(Kernel kernel, Random random) {
    this.kernel = kernel;
    this.random = random;
    this.maps = new SocketMaps(kernel, random);
    for (Protocol protocol : Protocol.values()) {
      bind(Spec.of(protocol + " v4", protocol, "127.0.0.1"));
      bind(Spec.of(protocol + " v4 any", protocol, "0.0.0.0"));
      bind(Spec.of(protocol + " dual", protocol, "::"));
      bind(Spec.of(protocol + " v6 only", protocol, "::").onlyIpv6());
      bind(Spec.of(protocol + " v6", protocol, "::1"));
      bind(Spec.of(protocol + " mapped", protocol, "::ffff:127.0.0.1"));
      bind(Spec.of(protocol + " on lo", protocol, "127.0.0.1").onDevice(LOOPBACK_IFINDEX));
      bind(Spec.of(protocol + " v4 in a group", protocol, "127.0.0.1").inGroup());
      bind(Spec.of(protocol + " dual in a group", protocol, "::").inGroup());
      bind(Spec.of(protocol + " v4 in a group, to change", protocol, "127.0.0.1").inGroup());
      bind(Spec.of(protocol + " v6 in a group, to change", protocol, "::1").inGroup());
      bind(Spec.of(protocol + " v4, to change", protocol, "127.0.0.1"));
      bind(Spec.of(protocol + " v6, to change", protocol, "::1"));
    }
    for (String address : List.of("127.0.0.1", "::1")) {
      Twin listener = bind(Spec.of("listener with a connection", TCP, address));
      add(Twin.connectedTo(kernel, "client", listener));
      add(Twin.accepted(kernel, "accepted", listener));
      add(Twin.autobound(kernel, "bound by connecting", IpAddress.parse(address)));
    }
    for (Twin twin : List.copyOf(twins)) {
      maps.put(twin);
    }
    for (int i = 0; i < 40; i++) {
      stir();
    }
  }

  private Twin bind(Spec spec) {
    Twin twin = add(Twin.bound(kernel, spec));
    if (spec.reuse() == Spec.Reuse.PORT) {
      twin.socket.group((_, hit) -> {
        groupAsked = true;
        return hit.assign();
      });
    }
    return twin;
  }

  private Twin add(Twin twin) {
    twins.add(twin);
    byCookie.put(twin.cookie, twin.socket);
    return twin;
  }

  /** Something happens to a socket or an entry. */
  void stir() {
    Twin twin = twins.get(random.nextInt(twins.size()));
    if (twin.socket.isClosed()) {
      return;
    }
    if (random.nextInt(12) == 0) {
      change(twin);
    } else {
      maps.stir(twin);
    }
  }

  private void change(Twin twin) {
    boolean tcp = twin.socket.protocol() == TCP;
    boolean mayClose = twin.name.endsWith("to change") && random.nextInt(4) == 0;
    switch (twin.socket.state()) {
      case LISTEN -> {
        if (mayClose) {
          twin.close();
        } else if (twin.name.endsWith("to change")) {
          twin.shut();
        }
      }
      case CLOSE -> {
        if (!tcp && twin.socket.port() != 0 && twin.name.endsWith("to change")) {
          twin.connect(twin.socket.address(), 9);
        }
      }
      case ESTABLISHED -> {
        // Having left its group, it would still have the option, which is what a test run goes by.
        if (!tcp && !twin.name.contains("in a group")) {
          twin.disconnect();
        }
      }
      default -> throw new IllegalStateException(twin.toString());
    }
  }

  /** A packet out of few values, so that programs meet those they ask for. */
  void fill(LookupContext context) {
    Protocol protocol = random.nextBoolean() ? TCP : UDP;
    int remotePort = 40_000 + random.nextInt(300) * (random.nextBoolean() ? 1 : 7);
    int localPort =
        random.nextInt(4) == 0 ? random.nextInt(65536) : 8000 + random.nextInt(SocketMaps.KEYS);
    if (random.nextBoolean()) {
      int remote = 0xc000_0200 + random.nextInt(4);
      int local = (random.nextBoolean() ? 0x7f00_0000 : 0xc633_6400) + random.nextInt(4);
      context.ipv4(protocol, remote, remotePort, local, localPort, 0);
    } else {
      long high = 0x2001_0db8_0000_0000L + random.nextInt(3);
      context.ipv6(
          protocol, high, random.nextLong(), remotePort, high, random.nextInt(4), localPort, 0);
    }
  }

  /** Makes the engine believe that those listen no longer who do. */
  void lie() {
    for (Twin twin : twins) {
      if (twin.socket.takesNew()) {
        twin.socket.state(Socket.State.ESTABLISHED);
      }
    }
  }

  @Override
  public void close() {
    twins.forEach(Twin::close);
    maps.close();
  }
}
