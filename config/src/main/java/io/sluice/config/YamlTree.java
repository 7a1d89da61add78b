package io.sluice.config;

import java.io.FilterReader;
import java.io.IOException;
import java.io.Reader;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.function.ObjIntConsumer;
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

  /**
   * How many characters may stand between two things: a comment, or a value too long to be used.
   * The engine keeps that many in memory.
   */
  static final int MAX_LOOK_AHEAD = 16 << 20;

  private static final int CHUNK = 1 << 18;

  private final Problems problems;
  private final @Nullable Streamed streamed;
  private final LookAhead lookAhead;
  private final Iterator<Event> events;
  private Optional<Mark> lastMark = Optional.empty();
  private int values;

  /**
   * A list at the top that may be too long for memory: its items are told one by one as they are
   * read, and aren't kept. In the document it is then empty.
   *
   * @param item takes an item's index and the item
   */
  record Streamed(String key, ObjIntConsumer<Node> item) {}

  /** Counts what is read between two events. */
  private static final class LookAhead extends FilterReader {
    int sinceEvent;

    LookAhead(Reader in) {
      super(in);
    }

    @Override
    public int read(char[] buffer, int offset, int length) throws IOException {
      if (sinceEvent > MAX_LOOK_AHEAD) {
        throw new IllegalStateException(
            "a value or comment of more than " + (MAX_LOOK_AHEAD >> 20) + " MiB");
      }
      int count = super.read(buffer, offset, length);
      sinceEvent += Math.max(0, count);
      return count;
    }
  }

  private YamlTree(ConfigText text, Problems problems, @Nullable Streamed streamed) {
    this.problems = problems;
    this.streamed = streamed;
    this.lookAhead = new LookAhead(text.reader());
    LoadSettings settings =
        LoadSettings.builder()
            // Large reads: the engine copies its whole look-ahead at each further one, which makes
            // a scalar of 4 MB take seconds with the small ones that it does by itself.
            .setBufferSize(Math.min(text.maxLength() + 2, CHUNK))
            .setVersionFunction(YamlTree::checkVersion)
            .setCodePointLimit(Integer.MAX_VALUE)
            .build();
    this.events = new ParserImpl(settings, new StreamReader(settings, lookAhead));
  }

  /**
   * The document; null if the text is none, which has then been reported.
   *
   * @param streamed what isn't to be kept; null for nothing
   */
  static @Nullable Node parse(ConfigText text, Problems problems, @Nullable Streamed streamed) {
    YamlTree tree = null;
    try {
      if (!text.isPrintable(problems)) {
        return null;
      }
      tree = new YamlTree(text, problems, streamed);
      return tree.document();
    } catch (MarkedYamlEngineException e) {
      reportSyntax(text, e, problems);
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
    lookAhead.sinceEvent = 0;
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
      Event value = next();
      Streamed list = depth == 0 && value.getEventId() == Event.ID.SequenceStart ? streamed : null;
      entries.add(
          new Node.Entry(
              key,
              list != null && list.key.equals(key.text())
                  ? streamed(list, value)
                  : node(value, depth + 1)));
    }
    return entries;
  }

  private Node streamed(Streamed list, Event start) {
    Mark mark = start.getStartMark().orElseThrow();
    refuseAnchorAndTag(start, line(mark), column(mark));
    int before = values;
    int index = 0;
    for (Event event = next(); event.getEventId() != Event.ID.SequenceEnd; event = next()) {
      list.item.accept(node(event, 2), index++);
      values = before; // none of them is kept
    }
    return new Node.Sequence(List.of(), line(mark), column(mark));
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

  private static void reportSyntax(
      ConfigText text, MarkedYamlEngineException e, Problems problems) {
    Mark mark = e.getProblemMark().or(e::getContextMark).orElseThrow();
    String line = text.line(mark.getLine());
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

  private static int line(Mark mark) {
    return mark.getLine() + 1;
  }

  private static int column(Mark mark) {
    return mark.getColumn() + 1;
  }
}
