package io.sluice.proxy.relay;

import io.sluice.proxy.Streams;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Both ends of many connections that are used once and then stand idle, in a process of their own:
 * says {@code server PORT}, and for each line {@code PORT COUNT} that it is told, {@code
 * connected}.
 */
final class IdlePeers {
  // What is not reachable would be closed some time.
  private static final List<SocketChannel> open = new ArrayList<>();
  private static final List<SocketChannel> accepted = new ArrayList<>();

  private IdlePeers() {}

  public static void main(String[] arguments) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open();
    server.bind(new InetSocketAddress(Streams.LOOPBACK, 0), 4096);
    Thread echoing = new Thread(() -> echo(server));
    echoing.setDaemon(true);
    echoing.start();
    System.out.println("server " + server.socket().getLocalPort());
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ", -1);
      connect(Integer.parseInt(words[0]), Integer.parseInt(words[1]));
      System.out.println("connected " + words[1]);
    }
  }

  /** One byte of each connection comes back; then it is kept. */
  private static void echo(ServerSocketChannel server) {
    ByteBuffer one = ByteBuffer.allocateDirect(1);
    try {
      while (true) {
        SocketChannel connection = server.accept();
        accepted.add(connection);
        exchange(connection, one, true);
      }
    } catch (IOException failure) {
      System.out.println("server failed " + failure);
    }
  }

  private static void connect(int port, int count) throws IOException {
    ByteBuffer one = ByteBuffer.allocateDirect(1);
    for (int i = 0; i < count; i++) {
      SocketChannel client = SocketChannel.open(new InetSocketAddress(Streams.LOOPBACK, port));
      open.add(client);
      exchange(client, one, false);
    }
  }

  private static void exchange(SocketChannel channel, ByteBuffer one, boolean readFirst)
      throws IOException {
    for (int i = 0; i < 2; i++) {
      one.clear();
      int count = readFirst == (i == 0) ? channel.read(one) : channel.write(one);
      if (count != 1) {
        throw new IOException("no byte");
      }
    }
  }
}
