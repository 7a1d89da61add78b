package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import io.sluice.proxy.TestDaemon;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Lines on their way to a channel that can stall and fail. */
final class LogQueueTest {
  private static final long BOUND_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final LoggerContext logback = new LoggerContext();
  private final Channel channel = new Channel();
  private final LogQueue queue;
  private final Logger log = logback.getLogger("test");
  private final Logger access = logback.getLogger(LogSetup.ACCESS);

  LogQueueTest() {
    logback.setMDCAdapter(new LogbackMDCAdapter());
    TextLines encoder = new TextLines();
    encoder.setContext(logback);
    encoder.start();
    LineChannel sink = new LineChannel(channel, encoder);
    queue = new LogQueue(sink, logback.getLogger(LogQueue.class));
    Logger root = logback.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    QueueAppender appender = new QueueAppender(queue, sink);
    appender.setContext(logback);
    appender.start();
    root.setLevel(Level.INFO);
    root.addAppender(appender);
    queue.start();
  }

  private void stall() {
    channel.stall();
    log.info("the writer takes it and stalls");
    channel.awaitStalled();
  }

  private void aThousandLinesComeOut() {
    for (int i = 0; i < 1000; i++) {
      log.info("line={}", i);
    }
    assertThat(queue.awaitWritten(BOUND_NANOS)).isTrue();
    assertThat(channel.messages())
        .isEqualTo(IntStream.range(0, 1000).mapToObj(i -> "line=" + i).toList());
  }

  @Test
  void linesComeOutInOrder() {
    aThousandLinesComeOut();
  }

  @Test
  void whoLogsIsNotHeldUpByAStallAndWhatWasLostIsSaidOnce() {
    stall();
    for (int i = 0; i < 3 * LogQueue.LINES; i++) {
      access.info("record={}", i); // were it blocked, so were this test
      log.info("line={}", i);
    }
    assertThat(queue.awaitWritten(1)).isFalse();
    assertThat(queue.lost(LogKind.ACCESS).sum()).isEqualTo(3 * LogQueue.LINES - LogQueue.LINES / 2);
    assertThat(queue.lost(LogKind.LOG).sum()).isEqualTo(3 * LogQueue.LINES - LogQueue.LINES / 2);

    channel.proceed();
    TestDaemon.until("the loss is said", () -> channel.text().contains("log lines lost="));
    log.info("the last");
    assertThat(queue.awaitWritten(BOUND_NANOS)).isTrue();
    List<String> messages = channel.messages();
    assertThat(messages).hasSize(1 + LogQueue.LINES + 2);
    assertThat(messages.get(LogQueue.LINES)).isEqualTo("line=" + (LogQueue.LINES / 2 - 1));
    assertThat(messages.get(LogQueue.LINES + 1))
        .startsWith("log lines lost=" + 5 * LogQueue.LINES + " ");
    assertThat(messages.getLast()).isEqualTo("the last");
  }

  @Test
  void longLinesTakeNoMoreThanTheirShareOfMemory() {
    stall();
    String large = "x".repeat(LogQueue.CHARACTERS / 4);
    for (int i = 0; i < 10; i++) {
      log.info(large);
    }
    assertThat(queue.lost(LogKind.LOG).sum()).isEqualTo(6);
    channel.proceed();
    assertThat(queue.awaitWritten(BOUND_NANOS)).isTrue();
  }

  @Test
  void aFullDiskCutsAndRepeatsNoLine() {
    channel.fillDisk(2);
    aThousandLinesComeOut();
  }

  @Test
  void whatWouldHideOrMoveTextIsEscaped() {
    log.warn("label=a\u202eb \u001b[2J");
    assertThat(queue.awaitWritten(BOUND_NANOS)).isTrue();
    assertThat(channel.messages()).containsExactly("label=a\\u202eb \\u001b[2J");
  }

  /** A channel that writes a few bytes at a time, and stalls or fails on demand. */
  private static final class Channel implements WritableByteChannel {
    private static final int MAX_BYTES = 1000;

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final CountDownLatch stalled = new CountDownLatch(1);
    private volatile CountDownLatch gate = new CountDownLatch(0);
    private int failures;

    void stall() {
      gate = new CountDownLatch(1);
    }

    void awaitStalled() {
      await(stalled);
    }

    void proceed() {
      gate.countDown();
    }

    synchronized void fillDisk(int attempts) {
      failures = attempts;
    }

    private static void await(CountDownLatch latch) {
      try {
        assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException interrupted) {
        throw new IllegalStateException(interrupted);
      }
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
      if (gate.getCount() > 0) {
        stalled.countDown();
        await(gate);
      }
      return writeSome(from);
    }

    private synchronized int writeSome(ByteBuffer from) throws IOException {
      if (failures > 0 && written.size() > MAX_BYTES) {
        failures--;
        throw new IOException("No space left on device");
      }
      byte[] part = new byte[Math.min(MAX_BYTES, from.remaining())];
      from.get(part);
      written.writeBytes(part);
      return part.length;
    }

    synchronized String text() {
      return written.toString(StandardCharsets.UTF_8);
    }

    /** Without time, level and logger. */
    List<String> messages() {
      return text().lines().map(line -> line.split(" +", 4)[3]).toList();
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }
}
