package io.sluice.proxy.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.sluice.config.ConfigException;
import io.sluice.config.JarClass;
import io.sluice.config.Place;
import io.sluice.config.Problem;
import io.sluice.proxy.TestDaemon;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import io.sluice.steering.map.ProgramMaps;
import io.sluice.steering.map.SockMap;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Programs from jars: what is loaded, what it sees, and what is said about what can't be. */
@Timeout(60)
final class JarsTest {
  private static final ProgramMaps MAPS =
      new ProgramMaps(
          new SockMap(8), (label, protocol) -> label.equals("web") ? protocol.ordinal() : -1);

  @TempDir private Path directory = Path.of(".");

  private JarClass from(Path jar, String className) {
    return new JarClass(
        jar,
        className,
        new Place("f.yaml", 3, 11, "programs[0].jar"),
        new Place("f.yaml", 3, 30, "programs[0].class"));
  }

  private Program load(TestJar jar) throws Exception {
    return load(new Jars(), jar.write(directory.resolve("p.jar")));
  }

  private Program load(Jars jars, Path jar) throws Exception {
    return jars.load(from(jar, "com.example.P"), Program.class, ProgramMaps.class, MAPS);
  }

  /** A program of this body; {@code run} is added if it isn't there. */
  private static TestJar program(String body) {
    return TestJar.of("com.example.P", source("public class P implements Program", body));
  }

  private static String source(String head, String body) {
    String run = body.contains("run(") ? "" : "public int run(LookupContext c) { return 1; } ";
    return "package com.example; import io.sluice.steering.*; import io.sluice.steering.map.*; "
        + head
        + " { "
        + run
        + body
        + " }";
  }

  private static int run(Program program) {
    return program.run(new LookupContext().ipv4(Protocol.TCP, 1, 1111, 2, 80, 1));
  }

  @Test
  void aProgramIsLoadedAndRuns() throws Exception {
    assertThat(run(load(program("public int run(LookupContext c) { return c.remotePort(); }"))))
        .isEqualTo(1111);
  }

  @Test
  void aConstructorThatTakesTheMapsIsPreferred() throws Exception {
    Program program =
        load(
            program(
                """
                final int slot;
                public P() { this.slot = -5; }
                public P(ProgramMaps maps) { this.slot = maps.slot("web", Protocol.UDP); }
                public int run(LookupContext c) { return slot; }
                """));

    assertThat(run(program)).isEqualTo(Protocol.UDP.ordinal());
  }

  @Test
  void classesOfOneJarShareTheirStaticsAndThoseOfTwoDont() throws Exception {
    TestJar jar =
        program(
            "static int made; public P() { made++; } "
                + "public int run(LookupContext c) { return made; }");
    Path first = jar.write(directory.resolve("first.jar"));
    Path second = jar.write(directory.resolve("second.jar"));
    Jars jars = new Jars();
    Program one = load(jars, first);

    assertThat(run(one)).isEqualTo(1);
    assertThat(run(load(jars, first))).isEqualTo(2);
    assertThat(run(load(jars, second))).isEqualTo(1);
    assertThat(run(load(new Jars(), first))).as("another generation").isEqualTo(1);
  }

  @Test
  void aJarSeesTheJdkAndTheEngineAndNothingElseOfOurs() throws Exception {
    Program program =
        load(
            program(
                """
                static int sees(String name) {
                  try {
                    Class.forName(name);
                    return 1;
                  } catch (ClassNotFoundException missing) {
                    return 0;
                  }
                }
                public int run(LookupContext c) {
                  return sees("java.util.List") * 1
                      + sees("javax.xml.parsers.SAXParser") * 2
                      + sees("io.sluice.steering.binding.BindingsProgram") * 4
                      + sees("io.sluice.proxy.Main") * 8
                      + sees("io.sluice.config.Config") * 16
                      + sees("io.netty.util.Version") * 32
                      + sees("org.slf4j.Logger") * 64
                      + sees("org.junit.jupiter.api.Test") * 128;
                }
                """));

    assertThat(run(program)).isEqualTo(7);
  }

  @Test
  void aCopyOfTheEngineInTheJarIsntUsed() throws Exception {
    TestJar jar = program("");
    jar.with("io/sluice/steering/Program.class", new byte[] {1, 2, 3});

    assertThat(run(load(jar))).isEqualTo(1);
  }

  @Test
  void resourcesAreThoseOfTheJarAndOfThisRelease() throws Exception {
    Program program =
        load(
            program(
                    """
                    public int run(LookupContext c) {
                      try (var in = P.class.getResourceAsStream("/data set/a.txt");
                          var same = P.class.getResource("/data set/a.txt").openStream()) {
                        return in.available() * 10 + same.available();
                      } catch (java.io.IOException broken) {
                        return -1;
                      }
                    }
                    """)
                .with("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nMulti-Release: true\n\n")
                .with("META-INF/versions/25/data set/a.txt", "four")
                .with("data set/a.txt", "nine long"));

    assertThat(run(program)).isEqualTo(44);
  }

  @Test
  void anOverwrittenJarHarmsNoProgramThatRuns() throws Exception {
    Path jar =
        program(
                "public int run(LookupContext c) { return Later.two(); } "
                    + "static class Later { static int two() { return 2; } }")
            .write(directory.resolve("p.jar"));
    Program program = load(new Jars(), jar);
    Files.writeString(jar, "overwritten");

    assertThat(run(program)).isEqualTo(2);
  }

  @Test
  void aLoaderIsGoneWhenItsProgramIs() throws Exception {
    WeakReference<ClassLoader> loader =
        new WeakReference<>(load(program("")).getClass().getClassLoader());

    TestDaemon.until(
        "the loader is collected",
        () -> {
          System.gc();
          return loader.get() == null;
        });
  }

  /** A jar, and what is said about its class {@code com.example.P}. */
  record Wrong(String name, TestJar jar, String expected) {
    @Override
    public String toString() {
      return name;
    }
  }

  static List<Wrong> wrong() {
    byte[] newer = program("").entry("com/example/P.class");
    newer[7] = 99;
    return List.of(
        new Wrong("no class", TestJar.empty().with("a", "b"), "is not in the jar"),
        new Wrong(
            "in another package",
            TestJar.of("org.other.P", "package org.other; public class P {}"),
            "is not in the jar; did you mean org.other.P?"),
        new Wrong(
            "nested in another",
            TestJar.of("org.other.Q", "package org.other; public class Q { static class P {} }"),
            "is not in the jar; did you mean org.other.Q$$P?"),
        new Wrong(
            "no program",
            TestJar.of("com.example.P", "package com.example; public class P {}"),
            "is no io.sluice.steering.Program"),
        new Wrong(
            "abstract",
            TestJar.of("com.example.P", source("public abstract class P implements Program", "")),
            "is abstract; name a class that can be constructed"),
        new Wrong(
            "interface",
            TestJar.of(
                "com.example.P",
                "package com.example; public interface P extends io.sluice.steering.Program {}"),
            "is abstract; name a class that can be constructed"),
        new Wrong(
            "not public",
            TestJar.of("com.example.P", source("class P implements Program", "public P() {}")),
            "is not public; make it so"),
        new Wrong(
            "private constructor",
            program("private P() {}"),
            "has no public constructor that takes nothing, or one"
                + " io.sluice.steering.map.ProgramMaps"),
        new Wrong(
            "constructor with something else",
            program("public P(String s) {}"),
            "has no public constructor that takes nothing, or one"
                + " io.sluice.steering.map.ProgramMaps"),
        new Wrong(
            "throwing constructor",
            program("public P() { throw new IllegalStateException(\"no\\ndatabase\"); }"),
            "is unusable: its constructor threw java.lang.IllegalStateException: no\\u000adatabase"
                + " at p.jar//com.example.P.<init>(P.java:1)"),
        new Wrong(
            "label without destination",
            program("public P(ProgramMaps maps) { maps.slot(\"wbe\", Protocol.TCP); }"),
            "is unusable: its constructor threw java.lang.IllegalArgumentException: no tcp"
                + " destination has the label 'wbe' at "),
        new Wrong(
            "endless recursion",
            program("public P() { new P(); }"),
            "is unusable: its constructor threw java.lang.StackOverflowError at p.jar//"),
        new Wrong(
            "exception that can't say what it is",
            program(
                "public P() { throw new Mute(); } static class Mute extends RuntimeException {"
                    + " public String getMessage() { throw new Mute(); } }"),
            "is unusable: its constructor threw com.example.P$Mute"),
        new Wrong(
            "static initializer",
            program("static final int X = Integer.parseInt(\"x\");"),
            "is unusable: a static initializer threw java.lang.NumberFormatException: For input"
                + " string: \"x\" at java.base/"),
        new Wrong(
            "static initializer with an error",
            program("static { if (true) throw new OutOfMemoryError(\"map\"); }"),
            "is unusable: a static initializer threw java.lang.OutOfMemoryError: map at p.jar//"),
        new Wrong(
            "newer class file",
            program("").with("com/example/P.class", newer),
            "can't be linked: java.lang.UnsupportedClassVersionError: com/example/P has been"
                + " compiled by a more recent version of the Java Runtime (class file version"
                + " 99.0)"),
        new Wrong(
            "no class file",
            program("").with("com/example/P.class", "hello world"),
            "can't be linked: java.lang.ClassFormatError: "),
        new Wrong(
            "missing superclass",
            TestJar.of(
                    "com.example.P",
                    source("public class P extends Q", "")
                        + " class Q implements Program {"
                        + " public int run(LookupContext c) { return 1; } }")
                .without("com/example/Q.class"),
            "can't be linked: java.lang.NoClassDefFoundError: com/example/Q"),
        new Wrong(
            "missing library",
            program("public P() { new Q(); } static class Q {}").without("com/example/P$Q.class"),
            "is unusable: its constructor threw java.lang.NoClassDefFoundError: com/example/P$Q"),
        new Wrong(
            "hanging constructor",
            program("public P() { while (true) Thread.onSpinWait(); }"),
            "takes longer than 0.2 s: its constructor or a static initializer hangs"),
        new Wrong(
            "hanging static initializer",
            program(
                "static { try { Thread.sleep(3_600_000); } catch (InterruptedException e) {} }"),
            "takes longer than 0.2 s: its constructor or a static initializer hangs"));
  }

  @ParameterizedTest
  @MethodSource("wrong")
  void whatCantBeLoadedIsOneLineAtItsPlace(Wrong wrong) throws Exception {
    Path jar = wrong.jar.write(directory.resolve("p.jar"));
    boolean hangs = wrong.name.startsWith("hanging");
    Jars jars = hangs ? new Jars(Duration.ofMillis(200), 1 << 20) : new Jars();

    assertThatExceptionOfType(ConfigException.class)
        .isThrownBy(() -> load(jars, jar))
        .satisfies(bad -> {
          assertThat(bad.problems()).hasSize(1);
          assertThat(bad.getMessage())
              .startsWith("f.yaml:3:30: programs[0].class: com.example.P " + wrong.expected)
              .hasLineCount(1)
              .hasSizeLessThan(400);
        });
  }

  @Test
  void whatIsNoJarIsOneLineAtItsPlace() throws Exception {
    Path text = Files.writeString(directory.resolve("text.jar"), "version: 1\n");
    Path empty = Files.createFile(directory.resolve("empty.jar"));
    byte[] whole = Files.readAllBytes(program("").write(directory.resolve("p.jar")));
    Path half =
        Files.write(
            directory.resolve("half.jar"), java.util.Arrays.copyOf(whole, whole.length / 2));
    for (Path jar : List.of(text, empty, half)) {
      assertThat(problem(jar).toString())
          .startsWith("f.yaml:3:11: programs[0].jar: " + jar + " is no jar: ")
          .hasLineCount(1);
    }
  }

  @Test
  void aJarThatVanishedSinceItWasCheckedIsOneLine() {
    Path gone = directory.resolve("gone.jar");

    assertThat(problem(gone).toString())
        .startsWith("f.yaml:3:11: programs[0].jar: " + gone + " can't be read: ")
        .hasLineCount(1);
  }

  @Test
  void aJarThatUnfoldsToFarTooMuchIsRefused() throws IOException {
    TestJar bomb = program("").with("a", new byte[600_000]).with("b", new byte[600_000]);
    Path jar = bomb.write(directory.resolve("bomb.jar"));

    assertThat(problem(new Jars(Duration.ofSeconds(5), 1 << 20), jar).message())
        .endsWith("can't be read: it unfolds to more than 1 MiB");
  }

  private Problem problem(Path jar) {
    return problem(new Jars(), jar);
  }

  private Problem problem(Jars jars, Path jar) {
    try {
      Program _ = load(jars, jar);
    } catch (ConfigException bad) {
      return bad.problems().getFirst();
    } catch (Exception other) {
      throw new AssertionError(other);
    }
    throw new AssertionError("loaded");
  }
}
