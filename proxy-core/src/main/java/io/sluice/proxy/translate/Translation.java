package io.sluice.proxy.translate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What another proxy's configuration came to: put together by its reader, then written. */
public final class Translation {
  /** A range of more ports than this isn't written out as bindings. */
  private static final int MOST_PORTS = 1_024;

  private static final Pattern DURATION = Pattern.compile("([0-9]+)(us|ms|s|m|h|d)?");

  private final List<String> bindings = new ArrayList<>();
  private final Map<String, List<String>> destinations = new LinkedHashMap<>();
  private final List<String> notes = new ArrayList<>();

  /** What was left out, and why, each with its line. */
  public List<String> notes() {
    return notes;
  }

  /** Something has no counterpart. */
  void leftOut(int line, String what, String why) {
    notes.add("line " + line + ": " + what + ": " + why);
  }

  /**
   * Takes traffic in.
   *
   * @param address as they write it; empty or {@code *} for all of IPv4
   * @param ports a port, or two with a hyphen between
   */
  void bind(int line, String label, String protocol, String address, String ports) {
    String[] ends = ports.split("-", 2);
    List<String> all = new ArrayList<>();
    try {
      int first = Integer.parseInt(ends[0]);
      int last = Integer.parseInt(ends[ends.length - 1]);
      if (last - first >= MOST_PORTS) {
        leftOut(line, ports, "a range of so many ports is a rule: program, rules, from and to");
        return;
      }
      for (int port = first; port <= last; port++) {
        all.add(String.valueOf(port));
      }
    } catch (NumberFormatException _) {
      leftOut(line, address + ":" + ports, "is no address and port");
      return;
    }
    bindings.add(
        "  - {label: %s, protocol: %s, prefix: \"%s\", port: %s}"
            .formatted(label, protocol, prefix(address), all.size() == 1 ? all.getFirst() : all));
  }

  private static String prefix(String address) {
    String plain = address.replace("[", "").replace("]", "");
    return switch (plain) {
      case "", "*", "0.0.0.0" -> "0.0.0.0/0";
      case "::" -> "::/0";
      default -> plain + (plain.contains(":") ? "/128" : "/32");
    };
  }

  /**
   * Adds a destination.
   *
   * @param keys its keys but label and protocol, each as YAML
   * @param targets each as YAML
   */
  void destination(String label, String protocol, List<String> keys, List<String> targets) {
    List<String> lines = new ArrayList<>();
    lines.add("  - label: " + label);
    lines.add("    protocol: " + protocol);
    keys.forEach(it -> lines.add("    " + it));
    lines.add("    targets:");
    targets.forEach(it -> lines.add("      - " + it));
    destinations.put(protocol + " " + label, lines);
  }

  /**
   * Adds a key whose value is a duration, if there is one. We have no days and no microseconds.
   *
   * @param text as they write it
   * @param defaultUnit of a number without one
   */
  static void duration(List<String> keys, String key, @Nullable String text, String defaultUnit) {
    Matcher duration = DURATION.matcher(text == null ? "" : text);
    if (duration.matches()) {
      long count = Long.parseLong(String.valueOf(duration.group(1)));
      String unit = duration.group(2) == null ? defaultUnit : String.valueOf(duration.group(2));
      keys.add(
          key
              + ": "
              + switch (unit) {
                case "us" -> Math.max(1, count / 1000) + "ms";
                case "d" -> count * 24 + "h";
                default -> count + unit;
              });
    }
  }

  /** The configuration, with what was left out as comments at its top. */
  public String yaml(String from) {
    StringBuilder yaml = new StringBuilder("# Made of ").append(from).append(" by sluice import.");
    if (!notes.isEmpty()) {
      yaml.append(" Left out:\n#");
      notes.forEach(it -> yaml.append("\n#   ").append(it));
    }
    yaml.append("\nversion: 1\nbindings:");
    yaml.append(bindings.isEmpty() ? " []" : "");
    bindings.forEach(it -> yaml.append('\n').append(it));
    yaml.append("\ndestinations:").append(destinations.isEmpty() ? " []" : "");
    destinations.values().forEach(lines -> lines.forEach(it -> yaml.append('\n').append(it)));
    return yaml.append('\n').toString();
  }
}
