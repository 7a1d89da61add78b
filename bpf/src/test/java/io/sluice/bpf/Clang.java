package io.sluice.bpf;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.ObjectFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Object files that Debian's clang makes of the C files beside the tests; skipped without it. */
final class Clang {
  private static final String HEADER = "sluice_bpf.h";
  private static final boolean IS_THERE = Files.isExecutable(Path.of("/usr/bin/clang"));

  private Clang() {}

  /** The object file of a C file of the test resources. */
  static byte[] compiled(String name, String... options) throws IOException {
    return compiledText(resource(name), options);
  }

  /** The object file of a C text, which may include {@code sluice_bpf.h}. */
  static byte[] compiledText(String text, String... options) throws IOException {
    assumeTrue(IS_THERE, "clang isn't there (apt-get install clang)");
    Path folder = Files.createTempDirectory("sluice-clang");
    Path source = Files.writeString(folder.resolve("program.bpf.c"), text);
    Path header = Files.writeString(folder.resolve(HEADER), resource(HEADER));
    Path object = folder.resolve("program.bpf.o");
    List<String> command =
        new ArrayList<>(
            List.of("clang", "-O2", "-g", "-target", "bpf", "-I", "/usr/include/x86_64-linux-gnu"));
    command.addAll(List.of(options));
    command.addAll(List.of("-c", source.toString(), "-o", object.toString()));
    Process clang = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(clang.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (clang.waitFor() != 0) {
        throw new IOException(String.join(" ", command) + ": " + said);
      }
    } catch (InterruptedException stopped) {
      throw new IOException(stopped);
    }
    byte[] bytes = Files.readAllBytes(object);
    for (Path file : List.of(source, header, object, folder)) {
      Files.delete(file);
    }
    return bytes;
  }

  /** An object file, read. */
  static ObjectFile read(String name) throws IOException, RejectedException {
    return ObjectFile.read(compiled(name));
  }

  private static String resource(String name) {
    try (var in = Objects.requireNonNull(Clang.class.getResourceAsStream(name), name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }
}
