package io.sluice.proxy.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.control.RefusedException;
import io.sluice.proxy.observe.Refusal;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** Ways in: what is bound, what isn't, and what a reload does to it. */
@ParameterizedClass(name = "loops={0}")
@ValueSource(ints = {1, 2})
@Timeout(60)
final class CapturesTest {
  @Parameter int loops;

  private final int port = TestDaemon.freePort();

  /** Says its name, and echoes from then on. */
  private static TestServer named(String name) throws IOException {
    return TestServer.start(connection -> {
      Streams.send(connection, name);
      long _ = connection.getInputStream().transferTo(connection.getOutputStream());
    });
  }

  private static String ask(String address, int port) throws IOException {
    try (Socket client = Streams.connect(address, port)) {
      return Streams.text(client, 1);
    }
  }

  /** Captures of these prefixes at the port, all to one destination. */
  private String captures(TestServer server, String... prefixes) {
    StringBuilder bindings = new StringBuilder();
    for (String prefix : prefixes) {
      bindings.append(
          "{label: web, protocol: tcp, prefix: %s, port: %d}, ".formatted(prefix, port));
    }
    return """
    loops: %d
    bindings: [%s]
    destinations: [{label: web, protocol: tcp, %s}]
    """
        .formatted(loops, bindings, server.targets());
  }

  private static boolean isRefused(String address, int port) {
    try (Socket _ = Streams.connect(address, port)) {
      return false;
    } catch (IOException _) {
      return true;
    }
  }

  @Test
  void anAddressOutsideThePrefixIsResetAndCounted() throws Exception {
    try (TestServer server = named("a");
        TestDaemon daemon = TestDaemon.start(captures(server, "127.0.6.0/24"))) {
      assertThat(ask("127.0.6.200", port)).isEqualTo("a");
      assertThat(Streams.isReset("127.0.7.1", port)).isTrue();
      assertThat(daemon.drops(Refusal.NOT_CAPTURED)).isEqualTo(1);
      daemon.awaitSessions(0);
    }
  }

  @Test
  void aSingleAddressIsBoundBesideAPrefixOfTheSamePort() throws Exception {
    try (TestServer server = named("a");
        TestDaemon _ = TestDaemon.start(captures(server, "127.0.6.0/24", "127.0.7.1/32"))) {
      assertThat(ask("127.0.6.200", port)).isEqualTo("a");
      assertThat(ask("127.0.7.1", port)).isEqualTo("a");
    }
  }

  @Test
  void aReloadReplacesASingleAddressByAPrefixOfTheSamePortAndBack() throws Exception {
    try (TestServer server = named("a");
        TestDaemon daemon = TestDaemon.start(captures(server, "127.0.6.1/32"))) {
      for (int i = 0; i < 5; i++) {
        daemon.reload(captures(server, "127.0.6.0/24"));
        assertThat(ask("127.0.6.1", port)).isEqualTo("a");
        assertThat(ask("127.0.6.2", port)).isEqualTo("a");
        daemon.reload(captures(server, "127.0.6.0/24", "127.0.6.1/32"));
        assertThat(ask("127.0.6.1", port)).isEqualTo("a");
        daemon.reload(captures(server, "127.0.6.1/32"));
        assertThat(ask("127.0.6.1", port)).isEqualTo("a");
        assertThat(isRefused("127.0.6.2", port)).isTrue();
        daemon.reload(captures(server, "127.0.6.1/32", "127.0.6.0/24"));
        assertThat(ask("127.0.6.1", port)).isEqualTo("a");
        assertThat(ask("127.0.6.2", port)).isEqualTo("a");
      }
    }
  }

  @Test
  void anExistingConnectionLivesOnWhileNewOnesGoToTheNewTarget() throws Exception {
    try (TestServer first = named("a");
        TestServer second = named("b");
        TestDaemon daemon = TestDaemon.start(loops, port, first.targets());
        Socket old = Streams.connect(port)) {
      assertThat(Streams.text(old, 1)).isEqualTo("a");
      daemon.reload(TestDaemon.web(loops, port, second.targets()));
      assertThat(ask("127.0.0.1", port)).isEqualTo("b");
      Streams.send(old, "still");
      assertThat(Streams.text(old, 5)).isEqualTo("still");
      assertThat(daemon.snapshot().generation()).isEqualTo(2);
    }
  }

  @Test
  void aCaptureThatVanishesIsClosedAndItsConnectionsLiveOn() throws Exception {
    int other = TestDaemon.freePort();
    try (TestServer server = named("a");
        TestDaemon daemon = TestDaemon.start(loops, port, server.targets());
        Socket old = Streams.connect(port)) {
      assertThat(Streams.text(old, 1)).isEqualTo("a");
      daemon.reload(TestDaemon.web(loops, other, server.targets()));
      assertThat(ask("127.0.0.1", other)).isEqualTo("a");
      assertThat(isRefused("127.0.0.1", port)).isTrue();
      Streams.send(old, "still");
      assertThat(Streams.text(old, 5)).isEqualTo("still");
    }
  }

  @Test
  void noConnectionIsRefusedDuringAHundredReloads() throws Exception {
    int other = TestDaemon.freePort();
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger served = new AtomicInteger();
    AtomicInteger failed = new AtomicInteger();
    try (TestServer first = named("a");
        TestServer second = named("b");
        TestDaemon daemon = TestDaemon.start(loops, port, first.targets())) {
      Thread[] clients = new Thread[4];
      for (int i = 0; i < clients.length; i++) {
        clients[i] =
            Thread.ofVirtual()
                .start(() -> {
                  while (!done.get()) {
                    try {
                      assertThat(ask("127.0.0.1", port)).isIn("a", "b");
                      served.incrementAndGet();
                    } catch (IOException | AssertionError _) {
                      failed.incrementAndGet();
                    }
                  }
                });
      }
      for (int i = 0; i < 100; i++) {
        TestServer server = i % 2 == 0 ? second : first;
        String yaml = TestDaemon.web(loops, port, server.targets());
        String both =
            yaml.replace(
                "bindings: [",
                "bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: "
                    + other
                    + "}, ");
        daemon.reload(i % 3 == 0 ? both : yaml);
        int before = served.get();
        TestDaemon.until("clients are served in between", () -> served.get() > before);
      }
      done.set(true);
      for (Thread client : clients) {
        client.join();
      }
      assertThat(failed.get()).isZero();
      assertThat(served.get()).isGreaterThan(50);
      assertThat(daemon.snapshot().generation()).isEqualTo(101);
      daemon.awaitSessions(0);
    }
  }

  @Test
  void aPortThatIsTakenNamesItsHolderAndLeavesTheOthers() throws Exception {
    try (TestServer server = named("a");
        ServerSocket taken = new ServerSocket(0, 1, Streams.LOOPBACK)) {
      int busy = taken.getLocalPort();
      try (TestDaemon _ = TestDaemon.start(capture(server, port + ", " + busy, false))) {
        assertThat(ask("127.0.0.1", port)).isEqualTo("a");
      }
      assertThatThrownBy(() -> TestDaemon.start(capture(server, port + ", " + busy, true)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("capture edge: can't bind tcp 127.0.0.1:" + busy + ": EADDRINUSE")
          .hasMessageContaining("(pid " + ProcessHandle.current().pid() + ")");
      assertThat(isRefused("127.0.0.1", port)).isTrue();
      assertThatThrownBy(() -> TestDaemon.start(capture(server, "" + busy, false)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("EADDRINUSE");
    }
  }

  @Test
  void aStrictCaptureThatCantHaveItsNewPortRefusesTheReloadAndKeepsItsOldOne() throws Exception {
    int free = TestDaemon.freePort();
    try (TestServer server = named("a");
        ServerSocket taken = new ServerSocket(0, 1, Streams.LOOPBACK);
        TestDaemon daemon = TestDaemon.start(capture(server, "" + port, true))) {
      int busy = taken.getLocalPort();
      assertThatThrownBy(() -> daemon.reload(capture(server, free + ", " + busy, true)))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining("capture edge: can't bind tcp 127.0.0.1:" + busy + ": EADDRINUSE");
      assertThat(daemon.snapshot().generation()).isEqualTo(1);
      assertThat(ask("127.0.0.1", port)).isEqualTo("a");
      assertThat(isRefused("127.0.0.1", free)).as("what was prepared is given back").isTrue();
      daemon.reload(capture(server, "" + free, true));
      assertThat(ask("127.0.0.1", free)).isEqualTo("a");
      assertThat(isRefused("127.0.0.1", port)).isTrue();
    }
  }

  @Test
  void aReloadThatIsPreparedAndNotCommittedChangesNothing() throws Exception {
    int other = TestDaemon.freePort();
    try (TestServer server = named("a");
        TestDaemon daemon = TestDaemon.start(loops, port, server.targets())) {
      for (int i = 0; i < 3; i++) {
        daemon.prepareAndGiveUp(TestDaemon.web(loops, other, server.targets()));
        assertThat(isRefused("127.0.0.1", other)).isTrue();
        assertThat(ask("127.0.0.1", port)).isEqualTo("a");
      }
      assertThat(daemon.snapshot().generation()).isEqualTo(1);
    }
  }

  @Test
  void aPortThatWasBusyIsTakenOnceItIsFree() throws Exception {
    try (TestServer server = named("a");
        ServerSocket taken = new ServerSocket(0, 1, Streams.LOOPBACK)) {
      int busy = taken.getLocalPort();
      try (TestDaemon daemon = TestDaemon.start(capture(server, port + ", " + busy, false))) {
        daemon.reconcile();
        assertThat(daemon.captureStates()).hasSize(1).noneMatch(CaptureState::isUp);
        assertThat(daemon.captureStates().getFirst().why()).contains("tcp 127.0.0.1:" + busy);
        taken.close();
        daemon.reconcile();
        assertThat(ask("127.0.0.1", busy)).isEqualTo("a");
        assertThat(daemon.captureStates()).allMatch(CaptureState::isUp);
      }
      assertThat(isRefused("127.0.0.1", busy)).isTrue();
    }
  }

  @Test
  void aSecondDaemonDoesNotShareThePort() throws Exception {
    try (TestServer server = named("a");
        TestDaemon _ = TestDaemon.start(loops, port, server.targets())) {
      assertThatThrownBy(() -> TestDaemon.start(loops, port, server.targets()))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("EADDRINUSE");
      assertThat(ask("127.0.0.1", port)).isEqualTo("a");
    }
  }

  private String capture(TestServer server, String ports, boolean strict) {
    return """
    loops: %d
    capture:
      - {name: edge, protocols: [tcp], addresses: [127.0.0.1], ports: [%s], strict: %s}
    bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: any}]
    destinations: [{label: web, protocol: tcp, %s}]
    """
        .formatted(loops, ports, strict, server.targets());
  }
}
