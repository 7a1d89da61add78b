package io.sluice.config;

import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads a configuration, or says everything that is wrong with it. */
public final class ConfigReader {
  /** The largest file that is read; some 250,000 bindings. */
  public static final int MAX_BYTES = 16 << 20;

  private static final List<String> KEYS =
      List.of(
          "version",
          "capture",
          "bindings",
          "destinations",
          "programs",
          "listeners",
          "expect",
          "loops",
          "limits",
          "admin");
  private static final int VERSION = 1;

  private ConfigReader() {}

  /** {@link #load(Path)} for who doesn't care for warnings. */
  public static Config read(Path file) throws ConfigException {
    return load(file).config();
  }

  /** {@link #load(String, String, Map)} for who doesn't care for warnings. */
  public static Config read(String name, String text, Map<String, String> environment)
      throws ConfigException {
    return load(name, text, environment).config();
  }

  /**
   * Reads a file, with the process's environment.
   *
   * @throws ConfigException if it can't be read, or has errors
   */
  public static Loaded load(Path file) throws ConfigException {
    Problems problems = new Problems(file.toString());
    byte[] bytes = bytes(file, problems);
    problems.throwIfErrors();
    String text = decode(bytes, problems);
    problems.throwIfErrors();
    return load(text, new Value.Surroundings(System.getenv(), file), problems);
  }

  /**
   * Reads a text. Files that it names by a relative path are looked for in the working directory.
   *
   * @param name what problems call it
   * @param environment what {@code ${VAR}} stands for
   * @throws ConfigException if it has errors
   */
  public static Loaded load(String name, String text, Map<String, String> environment)
      throws ConfigException {
    Problems problems = new Problems(name);
    if (text.length() > MAX_BYTES) {
      reportTooLarge(problems);
    }
    problems.throwIfErrors();
    return load(text, new Value.Surroundings(environment, Path.of("")), problems);
  }

  private static Loaded load(String text, Value.Surroundings surroundings, Problems problems)
      throws ConfigException {
    Node root = YamlTree.parse(text, problems);
    Config config = root == null ? null : config(Value.root(root, problems, surroundings));
    problems.throwIfErrors();
    if (config == null) {
      throw new IllegalStateException("no configuration, but no error either");
    }
    return new Loaded(config, problems.inOrder());
  }

  private static @Nullable Config config(Value root) {
    Fields fields = Fields.of(root, KEYS);
    if (fields == null) {
      return null;
    }
    Problems problems = root.problems();
    fields.required("version", "1", ConfigReader::version);
    Labels labels = labels(fields);
    int errorsBeforeCapture = problems.errors();
    List<Located<CaptureSpec>> captures =
        fields.optional("capture", List.of(), CaptureSection::read);
    boolean capturesRead = problems.errors() == errorsBeforeCapture;
    boolean derived = !fields.has("capture") && !fields.isExcused("capture");
    List<Located<Binding>> bindings =
        fields.optional(
            "bindings", List.of(), value -> BindingSection.read(value, labels, derived));
    List<DestinationSpec> destinations =
        fields.optional("destinations", List.of(), value -> DestinationSection.read(value, labels));
    int errorsBeforePrograms = problems.errors();
    List<ProgramSpec> programs =
        fields.optional(
            "programs",
            List.of(new ProgramSpec.Bindings("bindings")),
            value -> ProgramSection.read(value, labels));
    boolean programsRead = problems.errors() == errorsBeforePrograms;
    List<Located<ListenerSpec>> listeners =
        fields.optional("listeners", List.of(), value -> ListenerSection.read(value, labels));
    List<Expectation> expectations =
        fields.optional("expect", List.of(), value -> ExpectationSection.read(value, labels));
    int loops = fields.optional("loops", 0, ProcessSections::loops);
    Limits limits = fields.optional("limits", Limits.DEFAULTS, ProcessSections::limits);
    Admin admin = fields.optional("admin", Admin.DEFAULTS, ProcessSections::admin);

    labels.check();
    Value programSection = fields.optional("programs");
    boolean asked = programs.stream().anyMatch(ProgramSpec.Bindings.class::isInstance);
    if (programSection != null && programsRead && !asked && !bindings.isEmpty()) {
      programSection.warning(
          "the bindings are never asked; add {name: bindings, builtin: bindings}");
    }
    List<CaptureSpec> effective =
        derived
            ? DerivedCaptures.of(bindings, listeners)
            : captures.stream().map(Located::value).toList();
    if (!derived && capturesRead) {
      CaptureChecks.check(effective, bindings, listeners);
      CaptureChecks.checkAdmin(captures, admin);
    }
    if (effective.isEmpty() && problems.errors() == 0) {
      root.warning("nothing is captured: there is no capture, binding or listener");
    }
    return new Config(
        effective,
        derived,
        bindings.stream().map(Located::value).toList(),
        destinations,
        programs,
        listeners.stream().map(Located::value).toList(),
        expectations,
        loops,
        limits,
        admin);
  }

  /** Labels that know which sections can't be read, and might have held any. */
  private static Labels labels(Fields fields) {
    Labels labels = new Labels(fields.map().problems());
    if (isUnreadable(fields, "destinations")) {
      labels.declare(null, null, fields.map());
    }
    if (isUnreadable(fields, "bindings")
        || isUnreadable(fields, "programs")
        || isUnreadable(fields, "listeners")) {
      labels.use(null, null, EnumSet.noneOf(Protocol.class));
    }
    return labels;
  }

  private static boolean isUnreadable(Fields fields, String key) {
    Value section = fields.optional(key);
    return section == null ? fields.isExcused(key) : !section.isList();
  }

  private static @Nullable Integer version(Value value) {
    String text = value.text();
    if (text != null && !text.equals(String.valueOf(VERSION))) {
      value.error("version \"" + text + "\" isn't known; this release reads version " + VERSION);
    }
    return VERSION;
  }

  /** The file's bytes; none, after a problem. */
  private static byte[] bytes(Path file, Problems problems) {
    try {
      if (Files.isDirectory(file)) {
        problems.error(0, 0, "", "is a directory; name the file in it");
      } else if (Files.size(file) > MAX_BYTES) {
        reportTooLarge(problems);
      } else {
        try (InputStream in = Files.newInputStream(file)) {
          byte[] bytes = in.readNBytes(MAX_BYTES + 1); // a pipe has no size beforehand
          if (bytes.length <= MAX_BYTES) {
            return bytes;
          }
          reportTooLarge(problems);
        }
      }
    } catch (NoSuchFileException _) {
      problems.error(0, 0, "", "no such file");
    } catch (AccessDeniedException _) {
      problems.error(0, 0, "", "not readable by this user; check its mode and owner");
    } catch (IOException e) {
      problems.error(0, 0, "", "can't be read: " + e.getMessage());
    }
    return new byte[0];
  }

  private static void reportTooLarge(Problems problems) {
    problems.error(0, 0, "", "is larger than " + (MAX_BYTES >> 20) + " MiB, the most that is read");
  }

  /** The text without byte order mark; empty, after a problem, if it isn't UTF-8. */
  private static String decode(byte[] bytes, Problems problems) {
    boolean marked =
        bytes.length >= 3
            && bytes[0] == (byte) 0xef
            && bytes[1] == (byte) 0xbb
            && bytes[2] == (byte) 0xbf;
    int start = marked ? 3 : 0;
    ByteBuffer in = ByteBuffer.wrap(bytes, start, bytes.length - start);
    CharBuffer out = CharBuffer.allocate(bytes.length - start);
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    CoderResult result = decoder.decode(in, out, true);
    out.flip();
    if (result.isError()) {
      String before = out.toString();
      int lineStart = before.lastIndexOf('\n') + 1;
      problems.error(
          1 + (int) before.chars().filter(c -> c == '\n').count(),
          1 + before.codePointCount(lineStart, before.length()),
          "",
          String.format(
              "the byte 0x%02x here is not UTF-8; save the file as UTF-8", bytes[in.position()]));
      return "";
    }
    return out.toString();
  }
}
