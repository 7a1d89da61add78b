package io.sluice.proxy.name;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What resolv.conf(5) says: which servers to ask, how often, and in which domains.
 *
 * @param servers at least one
 * @param search the domains to try, without final dots
 * @param ndots a name with so many dots is tried as it is first
 * @param timeoutMillis how long to wait for an answer to one query
 * @param attempts how often each server is asked
 */
record ResolvConf(
    List<InetAddress> servers, List<String> search, int ndots, long timeoutMillis, int attempts) {
  /** Shorter than the C library's 5 s: an answer that takes longer helps nobody. */
  private static final int TIMEOUT_SECONDS = 2;

  private static final int ATTEMPTS = 2;

  // The largest values that the C library takes.
  private static final int MAX_NDOTS = 15;
  private static final int MAX_TIMEOUT_SECONDS = 30;
  private static final int MAX_ATTEMPTS = 5;

  /** Reads the file's lines. What isn't understood is passed over, as the C library does. */
  static ResolvConf parse(List<String> lines) {
    List<InetAddress> servers = new ArrayList<>();
    List<String> search = List.of();
    int ndots = 1;
    int timeoutSeconds = TIMEOUT_SECONDS;
    int attempts = ATTEMPTS;
    for (String line : lines) {
      List<String> words = Arrays.asList(line.strip().split("[ \t]+"));
      List<String> values = words.subList(1, words.size());
      switch (words.getFirst()) {
        case "nameserver" -> values.stream().limit(1).forEach(it -> addServer(servers, it));
        case "search" -> search = domains(values);
        case "domain" -> search = domains(values.subList(0, Math.min(1, values.size())));
        case "options" -> {
          ndots = option(values, "ndots:", 0, MAX_NDOTS, ndots);
          timeoutSeconds = option(values, "timeout:", 1, MAX_TIMEOUT_SECONDS, timeoutSeconds);
          attempts = option(values, "attempts:", 1, MAX_ATTEMPTS, attempts);
        }
        default -> {} // comments, and what isn't for us
      }
    }
    if (servers.isEmpty()) {
      servers.add(InetAddress.ofLiteral("127.0.0.1")); // resolv.conf(5)
    }
    return new ResolvConf(List.copyOf(servers), search, ndots, 1_000L * timeoutSeconds, attempts);
  }

  private static void addServer(List<InetAddress> servers, String text) {
    try {
      servers.add(InetAddress.ofLiteral(text));
    } catch (IllegalArgumentException _) {
      // Not an address, or one of an interface that isn't there.
    }
  }

  private static List<String> domains(List<String> values) {
    return values.stream().map(ResolvConf::withoutFinalDot).filter(it -> !it.isEmpty()).toList();
  }

  private static String withoutFinalDot(String name) {
    return name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
  }

  private static int option(List<String> values, String key, int least, int most, int before) {
    int value = before;
    for (String word : values) {
      if (word.startsWith(key)) {
        try {
          value = Math.clamp(Integer.parseInt(word.substring(key.length())), least, most);
        } catch (NumberFormatException _) {
          // Passed over.
        }
      }
    }
    return value;
  }

  /** The full names to ask for, in order, each with its final dot. */
  List<String> candidates(String name) {
    if (name.endsWith(".")) {
      return List.of(name);
    }
    List<String> candidates = new ArrayList<>();
    search.forEach(domain -> candidates.add(name + "." + domain + "."));
    boolean isFirst = name.chars().filter(it -> it == '.').count() >= ndots;
    candidates.add(isFirst ? 0 : candidates.size(), name + ".");
    return candidates;
  }
}
