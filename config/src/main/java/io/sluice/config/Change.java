package io.sluice.config;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One change of a layer, in the words in which it was asked for: what they come to is read, with
 * every problem, when the {@link Transaction} is applied. A protocol is {@code tcp} or {@code udp};
 * null is both, or whichever the label has.
 */
public sealed interface Change {
  /** Binds a label, in place of what is bound to the same protocol, prefix and port. */
  record Bind(String label, @Nullable String protocol, String prefix, String port)
      implements Change {}

  /** Takes a binding away, which must be this label's. */
  record Unbind(String label, @Nullable String protocol, String prefix, String port)
      implements Change {}

  /**
   * Replaces all bindings of the layer.
   *
   * @param name what problems call the text
   * @param text CSV, or tubular's JSON
   */
  record LoadBindings(String name, String text) implements Change {}

  /**
   * Adds a target to a label, or changes its weight. A label without destination gets one, with
   * defaults, as long as traffic leads to it.
   */
  record Register(String label, @Nullable String protocol, String address, @Nullable String weight)
      implements Change {}

  /** Takes a target away. */
  record Unregister(String label, @Nullable String protocol, String address) implements Change {}

  /**
   * Changes a target that is there.
   *
   * @param settings {@code weight: 0–1000}, {@code state: ready, drain or maint}
   */
  record Set(String label, @Nullable String protocol, String address, Map<String, String> settings)
      implements Change {}

  /** Replaces a label's targets by these, in one step. */
  record Swap(String label, @Nullable String protocol, List<String> addresses) implements Change {}

  /**
   * Adds a thing, or replaces the one with its name: an item as the file's section has it.
   *
   * @param name of an item that says none
   */
  record Put(Kind kind, @Nullable String name, String yaml) implements Change {
    /** An item that says its name. */
    public Put(Kind kind, String yaml) {
      this(kind, null, yaml);
    }
  }

  /**
   * Takes a thing away.
   *
   * @param name a capture's or program's name, {@code tcp web} or {@code web} for a destination,
   *     {@code tcp 0.0.0.0:80} for a listener, a limit's key
   */
  record Remove(Kind kind, String name) implements Change {}

  /**
   * Moves a program.
   *
   * @param before the program that it comes before; null for the end
   */
  record Move(String program, @Nullable String before) implements Change {}

  /** Many at once: a document of additions, with what is taken away under {@code remove}. */
  record Patch(String name, String yaml) implements Change {}

  /** The named things of a document, beside bindings and targets. */
  enum Kind {
    CAPTURE("capture"),
    DESTINATION("destinations"),
    PROGRAM("programs"),
    SHADOW("shadows"),
    LISTENER("listeners"),
    LIMIT("limits");

    private final String section;

    Kind(String section) {
      this.section = section;
    }

    /** The key of the file's section. */
    public String section() {
      return section;
    }
  }
}
