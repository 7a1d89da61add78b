package io.sluice.config;

import io.sluice.steering.Protocol;
import io.sluice.steering.binding.BindingTable;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads a configuration, or says everything that is wrong with it. */
public final class ConfigReader {
  private static final List<String> KEYS =
      List.of(
          "requireEnd",
          "version",
          "capture",
          "bindings",
          "destinations",
          "programs",
          "listeners",
          "expect",
          "loops",
          "limits",
          "admin",
          "end");
  private static final int VERSION = 1;

  private ConfigReader() {}

  /** {@link #load(Path)} without the warnings. */
  public static Config read(Path file) throws ConfigException {
    return load(file).config();
  }

  /** {@link #load(String, String, Map)} without the warnings. */
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
    byte[] bytes = ConfigFile.read(file, problems);
    problems.throwIfErrors();
    ConfigText.Utf8 text = new ConfigText.Utf8(bytes);
    if (!text.isUtf8(problems)) {
      problems.throwIfErrors();
    }
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
    return load(
        new ConfigText.Characters(text),
        new Value.Surroundings(environment, Path.of("")),
        new Problems(name));
  }

  private static Loaded load(ConfigText text, Value.Surroundings surroundings, Problems problems)
      throws ConfigException {
    Node.Mapping place = new Node.Mapping(List.of(), 1, 1);
    BindingSection bindings =
        new BindingSection(Value.root(place, problems, surroundings).at(BindingSection.KEY, place));
    Node root =
        YamlTree.parse(text, problems, new YamlTree.Streamed(BindingSection.KEY, bindings::item));
    Config config =
        root == null ? null : config(Value.root(root, problems, surroundings), bindings);
    problems.throwIfErrors();
    if (config == null) {
      throw new IllegalStateException("no configuration, but no error either");
    }
    return new Loaded(config, problems.inOrder());
  }

  private static @Nullable Config config(Value root, BindingSection bindingSection) {
    Fields fields = Fields.of(root, KEYS);
    if (fields == null) {
      return null;
    }
    Problems problems = root.problems();
    fields.required("version", "1", ConfigReader::version);
    EndMarker.check(fields);
    Labels labels = labels(fields);
    int errorsBeforeCapture = problems.errors();
    List<Located<CaptureSpec>> captures =
        fields.optional("capture", List.of(), CaptureSection::read);
    boolean capturesRead = problems.errors() == errorsBeforeCapture;
    boolean derived = !fields.has("capture") && !fields.isExcused("capture");
    Bindings bindings = bindingSection.read(fields.optional(BindingSection.KEY));
    bindings.rows().use(labels);
    if (derived) {
      bindings.anyPorts().refuse(problems);
    }
    BindingTable table = bindings.rows().build();
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
    if (programSection != null && programsRead && !asked && bindings.rows().size() > 0) {
      programSection.warning(
          "the bindings are never asked; add {name: bindings, builtin: bindings}");
    }
    List<CaptureSpec> effective = captures.stream().map(Located::value).toList();
    if (derived && problems.errors() == 0) {
      effective = DerivedCaptures.of(table, listeners);
    }
    if (!derived && capturesRead) {
      CaptureChecks.check(effective, table, bindings.rows(), listeners);
      CaptureChecks.checkAdmin(captures, admin);
    }
    if (effective.isEmpty() && problems.errors() == 0) {
      root.warning("nothing is captured: there is no capture, binding or listener");
    }
    return new Config(
        effective,
        derived,
        table,
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
    return section == null ? fields.isExcused(key) : !section.isList() && !section.isMap();
  }

  private static @Nullable Integer version(Value value) {
    String text = value.text();
    if (text != null && !text.equals(String.valueOf(VERSION))) {
      value.error("version \"" + text + "\" isn't known; this release reads version " + VERSION);
    }
    return VERSION;
  }
}
