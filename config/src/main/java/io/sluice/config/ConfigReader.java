package io.sluice.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Reads a configuration, or says everything that is wrong with it. */
public final class ConfigReader {
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
    LayerReader.Draft file = LayerReader.file(text, surroundings, problems, null);
    if (file == null) {
      problems.throwIfErrors();
      throw new IllegalStateException("no document, but no error either");
    }
    return Merge.check(Document.of(file.layer()), null, Layer.FILE, file.bindings(), problems);
  }

  /**
   * Reads a file again.
   *
   * @param before what is in force: its other layers stay, and what is the same is shared
   * @throws ConfigException if it can't be read, or what comes of it has errors
   */
  public static Loaded reload(Path file, Config before) throws ConfigException {
    Problems problems = new Problems(file.toString());
    byte[] bytes = ConfigFile.read(file, problems);
    problems.throwIfErrors();
    ConfigText.Utf8 text = new ConfigText.Utf8(bytes);
    if (!text.isUtf8(problems)) {
      problems.throwIfErrors();
    }
    return reload(text, new Value.Surroundings(System.getenv(), file), before, problems);
  }

  /** The same of a text. */
  public static Loaded reload(
      String name, String text, Map<String, String> environment, Config before)
      throws ConfigException {
    return reload(
        new ConfigText.Characters(text),
        new Value.Surroundings(environment, Path.of("")),
        before,
        new Problems(name));
  }

  private static Loaded reload(
      ConfigText text, Value.Surroundings surroundings, Config before, Problems problems)
      throws ConfigException {
    Document document = before.document();
    LayerReader.Draft file =
        LayerReader.file(text, surroundings, problems, document.layer(Layer.FILE));
    if (file == null) {
      problems.throwIfErrors();
      throw new IllegalStateException("no document, but no error either");
    }
    return Merge.check(document.with(file.layer()), before, Layer.FILE, file.bindings(), problems);
  }

  /**
   * Changes a layer of what is in force.
   *
   * @throws ConfigException if a change can't be made, or what comes of it has errors
   */
  public static Loaded edit(Config before, String layer, List<Change> changes)
      throws ConfigException {
    Problems problems = new Problems(layer);
    Document document = before.document();
    Layer edited = LayerEdit.apply(document, layer, changes, problems);
    return Merge.check(document.with(edited), before, layer, null, problems);
  }

  /**
   * Goes to another document, which was in force once, or which another layer has joined.
   *
   * @throws ConfigException if it has errors
   */
  public static Loaded change(Config before, Document document) throws ConfigException {
    return Merge.check(document, before, Layer.FILE, null, new Problems(Layer.FILE));
  }

  /**
   * The runtime layer that a state file has.
   *
   * @param config that the changes were made of
   * @throws ConfigException if the text is none, or isn't whole
   */
  public static Layer state(String name, String text, Config config) throws ConfigException {
    Problems problems = new Problems(name);
    Layer layer = StateText.read(text, config.document().surroundings(), problems);
    problems.throwIfErrors();
    return Objects.requireNonNull(layer);
  }

  /** The file that is in force, as a text that reads as the same. */
  public static String fileText(Config config) {
    return StateText.ofFile(config.document().layer(Layer.FILE));
  }

  /**
   * Reads what another daemon has in force.
   *
   * @param file where it has its file from: if that still says the same, it is what is read, so
   *     that everything knows its line
   * @param text of {@link #fileText}
   * @param state of {@link #stateText}, of the runtime layer
   * @throws ConfigException if it can't be used
   */
  public static Loaded takenOver(Path file, String text, String state) throws ConfigException {
    Loaded loaded = asInFile(file, text);
    Config config = loaded.config();
    Layer runtime = state("the daemon's runtime layer", state, config);
    return runtime.isEmpty() ? loaded : change(config, config.document().with(runtime));
  }

  private static Loaded asInFile(Path file, String text) throws ConfigException {
    try {
      Loaded loaded = load(file);
      if (fileText(loaded.config()).equals(text)) {
        return loaded;
      }
    } catch (ConfigException _) {
      // It has been changed meanwhile, and what is in force counts.
    }
    return load(
        new ConfigText.Characters(text),
        new Value.Surroundings(System.getenv(), file),
        new Problems(file.toString()));
  }

  /** A layer as the text of a state file. */
  public static String stateText(Layer layer) {
    return StateText.of(layer);
  }
}
