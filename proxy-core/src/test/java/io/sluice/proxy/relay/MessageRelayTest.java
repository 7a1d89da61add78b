package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.steering.stream.MessageDrop;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code affinity: message} on real connections. */
@Timeout(60)
final class MessageRelayTest extends MessageScene {
  @Test
  void messagesGoToTheTargetsInTurn() throws Exception {
    start(servers(3, ""), LINES, "select: round-robin");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a0\nb0\nc0\na1\nb1\n");
      Streams.send(client, "c1\n");
      awaitLines(6);
      assertThat(lines(0)).containsExactly("a0", "a1");
      assertThat(lines(1)).containsExactly("b0", "b1");
      assertThat(lines(2)).containsExactly("c0", "c1");
    }
    daemon().awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    assertThat(daemon().destination().traffic().messages.sum()).isEqualTo(6);
  }

  @Test
  void eachTargetIsToldTheClientBeforeItsFirstMessage() throws Exception {
    start(servers(2, ""), LINES, "select: round-robin", "proxyProtocol: v1");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a0\nb0\na1\nb1\n");
      awaitLines(6);
      String header = "PROXY TCP4 127.0.0.1 127.0.0.1 %d %d".formatted(client.getLocalPort(), port);
      assertThat(lines(0)).containsExactly(header, "a0", "a1");
      assertThat(lines(1)).containsExactly(header, "b0", "b1");
    }
  }

  @Test
  void connectionsToTargetsComeFromTheSourceThatIsConfigured() throws Exception {
    start(servers(2, ""), LINES, "select: round-robin", "source: 127.0.0.77");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a0\nb0\n");
      awaitLines(2);
    }
    for (Lines server : servers) {
      assertThat(server.connections)
          .extracting(it -> String.valueOf(it.getInetAddress()))
          .containsExactly("/127.0.0.77");
    }
  }

  @Test
  void aSourceThatIsNotOursIsCountedAndNoTargetsFault() throws Exception {
    start(servers(2, ""), LINES, "source: 192.0.2.77");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a0\n");
      assertThat(Streams.isReset(client)).isTrue();
    }
    daemon().awaitDrops(Refusal.NO_SOURCE_ADDRESS, 1);
    assertThat(daemon().destination().targets()).allMatch(it -> it.isUp());
  }

  @Test
  void weightsAreKept() throws Exception {
    String _ = servers(2, "");
    start(
        "targets: [{address: \"127.0.0.1:%d\", weight: 3}, \"127.0.0.1:%d\"]"
            .formatted(servers.get(0).server.port(), servers.get(1).server.port()),
        LINES,
        "select: round-robin");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "x\n".repeat(400));
      awaitLines(400);
    }
    assertThat(lines(0)).hasSize(300);
  }

  @ParameterizedTest
  @ValueSource(strings = {"select: hash", "select: payload, payload: {offset: 0, length: 2}"})
  void equalBytesGoToTheSameTarget(String select) throws Exception {
    start(servers(4, ""), LINES, select);
    boolean isPart = select.contains("payload");
    try (Socket client = Streams.connect(port)) {
      for (int round = 0; round < 5; round++) {
        for (int key = 10; key < 60; key++) {
          Streams.send(client, key + (isPart ? " round " + round : "") + "\n");
        }
      }
      awaitLines(250);
    }
    for (int key = 10; key < 60; key++) {
      String prefix = String.valueOf(key);
      assertThat(
              servers.stream()
                  .filter(it -> it.lines.stream().anyMatch(line -> line.startsWith(prefix)))
                  .count())
          .as("targets of " + key)
          .isEqualTo(1);
    }
    assertThat(servers).allMatch(it -> !it.lines.isEmpty());
  }

  @Test
  void aMessageInManyPiecesArrivesWhole() throws Exception {
    start(servers(2, ""), LINES, "select: round-robin");
    try (Socket client = Streams.connect(port)) {
      for (int i = 0; i < 10; i++) {
        for (char c : ("message " + i).toCharArray()) {
          Streams.send(client, String.valueOf(c));
        }
        Streams.send(client, "\r\n");
      }
      awaitLines(10);
    }
    assertThat(lines(0))
        .containsExactly("message 0", "message 2", "message 4", "message 6", "message 8");
  }

  @Test
  void repliesOfAllTargetsComeBackAndTheFinOfTheClientReachesThem() throws Exception {
    start(servers(3, "re "), LINES, "select: round-robin");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "1\n2\n3\n4\n");
      client.shutdownOutput();
      String answers = Streams.text(client, 1000);
      assertThat(answers.lines().toList())
          .containsExactlyInAnyOrder("re 1", "re 2", "re 3", "re 4");
    }
    for (Lines server : servers) {
      assertThat(server.ended.await(10, TimeUnit.SECONDS)).isTrue();
    }
    daemon().awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    daemon().awaitSessions(0);
  }

  @Test
  void anEndInsideAMessageIsCountedAndTheMessagesBeforeArrive() throws Exception {
    start(servers(1, ""), LINES);
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "whole\npart");
      client.shutdownOutput();
      assertThat(client.getInputStream().read()).isEqualTo(-1);
    }
    assertThat(lines(0)).containsExactly("whole");
    assertThat(drops(MessageDrop.TRUNCATED)).isEqualTo(1);
    daemon().awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
  }

  @Test
  void aClientWithoutMessagesEndsWithoutATarget() throws Exception {
    start(servers(1, ""), LINES);
    try (Socket client = Streams.connect(port)) {
      client.shutdownOutput();
      assertThat(client.getInputStream().read()).isEqualTo(-1);
    }
    daemon().awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    assertThat(servers.getFirst().server.accepted()).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "line, 'good\\n', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',"
        + " TOO_LARGE",
    "octet-counted, '5 good\\n', '65 ', TOO_LARGE",
    "octet-counted, '5 good\\n', '<134>1 - ', MALFORMED",
  })
  void aStreamThatCannotGoOnIsResetAfterItsGoodMessages(
      String framing, String good, String bad, MessageDrop reason) throws Exception {
    start(servers(1, ""), "affinity: message, maxMessage: 64B, framing: {type: " + framing + "}");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, (good + bad).replace("\\n", "\n"));
      assertThat(Streams.isReset(client)).isTrue();
    }
    assertThat(servers.getFirst().ended.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(lines(0)).hasSize(1).allMatch(it -> it.endsWith("good"));
    assertThat(drops(reason)).isEqualTo(1);
    daemon().awaitEnds(SessionEnd.STREAM_ERROR, 1);
    daemon().awaitSessions(0);
  }

  @Test
  void theRestOfAMessageMustComeInTime() throws Exception {
    start(servers(1, ""), LINES, "parserTimeout: 300ms");
    try (Socket client = Streams.connect(port);
        Socket quiet = Streams.connect(port)) {
      Streams.send(quiet, "whole\n");
      Streams.send(client, "whole\npart");
      assertThat(Streams.isReset(client)).isTrue();
      assertThat(drops(MessageDrop.PARSER_TIMEOUT)).isEqualTo(1);
      daemon().awaitEnds(SessionEnd.STREAM_ERROR, 1);
      Streams.send(quiet, "another\n");
      awaitLines(3);
    }
  }

  @Test
  void aTargetThatCannotBeReachedIsPassedOver() throws Exception {
    String _ = servers(2, "");
    start(
        targets(
            List.of(
                servers.get(0).server.port(), TestDaemon.freePort(), servers.get(1).server.port())),
        LINES,
        "select: round-robin");
    try (Socket client = Streams.connect(port)) {
      for (int i = 0; i < 30; i++) {
        Streams.send(client, i + "\n");
      }
      awaitLines(30);
    }
    assertThat(lines(0)).hasSize(15);
    assertThat(lines(1)).hasSize(15);
    assertThat(drops(MessageDrop.VERDICT)).isZero();
    daemon().awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
  }

  @Test
  void aClientIsResetWhenNobodyCanBeReached() throws Exception {
    start(targets(List.of(TestDaemon.freePort(), TestDaemon.freePort())), LINES);
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a\n");
      assertThat(Streams.isReset(client)).isTrue();
    }
    daemon().awaitDrops(Refusal.CONNECT_REFUSED, 1);
    daemon().awaitSessions(0);
    assertThat(drops(MessageDrop.VERDICT)).isZero();
  }

  @Test
  void aTargetThatBreaksResetsTheClientAndTheOthersKeepWholeMessages() throws Exception {
    start(servers(2, ""), LINES, "select: round-robin");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a\nb\n");
      awaitLines(2);
      Streams.reset(servers.getFirst().connections.element());
      assertThat(Streams.isReset(client)).isTrue();
    }
    assertThat(servers.get(1).ended.await(10, TimeUnit.SECONDS)).isTrue();
    daemon().awaitEnds(SessionEnd.TARGET_RESET, 1);
    daemon().awaitSessions(0);
  }

  @Test
  void aClientThatBreaksLeavesWholeMessagesToItsTargets() throws Exception {
    start(servers(2, ""), LINES, "select: round-robin");
    Socket client = Streams.connect(port);
    Streams.send(client, "a\nb\npart");
    awaitLines(2);
    Streams.resetAfterData(client);
    for (Lines server : servers) {
      assertThat(server.ended.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(server.lines).hasSize(1);
    }
    daemon().awaitEnds(SessionEnd.CLIENT_RESET, 1);
    assertThat(drops(MessageDrop.TRUNCATED)).isEqualTo(1);
  }

  @Test
  void aClientThatBreaksUnderAnswersItDoesNotReadIsForgotten() throws Exception {
    try (TestServer talking =
        TestServer.start(connection -> {
          Streams.sendPattern(connection.getOutputStream(), 50_000_000);
        })) {
      start(talking.targets(), LINES);
      Socket client = Streams.connect(port);
      Streams.send(client, "a\n");
      TestDaemon.until(
          "answers", () -> daemon().destination().traffic().bytesOut.sum() > 1_000_000);
      Streams.reset(client);
      daemon().awaitEnds(SessionEnd.CLIENT_RESET, 1);
      daemon().awaitSessions(0);
    }
  }

  @Test
  void aTargetThatNeverEndsIsGivenUpAfterTheHalfClosedBound() throws Exception {
    try (TestServer lasting = TestServer.start(TestServer.SILENT)) {
      running =
          TestDaemon.start(
              "limits: {drain: 0s, halfClosed: 300ms}\n"
                  + TestDaemon.web(1, port, lasting.targets() + ", " + LINES));
      try (Socket client = Streams.connect(port)) {
        Streams.send(client, "a\n");
        client.shutdownOutput();
        assertThat(client.getInputStream().read()).isEqualTo(-1);
      }
      daemon().awaitEnds(SessionEnd.HALF_CLOSED, 1);
    }
  }

  @Test
  void aTargetThatOneSessionPassesOverIsTriedByAnother() throws Exception {
    int late = TestDaemon.freePort();
    String _ = servers(1, "");
    start(targets(List.of(late, servers.getFirst().server.port())), LINES, "select: round-robin");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a\nb\n");
      awaitLines(2);
      try (TestServer back = TestServer.start("127.0.0.1", late, TestServer.PROTOCOL);
          Socket another = Streams.connect(port)) {
        TestDaemon.until(
            "a connection of another client",
            () -> {
              Streams.send(another, "x\n");
              return back.accepted() > 0;
            });
      }
    }
  }

  @Test
  void aSlowTargetHoldsItsClientUpAndNothingIsLost() throws Exception {
    CountDownLatch goOn = new CountDownLatch(1);
    List<Integer> received = new ArrayList<>();
    CountDownLatch done = new CountDownLatch(1);
    try (TestServer slow =
        TestServer.start(connection -> {
          goOn.await();
          BufferedReader in =
              new BufferedReader(
                  new InputStreamReader(connection.getInputStream(), StandardCharsets.US_ASCII));
          for (String line = in.readLine(); line != null; line = in.readLine()) {
            received.add(Integer.parseInt(line.strip().split(" ", -1)[0]));
          }
          done.countDown();
        })) {
      String _ = servers(1, "");
      start(
          targets(List.of(slow.port(), servers.getFirst().server.port())),
          LINES,
          "select: round-robin");
      String filler = " " + "x".repeat(990);
      int count = 40_000; // 40 MB: more than any buffers on the way
      try (Socket client = Streams.connect(port)) {
        Thread sending =
            Thread.ofVirtual()
                .start(() -> {
                  try {
                    for (int i = 0; i < count; i++) {
                      Streams.send(client, i + filler + "\n");
                    }
                    client.shutdownOutput();
                  } catch (IOException _) {
                    // What arrives is then too little.
                  }
                });
        long taken =
            TestDaemon.untilStill(
                "what is taken from the client",
                () -> daemon().destination().traffic().bytesIn.sum());
        assertThat(taken).as("taken from the client").isLessThan(20_000_000);
        assertThat(sending.isAlive()).isTrue();
        goOn.countDown();
        assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
        assertThat(Streams.readAll(client.getInputStream()).reset()).isFalse();
      }
      assertThat(received).hasSize(count / 2).isSorted();
      assertThat(servers.getFirst().lines).hasSize(count / 2);
      daemon().awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {100, 60_000, 65_000, 300_000, 1_000_000})
  void messagesUpToTheLimitPass(int length) throws Exception {
    start(servers(2, ""), LINES, "select: round-robin, maxMessage: 1MiB");
    String body = "y".repeat(length - 2);
    try (Socket client = Streams.connect(port)) {
      for (int i = 0; i < 8; i++) {
        Streams.send(client, i + body + "\n");
      }
      awaitLines(8);
    }
    assertThat(lines(0)).containsExactly("0" + body, "2" + body, "4" + body, "6" + body);
  }

  @Test
  void aTargetsFinEndsItsAnswersOnly() throws Exception {
    start(servers(1, ""), LINES);
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a\n");
      awaitLines(1);
      servers.getFirst().connections.element().shutdownOutput();
      assertThat(client.getInputStream().read()).isEqualTo(-1);
      Streams.send(client, "b\n");
      awaitLines(2);
    }
    daemon().awaitEnds(SessionEnd.TARGET_CLOSED, 1);
  }
}
