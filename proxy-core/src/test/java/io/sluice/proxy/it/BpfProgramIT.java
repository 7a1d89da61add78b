package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.TestDaemon;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * An sk_lookup program that clang compiles here, a dispatcher with a trie and a socket map, steers
 * connections to two NGINX, in a daemon without any capability.
 */
@Timeout(180)
final class BpfProgramIT {
  private static final Path SOURCES = Path.of("../bpf/src/test/resources/io/sluice/bpf");

  @TempDir private Path directory = Path.of(".");
  private final List<AutoCloseable> started = new ArrayList<>();
  private final int port = TestDaemon.freePort();
  private final int other = TestDaemon.freePort();

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable it : started.reversed()) {
      it.close();
    }
  }

  private void compile(String source, String object) throws Exception {
    for (String program : List.of("clang", "nginx", "curl", "setpriv")) {
      assumeTrue(Netns.has(program), "needs " + program);
    }
    SluiceProcess clang =
        SluiceProcess.start(
            directory,
            List.of(
                "clang",
                "-O2",
                "-g",
                "-target",
                "bpf",
                "-I",
                "/usr/include/x86_64-linux-gnu",
                "-I",
                SOURCES.toRealPath().toString(),
                "-c",
                source,
                "-o",
                directory.resolve(object).toString()));
    started.add(clang);
    assertThat(clang.awaitExit()).as(clang.output()).isZero();
  }

  private int nginx(String name) throws IOException {
    int listening = TestDaemon.freePort();
    Path home = Files.createDirectory(directory.resolve(name));
    Files.writeString(
        home.resolve("nginx.conf"),
        """
        daemon off;
        pid %1$s/nginx.pid;
        error_log stderr;
        events {}
        http {
          access_log off;
          client_body_temp_path %1$s/body; proxy_temp_path %1$s/proxy; fastcgi_temp_path %1$s/fastcgi;
          uwsgi_temp_path %1$s/uwsgi; scgi_temp_path %1$s/scgi;
          server { listen 127.0.0.1:%2$d; location / { return 200 "%3$s\\n"; } }
        }
        """
            .formatted(home, listening, name));
    started.add(
        SluiceProcess.start(
            directory, List.of("nginx", "-p", home.toString(), "-c", home + "/nginx.conf")));
    return listening;
  }

  /** A prefix of the dispatcher's trie: this address, this port, TCP. */
  private static String key(int port, int lastByte) {
    return "a0 00 00 00 06 00 %02x %02x 00 00 00 00 00 00 00 00 00 00 ff ff 7f 00 00 %02x"
        .formatted(port & 0xff, port >> 8, lastByte);
  }

  private Path configuration(int first, int second, int slotOfOther) throws IOException {
    return Files.writeString(
        directory.resolve("sluice.yaml"),
        """
        version: 1
        capture:
          - {name: edge, protocols: tcp, addresses: [127.0.0.1, 127.0.0.2], ports: [%1$d, %2$d]}
        programs:
          - name: dispatcher
            object: dispatcher.o
            set: {refuse_unbound: 1}
            maps:
              sockets: {destinations: {0: first/tcp, 7: second/tcp}}
              counters: {keep: true}
              bindings:
                entries:
                  - {key: "%3$s", value: "00 00 00 00 00 00 00 00"}
                  - {key: "%4$s", value: "%5$02x 00 00 00 00 00 00 00"}
        destinations:
          - {label: first, protocol: tcp, targets: ["127.0.0.1:%6$d"]}
          - {label: second, protocol: tcp, targets: ["127.0.0.1:%7$d"]}
        limits: {drain: 0s}
        admin: {http: "127.0.0.1:0"}
        """
            .formatted(port, other, key(port, 1), key(other, 1), slotOfOther, first, second));
  }

  private String curl(String address, int to) throws IOException {
    Process curl =
        new ProcessBuilder("curl", "-s", "-m", "10", "http://" + address + ":" + to + "/")
            .redirectErrorStream(true)
            .start();
    return new String(curl.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  @Test
  void aDispatcherSteersRealConnectionsWithoutAnyCapability() throws Exception {
    compile(SOURCES.resolve("dispatcher.bpf.c").toRealPath().toString(), "dispatcher.o");
    int first = nginx("first");
    int second = nginx("second");
    Path file = configuration(first, second, 7);
    List<String> prefix = List.of("setpriv", "--bounding-set=-all", "--inh-caps=-all");
    SluiceProcess daemon =
        SluiceProcess.start(directory, SluiceProcess.sluice(prefix, "run", "-f", file.toString()))
            .awaitLine("ready ");
    started.add(daemon);
    TestDaemon.until("nginx", () -> curl("127.0.0.1", first).equals("first\n"));
    TestDaemon.until("nginx", () -> curl("127.0.0.1", second).equals("second\n"));

    for (int i = 0; i < 20; i++) {
      assertThat(curl("127.0.0.1", port)).isEqualTo("first\n");
      assertThat(curl("127.0.0.1", other)).isEqualTo("second\n");
    }
    assertThat(curl("127.0.0.2", port)).as("nothing is bound there").isEmpty();

    configuration(first, second, 0);
    daemon.signal("HUP");
    TestDaemon.until("reload", () -> daemon.output().contains("reloaded generation=2"));
    assertThat(curl("127.0.0.1", other)).isEqualTo("first\n");

    Files.writeString(directory.resolve("dispatcher.o"), "no object at all");
    daemon.signal("HUP");
    TestDaemon.until("refusal", () -> daemon.output().contains("reload refused"));
    assertThat(daemon.output())
        .contains("programs[0].object: " + directory.resolve("dispatcher.o") + ": no ELF file");
    assertThat(curl("127.0.0.1", port)).isEqualTo("first\n");
  }

  /** A loop without an end costs its budget, and the connection: the next one is served. */
  @Test
  void aProgramThatNeverEndsIsEndedAndCounted() throws Exception {
    String source =
        """
        #include "sluice_bpf.h"
        SEC("sk_lookup")
        int endless(struct bpf_sk_lookup *ctx)
        {
          volatile int on = 1;
          while (on)
            ;
          return 1;
        }
        """;
    compile(
        Files.writeString(directory.resolve("endless.bpf.c"), source).toString(), "dispatcher.o");
    int first = nginx("first");
    Path file = configuration(first, first, 0);
    Files.writeString(
        file,
        Files.readString(file)
            .replaceAll("(?s)    set:.*?destinations:\n  -", "destinations:\n  -"));
    SluiceProcess daemon =
        SluiceProcess.start(
                directory, SluiceProcess.sluice(List.of(), "run", "-f", file.toString()))
            .awaitLine("ready ");
    started.add(daemon);
    for (int i = 0; i < 5; i++) {
      assertThat(curl("127.0.0.1", port)).isEmpty();
    }
    assertThat(daemon.output())
        .contains("program failed name=dispatcher")
        .contains("the budget of back edges and helper calls is spent");
  }
}
