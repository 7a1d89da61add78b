package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.header.ProxyHeader;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** PROXY protocol headers that TCP targets get. */
@Timeout(60)
final class HeaderOutTest {
  private static final String V1_IN = "PROXY TCP4 203.0.113.9 198.51.100.1 56324 443\r\n";
  private static final String V2_IN =
      "0d0a0d0a000d0a515549540a"
          + "21110022"
          + "cb007109"
          + "c6336401"
          + "dc04"
          + "01bb"
          + "020004"
          + "6e616d65" // authority: name
          + "050002"
          + "0707" // unique ID
          + "e00003"
          + "616263" // custom
          + "040001"
          + "00"; // padding

  private final int port = TestDaemon.freePort();
  private final BlockingQueue<byte[]> heard = new LinkedBlockingQueue<>();
  private TestServer server;

  @BeforeEach
  void startServer() throws IOException {
    server = TestServer.start(connection -> heard.add(connection.getInputStream().readAllBytes()));
  }

  @AfterEach
  void stopServer() throws IOException {
    server.close();
  }

  private String configuration(String out, String targets) {
    return """
    loops: 1
    capture:
      - {name: edge, protocols: [tcp], addresses: [127.0.0.0/8], ports: %1$d,
         proxyProtocol: {from: [127.0.0.1], timeout: 3s}}
      - {name: plain, protocols: [tcp], addresses: [127.0.9.1, "::1"], ports: %1$d}
    listeners:
      - {protocol: tcp, address: 0.0.0.0, port: %1$d, destination: web}
      - {protocol: tcp, address: 0.0.0.0, port: 443, destination: web}
      - {protocol: tcp, address: "::", port: %1$d, destination: web}
    destinations:
      - {label: web, protocol: tcp, proxyProtocol: %2$s, %3$s}
    """
        .formatted(port, out, targets);
  }

  /** What the server heard of a connection, read by our reader. */
  private static final class Heard {
    final ProxyHeader header = new ProxyHeader();
    final String tlvs;
    final String payload;

    Heard(byte[] bytes) {
      ByteBuffer in = ByteBuffer.wrap(bytes);
      int length = header.read(in, Protocol.TCP);
      assertThat(length).as(header.problem()).isPositive();
      tlvs = HexFormat.of().formatHex(header.tlvs(in));
      payload = new String(Arrays.copyOfRange(bytes, length, bytes.length), StandardCharsets.UTF_8);
    }

    String client() {
      return IpAddress.withPort(header.announced().remote(), header.announced().remotePort());
    }

    String local() {
      return IpAddress.withPort(header.announced().local(), header.announced().localPort());
    }
  }

  private Heard heard() throws InterruptedException {
    byte[] bytes = heard.poll(10, TimeUnit.SECONDS);
    assertThat(bytes).isNotNull();
    return new Heard(bytes);
  }

  @ParameterizedTest
  @CsvSource({"v1, v1", "v1, v2", "v2, v1", "v2, v2"})
  void whatCameInGoesOutInTheVersionThatIsAskedFor(String in, String out) throws Exception {
    byte[] header =
        in.equals("v1")
            ? V1_IN.getBytes(StandardCharsets.US_ASCII)
            : HexFormat.of().parseHex(V2_IN);
    try (TestDaemon _ = TestDaemon.start(configuration(out, server.targets()))) {
      try (Socket client = Streams.connect(port)) {
        client.getOutputStream().write(header);
        Streams.send(client, "payload");
      }
      Heard heard = heard();
      assertThat(heard.header.version()).isEqualTo(out.equals("v1") ? 1 : 2);
      assertThat(heard.client()).isEqualTo("203.0.113.9:56324");
      assertThat(heard.local()).isEqualTo("198.51.100.1:443");
      assertThat(heard.payload).isEqualTo("payload");
      assertThat(heard.tlvs).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({"v1, 127.0.9.1", "v2, 127.0.9.1", "v1, ::1", "v2, ::1"})
  void aClientThatNobodyAnnouncedIsToldAsItIs(String out, String address) throws Exception {
    try (TestDaemon _ = TestDaemon.start(configuration(out, server.targets()))) {
      String client;
      try (Socket socket = Streams.connect(address, port)) {
        client =
            IpAddress.withPort(
                IpAddress.ofBytes(socket.getLocalAddress().getAddress()), socket.getLocalPort());
        Streams.send(socket, "payload");
      }
      Heard heard = heard();
      assertThat(heard.client()).isEqualTo(client);
      assertThat(heard.local()).isEqualTo(IpAddress.withPort(IpAddress.parse(address), port));
      assertThat(heard.payload).isEqualTo("payload");
    }
  }

  @Test
  void tlvsArePassedOnWithOnesOwnAndAChecksum() throws Exception {
    String out =
        "{version: v2, uniqueId: true, crc32c: true, passOn: true,"
            + " tlvs: [{type: 0xE0, value: own}, {type: 0xE1, value: \"ü\"}]}";
    try (TestDaemon _ = TestDaemon.start(configuration(out, server.targets()))) {
      try (Socket client = Streams.connect(port)) {
        client.getOutputStream().write(HexFormat.of().parseHex(V2_IN));
      }
      assertThat(heard().tlvs)
          .isEqualTo(
              "e00003" + "6f776e" + "e10002" + "c3bc" + "020004" + "6e616d65" + "050002" + "0707");
    }
  }

  @Test
  void eachConnectionHasAUniqueId() throws Exception {
    String out = "{version: v2, uniqueId: true}";
    try (TestDaemon _ = TestDaemon.start(configuration(out, server.targets()))) {
      for (int i = 0; i < 2; i++) {
        try (Socket client = Streams.connect("127.0.9.1", port)) {
          Streams.send(client, "payload");
        }
      }
      String first = heard().tlvs;
      String second = heard().tlvs;
      assertThat(first).startsWith("050020").hasSize(2 * (3 + 32)).isNotEqualTo(second);
      assertThat(second).startsWith("050020").hasSize(2 * (3 + 32));
    }
  }

  @Test
  void aServerThatSpeaksFirstGetsTheHeaderBeforeTheClientSaysAnything() throws Exception {
    TestServer.Handler afterTheHeader =
        connection -> {
          String line = Streams.text(connection, "PROXY TCP4 127.0.0.1 127.0.9.1 ".length());
          while (connection.getInputStream().read() != '\n') {
            // To its end: closed with something unread, the kernel would reset the client.
          }
          Streams.send(connection, "220 " + line);
        };
    try (TestServer smtp = TestServer.start(afterTheHeader);
        TestDaemon _ = TestDaemon.start(configuration("v1", smtp.targets()));
        Socket client = Streams.connect("127.0.9.1", port)) {
      assertThat(Streams.text(client, 35)).isEqualTo("220 PROXY TCP4 127.0.0.1 127.0.9.1 ");
    }
  }

  @Test
  void theTargetThatIsReachedAfterARetryGetsIt() throws Exception {
    String targets =
        "select: round-robin, targets: [\"127.0.0.1:"
            + TestDaemon.freePort()
            + "\", \"127.0.0.1:"
            + server.port()
            + "\"]";
    try (TestDaemon _ = TestDaemon.start(configuration("v2", targets))) {
      for (int i = 0; i < 2; i++) {
        try (Socket client = Streams.connect("127.0.9.1", port)) {
          Streams.send(client, "payload");
        }
        Heard heard = heard();
        assertThat(heard.local()).isEqualTo("127.0.9.1:" + port);
        assertThat(heard.payload).isEqualTo("payload");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"v1", "v2"})
  void aUnixSocketGetsItToo(String version, @TempDir Path directory) throws Exception {
    Path path = directory.resolve("web.sock");
    try (ServerSocketChannel listening = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listening.bind(UnixDomainSocketAddress.of(path));
      try (TestDaemon _ =
          TestDaemon.start(configuration(version, "targets: [\"unix:" + path + "\"]"))) {
        try (Socket client = Streams.connect("127.0.9.1", port)) {
          Streams.send(client, "payload");
        }
        ByteBuffer all = ByteBuffer.allocate(1_000);
        try (SocketChannel accepted = listening.accept()) {
          while (accepted.read(all) >= 0) {
            // to its end
          }
        }
        Heard heard = new Heard(Arrays.copyOf(all.array(), all.position()));
        assertThat(heard.client()).startsWith("127.0.0.1:");
        assertThat(heard.local()).isEqualTo("127.0.9.1:" + port);
        assertThat(heard.payload).isEqualTo("payload");
      }
    }
  }

  @Test
  void muchPayloadFollowsWhole() throws Exception {
    int bytes = 3_000_000;
    BlockingQueue<Streams.Read> read = new LinkedBlockingQueue<>();
    TestServer.Handler counting =
        connection -> {
          byte[] _ = connection.getInputStream().readNBytes(28);
          read.add(Streams.readAll(connection.getInputStream()));
        };
    try (TestServer bulk = TestServer.start(counting);
        TestDaemon daemon = TestDaemon.start(configuration("v2", bulk.targets()))) {
      try (Socket client = Streams.connect("127.0.9.1", port)) {
        Streams.sendPattern(client.getOutputStream(), bytes);
      }
      assertThat(read.poll(10, TimeUnit.SECONDS))
          .isEqualTo(new Streams.Read(bytes, Streams.patternChecksum(bytes), false));
      daemon.awaitSessions(0);
      assertThat(daemon.destination().traffic().bytesIn.sum()).isEqualTo(bytes); // payload only
    }
  }
}
