package io.sluice.proxy.relay;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.steering.stream.MessageDrop;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;

/**
 * A daemon with {@code affinity: message}, and its targets: servers that keep the lines they get.
 */
abstract class MessageScene {
  static final String LINES = "affinity: message, framing: {type: line}";

  final int port = TestDaemon.freePort();
  final List<Lines> servers = new ArrayList<>();
  @Nullable TestDaemon running;

  /** A server that keeps the lines it gets. */
  static final class Lines implements AutoCloseable {
    final ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>();
    final ConcurrentLinkedQueue<Socket> connections = new ConcurrentLinkedQueue<>();
    final CountDownLatch ended = new CountDownLatch(1);
    final TestServer server;

    Lines(String answer) throws IOException {
      server =
          TestServer.start(connection -> {
            connections.add(connection);
            BufferedReader in =
                new BufferedReader(
                    new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
              lines.add(line);
              if (!answer.isEmpty()) {
                Streams.send(connection, answer + line + "\n");
              }
            }
            ended.countDown();
          });
    }

    @Override
    public void close() throws IOException {
      server.close();
    }
  }

  String servers(int count, String answer) throws IOException {
    List<Integer> ports = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Lines server = new Lines(answer);
      servers.add(server);
      ports.add(server.server.port());
    }
    return targets(ports);
  }

  static String targets(List<Integer> ports) {
    return "targets: [%s]"
        .formatted(
            String.join(", ", ports.stream().map(it -> "\"127.0.0.1:" + it + "\"").toList()));
  }

  TestDaemon daemon() {
    return Objects.requireNonNull(running);
  }

  void start(String... keys) throws Exception {
    running = TestDaemon.start(1, port, String.join(", ", keys));
  }

  @AfterEach
  void stop() throws IOException {
    if (running != null) {
      running.close();
    }
    for (Lines server : servers) {
      server.close();
    }
  }

  List<String> lines(int server) {
    return List.copyOf(servers.get(server).lines);
  }

  void awaitLines(int count) {
    TestDaemon.until(
        count + " lines", () -> servers.stream().mapToInt(it -> it.lines.size()).sum() == count);
  }

  long drops(MessageDrop reason) {
    return daemon().destination().traffic().messageDrops(reason).sum();
  }
}
