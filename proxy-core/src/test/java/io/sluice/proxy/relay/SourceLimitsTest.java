package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Opened;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code perSource} of TCP: what one source may have, and what becomes of the rest. */
@Timeout(60)
final class SourceLimitsTest {
  private static final String ONE = "127.0.0.1";
  private static final String OTHER = "127.0.9.1";

  @RegisterExtension final Opened opened = new Opened();

  private final int port = TestDaemon.freePort();

  /**
   * A daemon of one loop, which accepts in order, before a server that closes when its client does.
   */
  private TestDaemon daemon(String limits, String destination) throws Exception {
    TestServer server = opened.add(TestServer.start(TestServer.PROTOCOL));
    String web = TestDaemon.web(1, port, server.targets() + destination);
    return opened.add(TestDaemon.start("limits: {drain: 0s" + limits + "}\n" + web));
  }

  private Socket connect(String from) throws IOException {
    Socket socket = opened.add(new Socket());
    socket.bind(new InetSocketAddress(InetAddress.ofLiteral(from), 0));
    socket.connect(new InetSocketAddress(Streams.LOOPBACK, port), 5_000);
    socket.setSoTimeout(10_000);
    return socket;
  }

  @Test
  void aSourceHasNoMoreConnectionsThanItMayAndOthersHaveTheirs() throws Exception {
    TestDaemon daemon = daemon(", perSource: {connections: 3}", "");
    List<Socket> first = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      first.add(connect(ONE));
    }
    daemon.awaitSessions(3);
    assertThat(Streams.isRefused(() -> connect(ONE), "")).isTrue();
    daemon.awaitDrops(Refusal.SOURCE_CONNECTIONS, 1);
    connect(OTHER);
    daemon.awaitSessions(4);

    first.getFirst().close();
    daemon.awaitSessions(3);
    connect(ONE);
    daemon.awaitSessions(4);
    assertThat(daemon.drops(Refusal.SOURCE_CONNECTIONS)).isEqualTo(1);
  }

  @Test
  void aDestinationAndACaptureLimitByThemselves() throws Exception {
    TestDaemon ofDestination = daemon("", ", perSource: {connections: 1}");
    connect(ONE);
    ofDestination.awaitSessions(1);
    assertThat(Streams.isRefused(() -> connect(ONE), "")).isTrue();
    ofDestination.reload(
        """
        capture: [{name: edge, addresses: 127.0.0.1, ports: %1$d, perSource: {connections: 2}}]
        bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %1$d}]
        destinations: [{label: web, protocol: tcp, targets: "127.0.0.1:1", perSource: {connections: 3}}]
        """
            .formatted(port));
    assertThat(Streams.isRefused(() -> connect(ONE), "")).isTrue();
    ofDestination.awaitDrops(Refusal.CONNECT_REFUSED, 1); // its place went with it
    assertThat(ofDestination.drops(Refusal.SOURCE_CONNECTIONS)).isEqualTo(1);
  }

  @Test
  void newConnectionsHaveARateOfTheirOwn() throws Exception {
    TestDaemon daemon = daemon(", perSource: {newPerSecond: 2, except: 127.0.9.0/24}", "");
    int refused = 0;
    for (int i = 0; i < 20; i++) {
      refused += Streams.isRefused(() -> connect(ONE), "\n") ? 1 : 0;
      connect(OTHER);
    }
    daemon.awaitDrops(Refusal.SOURCE_RATE, refused);
    assertThat(refused).isPositive();
  }

  @Test
  void aSourceOverItsLimitMayWait() throws Exception {
    TestDaemon daemon = daemon(", perSource: {connections: 1, overLimit: wait}", "");
    Socket first = connect(ONE);
    daemon.awaitSessions(1);
    Socket second = connect(ONE);
    Streams.send(second, "ECHO\nhello");
    daemon.awaitSessions(2);
    assertThat(second.getInputStream().available()).isZero();
    assertThat(Streams.isRefused(() -> connect(ONE), ""))
        .isTrue(); // as many wait as may have a session
    first.close();
    assertThat(Streams.text(second, 5)).isEqualTo("hello");
    assertThat(daemon.drops(Refusal.SOURCE_CONNECTIONS)).isEqualTo(1);
  }

  @Test
  void aShadowRefusesNothingAndCounts() throws Exception {
    TestDaemon daemon = daemon(", perSource: {connections: 1, shadow: true, overLimit: drop}", "");
    connect(ONE);
    connect(ONE);
    daemon.awaitSessions(2);
    assertThat(daemon.counters().shadowed(Refusal.SOURCE_CONNECTIONS, Protocol.TCP).sum())
        .isEqualTo(1);
    assertThat(daemon.drops(Refusal.SOURCE_CONNECTIONS)).isZero();
  }

  @Test
  void aPrefixIsOneSource() throws Exception {
    TestDaemon daemon = daemon(", perSource: {connections: 1, prefix4: 24}", "");
    connect("127.0.9.1");
    daemon.awaitSessions(1);
    assertThat(Streams.isRefused(() -> connect("127.0.9.2"), "")).isTrue();
    connect("127.0.8.1");
    daemon.awaitSessions(2);
  }

  /** Two begin at once; the third to the sixth take two seconds. */
  @Test
  void connectionsBeyondTheRateOfAllWaitToBeAccepted() throws Exception {
    TestDaemon daemon = daemon(", newConnectionsPerSecond: 2", "");
    long start = System.nanoTime();
    for (int i = 0; i < 6; i++) {
      connect(ONE);
    }
    daemon.awaitSessions(6);
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(1_500));
  }

  /** What is asked for takes a second at least, by each of the bounds. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "bandwidth: {session: 4MiB}",
        "bandwidth: {total: 4MiB}",
        "perSource: {bytesPerSecond: 2560KiB}"
      })
  void aSessionGoesNoFasterThanItMay(String bound) throws Exception {
    TestDaemon _ = daemon("", ", " + bound);
    Socket client = connect(ONE);
    long start = System.nanoTime();
    Streams.send(client, "DL " + (5 << 20) + "\n");
    assertThat(Streams.readAll(client.getInputStream()).checksum())
        .isEqualTo(Streams.patternChecksum(5 << 20));
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(900));
  }
}
