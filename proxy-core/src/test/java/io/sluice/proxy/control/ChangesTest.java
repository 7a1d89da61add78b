package io.sluice.proxy.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Change;
import io.sluice.config.Config;
import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.Layer;
import io.sluice.config.Transaction;
import io.sluice.config.Transaction.Wish;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.change.Answer;
import io.sluice.proxy.change.Generation;
import io.sluice.proxy.change.Who;
import io.sluice.steering.binding.BindingTable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Transactions on a daemon that serves. */
class ChangesTest {
  private static final Who TEST = new Who("test", 1000, 42);

  @TempDir private Path directory;
  private Path file;
  private Path stateFile;
  private Daemon daemon;
  private Changes changes;

  @BeforeEach
  void startFromAnEmptyFile() throws Exception {
    file = directory.resolve("sluice.yaml");
    stateFile = directory.resolve("state.yaml");
    write("");
    daemon = new Daemon(ConfigReader.read(file));
    daemon.start();
    changes = new Changes(daemon, file, new StateFile(stateFile), new Wishes(() -> {}));
  }

  @AfterEach
  void stop() throws InterruptedException {
    changes.close();
    int _ = daemon.stop();
  }

  private void write(String more) throws IOException {
    Files.writeString(
        file, "version: 1\nloops: 1\nadmin: {http: none}\nlimits: {drain: 0s}\n" + more);
  }

  private Answer apply(Change... some) throws InterruptedException {
    return changes.run(Transaction.of(some), TEST);
  }

  @Test
  void aTableThatWasChangedOftenIsCompiledBesideAndStaysTheSameGeneration() throws Exception {
    StringBuilder rows =
        new StringBuilder("capture: [{name: all, addresses: [127.0.0.0/8], ports: ")
            .append(TestDaemon.freePort())
            .append("}]\nbindings:\n");
    StringBuilder more = new StringBuilder("label,protocol,prefix,port\n");
    for (int i = 0; i < 3_000; i++) {
      String address = (i >> 8) + "." + (i & 255);
      rows.append("  - {label: web, protocol: tcp, prefix: 127.1.")
          .append(address)
          .append(", port: 80}\n");
      more.append("web,tcp,127.2.").append(address).append(",80\n");
    }
    write(rows + "destinations: [{label: web, protocol: tcp, targets: ['127.0.0.1:81']}]\n");
    long reloaded =
        applied(changes.run(new Transaction(new Wish.Reread(Layer.FILE), null, false), TEST))
            .generation();
    assertThat(applied(apply(new Change.LoadBindings("more", more.toString()))).generation())
        .isEqualTo(reloaded + 1);
    BindingTable many = daemon.snapshot().bindings();
    TestDaemon.until(
        "it is compiled",
        () -> {
          changes.next();
          return !daemon.snapshot().bindings().sharesWith(many);
        });
    assertThat(daemon.snapshot().bindings()).isEqualTo(many);
    assertThat(daemon.snapshot().generation()).isEqualTo(reloaded + 1);
    assertThat(changes.history()).hasSize(3);
    assertThat(applied(apply(bind("web", 81))).generation()).isEqualTo(reloaded + 2);
  }

  private static Answer.Applied applied(Answer answer) {
    assertThat(answer).isInstanceOf(Answer.Applied.class);
    return (Answer.Applied) answer;
  }

  private static Change.Bind bind(String label, int port) {
    return new Change.Bind(label, "tcp", "127.0.0.0/8", String.valueOf(port));
  }

  private static Change.Register register(String label, int port) {
    return new Change.Register(label, null, "127.0.0.1:" + port, null);
  }

  /** What answers at a port of 127.0.0.23; -1 if the connection is ended without a byte. */
  private static int ask(int port) throws IOException {
    try (Socket socket = new Socket(InetAddress.ofLiteral("127.0.0.23"), port)) {
      socket.setSoTimeout(10_000);
      return socket.getInputStream().read();
    } catch (SocketException _) {
      return -1;
    }
  }

  /** A server that greets each client with a byte. */
  private static ServerSocket greeter(int greeting) throws IOException {
    ServerSocket server = new ServerSocket(0, 50, InetAddress.ofLiteral("127.0.0.1"));
    Thread.ofVirtual()
        .start(() -> {
          while (!server.isClosed()) {
            try (Socket client = server.accept()) {
              client.getOutputStream().write(greeting);
            } catch (IOException _) {
              // Closed, or the client has gone.
            }
          }
        });
    return server;
  }

  @Test
  void aBindingAndATargetOfAnEmptyFileLeadToWorkingTraffic() throws Exception {
    int port = TestDaemon.freePort();
    try (ServerSocket server = greeter('a')) {
      Answer.Applied bound = applied(apply(bind("foo", port)));
      int before = ask(port);
      Answer.Applied registered = applied(apply(register("foo", server.getLocalPort())));

      assertThat(bound.diff()).contains("+ binding tcp 127.0.0.0/8:" + port + " → foo");
      assertThat(before).isEqualTo(-1);
      assertThat(registered.generation()).isEqualTo(3);
      assertThat(ask(port)).isEqualTo('a');
    }
  }

  @Test
  void aSwapLeadsToTheNewTargetAndARollbackToTheOld() throws Exception {
    int port = TestDaemon.freePort();
    try (ServerSocket blue = greeter('b');
        ServerSocket green = greeter('g')) {
      long generation =
          applied(apply(bind("foo", port), register("foo", blue.getLocalPort()))).generation();

      applied(apply(new Change.Swap("foo", null, List.of("127.0.0.1:" + green.getLocalPort()))));
      assertThat(ask(port)).isEqualTo('g');

      applied(changes.run(new Transaction(new Wish.Rollback(generation), null, false), TEST));
      assertThat(ask(port)).isEqualTo('b');
      assertThat(changes.history()).extracting(Generation::number).containsExactly(4L, 3L, 2L, 1L);
      assertThat(changes.history().getFirst().who()).isEqualTo(TEST);
    }
  }

  @Test
  void threeHundredChangesAndFiveSwapsCutNobodyAndLeadNobodyToTheOldSet() throws Exception {
    int port = TestDaemon.freePort();
    List<Socket> lasting = new ArrayList<>();
    try (TestServer echo =
            TestServer.start(it -> it.getInputStream().transferTo(it.getOutputStream()));
        ServerSocket blue = greeter('b');
        ServerSocket green = greeter('g')) {
      applied(apply(bind("foo", port), register("foo", echo.port())));
      for (int i = 0; i < 20; i++) {
        lasting.add(new Socket(InetAddress.ofLiteral("127.0.0.23"), port));
        assertThat(echoed(lasting.getLast())).isEqualTo(7);
      }
      for (int i = 0; i < 300; i++) {
        if (i % 60 == 0) {
          ServerSocket next = i % 120 == 0 ? blue : green;
          String address = "127.0.0.1:" + next.getLocalPort();
          applied(apply(new Change.Swap("foo", null, List.of(address))));
        }
        String prefix = "127.1." + i / 200 + "." + i % 200;
        applied(apply(new Change.Bind("foo", "tcp", prefix, String.valueOf(port))));
        assertThat(ask(port)).as("change %d", i).isEqualTo(i % 120 < 60 ? 'b' : 'g');
        assertThat(echoed(lasting.get(i % 20))).isEqualTo(7);
      }
      for (Socket one : lasting) {
        assertThat(echoed(one)).isEqualTo(7);
      }
    } finally {
      for (Socket one : lasting) {
        one.close();
      }
    }
  }

  private static int echoed(Socket socket) throws IOException {
    socket.setSoTimeout(10_000);
    socket.getOutputStream().write(7);
    return socket.getInputStream().read();
  }

  @Test
  void whatIsWrongIsNamedAndChangesNothing() throws Exception {
    Answer answer =
        apply(
            new Change.Bind("foo", "tcp", "127.0.0.0/40", "1"),
            new Change.Unregister("foo", null, "127.0.0.1:1"));

    assertThat(answer).isInstanceOf(Answer.Refused.class);
    assertThat(((Answer.Refused) answer).inDocument()).hasSizeGreaterThanOrEqualTo(2);
    assertThat(daemon.snapshot().generation()).isEqualTo(1);
    assertThat(Files.exists(stateFile)).isFalse();
  }

  @Test
  void ofTwoWritersWithTheSameExpectedGenerationOneWins() throws Exception {
    Transaction first =
        new Transaction(new Wish.Edit(Layer.RUNTIME, List.of(register("a", 1))), 1L, false);
    Transaction second =
        new Transaction(new Wish.Edit(Layer.RUNTIME, List.of(register("b", 1))), 1L, false);
    CompletableFuture<Answer> one = changes.apply(first, TEST);
    CompletableFuture<Answer> other = changes.apply(second, TEST);

    changes.next();
    changes.next();

    assertThat(applied(one.get(10, TimeUnit.SECONDS)).generation()).isEqualTo(2);
    assertThat(other.get(10, TimeUnit.SECONDS)).isEqualTo(new Answer.Conflict(2));
  }

  @Test
  void aDryRunSaysWhatItWouldDoAndDoesNothing() throws Exception {
    Transaction dry =
        new Transaction(
            new Wish.Edit(Layer.RUNTIME, List.of(bind("foo", TestDaemon.freePort()))), null, true);

    assertThat(applied(changes.run(dry, TEST)).diff()).hasSize(1);
    assertThat(daemon.snapshot().generation()).isEqualTo(1);
    assertThat(daemon.snapshot().bindings().size()).isZero();
  }

  @Test
  void theRuntimeLayerOutlivesReloadAndRestart() throws Exception {
    int port = TestDaemon.freePort();
    try (ServerSocket server = greeter('a')) {
      applied(apply(bind("foo", port), register("foo", server.getLocalPort())));
      write("listeners: []\n");

      applied(
          changes.run(new Transaction(new Wish.Reread(Layer.FILE), null, false), Who.of("SIGHUP")));

      assertThat(ask(port)).isEqualTo('a');
      assertThat(restored().bindings().asList()).hasSize(1);
    }
  }

  private Config restored() throws IOException, ConfigException {
    Config config = ConfigReader.read(file);
    Layer layer = new StateFile(stateFile).read(config);
    return ConfigReader.change(config, config.document().with(layer)).config();
  }

  @Test
  void aStateThatCannotBeWrittenRefusesTheChange() throws Exception {
    Files.createDirectories(stateFile.resolveSibling("state.yaml.new/in the way"));

    Answer answer = apply(bind("foo", TestDaemon.freePort()));

    assertThat(((Answer.Refused) answer).here())
        .singleElement()
        .asString()
        .startsWith("admin.state: " + stateFile + " can't be written");
    assertThat(daemon.snapshot().generation()).isEqualTo(1);
  }

  @Test
  void aChangeThatChangesNothingKeepsTheGeneration() throws Exception {
    int port = TestDaemon.freePort();
    long generation = applied(apply(bind("foo", port))).generation();

    assertThat(applied(apply(bind("foo", port))))
        .extracting(Answer.Applied::generation)
        .isEqualTo(generation);
    assertThat(applied(apply(new Change.Put(Change.Kind.LIMIT, "{drain: 0s}"))).diff()).isEmpty();
  }

  @Test
  void whoWaitsWhenTheDaemonStopsIsTold() throws Exception {
    CompletableFuture<Answer> answer = changes.apply(Transaction.of(register("a", 1)), TEST);

    changes.close();

    assertThat(answer.get(10, TimeUnit.SECONDS)).isInstanceOf(Answer.Refused.class);
  }
}
