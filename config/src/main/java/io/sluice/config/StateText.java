package io.sluice.config;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A layer as the text of a file: what it adds, and under {@code remove} what it takes away. Its
 * last line says what all before it sum up to, so that a file that is torn, or was changed by
 * somebody else, is told from a whole one.
 */
final class StateText {
  private static final String FIRST =
      "# Sluice's state, form 1. The daemon writes it; change it by sluice, not by hand.\n";
  private static final String LAST = "# end sha256 ";

  private StateText() {}

  static String of(Layer layer) {
    String text = text(layer);
    return text + LAST + sum(text) + "\n";
  }

  /** The layer that is the file, as a text that reads as the same; places and comments are lost. */
  static String ofFile(Layer file) {
    Map<String, List<String>> lists = new LinkedHashMap<>();
    StringBuilder text = new StringBuilder("version: 1\n");
    for (Item item : file.items().values()) {
      String section = item.key().section();
      String node = FlowYaml.of(item.node());
      if (section.equals(item.key().name())) {
        text.append(section).append(": ").append(node).append('\n');
      } else {
        List<String> lines = lists.computeIfAbsent(section, _ -> new ArrayList<>());
        if (section.equals("limits")) {
          lines.add(item.key().name() + ": " + node);
        } else if (!item.key().name().isEmpty()) {
          lines.add("- " + node);
        }
      }
    }
    lists.forEach((section, lines) -> {
      if (lines.isEmpty()) {
        text.append(section).append(": []\n");
      }
      section(text, "", section, lines);
    });
    bindings(file, text, new StringBuilder());
    return text.toString();
  }

  private static String text(Layer layer) {
    StringBuilder text = new StringBuilder(FIRST).append("version: 1\n");
    StringBuilder away = new StringBuilder();
    Map<String, List<String>> put = new TreeMap<>();
    List<String> set = new ArrayList<>();
    Map<String, List<String>> removed = new TreeMap<>();
    for (Item item : layer.items().values()) {
      String section = item.key().section();
      String node = FlowYaml.of(item.node());
      switch (item.how()) {
        case PUT -> {
          if (section.equals("order")) {
            text.append("order: ").append(node).append('\n');
          } else {
            String line = section.equals("limits") ? item.key().name() + ": " : "- ";
            put.computeIfAbsent(section, _ -> new ArrayList<>()).add(line + node);
          }
        }
        case SET -> set.add("- " + node);
        case AWAY ->
            removed
                .computeIfAbsent(section, _ -> new ArrayList<>())
                .add("- " + FlowYaml.quoted(item.key().name()));
      }
    }
    bindings(layer, text, away);
    List<String> limits = put.get("limits");
    if (limits != null) {
      limits.sort(null);
    }
    put.forEach((section, lines) -> section(text, "", section, lines));
    if (!set.isEmpty()) {
      text.append("set:\n");
      section(text, "  ", ItemNames.TARGETS, set);
    }
    removed.forEach((section, lines) -> section(away, "  ", section, lines));
    if (!away.isEmpty()) {
      text.append("remove:\n").append(away);
    }
    return text.toString();
  }

  private static void bindings(Layer layer, StringBuilder text, StringBuilder away) {
    List<String> put = new ArrayList<>();
    List<String> removed = new ArrayList<>();
    layer
        .bindings()
        .forEach(it -> {
          if (it.label().equals(Layer.AWAY)) {
            removed.add("- " + FlowYaml.quoted(BindingKeys.text(it)));
          } else {
            String match = it.match();
            put.add(
                "- {label: "
                    + FlowYaml.quoted(it.label())
                    + ", protocol: "
                    + it.protocol().word()
                    + ", prefix: \""
                    + it.prefix()
                    + "\", port: "
                    + match.substring(match.lastIndexOf(':') + 1)
                    + "}");
          }
        });
    section(text, "", BindingSection.KEY, put);
    section(away, "  ", BindingSection.KEY, removed);
  }

  private static void section(StringBuilder text, String indent, String key, List<String> lines) {
    if (!lines.isEmpty()) {
      text.append(indent).append(key).append(":\n");
      lines.forEach(it -> text.append(indent).append("  ").append(it).append('\n'));
    }
  }

  /** The layer that a text is; null, after a problem, if it is none, or not whole. */
  static @Nullable Layer read(String text, Value.Surroundings surroundings, Problems problems) {
    int last = text.lastIndexOf(LAST);
    if (!text.startsWith(FIRST)) {
      problems.error(
          1,
          1,
          "",
          "is no state of Sluice's; name another file in admin.state, or remove this one");
      return null;
    }
    if (last < 0 || !text.substring(last).equals(LAST + sum(text.substring(0, last)) + "\n")) {
      problems.error(
          0,
          0,
          "",
          "is torn, or was changed by somebody else: its last line doesn't sum up what is before"
              + " it; remove it to start without what was changed at run time");
      return null;
    }
    Item.Source source = new Item.Source(Layer.RUNTIME, problems.file(), surroundings);
    LayerReader.Draft draft = LayerReader.patch(new ConfigText.Characters(text), source, problems);
    return draft == null ? null : draft.layer();
  }

  private static String sum(String text) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(digest.digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException missing) {
      throw new IllegalStateException(missing); // every Java has it
    }
  }
}
