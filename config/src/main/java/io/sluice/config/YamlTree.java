package io.sluice.config;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.Anchor;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.common.SpecVersion;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.events.SequenceStartEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ParserException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/**
 * One YAML document as {@link Node}s. Anchors, aliases and tags are refused, so that what stands
 * there is what is meant, and a small file can't unfold into a large one.
 */
final class YamlTree {
  /** How deep lists and maps may nest; a configuration needs six. */
  static final int MAX_DEPTH = 32;

  /** How many values a document may have; they take some 300 MB then. */
  static final int MAX_VALUES = 3_000_000;

  private final Problems problems;
  private final Iterator<Event> events;
  private Optional<Mark> lastMark = Optional.empty();
  private int values;

  private YamlTree(String text, Problems problems) {
    this.problems = problems;
    LoadSettings settings =
        LoadSettings.builder()
            // One read for all: the engine copies its whole look-ahead at each further one, which
            // makes a scalar of 4 MB take seconds.
            .setBufferSize(text.length() + 1)
            .setVersionFunction(YamlTree::checkVersion)
            .setCodePointLimit(Integer.MAX_VALUE)
            .build();
    this.events = new ParserImpl(settings, new StreamReader(settings, text));
  }

  /** The document; null if the text is none, which has then been reported. */
  static @Nullable Node parse(String text, Problems problems) {
    YamlTree tree = null;
    try {
      tree = new YamlTree(text, problems);
      return tree.document();
    } catch (MarkedYamlEngineException e) {
      reportSyntax(text, e, problems);
    } catch (ReaderException e) {
      reportCharacter(text, e, problems);
    } catch (RuntimeException e) {
      // The engine has a few of its own for odd input: a version directive, an escape too large.
      Optional<Mark> mark = tree == null ? Optional.empty() : tree.lastMark;
      problems.error(
          mark.map(YamlTree::line).orElse(1),
          mark.map(YamlTree::column).orElse(1),
          "",
          "not valid YAML after here: " + e.getMessage());
    }
    return null;
  }

  private static SpecVersion checkVersion(SpecVersion version) {
    if (version.getMajor() != 1) {
      throw new IllegalArgumentException(
          "YAML " + version.getMajor() + "." + version.getMinor() + " isn't known; 1.2 is");
    }
    return version;
  }

  private @Nullable Node document() {
    next(); // the stream's start
    Event start = next();
    if (start.getEventId() == Event.ID.StreamEnd) {
      problems.error(1, 1, "", "the file is empty; a configuration starts with version: 1");
      return null;
    }
    Node root = node(next(), 0);
    next(); // the document's end
    Event end = next();
    if (end.getEventId() != Event.ID.StreamEnd) {
      throw new ParserException(
          "a second document starts here, and a file holds one", end.getStartMark());
    }
    return root;
  }

  private Event next() {
    Event event = events.next();
    lastMark = event.getStartMark();
    return event;
  }

  private Node node(Event event, int depth) {
    if (depth > MAX_DEPTH) {
      throw new ParserException(
          "lists and maps nest deeper than " + MAX_DEPTH, event.getStartMark());
    }
    if (++values > MAX_VALUES) {
      throw new ParserException("more than " + MAX_VALUES + " values", event.getStartMark());
    }
    Mark mark = event.getStartMark().orElseThrow();
    int line = line(mark);
    int column = column(mark);
    refuseAnchorAndTag(event, line, column);
    return switch (event) {
      case ScalarEvent scalar ->
          new Node.Scalar(
              scalar.getValue(), scalar.getScalarStyle() == ScalarStyle.PLAIN, line, column);
      case SequenceStartEvent _ -> new Node.Sequence(items(depth), line, column);
      case MappingStartEvent _ -> new Node.Mapping(entries(depth), line, column);
      case AliasEvent alias -> {
        problems.error(
            line,
            column,
            "",
            "the alias *" + alias.getAlias() + " isn't supported; write the value out");
        yield new Node.Refused(line, column);
      }
      default -> throw new IllegalStateException("unexpected event " + event);
    };
  }

  private List<Node> items(int depth) {
    List<Node> items = new ArrayList<>();
    for (Event event = next(); event.getEventId() != Event.ID.SequenceEnd; event = next()) {
      items.add(node(event, depth + 1));
    }
    return items;
  }

  private List<Node.Entry> entries(int depth) {
    List<Node.Entry> entries = new ArrayList<>(4);
    for (Event event = next(); event.getEventId() != Event.ID.MappingEnd; event = next()) {
      if (!(node(event, depth + 1) instanceof Node.Scalar key)) {
        throw new ParserException("a key is a word, and this is none", event.getStartMark());
      }
      entries.add(new Node.Entry(key, node(next(), depth + 1)));
    }
    return entries;
  }

  private void refuseAnchorAndTag(Event event, int line, int column) {
    if (!(event instanceof NodeEvent node) || event instanceof AliasEvent) {
      return;
    }
    Optional<Anchor> anchor = node.getAnchor();
    if (anchor.isPresent()) {
      problems.error(
          line,
          column,
          "",
          "the anchor &" + anchor.get() + " isn't supported; write the value out where it is used");
    }
    Optional<String> tag =
        switch (node) {
          case ScalarEvent scalar -> scalar.getTag();
          case SequenceStartEvent sequence -> sequence.getTag();
          case MappingStartEvent mapping -> mapping.getTag();
          default -> Optional.empty();
        };
    if (tag.isPresent()) {
      problems.error(line, column, "", "the tag " + tag.get() + " isn't supported; remove it");
    }
  }

  private static void reportSyntax(String text, MarkedYamlEngineException e, Problems problems) {
    Mark mark = e.getProblemMark().or(e::getContextMark).orElseThrow();
    String line = text.lines().skip(mark.getLine()).findFirst().orElse("");
    int tab = tabInIndentation(line);
    if (tab >= 0) {
      problems.error(
          line(mark), tab + 1, "", "a tab in the indentation; YAML indents with spaces only");
      return;
    }
    String context = e.getContext() == null ? "" : " (" + e.getContext() + since(e, mark) + ")";
    String problem =
        "mapping values are not allowed here".equals(e.getProblem())
            ? "a ':' where no key can be; check the indentation, and quote values that hold ': '"
            : e.getProblem();
    String hint =
        line.contains("${") ? "; inside {…} and […], ${VAR} needs quotes: \"${VAR}\"" : "";
    problems.error(line(mark), column(mark), "", "not valid YAML: " + problem + context + hint);
  }

  private static String since(MarkedYamlEngineException e, Mark problem) {
    return e.getContextMark()
        .filter(context -> context.getLine() != problem.getLine())
        .map(context -> " that starts at line " + line(context))
        .orElse("");
  }

  private static int tabInIndentation(String line) {
    for (int i = 0; i < line.length() && (line.charAt(i) == ' ' || line.charAt(i) == '\t'); i++) {
      if (line.charAt(i) == '\t') {
        return i;
      }
    }
    return -1;
  }

  /** A character that YAML doesn't allow; the engine gives its index in code points only. */
  private static void reportCharacter(String text, ReaderException e, Problems problems) {
    int at =
        text.offsetByCodePoints(
            0, Math.min(e.getPosition(), text.codePointCount(0, text.length())));
    int lineStart = text.lastIndexOf('\n', at - 1) + 1;
    int line = 1 + (int) text.substring(0, lineStart).chars().filter(c -> c == '\n').count();
    problems.error(
        line,
        1 + text.codePointCount(lineStart, at),
        "",
        String.format("the character U+%04X isn't allowed in YAML", e.getCodePoint()));
  }

  private static int line(Mark mark) {
    return mark.getLine() + 1;
  }

  private static int column(Mark mark) {
    return mark.getColumn() + 1;
  }
}
