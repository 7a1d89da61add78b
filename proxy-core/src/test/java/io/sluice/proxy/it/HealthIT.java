package io.sluice.proxy.it;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.Opened;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.health.TargetState;
import io.sluice.proxy.target.Target;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Two NGINX and two dnsmasq, of which one dies or freezes under load, and comes back. */
@Timeout(120)
final class HealthIT {
  private static final String WHEN = "interval: 100ms, timeout: 200ms, rise: 2, fall: 2";
  private static final InetAddress LOOPBACK = InetAddress.ofLiteral("127.0.0.1");
  private static final int CLIENTS = 4;

  @TempDir private Path directory;
  @RegisterExtension final Opened open = new Opened();

  /** What clients were answered since the last look; empty for who failed. */
  private final ConcurrentLinkedQueue<String> answers = new ConcurrentLinkedQueue<>();

  /** How often each client has asked. */
  private final AtomicIntegerArray asked = new AtomicIntegerArray(CLIENTS);

  /** One process, so that a signal reaches all of it. */
  private SluiceProcess nginx(String name, int port) throws IOException {
    assumeTrue(Netns.has("nginx"), "needs nginx");
    Path home = directory.resolve(name);
    String http =
        "access_log off; server { listen 127.0.0.1:%d; location / { return 200 \"%s\"; } }"
            .formatted(port, name);
    List<String> command = ServerPrograms.nginx(home, "master_process off;", http);
    return open.add(SluiceProcess.start(home, command));
  }

  private SluiceProcess dnsmasq(int port) throws IOException {
    assumeTrue(Netns.has("dnsmasq"), "needs dnsmasq");
    return open.add(SluiceProcess.start(directory, ServerPrograms.dnsmasq(port)));
  }

  private static void awaitState(TestDaemon daemon, int target, TargetState state) {
    Target it = daemon.destination().targets().get(target);
    TestDaemon.until(it + " " + state.word(), () -> it.status().state() == state);
  }

  /**
   * One request over a connection of its own; the last word of the answer, empty on any failure.
   */
  private static String get(int port) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(LOOPBACK, port), 1_000);
      socket.setSoTimeout(1_000);
      socket
          .getOutputStream()
          .write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".getBytes(US_ASCII));
      String answer = new String(socket.getInputStream().readAllBytes(), US_ASCII);
      return answer.substring(answer.lastIndexOf('\n') + 1);
    } catch (IOException _) {
      return "";
    }
  }

  /** Clients that ask without a pause, for as long as the test runs. */
  private void load(int port) {
    AtomicBoolean isOver = new AtomicBoolean();
    for (int client = 0; client < CLIENTS; client++) {
      int index = client;
      Thread thread =
          Thread.ofPlatform()
              .daemon()
              .start(() -> {
                while (!isOver.get()) {
                  answers.add(get(port));
                  asked.incrementAndGet(index);
                }
              });
      AutoCloseable _ = open.add(thread::join);
    }
    AutoCloseable _ = open.add(() -> isOver.set(true));
  }

  /** The next answers, after those of requests that are on their way. */
  private List<String> nextAnswers() {
    int[] before = IntStream.range(0, CLIENTS).map(asked::get).toArray();
    TestDaemon.until(
        "every client's answer",
        () -> IntStream.range(0, CLIENTS).allMatch(it -> asked.get(it) > before[it]));
    answers.clear();
    TestDaemon.until("answers", () -> answers.size() >= 50);
    return List.copyOf(answers);
  }

  /** Two NGINX under load, the first of which is the one that something happens to. */
  private final class TwoNginx {
    private final int firstPort = TestDaemon.freePort();
    private final int secondPort = TestDaemon.freePort();
    private final SluiceProcess first = nginx("first", firstPort);
    private final TestDaemon daemon;

    TwoNginx() throws Exception {
      SluiceProcess _ = nginx("second", secondPort);
      int port = TestDaemon.freePort();
      daemon = http(port, firstPort, secondPort);
      awaitState(daemon, 1, TargetState.UP);
      load(port);
      assertBothAnswer();
    }

    void assertBothAnswer() {
      awaitState(daemon, 0, TargetState.UP);
      assertThat(nextAnswers()).contains("first", "second").doesNotContain("");
    }

    void assertSecondAnswers() {
      assertThat(nextAnswers()).containsOnly("second");
    }
  }

  @Test
  void clientsDoNotNoticeAnNginxThatIsKilledAndComesBack() throws Exception {
    TwoNginx two = new TwoNginx();
    answers.clear();
    two.first.signal("KILL");
    awaitState(two.daemon, 0, TargetState.DOWN);
    // Who was being served at that moment has lost its connection; the others were tried again.
    assertThat(answers.stream().filter(String::isEmpty).count()).isLessThanOrEqualTo(CLIENTS);
    two.assertSecondAnswers();

    SluiceProcess _ = nginx("first", two.firstPort);
    two.assertBothAnswer();
  }

  @Test
  void noClientIsLeftAtAnNginxThatHangs() throws Exception {
    TwoNginx two = new TwoNginx();
    two.first.signal("STOP"); // the kernel goes on accepting for it
    awaitState(two.daemon, 0, TargetState.DOWN);
    two.assertSecondAnswers();

    two.first.signal("CONT");
    two.assertBothAnswer();
  }

  private TestDaemon http(int port, int first, int second) throws Exception {
    return open.add(
        TestDaemon.start(
            2,
            port,
            "select: round-robin, targets: ['127.0.0.1:%d', '127.0.0.1:%d'],"
                    .formatted(first, second)
                + " check: {http: {status: 200}, "
                + WHEN
                + "}"));
  }

  @Test
  void aClientOfADnsServerThatHangsIsAnsweredAtItsNextQuery() throws Exception {
    int first = TestDaemon.freePort();
    int second = TestDaemon.freePort();
    SluiceProcess hanging = dnsmasq(first);
    SluiceProcess other = dnsmasq(second);
    int port = TestDaemon.freePort();
    TestDaemon daemon =
        open.add(
            TestDaemon.start(
                """
                loops: 1
                bindings: [{label: dns, protocol: udp, prefix: 127.0.0.1/32, port: %d}]
                destinations:
                  - label: dns
                    protocol: udp
                    targets: ["127.0.0.1:%d", {address: "127.0.0.1:%d", backup: true}]
                    check: {dns: {name: www.test}, %s}
                """
                    .formatted(port, first, second, WHEN)));
    awaitState(daemon, 0, TargetState.UP);
    awaitState(daemon, 1, TargetState.UP);
    try (DatagramSocket client = new DatagramSocket()) {
      client.connect(new InetSocketAddress(LOOPBACK, port));
      client.setSoTimeout(5_000);
      ask(client);
      hanging.signal("STOP");
      awaitState(daemon, 0, TargetState.DOWN);
      ask(client); // of the same flow: it has moved

      hanging.signal("CONT");
      awaitState(daemon, 0, TargetState.UP);
      other.signal("KILL");
      awaitState(daemon, 1, TargetState.DOWN);
      ask(client);
    }
  }

  /** Asks once: whoever doesn't answer the first datagram has lost it. */
  private static void ask(DatagramSocket client) throws IOException {
    byte[] query = DnsClient.query("www.test");
    client.send(new DatagramPacket(query, query.length));
    DatagramPacket reply = new DatagramPacket(new byte[4096], 4096);
    try {
      client.receive(reply);
    } catch (SocketTimeoutException late) {
      throw new AssertionError("no answer", late);
    }
    assertThat(reply.getLength()).isGreaterThan(query.length);
  }
}
