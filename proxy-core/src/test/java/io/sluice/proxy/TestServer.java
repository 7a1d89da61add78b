package io.sluice.proxy;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** A server on loopback that gives each connection a thread. */
public final class TestServer implements AutoCloseable {
  private static final int BACKLOG = 4096;

  /**
   * The server side of {@code corr.py}: the first line says what to do.
   *
   * <pre>
   *   DL n       sends n bytes, then closes
   *   DLRST n    sends n bytes, and a reset once they have arrived
   *   UP         reads to the end, then answers how much, and its checksum
   *   ECHO       sends back what comes
   *   SRVFIRST   says bye, ends its side, and reads to the end
   *   RST        sends a reset
   * </pre>
   */
  public static final Handler PROTOCOL = TestServer::obey;

  /** Keeps the connection until the server is closed, and neither reads nor says anything. */
  public static final Handler SILENT = _ -> new CountDownLatch(1).await();

  private final ServerSocket listening;
  private final Handler handler;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final AtomicInteger accepted = new AtomicInteger();

  /** What is done with a connection; it is closed afterwards. */
  @FunctionalInterface
  public interface Handler {
    void serve(Socket connection) throws Exception;
  }

  private TestServer(InetSocketAddress address, Handler handler) throws IOException {
    this.listening = new ServerSocket();
    this.handler = handler;
    listening.setReuseAddress(true);
    listening.bind(address, BACKLOG);
    Thread.ofVirtual().start(this::accept);
  }

  /** A server on a free port of 127.0.0.1. */
  public static TestServer start(Handler handler) throws IOException {
    return start("127.0.0.1", TestDaemon.freePort(), handler);
  }

  public static TestServer start(String address, int port, Handler handler) throws IOException {
    return new TestServer(new InetSocketAddress(InetAddress.ofLiteral(address), port), handler);
  }

  public int port() {
    return listening.getLocalPort();
  }

  /** As a list of targets in a configuration: {@code targets: ["127.0.0.1:1234"]}. */
  public String targets() {
    return "targets: [\"127.0.0.1:" + port() + "\"]";
  }

  /** How many connections there have been. */
  public int accepted() {
    return accepted.get();
  }

  private void accept() {
    try {
      while (true) {
        Socket connection = listening.accept();
        accepted.incrementAndGet();
        open.add(connection);
        Thread.ofVirtual().start(() -> serve(connection));
      }
    } catch (IOException _) {
      // Closed.
    }
  }

  private void serve(Socket connection) {
    try (connection) {
      handler.serve(connection);
    } catch (Exception _) {
      // The client sees that the connection ends.
    } finally {
      open.remove(connection);
    }
  }

  private static void obey(Socket connection) throws IOException, InterruptedException {
    connection.setTcpNoDelay(true);
    InputStream in = new BufferedInputStream(connection.getInputStream(), 1 << 16);
    OutputStream out = connection.getOutputStream();
    String[] words = line(in).split(" ", -1);
    switch (words[0]) {
      case "DL" -> Streams.sendPattern(out, Long.parseLong(words[1]));
      case "DLRST" -> {
        Streams.sendPattern(out, Long.parseLong(words[1]));
        Streams.resetAfterData(connection);
      }
      case "UP" -> {
        Streams.Read read = Streams.readAll(in);
        out.write((read.bytes() + " " + read.checksum() + "\n").getBytes(StandardCharsets.UTF_8));
      }
      case "ECHO" -> {
        long _ = in.transferTo(out);
        connection.shutdownOutput();
      }
      case "SRVFIRST" -> {
        out.write("bye\n".getBytes(StandardCharsets.UTF_8));
        connection.shutdownOutput();
        Streams.Read _ = Streams.readAll(in);
      }
      case "RST" -> Streams.reset(connection);
      default -> {} // nothing: it closes
    }
  }

  private static String line(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c = in.read(); c >= 0 && c != '\n'; c = in.read()) {
      line.append((char) c);
    }
    return line.toString();
  }

  @Override
  public void close() throws IOException {
    listening.close();
    for (Socket connection : open) {
      connection.close();
    }
  }
}
