package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Pace;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.SessionEnd;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What passes through a session, and how it ends: each behaviour of a plain TCP connection, on both
 * kinds of session. What clients send consists of whole lines, which are the messages of the one.
 */
@ParameterizedClass(name = "{0}, loops={1}")
@CsvSource({"BYTES, 1", "BYTES, 2", "MESSAGES, 1", "MESSAGES, 2"})
@Timeout(30)
final class TcpRelayTest {
  private static final int FIVE_MB = Streams.wholeLines(5_000_000);

  /** What a session does with what its client sends. */
  enum Kind {
    BYTES,
    MESSAGES
  }

  @Parameter(0)
  Kind kind = Kind.BYTES;

  @Parameter(1)
  int loops;

  private final int port = TestDaemon.freePort();
  private final BlockingQueue<Streams.Read> reads = new LinkedBlockingQueue<>();
  private TestServer server;
  private TestDaemon daemon;

  @BeforeEach
  void start() throws Exception {
    start(TestServer.PROTOCOL);
  }

  private void start(TestServer.Handler handler) throws Exception {
    server = TestServer.start(handler);
    daemon = TestDaemon.start(loops, port, destination());
  }

  private String destination() {
    String how = kind == Kind.BYTES ? "" : ", affinity: message, framing: {type: line}";
    return server.targets() + how;
  }

  /** A client of a server that speaks first, to which messages connect with the first of them. */
  private Socket connectToSpeaker() throws IOException {
    Socket client = Streams.connect(port);
    if (kind == Kind.MESSAGES) {
      Streams.send(client, "hello\n");
    }
    return client;
  }

  /** Starts anew with another server. */
  private void serve(TestServer.Handler handler) throws Exception {
    stop();
    start(handler);
  }

  @AfterEach
  void stop() throws IOException {
    daemon.close();
    server.close();
  }

  private Streams.Read serverRead() throws InterruptedException {
    Streams.Read read = reads.poll(15, TimeUnit.SECONDS);
    assertThat(read).as("what the server read").isNotNull();
    return read;
  }

  @ParameterizedTest
  @CsvSource({"10,0", "100000,0", "5000000,0", "5000000,150"})
  void aDownloadArrivesWhole(int bytes, int pauseMillis) throws Exception {
    for (int i = 0; i < 4; i++) {
      try (Socket client = Streams.connect(port)) {
        Streams.send(client, "DL " + bytes + "\n");
        Pace.pause(pauseMillis);
        assertThat(Streams.readAll(client.getInputStream()))
            .isEqualTo(new Streams.Read(bytes, Streams.patternChecksum(bytes), false));
      }
    }
    daemon.awaitEnds(SessionEnd.TARGET_CLOSED, 4);
  }

  @ParameterizedTest
  @CsvSource({"10,false", "5000000,false", "5000000,true"})
  void anUploadArrivesWholeAndIsAnsweredAfterItsEnd(int least, boolean split) throws Exception {
    int bytes = Streams.wholeLines(least);
    for (int i = 0; i < 4; i++) {
      try (Socket client = Streams.connect(port)) {
        Streams.send(client, "UP\n");
        Pace.pause(split ? 50 : 0);
        Streams.sendPattern(client.getOutputStream(), bytes);
        client.shutdownOutput();
        String answer = bytes + " " + Streams.patternChecksum(bytes) + "\n";
        assertThat(Streams.text(client, 100)).isEqualTo(answer);
      }
    }
    daemon.awaitEnds(SessionEnd.CLIENT_CLOSED, 4);
    assertThat(daemon.destination().traffic().bytesIn.sum()).isEqualTo(4L * (bytes + 3));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3_000_000})
  void anEchoComesBackWholeWhileItIsSent(int least) throws Exception {
    int bytes = Streams.wholeLines(least);
    for (int i = 0; i < 4; i++) {
      try (Socket client = Streams.connect(port)) {
        Streams.send(client, "ECHO\n");
        Thread sending = Thread.ofVirtual().start(() -> sendAndEnd(client, bytes));
        assertThat(Streams.readAll(client.getInputStream()))
            .isEqualTo(new Streams.Read(bytes, Streams.patternChecksum(bytes), false));
        sending.join();
      }
    }
    daemon.awaitSessions(0);
  }

  private static void sendAndEnd(Socket client, int bytes) {
    try {
      Streams.sendPattern(client.getOutputStream(), bytes);
      client.shutdownOutput();
    } catch (IOException _) {
      // What comes back is then too short.
    }
  }

  @Test
  void aClientThatHasEndedItsSideStillReadsAll() throws Exception {
    int bytes = 9_000_000;
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "DL " + bytes + "\n");
      client.shutdownOutput();
      Pace.pause(300);
      assertThat(Streams.readAll(client.getInputStream()))
          .isEqualTo(new Streams.Read(bytes, Streams.patternChecksum(bytes), false));
    }
    daemon.awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
  }

  /** To the one kind, a FIN says nothing of what is read; the other has a new connection then. */
  @Test
  void aServerThatHasEndedItsSideStillReadsAll() throws Exception {
    AtomicLong read = new AtomicLong();
    serve(connection -> {
      connection.shutdownOutput();
      read.addAndGet(Streams.readAll(connection.getInputStream()).bytes());
    });
    try (Socket client = connectToSpeaker()) {
      assertThat(client.getInputStream().read()).isEqualTo(-1);
      Streams.sendPattern(client.getOutputStream(), FIVE_MB);
    }
    long more = kind == Kind.MESSAGES ? "hello\n".length() : 0;
    TestDaemon.until("the server has all", () -> read.get() == FIVE_MB + more);
    daemon.awaitEnds(SessionEnd.TARGET_CLOSED, 1);
  }

  @RepeatedTest(4)
  void aServerThatEndsFirstIsHeard() throws Exception {
    AtomicLong read = new AtomicLong();
    serve(connection -> {
      Streams.send(connection, "bye\n");
      connection.shutdownOutput();
      read.addAndGet(Streams.readAll(connection.getInputStream()).bytes());
    });
    int bytes = Streams.wholeLines(100_000);
    try (Socket client = connectToSpeaker()) {
      assertThat(Streams.text(client, 100)).isEqualTo("bye\n");
      Streams.sendPattern(client.getOutputStream(), bytes);
    }
    daemon.awaitEnds(SessionEnd.TARGET_CLOSED, 1);
    long more = kind == Kind.MESSAGES ? "hello\n".length() : 0;
    TestDaemon.until("the server has all", () -> read.get() == bytes + more);
    assertThat(daemon.destination().traffic().bytesIn.sum()).isEqualTo(bytes + more);
  }

  @RepeatedTest(4)
  void aServerMaySpeakFirst() throws Exception {
    serve(connection -> {
      Streams.send(connection, "220 hello\r\n");
      long _ = connection.getInputStream().transferTo(OutputStream.nullOutputStream());
    });
    try (Socket client = connectToSpeaker()) {
      assertThat(Streams.text(client, 11)).isEqualTo("220 hello\r\n");
    }
    daemon.awaitSessions(0);
  }

  @Test
  void aServersResetReachesTheClient() throws Exception {
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "RST\n");
      assertThat(Streams.isReset(client)).isTrue();
    }
    daemon.awaitEnds(SessionEnd.TARGET_RESET, 1);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 100_000, 5_000_000})
  void aServersResetComesAfterAllItsData(int bytes) throws Exception {
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "DLRST " + bytes + "\n");
      Pace.pause(100);
      assertThat(Streams.readSlowly(client.getInputStream(), 1 << 16, 5))
          .isEqualTo(new Streams.Read(bytes, Streams.patternChecksum(bytes), true));
    }
    daemon.awaitEnds(SessionEnd.TARGET_RESET, 1);
    daemon.awaitSessions(0);
  }

  @Test
  void aServersResetWaitsForAClientThatIsSlowToReadWhatCameBefore() throws Exception {
    int bytes = 2_000_000;
    daemon.close();
    String limits = "limits: {drain: 0s, halfClosed: 250ms}\n";
    daemon = TestDaemon.start(limits + TestDaemon.web(loops, port, destination()));
    try (Socket client = new Socket()) {
      client.setReceiveBufferSize(1 << 14);
      client.connect(new InetSocketAddress(Streams.LOOPBACK, port));
      Streams.send(client, "DLRST " + bytes + "\n");
      assertThat(Streams.readSlowly(client.getInputStream(), 1 << 14, 10)) // for some 1.2 s
          .isEqualTo(new Streams.Read(bytes, Streams.patternChecksum(bytes), true));
    }
    daemon.awaitEnds(SessionEnd.TARGET_RESET, 1);
  }

  /** The one kind passes it on; to the targets of the other, which have all messages, it is FIN. */
  @ParameterizedTest
  @ValueSource(ints = {1, 100_000, 5_000_000})
  void aClientsResetComesAfterAllItsData(int least) throws Exception {
    int bytes = Streams.wholeLines(least);
    serve(connection -> {
      Pace.pause(100);
      reads.add(Streams.readSlowly(connection.getInputStream(), 1 << 16, 5));
    });
    Socket client = Streams.connect(port);
    Streams.sendPattern(client.getOutputStream(), bytes);
    Streams.resetAfterData(client);
    assertThat(serverRead())
        .isEqualTo(new Streams.Read(bytes, Streams.patternChecksum(bytes), kind == Kind.BYTES));
    daemon.awaitEnds(SessionEnd.CLIENT_RESET, 1);
    daemon.awaitSessions(0);
  }

  /** Targets of messages have had FIN, and end by themselves. */
  @Test
  void aResetAfterAFinIsPassedOnThoughTheServerWasSlowToReadTheDataBefore() throws Exception {
    serve(connection -> {
      Pace.pause(100);
      reads.add(Streams.readSlowly(connection.getInputStream(), 1 << 16, 5));
      if (kind == Kind.BYTES) {
        TestServer.SILENT.serve(connection);
      }
    });
    Socket client = Streams.connect(port);
    Streams.sendPattern(client.getOutputStream(), FIVE_MB);
    client.shutdownOutput();
    Streams.resetAfterData(client);
    Streams.Read read = serverRead();
    assertThat(read.bytes()).isEqualTo(FIVE_MB);
    daemon.awaitEnds(SessionEnd.CLIENT_RESET, 1);
    daemon.awaitSessions(0);
  }

  @Test
  void aResetAfterAFinIsPassedOn() throws Exception {
    CountDownLatch isSent = new CountDownLatch(1);
    serve(connection -> {
      reads.add(Streams.readAll(connection.getInputStream()));
      isSent.await();
      if (kind == Kind.BYTES) {
        TestDaemon.until("the reset", () -> isReset(connection));
        reads.add(new Streams.Read(0, 0, true));
      } else {
        boolean _ = isReset(connection); // the daemon may hear of this server's end first
      }
    });
    Socket client = Streams.connect(port);
    Streams.send(client, "all\n");
    client.shutdownOutput();
    assertThat(serverRead().bytes()).isEqualTo(4);
    Streams.reset(client);
    isSent.countDown();
    if (kind == Kind.BYTES) {
      assertThat(serverRead().reset()).isTrue();
    }
    daemon.awaitEnds(SessionEnd.CLIENT_RESET, 1);
  }

  /** After the peer's FIN a reset shows at the next write only. */
  private static boolean isReset(Socket connection) {
    try {
      connection.getOutputStream().write("?".getBytes(StandardCharsets.UTF_8));
      return false;
    } catch (IOException _) {
      return true;
    }
  }

  @Test
  void whatAServerSaysBeforeItRefusesMoreReachesTheClient() throws Exception {
    Semaphore connected = new Semaphore(0); // a reset may come before connect() has returned
    serve(connection -> {
      connected.acquire();
      Streams.send(connection, "413 too large\r\n");
      Streams.resetAfterData(connection);
    });
    for (int i = 0; i < 20; i++) {
      try (Socket client = connectToSpeaker()) {
        connected.release();
        assertThat(Streams.text(client, 15)).isEqualTo("413 too large\r\n");
        assertThat(Streams.isReset(client)).isTrue();
      }
    }
    daemon.awaitEnds(SessionEnd.TARGET_RESET, 20);
  }
}
