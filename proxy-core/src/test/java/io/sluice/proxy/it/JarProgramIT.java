package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.program.TestJar;
import java.io.IOException;
import java.io.InputStream;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.StandardSocketOptions;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A program of the user's, compiled here into a jar, in the real daemon: it steers by the parity of
 * the client's port; for ports that end in 7 it throws, for those in 6 it assigns a socket that it
 * made itself.
 */
@Timeout(180)
final class JarProgramIT {
  private static final String CLASS = "com.example.Parity";
  private static final String REFUSED = "refused";

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();

  /** The program, with the labels for even and odd ports. */
  private static TestJar parity(String even, String odd) {
    return TestJar.of(
        CLASS,
        """
        package com.example;

        import io.sluice.steering.IpAddress;
        import io.sluice.steering.LookupContext;
        import io.sluice.steering.Program;
        import io.sluice.steering.Protocol;
        import io.sluice.steering.Socket;
        import io.sluice.steering.map.ProgramMaps;

        public final class Parity implements Program {
          private final ProgramMaps maps;
          private final int even;
          private final int odd;

          public Parity(ProgramMaps maps) {
            this.maps = maps;
            this.even = maps.slot("%s", Protocol.TCP);
            this.odd = maps.slot("%s", Protocol.TCP);
          }

          @Override
          public int run(LookupContext context) {
            int port = context.remotePort();
            switch (port %% 10) {
              case 6 -> {
                Socket own = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, 80).build();
                return context.assign(own, 0) == 0 ? SK_PASS : SK_DROP;
              }
              case 7 -> fail(port / 10 %% 4);
              default -> {}
            }
            return context.assign(maps.lookup(port %% 2 == 0 ? even : odd), 0) == 0
                ? SK_PASS
                : SK_DROP;
          }

          private static void fail(int how) {
            switch (how) {
              case 0 -> throw new IllegalStateException("seven");
              case 1 -> Parity.<RuntimeException>sneak(new java.io.IOException("seven"));
              case 2 -> throw new OutOfMemoryError("seven");
              default -> {
                fail(how); // until the stack overflows
                fail(how);
              }
            }
          }

          @SuppressWarnings("unchecked")
          private static <E extends Throwable> void sneak(Throwable failure) throws E {
            throw (E) failure;
          }
        }
        """
            .formatted(even, odd));
  }

  private Path configuration(int even, int odd) throws IOException {
    Path programs = directory.resolve("programs");
    if (!Files.exists(programs)) {
      Files.createDirectory(programs);
    }
    return Files.writeString(
        directory.resolve("sluice.yaml"),
        """
        version: 1
        capture:
          - {name: edge, protocols: tcp, addresses: 127.0.0.1, ports: %d}
        programs:
          - {name: parity, jar: programs/parity.jar, class: com.example.Parity}
        destinations:
          - {label: even, protocol: tcp, targets: ["127.0.0.1:%d"]}
          - {label: odd, protocol: tcp, targets: ["127.0.0.1:%d"]}
        expect:
          - {lookup: "tcp 203.0.113.9:5000 127.0.0.1:%d", assign: even}
          - {lookup: "tcp 203.0.113.9:5001 127.0.0.1:%d", assign: odd}
          - {lookup: "tcp 203.0.113.9:5007 127.0.0.1:%d", drop: true}
        limits: {drain: 0s}
        admin: {http: "127.0.0.1:0"}
        """
            .formatted(port, even, odd, port, port, port));
  }

  private static TestServer answering(String word) throws IOException {
    return TestServer.start(connection -> Streams.send(connection, word));
  }

  /** What a client whose port ends in this digit is answered. */
  private String ask(int digit) throws IOException {
    return askFrom(20_000 + digit);
  }

  /** What a client with this port is answered, or with one that is the same but for thousands. */
  private String askFrom(int first) throws IOException {
    for (int from = first; from < 32_000; from += 1000) {
      try (Socket socket = new Socket()) {
        socket.setSoTimeout(10_000);
        socket.setOption(StandardSocketOptions.SO_LINGER, 0); // then the port is free at once
        socket.bind(new InetSocketAddress(Streams.LOOPBACK, from));
        socket.connect(new InetSocketAddress(Streams.LOOPBACK, port), 10_000);
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      } catch (BindException _) {
        // Taken: the next one.
      } catch (SocketException _) {
        return REFUSED;
      }
    }
    throw new IOException("no port like " + first + " is free");
  }

  private static String metrics(SluiceProcess daemon) throws IOException {
    String ready =
        daemon.output().lines().filter(it -> it.startsWith("ready ")).findFirst().orElseThrow();
    String url = ready.substring("ready ".length()) + "/metrics";
    try (InputStream in = URI.create(url).toURL().openStream()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private SluiceProcess sluice(String... arguments) throws IOException {
    return SluiceProcess.start(directory, SluiceProcess.sluice(List.of(), arguments));
  }

  @Test
  void aProgramFromAJarSteersRealConnectionsAndIsReloadedWithTheConfiguration() throws Exception {
    try (TestServer even = answering("even");
        TestServer odd = answering("odd")) {
      Path file = configuration(even.port(), odd.port());
      Path jar = parity("even", "odd").write(directory.resolve("programs/parity.jar"));
      try (SluiceProcess daemon = sluice("run", "-f", file.toString()).awaitLine("ready ")) {
        assertThat(List.of(ask(2), ask(3), ask(4), ask(5)))
            .containsExactly("even", "odd", "even", "odd");

        for (int from : new int[] {20_007, 20_017, 20_027, 20_037, 20_006}) {
          assertThat(askFrom(from)).isEqualTo(REFUSED);
          assertThat(ask(9)).as("others go on").isEqualTo("odd");
        }
        assertThat(metrics(daemon))
            .contains("sluice_drops_total{reason=\"program_error\",protocol=\"tcp\"} 5")
            .contains("sluice_program_errors_total{program=\"parity\"} 4");
        assertThat(daemon.output())
            .contains("program failed name=parity suppressed=0")
            .contains("java.lang.IllegalStateException: seven");

        Files.writeString(jar, "no jar at all");
        daemon.signal("HUP");
        awaitOutput(daemon, "reload refused");
        assertThat(daemon.output())
            .contains(file + ":5:25: programs[0].jar: " + jar + " is no jar: ");
        assertThat(List.of(ask(2), ask(3))).containsExactly("even", "odd");

        Path _ = parity("even", "none").write(jar);
        daemon.signal("HUP");
        awaitOutput(daemon, "no tcp destination has the label 'none'");
        assertThat(List.of(ask(2), ask(3))).containsExactly("even", "odd");

        Path _ = parity("odd", "even").write(jar);
        daemon.signal("HUP");
        awaitOutput(daemon, "reloaded generation=2");
        assertThat(List.of(ask(2), ask(3), ask(7))).containsExactly("odd", "even", REFUSED);
      }
    }
  }

  private static void awaitOutput(SluiceProcess daemon, String text) {
    TestDaemon.until(text, () -> daemon.output().contains(text));
  }

  @Test
  void commandsRunTheProgramToo() throws Exception {
    Path file = configuration(1, 2);
    Path jar = directory.resolve("programs/parity.jar");
    String[] check = {"check", "-f", file.toString()};
    try (SluiceProcess missing = sluice(check)) {
      assertThat(missing.awaitExit()).isEqualTo(1);
      assertThat(missing.output())
          .isEqualTo(file + ":5:25: programs[0].jar: " + jar + ": no such file\n");
    }
    Path _ = TestJar.empty().write(jar);
    try (SluiceProcess empty = sluice(check);
        SluiceProcess run = sluice("run", "-f", file.toString())) {
      assertThat(empty.awaitExit()).isEqualTo(1);
      String line = file + ":5:53: programs[0].class: com.example.Parity is not in the jar\n";
      assertThat(empty.output()).isEqualTo(line);
      assertThat(run.awaitExit()).isEqualTo(78);
      assertThat(run.output()).isEqualTo(line);
    }
    Path _ = parity("even", "odd").write(jar);
    try (SluiceProcess right = sluice(check);
        SluiceProcess test = sluice("test", "-f", file.toString())) {
      assertThat(right.awaitExit()).isZero();
      assertThat(right.output()).contains(": ok: 1 capture, 0 bindings, 1 program, 2 destinations");
      assertThat(test.awaitExit()).as(test.output()).isZero();
      assertThat(test.output()).isEqualTo("3 expected lookups, 3 as expected\n");
    }
    try (SluiceProcess explain =
        sluice("explain", "-f", file.toString(), "tcp", "192.0.2.1:5001", "127.0.0.1:" + port)) {
      assertThat(explain.awaitExit()).isZero();
      assertThat(explain.output())
          .contains("program    parity          PASS, assigned odd   [" + file + ":5:5]\n")
          .endsWith("verdict    ASSIGN odd → 127.0.0.1:2\n");
    }
  }
}
