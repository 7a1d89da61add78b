package io.sluice.proxy.admin;

import io.sluice.config.HostPort;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;

/** Raw requests to an admin server. */
public final class HttpAsker {
  private static final int BOUND_MILLIS = 15_000;

  private final HostPort address;

  public HttpAsker(HostPort address) {
    this.address = address;
  }

  private Socket connect(int receiveBytes) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(receiveBytes);
    socket.setSoTimeout(BOUND_MILLIS);
    socket.connect(
        new InetSocketAddress(
            InetAddress.getByAddress(address.address().toBytes()), address.port()),
        BOUND_MILLIS);
    return socket;
  }

  /** A connection on which this was sent. */
  public Socket send(String text) throws IOException {
    return send(text, 256 << 10);
  }

  /** A connection on which this was sent, and whose client has room for so much of the answer. */
  public Socket send(String text, int receiveBytes) throws IOException {
    Socket socket = connect(receiveBytes);
    socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    return socket;
  }

  /** All that comes back, up to the end of the connection. */
  public String ask(String text) throws IOException {
    try (Socket socket = send(text)) {
      return rest(socket);
    }
  }

  /** The answer to a GET, with its head. */
  public String get(String path) throws IOException {
    return ask(getOf(path));
  }

  /** A whole GET request that asks for the end of the connection. */
  public static String getOf(String path) {
    return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  }

  /** What is still to be read. */
  public static String rest(Socket socket) throws IOException {
    return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  /** Whether the server ends the connection, by FIN or reset, within the bound. */
  public static boolean isEnded(Socket socket) {
    try {
      return socket.getInputStream().read() < 0;
    } catch (SocketTimeoutException _) {
      return false;
    } catch (IOException _) {
      return true;
    }
  }
}
