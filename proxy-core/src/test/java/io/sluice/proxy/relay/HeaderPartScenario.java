package io.sluice.proxy.relay;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.header.ProxyHeader;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/**
 * Runs where send buffers hold next to nothing, and says whether a header of which the kernel took
 * a part only came whole, and before the payload.
 */
final class HeaderPartScenario {
  private static final int PORT = 9_000;
  private static final int TARGET = 9_001;
  private static final int HEADER_BYTES = 16_000;

  private HeaderPartScenario() {}

  public static void main(String[] arguments) throws Exception {
    String messages =
        arguments[0].equals("messages") ? "affinity: message, framing: {type: line}, " : "";
    String yaml =
        """
        loops: 1
        capture:
          - {name: edge, protocols: [tcp], addresses: [127.0.0.1], ports: %1$d,
             proxyProtocol: {from: [127.0.0.1]}}
        listeners: [{protocol: tcp, address: 0.0.0.0, port: 443, destination: web}]
        destinations:
          - {label: web, protocol: tcp, %2$stargets: ["127.0.0.1:%3$d"],
             proxyProtocol: {version: v2, passOn: true}}
        """
            .formatted(PORT, messages, TARGET);
    try (ServerSocket listening = new ServerSocket()) {
      listening.setReceiveBufferSize(1); // the least that there is
      listening.bind(new InetSocketAddress(Streams.LOOPBACK, TARGET));
      try (TestDaemon _ = TestDaemon.start(yaml);
          Socket client = Streams.connect(PORT)) {
        client.getOutputStream().write(header());
        Streams.send(client, "payload\n");
        try (Socket target = listening.accept()) {
          TestDaemon.until("the kernel takes no more", HeaderPartScenario::isStuck);
          client.shutdownOutput();
          check(target.getInputStream().readAllBytes());
        }
      }
    }
    System.out.println("whole");
    System.exit(0);
  }

  /** With a TLV that is passed on, as long as what a target gets may be. */
  private static byte[] header() {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
    header.put(HexFormat.of().parseHex("0d0a0d0a000d0a515549540a" + "2111"));
    header.putShort((short) (HEADER_BYTES - 16));
    header.putInt(0xcb007109).putInt(0xc6336401).putShort((short) 1).putShort((short) 443);
    header.put((byte) 0xe1).putShort((short) (header.remaining() - 2));
    return header.array();
  }

  /** Whether part of the header, and no more, is on its way to the target, which reads nothing. */
  private static boolean isStuck() throws IOException {
    String target = String.format(":%04X", TARGET);
    for (String line : Files.readAllLines(Path.of("/proc/net/tcp"))) {
      String[] columns = line.strip().split("\\s+", -1);
      if (columns[2].endsWith(target)) {
        int unacknowledged = Integer.parseInt(columns[4].substring(0, 8), 16);
        return unacknowledged > 0 && unacknowledged < HEADER_BYTES / 2;
      }
    }
    return false;
  }

  private static void check(byte[] heard) {
    ProxyHeader header = new ProxyHeader();
    int length = header.read(ByteBuffer.wrap(heard), Protocol.TCP);
    String payload = length <= 0 ? "" : new String(heard, length, heard.length - length, US_ASCII);
    if (length != HEADER_BYTES || !payload.equals("payload\n")) {
      throw new IllegalStateException(
          heard.length + " bytes, header " + length + " " + header.problem() + " " + payload);
    }
  }
}
