package io.sluice.proxy.flow;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** A client or a server at the other side of the relay, on the JDK's own sockets. */
final class UdpPeer implements AutoCloseable {
  private static final int BUFFER_BYTES = 4 << 20;
  private static final int TIMEOUT_MILLIS = 5_000;

  private final DatagramSocket socket;
  private final List<Datagram> heard = new CopyOnWriteArrayList<>();
  private @Nullable Thread serving;

  /** A datagram and who sent it. */
  static final class Datagram {
    private final byte[] payload;
    private final SocketAddress from;

    private Datagram(byte[] payload, SocketAddress from) {
      this.payload = payload;
      this.from = from;
    }

    byte[] payload() {
      return payload;
    }

    String text() {
      return new String(payload, UTF_8);
    }

    SocketAddress from() {
      return from;
    }
  }

  /** An address as the JDK's sockets tell it. */
  static InetSocketAddress address(String address, int port) {
    return new InetSocketAddress(InetAddress.ofLiteral(address), port);
  }

  /** What a server does with a datagram; it may send answers. */
  @FunctionalInterface
  interface Service {
    void received(UdpPeer server, Datagram datagram) throws IOException;
  }

  /** Bound to this address, on a port that the kernel chooses (0) or this one. */
  UdpPeer(String address, int port) {
    try {
      socket = new DatagramSocket(address(address, port));
      socket.setReceiveBufferSize(BUFFER_BYTES);
      socket.setSoTimeout(TIMEOUT_MILLIS);
    } catch (SocketException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  static UdpPeer client() {
    return new UdpPeer("127.0.0.1", 0);
  }

  /** A server that sends everything back. */
  static UdpPeer echo() {
    return new UdpPeer("127.0.0.1", 0).serve(UdpPeer::answer);
  }

  /** A server that sends back what says so. */
  static UdpPeer echoIfAsked() {
    return new UdpPeer("127.0.0.1", 0)
        .serve((server, datagram) -> {
          if (datagram.text().startsWith("answer")) {
            server.answer(datagram);
          }
        });
  }

  /** Serves on a thread of its own until it is closed. */
  UdpPeer serve(Service service) {
    serving =
        Thread.ofPlatform()
            .daemon()
            .start(() -> {
              byte[] buffer = new byte[1 << 16];
              while (!socket.isClosed()) {
                try {
                  Datagram datagram = receive(buffer);
                  heard.add(datagram);
                  service.received(this, datagram);
                } catch (SocketTimeoutException _) {
                  // The test may take its time.
                } catch (IOException failure) {
                  if (!socket.isClosed()) {
                    throw new UncheckedIOException(failure);
                  }
                }
              }
            });
    return this;
  }

  void answer(Datagram datagram) throws IOException {
    socket.send(new DatagramPacket(datagram.payload, datagram.payload.length, datagram.from));
  }

  int port() {
    return socket.getLocalPort();
  }

  /** What a server has received so far. */
  List<Datagram> heard() {
    return heard;
  }

  /** Who has sent something to a server so far. */
  List<SocketAddress> sources() {
    return heard.stream().map(Datagram::from).distinct().toList();
  }

  void send(String text, String address, int port) throws IOException {
    send(text.getBytes(UTF_8), address, port);
  }

  void send(byte[] payload, String address, int port) throws IOException {
    send(payload, address(address, port));
  }

  void send(byte[] payload, SocketAddress to) throws IOException {
    socket.send(new DatagramPacket(payload, payload.length, to));
  }

  Datagram receive() throws IOException {
    return receive(new byte[1 << 16]);
  }

  private Datagram receive(byte[] buffer) throws IOException {
    DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
    socket.receive(packet);
    byte[] payload = new byte[packet.getLength()];
    System.arraycopy(buffer, 0, payload, 0, payload.length);
    return new Datagram(payload, packet.getSocketAddress());
  }

  /** Sends, and waits for one answer. */
  Datagram ask(String text, String address, int port) throws IOException {
    send(text, address, port);
    return receive();
  }

  /** Closes; a thread that was about to receive keeps the port bound until it has noticed. */
  @Override
  public void close() {
    socket.close();
    if (serving != null) {
      try {
        boolean _ = serving.join(Duration.ofMillis(TIMEOUT_MILLIS));
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
