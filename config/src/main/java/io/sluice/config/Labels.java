package io.sluice.config;

import io.sluice.steering.Protocol;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Which labels have a destination, and who uses them: finds uses without destination, and
 * destinations without use. What couldn't be read takes part as "could be any", so that one mistake
 * isn't reported twice.
 */
final class Labels {
  /** The longest label, in bytes of UTF-8. */
  static final int MAX_BYTES = 255;

  private final Problems problems;
  private final Map<Protocol, Map<String, Value>> declared = new EnumMap<>(Protocol.class);
  private final Map<Protocol, Set<String>> used = new EnumMap<>(Protocol.class);
  private final List<Use> uses = new ArrayList<>();
  private boolean declaredAnything;
  private boolean usedAnything;

  private @Nullable BindingRows bindings;

  /** A label that is named somewhere. */
  record Use(String label, Set<Protocol> protocols, Value at) {}

  Labels(Problems problems) {
    this.problems = problems;
    for (Protocol protocol : Protocol.values()) {
      declared.put(protocol, new LinkedHashMap<>());
      used.put(protocol, new TreeSet<>());
    }
  }

  /**
   * Checks a label, or another name.
   *
   * @throws IllegalArgumentException if it is none; the message says what would be right
   */
  static String parse(String text) {
    if (text.isEmpty()) {
      throw new IllegalArgumentException("the name is empty; write one");
    }
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > MAX_BYTES) {
      throw new IllegalArgumentException(
          "the name has " + bytes + " bytes; it may have " + MAX_BYTES);
    }
    boolean printable =
        text.codePoints()
            .noneMatch(
                c -> Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE);
    if (!printable) {
      throw new IllegalArgumentException("the name has control characters; write it without");
    }
    text.codePoints()
        .filter(Labels::isMisleading)
        .findFirst()
        .ifPresent(c -> {
          throw new IllegalArgumentException(
              String.format(
                  "the name has the invisible character U+%04X, which changes the order or the line"
                      + " of what stands beside it; write it without",
                  c));
        });
    return text;
  }

  /** Line and paragraph separators, and what changes the direction of text (Unicode's UAX #9). */
  private static boolean isMisleading(int c) {
    return c == 0x2028
        || c == 0x2029
        || c == 0x061c
        || c == 0x200e
        || c == 0x200f
        || c >= 0x202a && c <= 0x202e
        || c >= 0x2066 && c <= 0x2069;
  }

  /**
   * Declares a destination. Reports one that is declared already.
   *
   * @param label null if it couldn't be read
   * @param protocol null if it couldn't be read
   */
  void declare(@Nullable String label, @Nullable Protocol protocol, Value at) {
    if (label == null || protocol == null) {
      declaredAnything = true;
      return;
    }
    Value earlier = declared(protocol).putIfAbsent(label, at);
    if (earlier != null) {
      at.error(
          "the "
              + protocol.word()
              + " destination '"
              + label
              + "' stands twice, here and at line "
              + earlier.line()
              + "; merge them, or rename one");
    }
  }

  /**
   * Notes that traffic goes to a label.
   *
   * @param at the label's place; null if there is none
   * @param label null if it couldn't be read
   * @param protocols of the traffic; empty if they couldn't be read
   */
  void use(@Nullable Value at, @Nullable String label, Set<Protocol> protocols) {
    if (at == null || label == null || protocols.isEmpty()) {
      usedAnything = true;
      return;
    }
    mention(at, label, protocols);
    protocols.forEach(protocol -> used(protocol).add(label));
  }

  /** Notes that traffic goes to a label; whether it has a destination is asked elsewhere. */
  void use(String label, Set<Protocol> protocols) {
    protocols.forEach(protocol -> used(protocol).add(label));
  }

  /** Notes the bindings, each of which needs a destination. */
  void use(BindingRows rows) {
    bindings = rows;
  }

  /**
   * Notes that a label is named without traffic going there: it needs a destination all the same.
   */
  void mention(Value at, String label, Set<Protocol> protocols) {
    uses.add(new Use(label, protocols, at));
  }

  /** Reports what doesn't fit; called when all sections have been read. */
  void check() {
    int errorsBefore = problems.errors();
    if (!declaredAnything) {
      uses.forEach(this::checkUse);
      if (bindings != null) {
        bindings.forEachUse((label, protocols) -> !isDeclared(label, protocols), this::checkUse);
      }
    }
    if (problems.errors() > errorsBefore || usedAnything) {
      return;
    }
    declared.forEach((protocol, destinations) ->
        destinations.forEach((label, at) -> {
          if (!used(protocol).contains(label)) {
            at.warning(
                "nothing leads to the "
                    + protocol.word()
                    + " destination '"
                    + label
                    + "'; bind it, or remove it");
          }
        }));
  }

  private void checkUse(Use use) {
    for (Protocol protocol : use.protocols) {
      if (!declared(protocol).containsKey(use.label)) {
        reportMissing(use, protocol);
      }
    }
  }

  private boolean isDeclared(String label, Set<Protocol> protocols) {
    return protocols.stream().allMatch(protocol -> isDeclared(label, protocol));
  }

  /** Whether a label has a destination, or may have one that couldn't be read. */
  boolean isDeclared(String label, Protocol protocol) {
    return declaredAnything || declared(protocol).containsKey(label);
  }

  private void reportMissing(Use use, Protocol protocol) {
    Protocol other = protocol == Protocol.TCP ? Protocol.UDP : Protocol.TCP;
    String message = "no " + protocol.word() + " destination has the label '" + use.label + "'";
    if (declared(other).containsKey(use.label)) {
      String way =
          use.protocols.size() > 1
              ? "; without protocol it is for tcp and udp: write protocol: " + other.word()
              : "; a " + other.word() + " one has: add one for " + protocol.word();
      use.at.error(message + way);
    } else if (use.protocols.size() == 1 || protocol == Protocol.TCP) { // once for both
      String nearest =
          problems.takesMore() ? Nearest.to(use.label, declared(protocol).keySet()) : null;
      use.at.error(message + (nearest == null ? "; add one" : Nearest.question(nearest)));
    }
  }

  private Map<String, Value> declared(Protocol protocol) {
    return Objects.requireNonNull(declared.get(protocol));
  }

  private Set<String> used(Protocol protocol) {
    return Objects.requireNonNull(used.get(protocol));
  }
}
