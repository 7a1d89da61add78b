package io.sluice.config;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A class to be loaded from a jar. Reading makes sure that there is such a file; what is in it,
 * only its loader knows.
 *
 * <p>Where it stands in the configuration isn't part of what it is: two are equal if jar and class
 * are.
 *
 * @param jar resolved against the configuration's directory
 * @param className its binary name, like {@code com.example.Geo}
 * @param jarAt where errors of the jar belong
 * @param classAt where errors of the class belong
 */
public record JarClass(Path jar, String className, Place jarAt, Place classAt) implements Code {
  /** Reads the keys {@code jar} and {@code class} of a map; null after a problem. */
  static @Nullable JarClass read(Fields fields) {
    Value jar = fields.required("jar", "programs/geo.jar");
    Value className = fields.required("class", "com.example.Geo");
    Path file = jar == null ? null : jar.file();
    if (jar != null && file != null) {
      String missing = whyUnusable(file, "jar");
      if (missing != null) {
        jar.error(file + ": " + missing);
        file = null;
      }
    }
    String name = className == null ? null : className.parse(JarClass::parseName);
    if (jar == null || file == null || className == null || name == null) {
      return null;
    }
    return new JarClass(file, name, jar.place(), className.place());
  }

  @Override
  public String name() {
    return className;
  }

  /** Why there is no such file for us to read; null if there is. */
  static @Nullable String whyUnusable(Path file, String what) {
    if (!Files.exists(file)) {
      return "no such file";
    }
    if (!Files.isRegularFile(file)) {
      return "is no file; name the " + what;
    }
    return Files.isReadable(file) ? null : "not readable by this user; check its mode and owner";
  }

  private static String parseName(String text) {
    boolean valid = true;
    for (String part : text.split("\\.", -1)) {
      valid &=
          !part.isEmpty()
              && Character.isJavaIdentifierStart(part.codePointAt(0))
              && part.codePoints().allMatch(Character::isJavaIdentifierPart);
    }
    if (!valid) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no class name; write it like com.example.Geo (nested: Outer$$Geo)");
    }
    return text;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof JarClass it && jar.equals(it.jar) && className.equals(it.className);
  }

  @Override
  public int hashCode() {
    return Objects.hash(jar, className);
  }

  @Override
  public String toString() {
    return className + " in " + jar;
  }
}
