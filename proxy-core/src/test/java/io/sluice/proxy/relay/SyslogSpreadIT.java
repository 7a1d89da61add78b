package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.steering.stream.MessageDrop;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A few heavy syslog senders, spread message by message over several receivers. */
@Timeout(120)
final class SyslogSpreadIT {
  private static final int SENDERS = 3;
  private static final int RECEIVERS = 4;
  private static final int MESSAGES = 1_000_000;
  private static final int LEAST_BYTES = 50;
  private static final int MOST_BYTES = 500;

  private final int port = TestDaemon.freePort();
  private final AtomicIntegerArray arrivals = new AtomicIntegerArray(MESSAGES);
  private final ConcurrentLinkedQueue<String> wrong = new ConcurrentLinkedQueue<>();
  private final AtomicInteger open = new AtomicInteger();

  /** A receiver: how many messages it got, and the last of each sender. */
  private final class Receiver implements AutoCloseable {
    private final AtomicInteger count = new AtomicInteger();
    private final AtomicIntegerArray last = new AtomicIntegerArray(SENDERS);
    private final TestServer server;

    Receiver(boolean isCounted) throws IOException {
      server =
          TestServer.start(connection -> {
            open.incrementAndGet();
            try (InputStream in = new BufferedInputStream(connection.getInputStream(), 1 << 16)) {
              byte[] message = next(in, isCounted);
              while (message != null) {
                check(message);
                message = next(in, isCounted);
              }
            } catch (IOException | RuntimeException broken) {
              wrong.add(broken.toString());
            } finally {
              open.decrementAndGet();
            }
          });
    }

    private void check(byte[] message) {
      int number = number(message);
      if (number < 0 || !Arrays.equals(message, message(number))) {
        wrong.add("torn: " + new String(message, StandardCharsets.ISO_8859_1));
        return;
      }
      arrivals.incrementAndGet(number);
      count.incrementAndGet();
      int before = last.getAndSet(number % SENDERS, number);
      if (before > number) {
        wrong.add(number + " came after " + before);
      }
    }

    @Override
    public void close() throws IOException {
      server.close();
    }
  }

  /** The message with a number; the numbers of a sender are those that it is the remainder of. */
  private static byte[] message(int number) {
    int mixed = number * 0x9e37_79b9;
    int length = LEAST_BYTES + Integer.remainderUnsigned(mixed >>> 8, MOST_BYTES - LEAST_BYTES + 1);
    byte[] message = new byte[length];
    byte[] head = "<134>1 - host app - - - %07d ".formatted(0).getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(head, 0, message, 0, head.length);
    for (int i = head.length - 2, rest = number; rest > 0; i--, rest /= 10) {
      message[i] = (byte) ('0' + rest % 10);
    }
    for (int i = head.length; i < length; i++) {
      message[i] = (byte) ('a' + (i + number) % 26);
    }
    return message;
  }

  private static int number(byte[] message) {
    int number = 0;
    for (int i = 24; i < 31; i++) {
      if (i >= message.length || message[i] < '0' || message[i] > '9') {
        return -1;
      }
      number = number * 10 + message[i] - '0';
    }
    return number;
  }

  /** The next frame's message; null at the end. */
  private static byte @Nullable [] next(InputStream in, boolean isCounted) throws IOException {
    if (isCounted) {
      int length = 0;
      int digit = in.read();
      if (digit < 0) {
        return null;
      }
      for (; digit != ' '; digit = in.read()) {
        length = length * 10 + digit - '0';
      }
      return in.readNBytes(length);
    }
    byte[] line = new byte[MOST_BYTES + 1];
    int length = 0;
    while (true) {
      in.mark(1 << 16);
      int count = in.read(line, length, Math.min(MOST_BYTES + 1 - length, LEAST_BYTES));
      if (count < 0) {
        return length == 0 ? null : Arrays.copyOf(line, length);
      }
      for (int i = length; i < length + count; i++) {
        if (line[i] == '\n') {
          in.reset();
          in.skipNBytes(i + 1 - length);
          return Arrays.copyOf(line, i);
        }
      }
      length += count;
    }
  }

  private void send(int sender, boolean isCounted) {
    try (Socket socket = Streams.connect(port)) {
      OutputStream out = new BufferedOutputStream(socket.getOutputStream(), 1 << 15);
      for (int number = sender; number < MESSAGES; number += SENDERS) {
        byte[] message = message(number);
        if (isCounted) {
          out.write((message.length + " ").getBytes(StandardCharsets.US_ASCII));
          out.write(message);
        } else {
          out.write(message);
          out.write('\n');
        }
      }
      out.flush();
      socket.shutdownOutput();
      socket.setSoTimeout(60_000);
      Streams.Read end = Streams.readAll(socket.getInputStream());
      if (end.reset()) {
        wrong.add("sender " + sender + " was reset");
      }
    } catch (IOException broken) {
      wrong.add("sender " + sender + ": " + broken);
    }
  }

  @ParameterizedTest
  @CsvSource({"octet-counted, round-robin", "line, hash"})
  void aMillionMessagesArriveOnceWholeAndInOrder(String framing, String select) throws Exception {
    boolean isCounted = framing.equals("octet-counted");
    List<Receiver> receivers = new ArrayList<>();
    List<String> targets = new ArrayList<>();
    for (int i = 0; i < RECEIVERS; i++) {
      Receiver receiver = new Receiver(isCounted);
      receivers.add(receiver);
      targets.add("\"127.0.0.1:" + receiver.server.port() + "\"");
    }
    String destination =
        "targets: %s, affinity: message, framing: {type: %s}, select: %s"
            .formatted(targets, framing, select);
    try (TestDaemon daemon = TestDaemon.start(2, port, destination)) {
      long start = System.nanoTime();
      List<Thread> senders = new ArrayList<>();
      for (int sender = 0; sender < SENDERS; sender++) {
        int number = sender;
        senders.add(Thread.ofPlatform().start(() -> send(number, isCounted)));
      }
      for (Thread sender : senders) {
        sender.join();
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      TestDaemon.until("all connections are read", () -> open.get() == 0);
      long bytes = daemon.destination().traffic().bytesIn.sum();
      List<Integer> counts = receivers.stream().map(it -> it.count.get()).toList();
      System.out.printf(
          "%s, %s: %d senders, %d messages, %.1f MB in %.2f s: %.0f messages/s; receivers got %s%n",
          framing, select, SENDERS, MESSAGES, bytes / 1e6, seconds, MESSAGES / seconds, counts);
      assertThat(wrong).isEmpty();
      for (int number = 0; number < MESSAGES; number++) {
        if (arrivals.get(number) != 1) {
          assertThat(arrivals.get(number)).as("arrivals of message %d", number).isEqualTo(1);
        }
      }
      assertThat(counts).allMatch(it -> it > MESSAGES / RECEIVERS * 0.9);
      assertThat(daemon.destination().traffic().messages.sum()).isEqualTo(MESSAGES);
      for (MessageDrop reason : MessageDrop.values()) {
        assertThat(daemon.destination().traffic().messageDrops(reason).sum())
            .as("" + reason)
            .isZero();
      }
      daemon.awaitEnds(SessionEnd.CLIENT_CLOSED, SENDERS);
    } finally {
      for (Receiver receiver : receivers) {
        receiver.close();
      }
    }
  }

  @Test
  void whatLoggerSendsIsSpread() throws Exception {
    Path logger = Path.of("/usr/bin/logger");
    Assumptions.assumeTrue(Files.isExecutable(logger), "needs logger of util-linux");
    ConcurrentLinkedQueue<String> received = new ConcurrentLinkedQueue<>();
    TestServer.Handler handler =
        connection -> {
          InputStream in = new BufferedInputStream(connection.getInputStream());
          for (byte[] it = next(in, true); it != null; it = next(in, true)) {
            received.add(new String(it, StandardCharsets.UTF_8));
          }
        };
    try (TestServer one = TestServer.start(handler);
        TestServer two = TestServer.start(handler);
        TestDaemon daemon =
            TestDaemon.start(
                1,
                port,
                "targets: [\"127.0.0.1:%d\", \"127.0.0.1:%d\"], affinity: message, select: round-robin, framing: {type: octet-counted}"
                    .formatted(one.port(), two.port()))) {
      Process process =
          new ProcessBuilder(
                  logger.toString(),
                  "--tcp",
                  "--octet-count",
                  "--server",
                  "127.0.0.1",
                  "--port",
                  String.valueOf(port))
              .start();
      try (OutputStream lines = process.getOutputStream()) {
        for (int i = 0; i < 100; i++) {
          lines.write(("line " + i + "\n").getBytes(StandardCharsets.UTF_8));
        }
      }
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
      TestDaemon.until("all lines", () -> received.size() == 100);
      assertThat(received).anyMatch(it -> it.startsWith("<13>1 ") && it.endsWith("line 99"));
      assertThat(one.accepted()).isEqualTo(1);
      assertThat(two.accepted()).isEqualTo(1);
      daemon.awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    }
  }
}
