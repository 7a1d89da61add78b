package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Config;
import io.sluice.config.DestinationLimits;
import io.sluice.config.DestinationSpec;
import io.sluice.config.MessageSpec;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Refusal;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A failure before a connection has a session: its descriptor is closed, and others are served. */
@Timeout(60)
final class FailedConnectionTest {
  private static final int CONNECTIONS = 40;
  private static final String HEADER = "PROXY UNKNOWN\r\n";

  private final int port = TestDaemon.freePort();

  private String configuration(TestServer server, String more) {
    return """
    capture:
      - {name: plain, protocols: [tcp], addresses: [127.0.0.1], ports: %1$d%2$s}
    bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %1$d}]
    destinations: [{label: web, protocol: tcp, %3$s}]
    """
        .formatted(port, more, server.targets());
  }

  @ParameterizedTest
  @CsvSource({
    "1, false", // whether to ask for the interface
    "2, false", // whether to wait for a header
    "3, false", // where it belongs
    "3, true", // the same, once its header is complete
  })
  void whatFailsAtTheSnapshotLeavesNothingOpen(int failing, boolean announces) throws Exception {
    AtomicInteger lookup = new AtomicInteger();
    String more = announces ? ", proxyProtocol: {from: [127.0.0.1]}" : "";
    try (TestServer server = TestServer.start(connection -> Streams.send(connection, "hello"));
        Resolver resolver = Resolver.offline();
        OneLoop loop = new OneLoop(TestDaemon.config(configuration(server, more)), resolver)) {
      Runnable failure =
          () -> {
            if (lookup.incrementAndGet() == failing) {
              throw new IllegalStateException("as the test wants it");
            }
          };
      int before = 0;
      for (int i = 0; i < CONNECTIONS; i++) {
        lookup.set(0);
        loop.atLookup(failure);
        assertThat(isReset(announces)).isTrue();
        loop.atLookup(() -> {});
        try (Socket client = Streams.connect(port)) {
          Streams.send(client, HEADER);
          assertThat(Streams.text(client, 5)).isEqualTo("hello");
        }
        if (i == 0) {
          awaitNone(loop);
          before = descriptors();
        }
      }
      awaitNone(loop);
      int most = before;
      TestDaemon.until("descriptors as before", () -> descriptors() <= most);
      assertThat(loop.drops(Refusal.FAULT)).isEqualTo(CONNECTIONS);
    }
  }

  @Test
  void whatFailsAsItsSessionIsMadeLeavesNothingOpen() throws Exception {
    try (TestServer server = TestServer.start(connection -> Streams.send(connection, "hello"));
        Resolver resolver = Resolver.offline();
        OneLoop loop = new OneLoop(bad(TestDaemon.config(configuration(server, ""))), resolver)) {
      assertThat(isReset(false)).isTrue();
      awaitNone(loop);
      int before = descriptors();
      for (int i = 1; i < CONNECTIONS; i++) {
        assertThat(isReset(false)).isTrue();
      }
      awaitNone(loop);
      TestDaemon.until("descriptors as before", () -> descriptors() <= before);
      assertThat(loop.drops(Refusal.FAULT)).isEqualTo(CONNECTIONS); // not at maxConnections
    }
  }

  /** With a time that no clock can count: no file gets that past the reader. */
  private static Config bad(Config config) {
    DestinationSpec web = config.destinations().getFirst();
    DestinationSpec worse =
        new DestinationSpec(
            web.label(),
            web.protocol(),
            web.targets(),
            web.selection(),
            web.connectTimeout(),
            web.idleTimeout(),
            web.retries(),
            CONNECTIONS / 2,
            web.affinity(),
            new MessageSpec(
                new MessageSpec.Framing.Line(), 1_024, Duration.ofSeconds(Long.MAX_VALUE)),
            web.source(),
            null,
            web.keepalive(),
            0,
            web.health(),
            web.offload(),
            DestinationLimits.NONE);
    return new Config(
        config.captures(),
        config.capturesDerived(),
        config.bindings(),
        List.of(worse),
        config.programs(),
        config.listeners(),
        config.expectations(),
        config.loops(),
        config.limits(),
        config.admin());
  }

  private boolean isReset(boolean announces) throws IOException {
    if (!announces) {
      return Streams.isReset("127.0.0.1", port);
    }
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, HEADER);
      return Streams.isReset(client);
    }
  }

  private static void awaitNone(OneLoop loop) {
    TestDaemon.until("no sessions", () -> loop.sessions() == 0);
  }

  private static int descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return Math.toIntExact(all.count());
    }
  }
}
