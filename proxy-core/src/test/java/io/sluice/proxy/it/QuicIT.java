package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.TestDaemon;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two ngtcp2 servers behind {@code select: quic}, asked by ngtcp2's client. */
final class QuicIT {
  private static final int CLIENTS = 8;

  /** What ngtcp2's example server chooses. */
  private static final int CONNECTION_ID_LENGTH = 18;

  private final List<AutoCloseable> started = new ArrayList<>();
  private final List<UdpTap> taps = new ArrayList<>();
  private final int port = TestDaemon.freePort();
  private TestDaemon sluice;
  private Path directory;

  @BeforeEach
  void startServers(@TempDir Path directory) throws Exception {
    for (String program : List.of("gtlsserver", "gtlsclient", "openssl")) {
      assumeTrue(Netns.has(program), "needs " + program);
    }
    this.directory = directory;
    assertThat(
            run(
                "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2"
                    + " -subj /CN=localhost"))
        .isZero();
    for (String name : List.of("one", "two")) {
      Path documents = Files.createDirectory(directory.resolve(name));
      Files.writeString(documents.resolve("index.html"), name);
      int serverPort = TestDaemon.freePort();
      started.add(
          SluiceProcess.start(
              directory,
              List.of(
                  program("gtlsserver"),
                  "-q",
                  "-d",
                  documents.toString(),
                  "127.0.0.1",
                  String.valueOf(serverPort),
                  "key.pem",
                  "cert.pem")));
      awaitBound(serverPort);
      UdpTap tap = new UdpTap(serverPort);
      taps.add(tap);
      started.add(tap);
    }
    sluice =
        TestDaemon.start(
            """
            loops: 2
            bindings: [{label: quic, protocol: udp, prefix: 127.0.0.1/32, port: %d}]
            destinations:
              - label: quic
                protocol: udp
                targets: ["127.0.0.1:%d", "127.0.0.1:%d"]
                select: quic
                quic: {connectionIdLength: %d}
            """
                .formatted(port, taps.get(0).port(), taps.get(1).port(), CONNECTION_ID_LENGTH));
    started.add(sluice);
  }

  @AfterEach
  void stopServers() throws Exception {
    for (AutoCloseable it : started.reversed()) {
      it.close();
    }
  }

  private static String program(String name) {
    Path inSbin = Path.of("/usr/sbin", name);
    return Files.isExecutable(inSbin) ? inSbin.toString() : name;
  }

  private static void awaitBound(int port) {
    String bound = ":%04X ".formatted(port);
    TestDaemon.until(
        "a server on port " + port,
        () -> Files.readString(Path.of("/proc/net/udp"), StandardCharsets.UTF_8).contains(bound));
  }

  private int run(String command) throws IOException, InterruptedException {
    try (SluiceProcess process = SluiceProcess.start(directory, List.of(command.split(" ", -1)))) {
      return process.awaitExit();
    }
  }

  /** Fetches a page; what it says. The client begins with a connection ID of the test's choice. */
  private String fetch(int client, String options) throws Exception {
    Path into = Files.createTempDirectory(directory, "client");
    int code =
        run(
            "gtlsclient -q --exit-on-all-streams-close --timeout=5s --dcid=%036x --download=%s %s"
                    .formatted(client + 1, into, options)
                + "127.0.0.1 %d https://localhost/index.html".formatted(port));
    Path page = into.resolve("index.html");
    return code == 0 && Files.exists(page) ? Files.readString(page, StandardCharsets.UTF_8) : "";
  }

  private long flows() {
    return sluice.destination().traffic().lookups(io.sluice.steering.Family.IPV4).sum();
  }

  @Test
  void clientsAreSpreadOverBothServersAndTheSameConnectionIdReachesTheSameOne() throws Exception {
    List<String> pages = new ArrayList<>();
    List<String> again = new ArrayList<>();
    for (int client = 0; client < CLIENTS; client++) {
      pages.add(fetch(client, ""));
      again.add(fetch(client, ""));
    }
    assertThat(pages).containsOnly("one", "two").contains("one", "two");
    assertThat(again).isEqualTo(pages);
  }

  @Test
  void aClientWhoseAddressTheNatChangesStaysOnItsServer() throws Exception {
    List<String> pages = new ArrayList<>();
    for (int client = 0; client < CLIENTS; client++) {
      pages.add(fetch(client, "--change-local-addr=100ms --nat-rebinding --delay-stream=300ms "));
    }
    assertThat(pages).containsOnly("one", "two").contains("one", "two");
    assertThat(flows()).as("each came from two ports").isEqualTo(2 * CLIENTS);
    assertThat(taps.get(0).clients() + taps.get(1).clients()).isEqualTo(2 * CLIENTS);
  }

  @Test
  void aDatagramWithTheSameConnectionIdFromAnotherPortReachesTheSameServer() throws Exception {
    Set<Integer> kinds = new HashSet<>();
    for (int client = 0; client < CLIENTS; client++) {
      int tapBefore = taps.get(0).heard().size();
      UdpTap its = taps.get(fetch(client, "").equals("one") ? 0 : 1);
      UdpTap other = taps.get(its == taps.get(0) ? 1 : 0);
      List<byte[]> sent =
          its.heard().subList(its == taps.get(0) ? tapBefore : 0, its.heard().size());
      Map<Integer, byte[]> samples = new HashMap<>(); // the last of each kind that has one alone
      for (byte[] it : sent) {
        boolean isShort = (it[0] & 0x80) == 0; // 1-RTT
        samples.put(isShort ? 0 : it[0] & 0xb0, it); // Initial: 0x80; Handshake: 0xa0
      }
      kinds.addAll(samples.keySet());
      for (byte[] sample : samples.values()) {
        long before = its.count(sample);
        try (DatagramSocket elsewhere = new DatagramSocket()) {
          elsewhere.send(
              new DatagramPacket(
                  sample,
                  sample.length,
                  new InetSocketAddress(InetAddress.getLoopbackAddress(), port)));
          TestDaemon.until("the datagram again", () -> its.count(sample) == before + 1);
        }
        assertThat(other.count(sample)).isZero();
      }
    }
    assertThat(kinds).contains(0, 0x80, 0xa0);
  }
}
