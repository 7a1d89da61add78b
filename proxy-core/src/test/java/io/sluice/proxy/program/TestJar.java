package io.sluice.proxy.program;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/** A jar that the test itself makes. */
public final class TestJar {
  private final Map<String, byte[]> entries = new TreeMap<>();

  private TestJar() {}

  /** Without entries. */
  public static TestJar empty() {
    return new TestJar();
  }

  /** With the classes of a source, whose public class is {@code className}. */
  public static TestJar of(String className, String source) {
    return new TestJar().compile(className, source);
  }

  /** Adds the classes of a source. */
  TestJar compile(String className, String source) {
    try {
      Path directory = Files.createTempDirectory("testjar");
      Path file = directory.resolve(className.replace('.', '/') + ".java");
      Path parent = file.getParent();
      Files.createDirectories(parent == null ? directory : parent);
      Files.writeString(file, source);
      Path classes = Files.createDirectory(directory.resolve("classes"));
      int result =
          ToolProvider.getSystemJavaCompiler()
              .run(
                  null,
                  null,
                  null,
                  "-proc:none",
                  "-nowarn",
                  "-cp",
                  Objects.requireNonNull(System.getProperty("java.class.path")),
                  "-d",
                  classes.toString(),
                  file.toString());
      if (result != 0) {
        throw new IllegalArgumentException("doesn't compile:\n" + source);
      }
      try (Stream<Path> all = Files.walk(classes)) {
        for (Path it : all.filter(Files::isRegularFile).toList()) {
          entries.put(classes.relativize(it).toString(), Files.readAllBytes(it));
        }
      }
      return this;
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  /** Adds any other entry. */
  TestJar with(String entry, String text) {
    return with(entry, text.getBytes(StandardCharsets.UTF_8));
  }

  TestJar with(String entry, byte[] bytes) {
    entries.put(entry, bytes);
    return this;
  }

  TestJar without(String entry) {
    if (entries.remove(entry) == null) {
      throw new IllegalArgumentException(entry + " isn't among " + entries.keySet());
    }
    return this;
  }

  byte[] entry(String entry) {
    return entries.getOrDefault(entry, new byte[0]).clone();
  }

  /** Writes it, over what is there. */
  public Path write(Path file) throws IOException {
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(file))) {
      List<String> names = entries.keySet().stream().toList(); // META-INF/ is first by its letter
      for (String name : names) {
        out.putNextEntry(new JarEntry(name));
        out.write(entry(name));
      }
    }
    return file;
  }
}
