package io.sluice.proxy.cli;

import io.sluice.proxy.admin.Json;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.URLEncoder;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Asks a running daemon over its admin socket: a request per connection (HTTP/1.1). */
final class AdminClient {
  private static final int MOST_HEAD_BYTES = 64 << 10;

  private final Path socket;

  AdminClient(Path socket) {
    this.socket = socket;
  }

  /** What the daemon answers with success. */
  record Reply(String contentType, String body) {
    /** The JSON object that it is. */
    @SuppressWarnings("unchecked") // the daemon answers with objects
    Map<String, @Nullable Object> json() throws IOException {
      try {
        if (Json.parse(body) instanceof Map<?, ?> map) {
          return (Map<String, @Nullable Object>) map;
        }
      } catch (IllegalArgumentException wrong) {
        throw new IOException("the daemon's answer can't be read: " + wrong.getMessage(), wrong);
      }
      throw new IOException("the daemon's answer is no JSON object");
    }
  }

  /** A path with parameters; those that are null are left out. */
  static String withParameters(String path, Map<String, @Nullable String> parameters) {
    String query =
        parameters.entrySet().stream()
            .filter(it -> it.getValue() != null)
            .map(it -> it.getKey() + "=" + encoded(String.valueOf(it.getValue())))
            .collect(Collectors.joining("&"));
    return query.isEmpty() ? path : path + "?" + query;
  }

  /** Parameters by name; a value may be null. */
  static Map<String, @Nullable String> parameters(@Nullable String... namesAndValues) {
    Map<String, @Nullable String> parameters = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      parameters.put(String.valueOf(namesAndValues[i]), namesAndValues[i + 1]);
    }
    return parameters;
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  Reply get(String path) throws IOException {
    return ask("GET", path, "application/json", new byte[0]);
  }

  /**
   * Asks, and waits for the whole answer.
   *
   * @throws IOException if there is none, or a refusal: the message has the daemon's words
   */
  Reply ask(String method, String path, String accept, byte[] body) throws IOException {
    StringBuilder whole = new StringBuilder();
    String type = ask(method, path, accept, body, part -> whole.append(part).append('\n'));
    return new Reply(type, whole.toString());
  }

  /** Asks, and hands over each line of the answer as it comes; answers the content's type. */
  String ask(String method, String path, String accept, byte[] body, Consumer<String> lines)
      throws IOException {
    try (SocketChannel channel = connect()) {
      send(channel, method, path, accept, body);
      InputStream in = Channels.newInputStream(channel);
      int status = status(line(in));
      Map<String, String> headers = headers(in);
      boolean isChunked = "chunked".equals(headers.get("transfer-encoding"));
      String length = headers.getOrDefault("content-length", "0");
      InputStream content = isChunked ? Body.chunked(in) : Body.sized(in, length);
      BufferedReader reader =
          new BufferedReader(new InputStreamReader(content, StandardCharsets.UTF_8));
      if (status / 100 != 2) {
        throw new RefusedByDaemonException(status, reader.lines().toList());
      }
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        lines.accept(line);
      }
      return headers.getOrDefault("content-type", "");
    }
  }

  /** Hands over each line of an answer that goes on until somebody ends it. */
  void follow(String path, Map<String, @Nullable String> parameters, Consumer<String> lines)
      throws IOException {
    String _ = ask("GET", withParameters(path, parameters), "application/json", new byte[0], lines);
  }

  private SocketChannel connect() throws IOException {
    if (!Files.exists(socket)) {
      throw new IOException(
          "no daemon listens at " + socket + "; --socket PATH, or -f FILE, says where else");
    }
    if (!Files.isWritable(socket)) {
      throw new IOException(
          "you have no right to use " + socket + "; see admin.users in the configuration");
    }
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      boolean _ = channel.connect(UnixDomainSocketAddress.of(socket));
      return channel;
    } catch (IOException failure) {
      channel.close();
      throw new IOException(
          "no daemon listens at " + socket + " (" + failure.getMessage() + ")", failure);
    }
  }

  private static void send(
      SocketChannel channel, String method, String path, String accept, byte[] body)
      throws IOException {
    String head =
        method
            + " "
            + path
            + " HTTP/1.1\r\nHost: sluice\r\nAccept: "
            + accept
            + "\r\nContent-Length: "
            + body.length
            + "\r\nConnection: close\r\n\r\n";
    ByteBuffer[] request = {
      ByteBuffer.wrap(head.getBytes(StandardCharsets.US_ASCII)), ByteBuffer.wrap(body)
    };
    try {
      while (request[0].hasRemaining() || request[1].hasRemaining()) {
        long _ = channel.write(request);
      }
    } catch (IOException _) {
      // It has been answered before it was whole: the answer says why.
    }
  }

  /** A line of the head, or of a chunk, without its end. */
  static String line(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int octet = in.read(); octet != '\n'; octet = in.read()) {
      if (octet < 0 || line.length() > MOST_HEAD_BYTES) {
        throw new EOFException("the daemon ended the connection without an answer");
      }
      line.append((char) octet);
    }
    return line.toString().stripTrailing();
  }

  private static int status(String line) throws IOException {
    String[] words = line.split(" ", 3);
    try {
      return Integer.parseInt(words[1]);
    } catch (IndexOutOfBoundsException | NumberFormatException wrong) {
      throw new IOException("what listens there doesn't speak HTTP: " + line, wrong);
    }
  }

  private static Map<String, String> headers(InputStream in) throws IOException {
    Map<String, String> headers = new LinkedHashMap<>();
    for (String line = line(in); !line.isEmpty(); line = line(in)) {
      int colon = line.indexOf(':');
      if (colon > 0) {
        headers.put(
            line.substring(0, colon).toLowerCase(java.util.Locale.ROOT),
            line.substring(colon + 1).strip());
      }
    }
    return headers;
  }

  /** The daemon said no. */
  static final class RefusedByDaemonException extends IOException {
    private static final long serialVersionUID = 1;

    private final int status;
    private final transient List<String> problems;

    RefusedByDaemonException(int status, List<String> body) {
      this(status, Refusal.of(String.join("\n", body)));
    }

    private RefusedByDaemonException(int status, Refusal refusal) {
      super(refusal.error);
      this.status = status;
      this.problems = refusal.problems;
    }

    /** The HTTP status: 409 if another change came first. */
    int status() {
      return status;
    }

    /** All that is wrong, a line each. */
    List<String> problems() {
      return problems;
    }

    private record Refusal(String error, List<String> problems) {
      static Refusal of(String body) {
        try {
          if (Json.parse(body) instanceof Map<?, ?> json
              && json.get("error") instanceof String error) {
            List<String> problems =
                json.get("problems") instanceof List<?> list
                    ? list.stream().map(String::valueOf).toList()
                    : List.of();
            return new Refusal(error, problems);
          }
        } catch (IllegalArgumentException _) {
          // Then it is text.
        }
        return new Refusal(body.strip(), List.of());
      }
    }
  }
}
