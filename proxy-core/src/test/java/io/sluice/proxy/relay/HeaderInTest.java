package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Pace;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.Refusal;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * PROXY protocol headers in front of TCP connections. 127.0.0.1 is a listed peer; the programs send
 * announced clients of 203.0.113.0/24 that asked for 198.51.100.0/24 to the server {@code
 * announced}, and everybody else to {@code plain}.
 */
@Timeout(60)
final class HeaderInTest {
  private static final String V1 = "PROXY TCP4 203.0.113.9 198.51.100.1 56324 443\r\n";
  private static final String SIGNATURE = "0d0a0d0a000d0a515549540a";
  private static final String ADDRESSES = "cb007109" + "c6336401" + "dc04" + "01bb";
  private static final String V2 = hex(SIGNATURE + "2111000c" + ADDRESSES);
  private static final String LOCAL = hex(SIGNATURE + "20000000");

  private final int port = TestDaemon.freePort();
  private TestServer announced;
  private TestServer plain;
  private TestDaemon daemon;

  private static String hex(String digits) {
    return new String(HexFormat.of().parseHex(digits), StandardCharsets.ISO_8859_1);
  }

  @BeforeEach
  void start() throws Exception {
    announced = TestServer.start(connection -> echo("announced ", connection));
    plain = TestServer.start(connection -> echo("plain ", connection));
    daemon = TestDaemon.start(configuration("127.0.0.1", "400ms"));
  }

  private String configuration(String from, String timeout) {
    return """
    loops: 1
    capture:
      - {name: edge, protocols: [tcp], addresses: [127.0.0.0/8], ports: %1$d,
         proxyProtocol: {from: ["%2$s"], timeout: %3$s}}
    bindings:
      - {label: announced, protocol: tcp, prefix: 198.51.100.0/24, port: 443}
      - {label: plain, protocol: tcp, prefix: 127.0.0.0/8, port: %1$d}
    programs:
      - {name: bindings, builtin: bindings}
      - {name: by-client, rules: [{from: 203.0.114.0/24, protocol: tcp, assign: plain, replace: true}]}
    destinations:
      - {label: announced, protocol: tcp, %4$s}
      - {label: plain, protocol: tcp, %5$s}
    """
        .formatted(port, from, timeout, announced.targets(), plain.targets());
  }

  @AfterEach
  void stop() throws IOException {
    daemon.close();
    announced.close();
    plain.close();
  }

  /** Says who it is, then sends back what comes. */
  private static void echo(String name, Socket connection) throws IOException {
    Streams.send(connection, name);
    long _ = connection.getInputStream().transferTo(connection.getOutputStream());
  }

  /** What comes back for these segments, each sent by itself, and the end. */
  private String answer(String... segments) throws IOException {
    try (Socket client = Streams.connect(port)) {
      for (String segment : segments) {
        client.getOutputStream().write(segment.getBytes(StandardCharsets.ISO_8859_1));
      }
      client.shutdownOutput();
      return Streams.text(client, 1 << 20);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"v1", "v2"})
  void theLookupSeesTheAnnouncedAddressesAndTheTargetEveryByteOfThePayload(String version)
      throws IOException {
    String header = version.equals("v1") ? V1 : V2;

    assertThat(answer(header + "payload")).isEqualTo("announced payload");
    assertThat(answer(header, "payload", " in pieces")).isEqualTo("announced payload in pieces");
    assertThat(answer(header)).isEqualTo("announced ");
    assertThat(answer(header + V1)).isEqualTo("announced " + V1); // the second one is payload
    daemon.awaitSessions(0);
    assertThat(daemon.drops(Refusal.PROXY_HEADER)).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"v1", "v2"})
  void aHeaderMayComeByteByByte(String version) throws IOException {
    try (Socket client = Streams.connect(port)) {
      sendBytes(client, version.equals("v1") ? V1 : V2);
      Streams.send(client, "x");
      assertThat(Streams.text(client, 11)).isEqualTo("announced x");
    }
  }

  /** Each by itself. */
  private static void sendBytes(Socket client, String bytes) throws IOException {
    for (byte each : bytes.getBytes(StandardCharsets.ISO_8859_1)) {
      client.getOutputStream().write(each); // without delay: a segment each
    }
  }

  @Test
  void thePayloadMayComeMuchLaterThanTheHeader() throws Exception {
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, V1);
      assertThat(Streams.text(client, 10)).isEqualTo("announced ");
      Streams.send(client, "later"); // also if it is less than the header's length
      assertThat(Streams.text(client, 5)).isEqualTo("later");
    }
  }

  @Test
  void localAndUnknownLeaveTheAddressesAsTheyAre() throws IOException {
    assertThat(answer(LOCAL + "check")).isEqualTo("plain check");
    assertThat(answer("PROXY UNKNOWN whatever\r\n" + "check")).isEqualTo("plain check");
    assertThat(answer(hex(SIGNATURE + "21000000") + "check")).isEqualTo("plain check");
  }

  @Test
  void aPeerThatIsNotListedIsAnOrdinaryClientWhateverItSends() throws Exception {
    daemon.reload(configuration("10.0.0.0/8", "400ms"));

    assertThat(answer(V1 + "payload")).isEqualTo("plain " + V1 + "payload");
    try (Socket client = Streams.connect(port)) {
      assertThat(Streams.text(client, 6)).isEqualTo("plain "); // nothing is waited for
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / HTTP/1.1\r\n",
        "PROXY TCP4 203.0.113.9 198.51.100.1 56324\r\n",
        "PROXY UNKNOWN\n",
        "\r\n\r\n\0\r\nQUIX\n",
        "\u0016\u0003\u0001"
      })
  void whatIsNoHeaderIsReset(String wrong) throws IOException {
    try (Socket client = Streams.connect(port)) {
      client.getOutputStream().write(wrong.getBytes(StandardCharsets.ISO_8859_1));
      assertThat(Streams.isReset(client)).isTrue();
    }
    daemon.awaitDrops(Refusal.PROXY_HEADER, 1);
    daemon.awaitSessions(0);
  }

  @Test
  void aDamagedChecksumIsReset() throws IOException {
    try (Socket client = Streams.connect(port)) {
      String header = hex(SIGNATURE + "21110013" + ADDRESSES + "03000400000001");
      client.getOutputStream().write(header.getBytes(StandardCharsets.ISO_8859_1));
      assertThat(Streams.isReset(client)).isTrue();
    }
    daemon.awaitDrops(Refusal.PROXY_HEADER, 1);
  }

  @ParameterizedTest
  @CsvSource({"v1, 0", "v1, 1", "v1, 20", "v1, 46", "v2, 1", "v2, 12", "v2, 16", "v2, 27"})
  void aPartOfAHeaderIsResetWhenItsTimeIsUp(String version, int part) throws IOException {
    try (Socket client = Streams.connect(port)) {
      sendBytes(client, (version.equals("v1") ? V1 : V2).substring(0, part));
      assertThat(Streams.isReset(client)).isTrue();
    }
    daemon.awaitDrops(Refusal.PROXY_HEADER_TIMEOUT, 1);
    daemon.awaitSessions(0);
  }

  @Test
  void dripsDoNotProlongTheTimeout() throws Exception {
    try (Socket client = Streams.connect(port)) {
      OutputStream out = client.getOutputStream();
      Streams.send(client, "PROXY UNKNOWN ");
      try {
        for (int i = 0; i < 80; i++) {
          out.write('x');
          Pace.pause(20); // slower in all than the timeout
        }
      } catch (IOException _) {
        // Reset already.
      }
    }
    daemon.awaitDrops(Refusal.PROXY_HEADER_TIMEOUT, 1);
  }

  @ParameterizedTest
  @CsvSource({"v1, 0", "v1, 1", "v1, 20", "v1, 46", "v2, 1", "v2, 12", "v2, 16", "v2, 27"})
  void aFinBeforeTheHeaderIsCompleteEndsTheConnectionAtOnce(String version, int part)
      throws Exception {
    daemon.reload(configuration("127.0.0.1", "1h"));
    try (Socket client = Streams.connect(port)) {
      sendBytes(client, (version.equals("v1") ? V1 : V2).substring(0, part));
      daemon.awaitSessions(1);
      client.shutdownOutput();
      daemon.awaitDrops(Refusal.PROXY_HEADER, 1);
    }
    daemon.awaitSessions(0);
  }

  @Test
  void aResetBeforeTheHeaderIsCompleteEndsTheConnectionAtOnce() throws Exception {
    daemon.reload(configuration("127.0.0.1", "1h"));
    Socket client = Streams.connect(port);
    Streams.send(client, "PROXY ");
    daemon.awaitSessions(1);
    Streams.reset(client);
    daemon.awaitDrops(Refusal.PROXY_HEADER, 1);
    daemon.awaitSessions(0);
  }

  @Test
  void aFinBehindHeaderAndPayloadIsPassedOnBehindThePayload() throws Exception {
    assertThat(answer(V2 + "all of it")).isEqualTo("announced all of it");
  }

  @Test
  void aWaitingConnectionEndsWithTheDaemon() throws Exception {
    int other = TestDaemon.freePort();
    String yaml = configuration("127.0.0.1", "1h").replace("ports: " + port, "ports: " + other);
    TestDaemon stopping = TestDaemon.start(yaml);
    try (Socket client = Streams.connect(other)) {
      Streams.send(client, "PROXY ");
      stopping.awaitSessions(1);
      stopping.close();
      assertThat(Streams.isReset(client)).isTrue();
      assertThat(stopping.sessions()).isZero();
    }
  }

  @Test
  void rulesGoByTheAnnouncedClient() throws IOException {
    assertThat(answer(V1.replace("203.0.113.9", "203.0.114.9") + "x")).isEqualTo("plain x");
  }

  @Test
  void aTargetOfMessagesIsToldTheAnnouncedClient() throws Exception {
    String messages = ", affinity: message, framing: {type: line}, proxyProtocol: v1}";
    String servers = announced.targets();
    daemon.reload(configuration("127.0.0.1", "400ms").replace(servers + "}", servers + messages));
    assertThat(answer(V2 + "a\nb\n")).isEqualTo("announced " + V1 + "a\nb\n");
    assertThat(answer(V1, "a\n", "b\n")).isEqualTo("announced " + V1 + "a\nb\n");
  }

  @Test
  void anAnnouncedAddressThatLeadsNowhereIsRefused() throws IOException {
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, V1.replace("198.51.100.1", "198.51.101.1"));
      assertThat(Streams.isReset(client)).isTrue();
    }
    daemon.awaitDrops(Refusal.NO_LISTENER, 1);
  }

  @Test
  void theLongestHeaderThatIsTakenLosesNoPayload() throws IOException {
    int tlvBytes = (16 << 10) - 28 - 3;
    String header =
        hex(SIGNATURE + "2111" + String.format("%04x", 12 + 3 + tlvBytes) + ADDRESSES)
            + hex("e1" + String.format("%04x", tlvBytes))
            + "t".repeat(tlvBytes);
    String payload = "p".repeat(100_000);

    assertThat(answer(header.substring(0, 1_000), header.substring(1_000) + payload))
        .isEqualTo("announced " + payload);
  }
}
