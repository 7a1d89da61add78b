package io.sluice.proxy.it;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** This JVM's class path, where everybody can read it: a home directory often can't be. */
final class ClassPathCopy {
  private ClassPathCopy() {}

  /** Copies it; the answer is the directory. */
  static Path into(Path directory) throws IOException {
    Path library = Files.createDirectory(directory.resolve("lib"));
    int number = 0;
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      Path from = Path.of(entry);
      Path to = library.resolve(String.format("%03d-%s", number++, from.getFileName()));
      if (Files.isDirectory(from)) {
        copyTree(from, to);
      } else if (Files.isRegularFile(from)) {
        Files.copy(from, to);
        to.toFile().setReadable(true, false);
      }
    }
    library.toFile().setExecutable(true, false);
    return library;
  }

  private static void copyTree(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Path copy = to.resolve(from.relativize(file).toString());
        Files.copy(file, copy);
        copy.toFile().setReadable(true, false);
        copy.toFile().setExecutable(Files.isDirectory(file), false);
      }
    }
  }

  /** A class path of such a directory, in the same order. */
  static String path(Path library) throws IOException {
    try (Stream<Path> entries = Files.list(library)) {
      List<String> sorted = entries.map(Path::toString).sorted().toList();
      return String.join(File.pathSeparator, sorted);
    }
  }
}
