package io.sluice.proxy;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.zip.CRC32C;

/** What tests do with connections: patterns, checksums, resets. */
public final class Streams {
  /** 127.0.0.1. */
  public static final InetAddress LOOPBACK = InetAddress.ofLiteral("127.0.0.1");

  private static final int TIMEOUT_MILLIS = 10_000;
  private static final int UNSENT = 0; // of the column tx_queue:rx_queue
  private static final int UNREAD = 1;
  private static final byte[] BLOCK = block();

  private Streams() {}

  /**
   * What was read.
   *
   * @param reset whether it ended by a reset
   */
  public record Read(long bytes, long checksum, boolean reset) {}

  private static byte[] block() {
    byte[] block = new byte[1 << 16];
    for (int i = 0; i < block.length; i++) {
      block[i] = (byte) (i + i / 251); // not periodic in a power of two
    }
    return block;
  }

  /** A connection to 127.0.0.1. */
  public static Socket connect(int port) throws IOException {
    return connect("127.0.0.1", port);
  }

  public static Socket connect(String address, int port) throws IOException {
    Socket socket = new Socket();
    try {
      socket.connect(new InetSocketAddress(InetAddress.ofLiteral(address), port), TIMEOUT_MILLIS);
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.setTcpNoDelay(true);
      return socket;
    } catch (IOException failure) {
      socket.close();
      throw failure;
    }
  }

  public static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Sends so many bytes of a fixed pattern. */
  public static void sendPattern(OutputStream out, long bytes) throws IOException {
    for (long sent = 0; sent < bytes; sent += BLOCK.length) {
      out.write(BLOCK, 0, (int) Math.min(BLOCK.length, bytes - sent));
    }
  }

  /** The least number of bytes, from this on, of the pattern that end with a line's end. */
  public static int wholeLines(int atLeast) {
    int bytes = Math.max(1, atLeast);
    while (BLOCK[(bytes - 1) % BLOCK.length] != '\n') {
      bytes++;
    }
    return bytes;
  }

  /** The checksum of so many bytes of the pattern. */
  public static long patternChecksum(long bytes) {
    CRC32C checksum = new CRC32C();
    for (long done = 0; done < bytes; done += BLOCK.length) {
      checksum.update(BLOCK, 0, (int) Math.min(BLOCK.length, bytes - done));
    }
    return checksum.getValue();
  }

  /** Reads to the end. */
  public static Read readAll(InputStream in) throws IOException {
    return readSlowly(in, 1 << 16, 0);
  }

  /** Reads to the end, with a pause after each piece. */
  public static Read readSlowly(InputStream in, int pieceBytes, long pauseMillis)
      throws IOException {
    CRC32C checksum = new CRC32C();
    byte[] buffer = new byte[pieceBytes];
    long bytes = 0;
    try {
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        checksum.update(buffer, 0, count);
        bytes += count;
        if (pauseMillis > 0) {
          Pace.pause(pauseMillis);
        }
      }
      return new Read(bytes, checksum.getValue(), false);
    } catch (SocketException reset) {
      if (!String.valueOf(reset.getMessage()).contains("reset")) {
        throw reset;
      }
      return new Read(bytes, checksum.getValue(), true);
    }
  }

  /** Reads up to so many bytes, as text; less at the end. */
  public static String text(Socket socket, int bytes) throws IOException {
    return new String(socket.getInputStream().readNBytes(bytes), StandardCharsets.UTF_8);
  }

  /** Whether the connection is, or soon will be, reset before it says anything. */
  public static boolean isReset(Socket socket) throws IOException {
    return readAll(socket.getInputStream()).equals(new Read(0, 0, true));
  }

  /** Whether a connection is reset before it says anything; maybe while it is made, or sends. */
  public static boolean isRefused(Callable<Socket> connecting, String first) throws Exception {
    try {
      Socket socket = connecting.call();
      send(socket, first);
      return isReset(socket);
    } catch (SocketException reset) {
      String message = String.valueOf(reset.getMessage());
      if (message.contains("reset") || message.contains("Broken pipe")) {
        return true;
      }
      throw reset;
    }
  }

  /** Whether a new connection is accepted and reset, at once or soon. */
  public static boolean isReset(String address, int port) throws IOException {
    try (Socket socket = connect(address, port)) {
      return isReset(socket);
    } catch (SocketException failure) {
      if (String.valueOf(failure.getMessage()).contains("reset")) {
        return true; // before connect() had returned
      }
      throw failure;
    }
  }

  /** Closes with a reset, discarding what is unsent. */
  public static void reset(Socket socket) throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  /** Closes with a reset, once the peer's kernel has everything. */
  public static void resetAfterData(Socket socket) throws IOException {
    awaitDelivered(socket);
    reset(socket);
  }

  /** Waits until nothing that was sent is unacknowledged. IPv4 only. */
  public static void awaitDelivered(Socket socket) {
    TestDaemon.until(
        "all is acknowledged", () -> queued(socket.getLocalPort(), socket.getPort(), UNSENT) == 0);
  }

  /** How many connections to a port are complete, and wait in the kernel to be accepted. */
  public static long unaccepted(int port) throws IOException {
    return queued(port, 0, UNREAD); // of a listening socket: its backlog
  }

  /** What the kernel has queued for the IPv4 sockets of these ports, in bytes or connections. */
  private static long queued(int localPort, int remotePort, int queue) throws IOException {
    String local = String.format(":%04X", localPort);
    String remote = String.format(":%04X", remotePort);
    long sum = 0;
    for (String table : new String[] {"/proc/net/tcp6", "/proc/net/tcp"}) {
      for (String line : Files.readAllLines(Path.of(table))) {
        String[] columns = line.strip().split("\\s+", -1);
        if (columns[1].endsWith(local) && columns[2].endsWith(remote)) {
          sum += Long.parseLong(columns[4].split(":", -1)[queue], 16);
        }
      }
    }
    return sum;
  }
}
