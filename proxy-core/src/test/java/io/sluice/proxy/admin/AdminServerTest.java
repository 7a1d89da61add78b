package io.sluice.proxy.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.sluice.config.Admin;
import io.sluice.config.AdminSocketSpec;
import io.sluice.config.HostPort;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.observe.Counters;
import java.io.IOException;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The server with pages whose making a test can hold up. */
final class AdminServerTest {
  private static final int PAGE_BYTES = 8 << 20; // more than two socket buffers take

  private final AtomicInteger makings = new AtomicInteger();
  private volatile String notLive = "";
  private volatile CountDownLatch gate = new CountDownLatch(0);
  private AdminServer server;
  private HttpAsker asker;

  @BeforeEach
  void start() throws Exception {
    HostPort any = HostPort.parse("127.0.0.1:0");
    server =
        new AdminServer(
            any,
            new Admin(any, AdminSocketSpec.DEFAULTS, List.of("proxy.internal"), false, null),
            new AdminServer.Pages(
                out -> {
                  int making = makings.incrementAndGet();
                  await(gate);
                  byte[] page = new byte[PAGE_BYTES];
                  page[PAGE_BYTES - 1] = (byte) ('0' + making);
                  out.write(page);
                },
                () -> notLive,
                () -> "",
                new NoSource(),
                () -> {
                  throw new IllegalStateException("nobody looks");
                },
                new Counters()));
    asker = new HttpAsker(server.address());
  }

  /** Of a page that nobody looks at. */
  private static final class NoSource implements StatusPage.Source {
    @Override
    public StatusPage.Answer ask(String name, Map<String, List<String>> parameters) {
      return new StatusPage.Answer(HttpResponseStatus.OK, "text/plain", Unpooled.EMPTY_BUFFER);
    }

    @Override
    public Map<String, Object> status(int mostDestinations) {
      return Map.of();
    }
  }

  @AfterEach
  void close() {
    gate.countDown();
    server.close();
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException interrupted) {
      throw new IOException(interrupted);
    }
  }

  @Test
  void aPageIsMadeOnceForAllWhoAskMeanwhileAndLivenessIsAnsweredMeanwhile() throws Exception {
    gate = new CountDownLatch(1);
    List<Socket> asking = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      asking.add(asker.send(HttpAsker.getOf("/metrics")));
    }
    for (int i = 0; i < 8; i++) { // the loop has read those requests before these
      assertThat(asker.get("/livez")).startsWith("HTTP/1.1 200 OK\r\n").endsWith("\r\n\r\nok\n");
    }
    gate.countDown();
    for (Socket socket : asking) {
      try (socket) {
        assertThat(HttpAsker.rest(socket)).startsWith("HTTP/1.1 200 OK\r\n").endsWith("\0001");
      }
    }
    assertThat(makings).hasValue(1);
    assertThat(asker.get("/metrics")).as("asked later").endsWith("\0002");
  }

  @Test
  void aPageThatNobodyReadsIsNotKeptForMoreThanTwoMakings() throws Exception {
    List<Socket> slow = new ArrayList<>();
    for (int i = 1; i <= 3; i++) {
      slow.add(asker.send(HttpAsker.getOf("/metrics"), 4096));
      int made = i;
      TestDaemon.until("making " + i, () -> makings.get() == made);
      assertThat(slow.getLast().getInputStream().read()).isEqualTo('H');
    }
    try (Socket first = slow.get(0);
        Socket second = slow.get(1);
        Socket third = slow.get(2)) {
      assertThat(readToTheEnd(first)).as("the first is cut").isLessThan(PAGE_BYTES);
      assertThat(readToTheEnd(second)).isGreaterThan(PAGE_BYTES);
      assertThat(readToTheEnd(third)).isGreaterThan(PAGE_BYTES);
    }
  }

  private static long readToTheEnd(Socket socket) {
    long bytes = 0;
    byte[] part = new byte[64 << 10];
    try {
      for (int n = socket.getInputStream().read(part); n >= 0; ) {
        bytes += n;
        n = socket.getInputStream().read(part);
      }
    } catch (IOException _) {
      // Reset: that was all.
    }
    return bytes;
  }

  @Test
  void livenessNamesTheLoopsThatDoNotAnswer() throws Exception {
    notLive = "stuck: loop 1";
    assertThat(asker.get("/livez")).startsWith("HTTP/1.1 503 ").endsWith("\r\n\r\nstuck: loop 1\n");
  }

  @Test
  void aConfiguredNameIsTaken() throws Exception {
    assertThat(asker.ask("GET / HTTP/1.1\r\nHost: Proxy.Internal:9901\r\n\r\n"))
        .startsWith("HTTP/1.1 200 ")
        .endsWith("</html>\n");
  }
}
