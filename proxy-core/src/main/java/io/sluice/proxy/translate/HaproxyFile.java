package io.sluice.proxy.translate;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads HAProxy's configuration, as far as it is about TCP.
 *
 * @see <a href="https://docs.haproxy.org/2.6/configuration.html">HAProxy's configuration manual</a>
 */
public final class HaproxyFile {
  private static final String DEFAULT_UNIT = "ms";
  private static final Pattern HOST_PORTS = Pattern.compile("(.*):([0-9]+(?:-[0-9]+)?)");

  private final Translation made = new Translation();
  private final Map<String, Section> backends = new LinkedHashMap<>();
  private final List<Section> frontends = new ArrayList<>();
  private Section defaults = new Section("", null);
  private @Nullable Section at;

  /** A proxy section; its options are those of the defaults until it says others. */
  private static final class Section {
    final String name;
    final Map<String, String> options = new HashMap<>();
    final List<Line> binds = new ArrayList<>();
    final List<Line> servers = new ArrayList<>();
    @Nullable Line backend;

    Section(String name, @Nullable Section defaults) {
      this.name = name;
      if (defaults != null) {
        options.putAll(defaults.options);
      }
    }
  }

  /** A line's words. */
  private record Line(int number, List<String> words) {
    String word(int index) {
      return index < words.size() ? words.get(index) : "";
    }

    String after(String word) {
      int found = words.indexOf(word);
      return found < 0 ? "" : word(found + 1);
    }

    String text() {
      return String.join(" ", words);
    }
  }

  private HaproxyFile() {}

  /** What a configuration comes to. */
  public static Translation read(String text) {
    HaproxyFile file = new HaproxyFile();
    int number = 0;
    for (String line : text.split("\n", -1)) {
      number++;
      String plain = line.replaceFirst("(^|[ \t])#.*", "").strip();
      if (!plain.isEmpty()) {
        file.take(new Line(number, List.of(plain.split("[ \t]+"))));
      }
    }
    file.frontends.forEach(file::finish);
    return file.made;
  }

  private void take(Line line) {
    String name = line.word(1);
    switch (line.word(0)) {
      case "global", "resolvers", "peers", "cache", "userlist", "program", "ring" -> at = null;
      case "defaults" -> {
        defaults = new Section("", null);
        at = defaults;
      }
      case "frontend" -> at = front(name);
      case "backend" -> at = back(new Section(name, defaults));
      case "listen" -> {
        at = back(front(name));
        at.backend = line;
      }
      default -> {
        if (at != null) {
          within(at, line);
        }
      }
    }
  }

  private Section front(String name) {
    Section made = new Section(name, defaults);
    frontends.add(made);
    return made;
  }

  private Section back(Section section) {
    backends.put(section.name, section);
    return section;
  }

  private void within(Section section, Line line) {
    String first = line.word(0);
    switch (first) {
      case "bind" -> section.binds.add(line);
      case "server" -> section.servers.add(line);
      case "default_backend" -> section.backend = line;
      case "balance", "retries", "maxconn" -> section.options.put(first, line.word(1));
      case "timeout" -> section.options.put("timeout " + line.word(1), line.word(2));
      case "source" ->
          made.leftOut(line.number, line.text(), "source: {addresses: […]} or transparent");
      case "mode" -> {
        if (!line.word(1).equals("tcp")) {
          made.leftOut(
              line.number, line.text(), "HTTP isn't looked into; its connections are relayed");
        }
      }
      case "option" -> option(section, line);
      case "http-check" -> {
        if (line.word(1).equals("expect") && line.word(2).equals("status")) {
          section.options.put("status", line.word(3));
        } else {
          made.leftOut(line.number, line.text(), "a check asks one question");
        }
      }
      case "use_backend", "use-server", "tcp-request", "acl", "http-request", "http-response" ->
          made.leftOut(line.number, line.text(), "a program with rules can say some of it");
      case "stick-table", "stick" ->
          made.leftOut(line.number, line.text(), "select: source keeps a client at its target");
      default -> made.leftOut(line.number, line.text(), "has no counterpart");
    }
  }

  private void option(Section section, Line line) {
    switch (line.word(1)) {
      case "httpchk" -> {
        String path = line.words.size() > 3 ? line.word(3) : line.word(2);
        section.options.put("http", path.startsWith("/") ? path : "/");
      }
      case "tcp-check", "redispatch", "tcpka", "clitcpka", "srvtcpka", "tcplog", "dontlognull" -> {
        // As it is without saying: checks connect, another target is tried, keepalive, a record.
      }
      default -> made.leftOut(line.number, line.text(), "has no counterpart");
    }
  }

  // ---- putting together

  private void finish(Section front) {
    String name = front.backend == null ? "" : front.backend.word(1);
    Section back = backends.get(name);
    if (back == null) {
      int line = front.binds.isEmpty() ? 0 : front.binds.getFirst().number;
      made.leftOut(line, "frontend " + front.name, "it has no default_backend with servers");
      return;
    }
    for (Line bind : front.binds) {
      for (String address : bind.word(1).split(",", -1)) {
        Matcher parts = HOST_PORTS.matcher(address);
        if (parts.matches()) {
          made.bind(
              bind.number,
              back.name,
              "tcp",
              String.valueOf(parts.group(1)),
              String.valueOf(parts.group(2)));
        } else {
          made.leftOut(bind.number, address, "is no address and port");
        }
      }
      bindOptions(bind);
    }
    List<String> targets = new ArrayList<>();
    back.servers.forEach(it -> targets.add(target(it)));
    made.destination(back.name, "tcp", keys(front, back), targets);
  }

  private void bindOptions(Line bind) {
    if (bind.words.contains("accept-proxy")) {
      made.leftOut(
          bind.number, "accept-proxy", "capture: proxyProtocol: {from: […]} says from whom");
    }
    if (bind.words.contains("ssl")) {
      made.leftOut(bind.number, "ssl", "TLS isn't ended here; the target must");
    }
  }

  private List<String> keys(Section front, Section back) {
    List<String> keys = new ArrayList<>();
    Map<String, String> options = back.options;
    switch (options.getOrDefault("balance", "roundrobin")) {
      case "leastconn" -> keys.add("select: least-connections");
      case "source" -> keys.add("select: source");
      case "random" -> keys.add("select: hash");
      default -> keys.add("select: round-robin");
    }
    Translation.duration(keys, "connectTimeout", options.get("timeout connect"), DEFAULT_UNIT);
    String client = front.options.get("timeout client");
    Translation.duration(
        keys, "idleTimeout", client == null ? options.get("timeout server") : client, DEFAULT_UNIT);
    if (options.get("retries") != null) {
      keys.add("retries: " + options.get("retries"));
    }
    if (front.options.get("maxconn") != null) {
      keys.add("maxConnections: " + front.options.get("maxconn"));
    }
    header(back, keys);
    check(back, keys);
    return keys;
  }

  private void header(Section back, List<String> keys) {
    boolean isSecond =
        back.servers.stream()
            .anyMatch(it -> it.words.stream().anyMatch(word -> word.startsWith("send-proxy-v2")));
    if (isSecond || back.servers.stream().anyMatch(it -> it.words.contains("send-proxy"))) {
      keys.add("proxyProtocol: " + (isSecond ? "v2" : "v1"));
    }
  }

  private static void check(Section back, List<String> keys) {
    Line checked =
        back.servers.stream().filter(it -> it.words.contains("check")).findFirst().orElse(null);
    if (checked == null) {
      return;
    }
    String path = back.options.get("http");
    String status = back.options.getOrDefault("status", "200-399");
    List<String> check = new ArrayList<>();
    check.add(
        path == null ? "tcp: {}" : "http: {path: \"" + path + "\", status: \"" + status + "\"}");
    Translation.duration(check, "interval", checked.after("inter"), DEFAULT_UNIT);
    for (String times : List.of("rise", "fall")) {
      if (!checked.after(times).isEmpty()) {
        check.add(times + ": " + checked.after(times));
      }
    }
    keys.add("check: {" + String.join(", ", check) + "}");
  }

  private String target(Line server) {
    List<String> keys = new ArrayList<>();
    keys.add("address: \"" + server.word(2) + "\"");
    keys.add("name: " + server.word(1));
    if (!server.after("weight").isEmpty()) {
      keys.add("weight: " + server.after("weight"));
    }
    if (server.words.contains("backup")) {
      keys.add("backup: true");
    }
    if (server.words.contains("disabled")) {
      keys.add("state: maint");
    }
    for (String known : List.of("ssl", "maxconn", "port", "source", "cookie")) {
      if (server.words.contains(known)) {
        made.leftOut(
            server.number, known, "of server " + server.word(1) + ", has no counterpart here");
      }
    }
    return "{" + String.join(", ", keys) + "}";
  }
}
