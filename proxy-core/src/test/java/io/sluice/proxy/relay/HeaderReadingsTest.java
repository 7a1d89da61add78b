package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.name.Resolver;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * How often a header is looked at whose peers send single bytes. Each look copies all that has
 * come, so without a bound, a header of n bytes would cost n².
 */
@Timeout(60)
final class HeaderReadingsTest {
  private static final int PEERS = 8;

  private final int port = TestDaemon.freePort();

  private OneLoop start(TestServer server, Resolver resolver) throws InterruptedException {
    return new OneLoop(
        TestDaemon.config(
            """
            capture:
              - {name: edge, protocols: [tcp], addresses: [127.0.0.1], ports: %1$d,
                 proxyProtocol: {from: [127.0.0.1], timeout: 50s}}
            listeners:
              - {protocol: tcp, address: 0.0.0.0, port: 443, destination: web}
              - {protocol: tcp, address: 0.0.0.0, port: %1$d, destination: web}
            destinations: [{label: web, protocol: tcp, %2$s}]
            """
                .formatted(port, server.targets())),
        resolver);
  }

  private static byte[] header(String version) {
    if (version.equals("v1")) {
      String line = "PROXY UNKNOWN " + "x".repeat(107 - 16) + "\r\n";
      return line.getBytes(StandardCharsets.US_ASCII);
    }
    byte[] fixed = HexFormat.of().parseHex("0d0a0d0a000d0a515549540a" + "21110000");
    ByteBuffer header = ByteBuffer.allocate(16 << 10).put(fixed);
    header.putShort(14, (short) (header.capacity() - 16));
    header.putInt(0xcb007109).putInt(0xc6336401).putShort((short) 1).putShort((short) 443);
    header.put((byte) 0xe1).putShort((short) (header.remaining() - 2));
    return header.array();
  }

  /** The connections that wait for their headers. */
  private static List<HeaderWait> waits(OneLoop loop) throws InterruptedException {
    List<HeaderWait> waits = new ArrayList<>();
    onLoop(
        loop,
        () ->
            loop.relay()
                .sessions()
                .forEach(entry -> {
                  if (entry instanceof HeaderWait wait) {
                    waits.add(wait);
                  }
                }));
    return waits;
  }

  private static int readings(OneLoop loop, HeaderWait wait) throws InterruptedException {
    onLoop(loop, () -> {}); // what it has written can be read here now
    return wait.readings();
  }

  private static void onLoop(OneLoop loop, Runnable action) throws InterruptedException {
    assertThat(loop.loop().events().submit(action).await(10, TimeUnit.SECONDS)).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"v1, 107", "v2, 3"})
  void singleBytesCostFewReadings(String version, int most) throws Exception {
    byte[] header = header(version);
    try (TestServer server = TestServer.start(connection -> Streams.send(connection, "hello"));
        Resolver resolver = Resolver.offline();
        OneLoop loop = start(server, resolver)) {
      List<Socket> clients = new ArrayList<>();
      for (int i = 0; i < PEERS; i++) {
        clients.add(Streams.connect(port));
      }
      TestDaemon.until("all wait", () -> waits(loop).size() == PEERS);
      List<HeaderWait> waits = waits(loop);
      for (byte each : header) {
        for (Socket client : clients) {
          client.getOutputStream().write(each);
        }
      }
      for (Socket client : clients) {
        assertThat(Streams.text(client, 5)).isEqualTo("hello");
        client.close();
      }
      for (HeaderWait wait : waits) {
        assertThat(readings(loop, wait)).isBetween(2, most + 1);
      }
    }
  }

  @Test
  void aWakeUpThatBringsTooLittleIsNoReading() throws Exception {
    byte[] header = header("v2");
    try (TestServer server = TestServer.start(connection -> Streams.send(connection, "hello"));
        Resolver resolver = Resolver.offline();
        OneLoop loop = start(server, resolver);
        Socket client = Streams.connect(port)) {
      TestDaemon.until("it waits", () -> !waits(loop).isEmpty());
      HeaderWait wait = waits(loop).getFirst();
      client.getOutputStream().write(header, 0, 100);
      TestDaemon.until("it has seen the beginning", () -> readings(loop, wait) > 1);
      Streams.awaitDelivered(client);
      loop.settle();
      int before = readings(loop, wait);
      for (int i = 100; i < 200; i++) {
        client.getOutputStream().write(header[i]);
        onLoop(loop, wait); // as the kernel does when its memory runs short
      }
      assertThat(readings(loop, wait)).isEqualTo(before);
      client.getOutputStream().write(header, 200, header.length - 200);
      assertThat(Streams.text(client, 5)).isEqualTo("hello");
    }
  }
}
