package io.sluice.proxy.name;

import io.sluice.steering.IpAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What hosts(5) says: addresses and the names they have, a line each.
 *
 * @param addresses by name in lower case
 */
record HostsFile(Map<String, List<IpAddress>> addresses) {
  /** Every system has this name, whatever its file says (RFC 6761 §6.3). */
  private static final List<IpAddress> LOCALHOST =
      List.of(IpAddress.parse("127.0.0.1"), IpAddress.parse("::1"));

  /** Reads the file's lines. What isn't understood is passed over, as the C library does. */
  static HostsFile parse(List<String> lines) {
    Map<String, List<IpAddress>> addresses = new HashMap<>();
    for (String line : lines) {
      int comment = line.indexOf('#');
      String said = comment < 0 ? line : line.substring(0, comment);
      List<String> words = Arrays.asList(said.strip().split("[ \t]+"));
      IpAddress address;
      try {
        address = IpAddress.parse(words.getFirst());
      } catch (IllegalArgumentException _) {
        continue;
      }
      for (String name : words.subList(1, words.size())) {
        List<IpAddress> its =
            addresses.computeIfAbsent(name.toLowerCase(Locale.ROOT), _ -> new ArrayList<>());
        if (!its.contains(address)) {
          its.add(address);
        }
      }
    }
    return new HostsFile(addresses);
  }

  /** A name's addresses; none if it isn't there. */
  List<IpAddress> of(String name) {
    String key = name.toLowerCase(Locale.ROOT);
    List<IpAddress> its =
        addresses.get(key.endsWith(".") ? key.substring(0, key.length() - 1) : key);
    return its != null ? its : key.equals("localhost") ? LOCALHOST : List.of();
  }
}
