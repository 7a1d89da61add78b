package io.sluice.proxy.it;

import java.io.ByteArrayOutputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Asks DNS servers for a name's IPv4 address, from a socket that is not connected, so that it sees
 * where answers come from. Prints {@code asked ADDRESS PORT from ADDRESS PORT answer ADDRESS}.
 */
final class DnsClient {
  private DnsClient() {}

  /** Arguments: the name, the port, and addresses. */
  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[1]);
    for (String address : Arrays.asList(arguments).subList(2, arguments.length)) {
      InetAddress to = InetAddress.ofLiteral(address);
      try (DatagramSocket socket = new DatagramSocket()) {
        socket.setSoTimeout(5_000);
        byte[] query = query(arguments[0]);
        socket.send(new DatagramPacket(query, query.length, new InetSocketAddress(to, port)));
        DatagramPacket reply = new DatagramPacket(new byte[4096], 4096);
        socket.receive(reply);
        byte[] answer =
            Arrays.copyOfRange(reply.getData(), reply.getLength() - 4, reply.getLength());
        System.out.printf(
            "asked %s %d from %s %d answer %s%n",
            to.getHostAddress(),
            port,
            reply.getAddress().getHostAddress(),
            reply.getPort(),
            InetAddress.getByAddress(answer).getHostAddress());
      }
    }
  }

  /** A query for a name's IPv4 address. */
  static byte[] query(String name) {
    ByteArrayOutputStream query = new ByteArrayOutputStream();
    query.writeBytes(new byte[] {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0});
    for (String label : name.split("\\.", -1)) {
      query.write(label.length());
      query.writeBytes(label.getBytes(StandardCharsets.US_ASCII));
    }
    query.writeBytes(new byte[] {0, 0, 1, 0, 1});
    return query.toByteArray();
  }
}
