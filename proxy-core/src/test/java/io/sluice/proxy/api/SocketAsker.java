package io.sluice.proxy.api;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Raw requests to an admin socket. */
public final class SocketAsker {
  private final Path socket;

  public SocketAsker(Path socket) {
    this.socket = socket;
  }

  /** A connection on which this was sent. */
  public SocketChannel send(String text) throws IOException {
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    boolean _ = channel.connect(UnixDomainSocketAddress.of(socket));
    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      int _ = channel.write(bytes);
    }
    return channel;
  }

  /** All that comes back, up to the end of the connection. */
  public String ask(String text) throws IOException {
    try (SocketChannel channel = send(text)) {
      return rest(channel);
    }
  }

  /** What is still to be read. */
  public static String rest(SocketChannel channel) throws IOException {
    return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
  }

  /** The answer with its head. */
  public String ask(String method, String path, String body) throws IOException {
    return ask(requestOf(method, path, body));
  }

  /** A whole request. */
  public static String requestOf(String method, String path, String body) {
    return method
        + " "
        + path
        + " HTTP/1.1\r\nHost: x\r\nContent-Length: "
        + body.getBytes(StandardCharsets.UTF_8).length
        + "\r\n\r\n"
        + body;
  }

  /** The body of an answer of status 200. */
  public String get(String path) throws IOException {
    String answer = ask("GET", path, "");
    if (!answer.startsWith("HTTP/1.1 200 ")) {
      throw new IOException(answer);
    }
    return answer.substring(answer.indexOf("\r\n\r\n") + 4);
  }
}
