package io.sluice.config;

import io.sluice.steering.IpAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What things are called, before anything else about them has been read: {@code tcp web} is a
 * destination, {@code tcp web 127.0.0.1:80} a target, {@code tcp 0.0.0.0:80} a listener. What has
 * no name that can be read is called by its place, and complains when it is read.
 */
final class ItemNames {
  static final String TARGETS = "targets";

  private ItemNames() {}

  static String of(String section, Node item, Value.Surroundings surroundings) {
    String name =
        switch (section) {
          case "destinations" -> words(item, surroundings, "protocol", "label");
          case TARGETS -> target(item, surroundings);
          case "listeners" -> listener(item, surroundings);
          default -> word(item, "name", surroundings);
        };
    return name == null ? "at " + item.line() + ":" + item.column() : name;
  }

  private static @Nullable String target(Node item, Value.Surroundings surroundings) {
    String destination = words(item, surroundings, "protocol", "destination");
    String address = word(item, "address", surroundings);
    return destination == null || address == null ? null : destination + " " + address(address);
  }

  /** A target's address, in one form however it was written. */
  static String address(String text) {
    try {
      return TargetAddress.parse(text).toString();
    } catch (IllegalArgumentException _) {
      return text; // complains when it is read
    }
  }

  private static @Nullable String listener(Node item, Value.Surroundings surroundings) {
    String protocol = word(item, "protocol", surroundings);
    String address = word(item, "address", surroundings);
    String port = word(item, "port", surroundings);
    if (protocol == null || address == null || port == null) {
      return null;
    }
    try {
      return protocol + " " + IpAddress.withPort(IpAddress.parse(address), Integer.parseInt(port));
    } catch (IllegalArgumentException _) {
      return null;
    }
  }

  private static @Nullable String words(
      Node item, Value.Surroundings surroundings, String... keys) {
    StringBuilder words = new StringBuilder();
    for (String key : List.of(keys)) {
      String word = word(item, key, surroundings);
      if (word == null) {
        return null;
      }
      words.append(words.isEmpty() ? "" : " ").append(word);
    }
    return words.toString();
  }

  /** The text of a key; null if it has none that can be read. */
  static @Nullable String word(Node item, String key, Value.Surroundings surroundings) {
    return field(item, key) instanceof Node.Scalar scalar ? text(scalar, surroundings) : null;
  }

  static @Nullable Node field(Node item, String key) {
    Node map = item instanceof Node.Placed placed ? placed.node() : item;
    if (map instanceof Node.Mapping mapping) {
      for (Node.Entry entry : mapping.entries()) {
        if (entry.key().text().equals(key)) {
          return entry.value() instanceof Node.Placed placed ? placed.node() : entry.value();
        }
      }
    }
    return null;
  }

  static @Nullable String text(Node.Scalar scalar, Value.Surroundings surroundings) {
    try {
      return Expansion.expand(scalar.text(), surroundings.environment());
    } catch (IllegalArgumentException _) {
      return null;
    }
  }
}
