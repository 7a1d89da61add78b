package io.sluice.steering.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Errno;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a parser's answer does: the table of net/strparser. */
final class StrparserTest {
  private static final ByteBuffer BYTES = ByteBuffer.allocate(1 << 18);

  private int runs;
  private int lastLength;
  private int lastSeen;

  /** A parser that gives these answers, one a run; the last again and again. */
  private StreamParser answering(int... answers) {
    return message -> {
      lastLength = message.length();
      lastSeen = message.seen();
      return answers[Math.min(runs++, answers.length - 1)];
    };
  }

  private Strparser strparser(int limit, int... answers) {
    return new Strparser(answering(answers), limit, 0);
  }

  private static int show(Strparser strparser, int length) {
    return strparser.next(BYTES, 0, length, 0);
  }

  @Test
  void aLengthThatIsThereMakesAMessageAndTheParserRunsAtOnceForTheNext() {
    Strparser strparser = strparser(100, 4);
    assertThat(strparser.next(BYTES, 0, 12, 0)).isEqualTo(4);
    assertThat(strparser.next(BYTES, 4, 12, 0)).isEqualTo(4);
    assertThat(lastLength).as("it sees the message from its first byte").isEqualTo(8);
    assertThat(strparser.next(BYTES, 8, 12, 0)).isEqualTo(4);
    assertThat(runs).isEqualTo(3);
  }

  @Test
  void theParserIsNotRunAgainForAPartOfAKnownLength() {
    Strparser strparser = strparser(100, 10);
    assertThat(show(strparser, 4)).isZero();
    assertThat(show(strparser, 9)).isZero();
    assertThat(show(strparser, 12)).isEqualTo(10);
    assertThat(runs).isEqualTo(1);
  }

  @Test
  void zeroAsksForMoreAndTheParserRunsAgainOnlyWhenMoreHasCome() {
    Strparser strparser = strparser(100, 0, 0, 25);
    assertThat(show(strparser, 10)).isZero();
    assertThat(show(strparser, 10)).as("nothing new").isZero();
    assertThat(runs).isEqualTo(1);
    assertThat(show(strparser, 20)).isZero();
    assertThat(lastSeen).isEqualTo(10);
    assertThat(show(strparser, 30)).isEqualTo(25);
  }

  @ParameterizedTest
  @CsvSource({"8193,8192,-90", "8192,8192,0", "200000,131072,-90", "100000,131072,0"})
  void aLengthAboveTheBufferLimitIsEmsgsizeAndOneUpToItWaits(int length, int limit, int answer) {
    Strparser strparser = strparser(limit, length);
    assertThat(show(strparser, 10)).isEqualTo(answer);
    assertThat(strparser.stopped()).isEqualTo(answer == 0 ? null : MessageDrop.TOO_LARGE);
  }

  @Test
  void aMessageThatFillsTheLimitWithoutTellingItsLengthIsEmsgsize() {
    Strparser strparser = strparser(100, 0);
    assertThat(show(strparser, 99)).isZero();
    assertThat(show(strparser, 100)).isEqualTo(Errno.EMSGSIZE.negative());
  }

  @ParameterizedTest
  @CsvSource({"5,-71", "10,-71", "11,11"})
  void aLengthThatHadBeenThereWhenMoreWasAskedForIsEproto(int length, int answer) {
    Strparser strparser = strparser(100, 0, length);
    assertThat(show(strparser, 10)).isZero();
    assertThat(show(strparser, 20)).isEqualTo(answer);
  }

  @Test
  void estrpipeWithNothingAccumulatedIsEstrpipe() {
    Strparser strparser = strparser(100, -86);
    assertThat(show(strparser, 10)).isEqualTo(Errno.ESTRPIPE.negative());
    assertThat(strparser.socketError()).isEqualTo(86);
  }

  @Test
  void estrpipeWithBytesAccumulatedIsEnodata() {
    Strparser strparser = strparser(100, 0, -86);
    assertThat(show(strparser, 10)).isZero();
    assertThat(show(strparser, 20)).isEqualTo(Errno.ENODATA.negative());
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, -71, -90, -110, -4000, Integer.MIN_VALUE})
  void anyOtherNegativeAnswerStopsForGood(int answer) {
    Strparser strparser = strparser(100, 4, answer, 4);
    assertThat(show(strparser, 8)).isEqualTo(4);
    assertThat(show(strparser, 8)).isEqualTo(answer);
    assertThat(show(strparser, 80)).as("for good").isEqualTo(answer);
    assertThat(runs).isEqualTo(2);
    assertThat(strparser.stopped()).isNotNull();
  }

  @Test
  void aParserThatThrowsStopsForAReasonOfItsOwn() {
    Strparser strparser =
        new Strparser(
            _ -> {
              throw new StackOverflowError();
            },
            100,
            0);
    assertThat(show(strparser, 8)).isEqualTo(Errno.EFAULT.negative());
    assertThat(strparser.stopped()).isEqualTo(MessageDrop.PARSER_ERROR);
    assertThat(strparser.failure()).isInstanceOf(StackOverflowError.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 50})
  @DisplayName("The timer begins with the first byte of an incomplete message: ETIMEDOUT")
  void theTimer(int firstAnswer) {
    Strparser strparser = new Strparser(answering(firstAnswer), 100, 1000);
    assertThat(strparser.deadlineMillis()).isEqualTo(Long.MAX_VALUE);
    assertThat(strparser.next(BYTES, 0, 10, 7000)).isZero();
    assertThat(strparser.next(BYTES, 0, 20, 7900)).isZero();
    assertThat(strparser.deadlineMillis()).isEqualTo(8000);
    assertThat(strparser.expire(7999)).isFalse();
    assertThat(strparser.expire(8000)).isTrue();
    assertThat(strparser.stopped()).isEqualTo(MessageDrop.PARSER_TIMEOUT);
    assertThat(strparser.next(BYTES, 0, 60, 8001)).isEqualTo(Errno.ETIMEDOUT.negative());
  }

  @Test
  void aWholeMessageStopsTheTimerAndATimeOfZeroNeverComes() {
    Strparser strparser = new Strparser(answering(10), 100, 1000);
    assertThat(strparser.next(BYTES, 0, 5, 0)).isZero();
    assertThat(strparser.next(BYTES, 0, 10, 500)).isEqualTo(10);
    assertThat(strparser.expire(5000)).isFalse();
    Strparser patient = strparser(100, 0);
    assertThat(show(patient, 5)).isZero();
    assertThat(patient.expire(Long.MAX_VALUE - 1)).isFalse();
  }
}
