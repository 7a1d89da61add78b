package io.sluice.proxy.relay;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Refusal;
import java.net.Socket;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a lookup knows of a connection, and connections that would come back to us. */
@Timeout(60)
final class TcpSteeringTest {
  private static final int LOOPBACK_IFINDEX = 1;

  private final int port = TestDaemon.freePort();

  private String dropByInterface(TestServer server, int ifindex) {
    return """
    bindings:
      - {label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %1$d}
      - {label: web, protocol: tcp, prefix: "::1/128", port: %1$d}
    programs:
      - {name: bindings, builtin: bindings}
      - {name: by-interface, rules: [{ifindex: %2$d, assign: none, replace: true}]}
    destinations:
      - {label: web, protocol: tcp, %3$s}
      - {label: none, protocol: tcp, targets: ["unix:/nonexistent/socket"]}
      - {label: none, protocol: udp, targets: ["127.0.0.1:9"]}
    """
        .formatted(port, ifindex, server.targets());
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "::1"})
  void aRuleSeesTheInterfaceThatAConnectionCameInBy(String address) throws Exception {
    try (TestServer server = TestServer.start(connection -> Streams.send(connection, "web"))) {
      try (TestDaemon _ = TestDaemon.start(dropByInterface(server, LOOPBACK_IFINDEX + 4000));
          Socket client = Streams.connect(address, port)) {
        assertThat(Streams.text(client, 3)).isEqualTo("web");
      }
      try (TestDaemon daemon = TestDaemon.start(dropByInterface(server, LOOPBACK_IFINDEX))) {
        assertThat(Streams.isReset(address, port)).isTrue();
        daemon.awaitSessions(0);
      }
    }
  }

  @Test
  void aSelectionSeesWhatTheClientHasSentAndTheTargetGetsIt() throws Exception {
    List<TestServer> servers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      char number = (char) ('0' + i);
      servers.add(
          TestServer.start(connection ->
              Streams.send(
                  connection,
                  number + new String(connection.getInputStream().readNBytes(5), UTF_8))));
    }
    String targets =
        servers.stream().map(it -> "\"127.0.0.1:" + it.port() + "\"").collect(joining(", "));
    String keys = "targets: [" + targets + "], select: payload, payload: {offset: 1, length: 4}";
    try (OneLoop one =
        new OneLoop(TestDaemon.config(TestDaemon.web(1, port, keys)), Resolver.offline())) {
      Set<Character> all = new HashSet<>();
      for (int key = 0; key < 16; key++) {
        Set<Character> its = new HashSet<>();
        for (int i = 0; i < 3; i++) {
          String sent = i + "key" + (char) ('a' + key);
          String answer = ask(one, sent);
          assertThat(answer.substring(1)).isEqualTo(sent);
          its.add(answer.charAt(0));
        }
        assertThat(its).as("key %d", key).hasSize(1);
        all.addAll(its);
      }
      assertThat(all).containsExactlyInAnyOrder('0', '1', '2');
    } finally {
      for (TestServer server : servers) {
        server.close();
      }
    }
  }

  /** Sends, and has the connection looked up once that has come in. */
  private String ask(OneLoop one, String sent) throws Exception {
    CountDownLatch delivered = new CountDownLatch(1);
    one.atLookup(() -> {
      try {
        boolean _ = delivered.await(10, TimeUnit.SECONDS);
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    });
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, sent);
      Streams.awaitDelivered(client);
      delivered.countDown();
      return Streams.text(client, 1 + sent.length());
    }
  }

  @Test
  void aTargetThatLeadsBackToUsIsRefusedAsALoopAndNotFollowed() throws Exception {
    String yaml =
        """
        bindings: [{label: self, protocol: tcp, prefix: 127.0.0.0/8, port: %d}]
        destinations: [{label: self, protocol: tcp, targets: [original], retries: 0}]
        """
            .formatted(port);
    try (TestDaemon daemon = TestDaemon.start(yaml)) {
      assertThat(Streams.isReset("127.0.9.9", port)).isTrue();
      TestDaemon.until("a loop is counted", () -> daemon.drops(Refusal.LOOP) > 0);
      daemon.awaitSessions(0);
      assertThat(daemon.drops(Refusal.LOOP)).isLessThan(10);
    }
  }
}
