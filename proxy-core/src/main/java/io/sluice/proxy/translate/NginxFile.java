package io.sluice.proxy.translate;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the block {@code stream} of NGINX's configuration.
 *
 * @see <a href="https://nginx.org/en/docs/stream/ngx_stream_core_module.html">stream module</a>
 */
public final class NginxFile {
  private static final Pattern TOKEN =
      Pattern.compile("#[^\n]*|\"((?:[^\"\\\\]|\\\\.)*)\"|'([^']*)'|[{};]|[^\\s{};\"']+|\n");
  private static final Pattern LISTEN = Pattern.compile("(?:(.*):)?([0-9]+(?:-[0-9]+)?)");
  private static final String DEFAULT_UNIT = "s";

  private final Translation made = new Translation();
  private final Map<String, Block> upstreams = new HashMap<>();

  /** A directive with what stands in its braces; none if it has none. */
  private record Block(int line, List<String> words, List<Block> inside) {
    String word(int index) {
      return index < words.size() ? words.get(index) : "";
    }

    String text() {
      return String.join(" ", words);
    }

    @Nullable Block first(String name) {
      return inside.stream().filter(it -> it.word(0).equals(name)).findFirst().orElse(null);
    }
  }

  private NginxFile() {}

  /**
   * What a configuration comes to.
   *
   * @throws IllegalArgumentException if its braces don't match
   */
  public static Translation read(String text) {
    NginxFile file = new NginxFile();
    Block root = parse(text);
    List<Block> streams = root.inside.stream().filter(it -> it.word(0).equals("stream")).toList();
    for (Block other : root.inside) {
      if (other.word(0).equals("http") || other.word(0).equals("mail")) {
        file.made.leftOut(other.line, other.word(0), "only stream is read");
      }
    }
    // A file that stream { include …; } names has the block's inside alone.
    for (Block stream : streams.isEmpty() ? List.of(root) : streams) {
      file.stream(stream);
    }
    return file.made;
  }

  private static Block parse(String text) {
    Block root = new Block(0, List.of(), new ArrayList<>());
    List<Block> open = new ArrayList<>(List.of(root));
    List<String> words = new ArrayList<>();
    int line = 1;
    Matcher tokens = TOKEN.matcher(text);
    while (tokens.find()) {
      String token = requireNonNull(tokens.group());
      switch (token.charAt(0)) {
        case '\n' -> line++;
        case '#' -> {}
        case ';', '{' -> {
          Block made = new Block(line, List.copyOf(words), new ArrayList<>());
          words.clear();
          open.getLast().inside.add(made);
          if (token.equals("{")) {
            open.add(made);
          }
        }
        case '}' -> {
          if (open.size() == 1) {
            throw new IllegalArgumentException("line " + line + ": a } without its {");
          }
          open.removeLast();
        }
        default -> words.add(unquoted(tokens, token));
      }
    }
    if (open.size() > 1) {
      throw new IllegalArgumentException(
          "line " + open.getLast().line + ": a { without its }: " + open.getLast().text());
    }
    return root;
  }

  private static String unquoted(Matcher token, String whole) {
    String quoted = token.group(1) != null ? token.group(1) : token.group(2);
    return quoted == null ? whole : quoted;
  }

  private void stream(Block stream) {
    for (Block it : stream.inside) {
      if (it.word(0).equals("upstream")) {
        upstreams.put(it.word(1), it);
      }
    }
    for (Block it : stream.inside) {
      switch (it.word(0)) {
        case "server" -> server(stream, it);
        case "upstream", "proxy_timeout", "proxy_connect_timeout", "proxy_protocol" -> {}
        default -> {
          if (stream.word(0).equals("stream")) {
            made.leftOut(it.line, it.text(), "has no counterpart");
          }
        }
      }
    }
  }

  private void server(Block stream, Block server) {
    Block pass = server.first("proxy_pass");
    if (pass == null) {
      made.leftOut(server.line, "server", "it has no proxy_pass");
      return;
    }
    String to = pass.word(1);
    if (to.contains("$")) {
      made.leftOut(
          pass.line, pass.text(), "a target doesn't follow from a variable; write a program");
      return;
    }
    String label = to.replaceAll("[^A-Za-z0-9._-]", "-");
    boolean isUdp = false;
    for (Block it : server.inside) {
      if (it.word(0).equals("listen")) {
        isUdp |= it.words.contains("udp");
        listen(it, label);
      }
    }
    Block upstream = upstreams.get(to);
    List<String> keys = keys(stream, server, upstream);
    List<String> targets =
        upstream == null
            ? List.of("{address: \"" + address(to) + "\"}")
            : upstream.inside.stream()
                .filter(it -> it.word(0).equals("server"))
                .map(this::target)
                .toList();
    made.destination(label, isUdp ? "udp" : "tcp", keys, targets);
  }

  private void listen(Block listen, String label) {
    String protocol = listen.words.contains("udp") ? "udp" : "tcp";
    Matcher parts = LISTEN.matcher(listen.word(1));
    if (!parts.matches()) {
      made.leftOut(listen.line, listen.text(), "is no address and port");
      return;
    }
    String address = parts.group(1);
    made.bind(
        listen.line,
        label,
        protocol,
        address == null ? "" : address,
        String.valueOf(parts.group(2)));
    for (String word : listen.words) {
      if (word.equals("ssl")) {
        made.leftOut(listen.line, "ssl", "TLS isn't ended here; the target must");
      } else if (word.equals("proxy_protocol")) {
        made.leftOut(
            listen.line, "proxy_protocol", "capture: proxyProtocol: {from: […]} says from whom");
      }
    }
  }

  private List<String> keys(Block stream, Block server, @Nullable Block upstream) {
    List<String> keys = new ArrayList<>();
    keys.add("select: " + select(upstream));
    for (Block it : server.inside) {
      switch (it.word(0)) {
        case "proxy_responses" -> keys.add("responses: " + it.word(1));
        case "proxy_bind" -> {
          if (it.words.contains("transparent")) {
            keys.add("source: transparent");
          } else {
            keys.add("source: {addresses: [\"" + it.word(1) + "\"]}");
          }
        }
        case "listen",
            "proxy_pass",
            "proxy_timeout",
            "proxy_connect_timeout",
            "proxy_protocol",
            "proxy_next_upstream" -> {}
        default -> made.leftOut(it.line, it.text(), "has no counterpart");
      }
    }
    Translation.duration(keys, "idleTimeout", said("proxy_timeout", server, stream), DEFAULT_UNIT);
    Translation.duration(
        keys, "connectTimeout", said("proxy_connect_timeout", server, stream), DEFAULT_UNIT);
    if ("on".equals(said("proxy_protocol", server, stream))) {
      keys.add("proxyProtocol: v1");
    }
    return keys;
  }

  private static @Nullable String said(String name, Block server, Block stream) {
    Block own = server.first(name);
    Block outer = own == null ? stream.first(name) : own;
    return outer == null ? null : outer.word(1);
  }

  private String select(@Nullable Block upstream) {
    if (upstream == null) {
      return "round-robin";
    }
    for (Block it : upstream.inside) {
      switch (it.word(0)) {
        case "least_conn", "least_time" -> {
          return "least-connections";
        }
        case "random" -> {
          return "hash";
        }
        case "hash" -> {
          if (!it.word(1).equals("$remote_addr") && !it.word(1).equals("$binary_remote_addr")) {
            made.leftOut(it.line, it.text(), "select: source goes by the client's address");
          }
          return "source";
        }
        case "server", "zone" -> {}
        default -> made.leftOut(it.line, it.text(), "has no counterpart");
      }
    }
    return "round-robin";
  }

  private String target(Block server) {
    List<String> keys = new ArrayList<>();
    keys.add("address: \"" + address(server.word(1)) + "\"");
    for (String word :
        server.words.subList(Math.min(2, server.words.size()), server.words.size())) {
      if (word.startsWith("weight=")) {
        keys.add("weight: " + word.substring("weight=".length()));
      } else if (word.equals("backup")) {
        keys.add("backup: true");
      } else if (word.equals("down")) {
        keys.add("state: maint");
      } else if (word.startsWith("max_fails=") || word.startsWith("fail_timeout=")) {
        made.leftOut(server.line, word, "passive: {fall: …, for: …} of the destination");
      } else {
        made.leftOut(server.line, word, "has no counterpart");
      }
    }
    return "{" + String.join(", ", keys) + "}";
  }

  private static String address(String text) {
    return text.startsWith("unix:") ? text.replaceFirst(":$", "") : text;
  }
}
