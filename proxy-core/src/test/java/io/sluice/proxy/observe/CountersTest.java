package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** What is said, and counted, of programs that fail. */
final class CountersTest {
  private final Logger logger = (Logger) LoggerFactory.getLogger(Counters.class);
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private final Counters counters = new Counters();

  @BeforeEach
  void listen() {
    log.start();
    logger.addAppender(log);
    logger.setAdditive(false);
  }

  @AfterEach
  void stopListening() {
    logger.detachAppender(log);
    logger.setAdditive(true);
  }

  private long errors(String program) {
    return Objects.requireNonNull(counters.programErrors().get(program)).sum();
  }

  @Test
  void everyFailureIsCountedAndFewAreLogged() {
    IllegalStateException failure = new IllegalStateException("boom");
    long start = System.nanoTime();
    for (int i = 0; i < 10_000; i++) {
      counters.programFailed(i % 2 == 0 ? "geo" : "office", failure);
    }
    long seconds = (System.nanoTime() - start) / 1_000_000_000;

    assertThat(errors("geo")).isEqualTo(5000);
    assertThat(errors("office")).isEqualTo(5000);
    assertThat(log.list).hasSizeBetween(1, 2 + (int) seconds);
    assertThat(log.list.getFirst().getFormattedMessage())
        .isEqualTo("program failed name=geo suppressed=0");
    assertThat(log.list.getFirst().getThrowableProxy().getMessage()).isEqualTo("boom");
  }

  @Test
  void anExceptionThatThrowsWhenAskedWhatItIsHarmsNobody() {
    counters.programFailed(
        "geo",
        new RuntimeException() {
          @Override
          public String getMessage() {
            throw new IllegalStateException("none of your business");
          }
        });

    assertThat(errors("geo")).isEqualTo(1);
    assertThat(log.list.stream().map(ILoggingEvent::getFormattedMessage).toList())
        .isEqualTo(
            List.of(
                "program failed name=geo suppressed=0"
                    + " with=io.sluice.proxy.observe.CountersTest$1"));
  }
}
