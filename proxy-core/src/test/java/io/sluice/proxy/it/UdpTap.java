package io.sluice.proxy.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** Stands in front of a UDP server, passes everything on, and keeps what clients have sent. */
final class UdpTap implements AutoCloseable {
  private final DatagramSocket front;
  private final InetSocketAddress server;
  private final Map<SocketAddress, DatagramSocket> upstreams = new ConcurrentHashMap<>();
  private final List<byte[]> heard = new CopyOnWriteArrayList<>();

  UdpTap(int serverPort) throws IOException {
    front = new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    server = new InetSocketAddress(InetAddress.getLoopbackAddress(), serverPort);
    Thread.ofPlatform().daemon().start(() -> pump(front, this::pass));
  }

  @FunctionalInterface
  private interface Receiver {
    void received(byte[] datagram, SocketAddress from) throws IOException;
  }

  private static void pump(DatagramSocket socket, Receiver to) {
    byte[] buffer = new byte[1 << 16];
    while (!socket.isClosed()) {
      try {
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        socket.receive(packet);
        to.received(Arrays.copyOf(buffer, packet.getLength()), packet.getSocketAddress());
      } catch (IOException broken) {
        if (!socket.isClosed()) {
          throw new UncheckedIOException(broken);
        }
      }
    }
  }

  private void pass(byte[] datagram, SocketAddress client) throws IOException {
    heard.add(datagram);
    DatagramSocket upstream = upstreams.get(client);
    if (upstream == null) {
      upstream = new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      upstreams.put(client, upstream);
      DatagramSocket its = upstream;
      Thread.ofPlatform()
          .daemon()
          .start(() -> pump(its, (answer, _) -> send(front, answer, client)));
    }
    send(upstream, datagram, server);
  }

  private static void send(DatagramSocket from, byte[] datagram, SocketAddress to)
      throws IOException {
    from.send(new DatagramPacket(datagram, datagram.length, to));
  }

  int port() {
    return front.getLocalPort();
  }

  /** All datagrams so far. */
  List<byte[]> heard() {
    return heard;
  }

  /** How often it has heard exactly this. */
  long count(byte[] datagram) {
    return heard.stream().filter(it -> Arrays.equals(it, datagram)).count();
  }

  /** How many clients it has heard, by address and port. */
  int clients() {
    return upstreams.size();
  }

  @Override
  public void close() {
    front.close();
    upstreams.values().forEach(DatagramSocket::close);
  }
}
