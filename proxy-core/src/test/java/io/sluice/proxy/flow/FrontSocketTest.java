package io.sluice.proxy.flow;

import static io.sluice.proxy.TestDaemon.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.arrival.CaptureSocket;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a capture's socket is closed under its flows. */
class FrontSocketTest {
  private static boolean isOpen(int fd) {
    return Files.exists(Path.of("/proc/self/fd/" + fd), LinkOption.NOFOLLOW_LINKS);
  }

  private static int openDescriptors() {
    return Objects.requireNonNull(new File("/proc/self/fd").list()).length;
  }

  @ParameterizedTest
  @CsvSource({
    "0.0.0.0, 127.0.3.0/24, 127.0.3.7, 127.0.0.1",
    "127.0.3.7, 127.0.3.7, 127.0.3.7, 127.0.0.1",
    "::, ::1, ::1, ::1",
    "::1, ::1, ::1, ::1",
    "::ffff:0.0.0.0, 127.0.3.0/24, 127.0.3.7, 127.0.0.1",
  })
  void afterItIsClosedItsFlowsStillReplyUntilTheLastEnds(
      String bound, String captured, String asked, String from) throws Exception {
    CountDownLatch closed = new CountDownLatch(1);
    UdpPeer.Service late =
        (server, datagram) -> {
          try {
            boolean _ = closed.await(10, TimeUnit.SECONDS);
          } catch (InterruptedException interrupted) {
            throw new IOException(interrupted);
          }
          server.answer(datagram);
        };
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0).serve(late);
        RelayHarness relay = RelayHarness.to(server, Duration.ofMillis(500));
        UdpPeer client = new UdpPeer(from, 0)) {
      CaptureSocket front = relay.open(bound, captured);
      client.send("hello", asked, front.port());
      eventually(() -> assertThat(server.heard()).isNotEmpty());
      relay.run(() -> relay.relay.close(front));
      assertThat(isOpen(front.fd())).isTrue();
      closed.countDown();
      UdpPeer.Datagram reply = client.receive();
      assertThat(reply.text()).isEqualTo("hello");
      assertThat(reply.from()).isEqualTo(UdpPeer.address(asked, front.port()));
      relay.awaitFlows(0);
      relay.run(() -> {}); // the descriptor is closed by the same task that ended the flow
      assertThat(isOpen(front.fd())).isFalse();
    }
  }

  @Test
  void oneWithoutFlowsIsClosedAtOnce() {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server)) {
      CaptureSocket front = relay.open("0.0.0.0", "127.0.3.0/24");
      relay.run(() -> relay.relay.close(front));
      assertThat(isOpen(front.fd())).isFalse();
      relay.run(() -> relay.relay.close(front)); // once more changes nothing
    }
  }

  @Test
  void whatItHeldWhenItWasClosedIsPassedOn() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = UdpPeer.client()) {
      CaptureSocket front = relay.open("0.0.0.0", "127.0.3.0/24");
      CountDownLatch release = new CountDownLatch(1);
      relay.hold(release);
      relay.loop.execute(() -> relay.relay.close(front));
      client.send("hello", "127.0.3.1", front.port());
      release.countDown();
      assertThat(client.receive().text()).isEqualTo("hello");
    }
  }

  @Test
  void anotherSocketOfTheSamePortTakesItsFlowsOver() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = UdpPeer.client()) {
      CaptureSocket old = relay.open("0.0.0.0", "127.0.3.0/24");
      client.ask("1", "127.0.3.1", old.port());
      CaptureSocket next = relay.open("0.0.0.0", old.port(), "127.0.3.0/24");
      relay.run(() -> relay.relay.close(old));
      for (int i = 0; i < 20; i++) {
        UdpPeer.Datagram reply = client.ask("" + i, "127.0.3.1", next.port());
        assertThat(reply.from()).isEqualTo(UdpPeer.address("127.0.3.1", next.port()));
      }
      assertThat(isOpen(old.fd())).isFalse();
      assertThat(relay.relay.flows()).isEqualTo(1);
      assertThat(server.sources()).hasSize(1);
      int descriptors = openDescriptors();
      relay.shutdown();
      assertThat(openDescriptors()).isEqualTo(descriptors - 2);
    }
  }
}
