package io.sluice.proxy.health;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** On a clock that the test sets. */
class SilenceTest {
  private static final long START = 1_000_000;

  private final int[] rounds = new int[100];

  private void ask(Silence silence, int flow, long millis) {
    rounds[flow] = silence.asked(rounds[flow], START + millis);
  }

  private static boolean isSilent(Silence silence, long millis) {
    return silence.isSilent(START + millis);
  }

  private static Silence answering() {
    Silence silence = new Silence(false);
    silence.heard(START - 1_000);
    return silence;
  }

  @Test
  void threeFlowsThatGoOnAskingInVainAreASilence() {
    Silence silence = answering();
    for (int millis = 0; millis < 3_000; millis += 100) {
      ask(silence, millis / 100 % 3, millis);
      assertThat(isSilent(silence, millis)).isFalse();
    }
    assertThat(isSilent(silence, 3_000)).isTrue();
    silence.again();
    assertThat(isSilent(silence, 3_000)).isFalse();
  }

  @Test
  void newFlowsCountAsWell() {
    Silence silence = answering();
    for (int flow = 0; flow < 30; flow++) {
      ask(silence, flow, flow * 100L);
    }
    assertThat(isSilent(silence, 3_000)).isTrue();
  }

  @Test
  void twoFlowsAreTooFew() {
    Silence silence = answering();
    for (int millis = 0; millis < 60_000; millis += 100) {
      ask(silence, millis / 100 % 2, millis);
    }
    assertThat(isSilent(silence, 60_000)).isFalse();
  }

  @Test
  void anAnswerEndsIt() {
    Silence silence = answering();
    for (int millis = 0; millis < 3_000; millis += 100) {
      ask(silence, millis / 100 % 3, millis);
    }
    silence.heard(START + 2_999);
    assertThat(isSilent(silence, 3_000)).isFalse();
  }

  @Test
  void lastMessagesThatNobodyAnswersAreNoSilence() {
    Silence silence = answering();
    for (int flow = 0; flow < 10; flow++) {
      ask(silence, flow, flow);
    }
    assertThat(isSilent(silence, 3_600_000)).isFalse();
    ask(silence, 11, 3_600_000); // the next client
    assertThat(isSilent(silence, 3_600_001)).isFalse();
    silence.heard(START + 3_600_010);
    assertThat(isSilent(silence, 3_700_000)).isFalse();
  }

  @Test
  void oneThatNeverAnsweredIsNotSilentUnlessItMustAnswer() {
    Silence oneWay = new Silence(false);
    Silence dns = new Silence(true);
    for (int flow = 0; flow < 50; flow++) {
      ask(oneWay, flow, flow * 100L);
    }
    assertThat(isSilent(oneWay, 60_000)).isFalse();
    rounds[0] = rounds[1] = rounds[2] = 0;
    ask(dns, 0, 0);
    ask(dns, 1, 0);
    ask(dns, 2, 0);
    ask(dns, 0, 2_000);
    assertThat(isSilent(dns, 3_000)).isTrue();
  }

  @Test
  void oneThatTakesLongIsGivenTwiceItsLongestPause() {
    Silence slow = answering();
    for (int flow = 0; flow < 3; flow++) {
      ask(slow, flow, 0);
    }
    slow.heard(START + 2_500);
    for (int millis = 2_600; millis < 7_600; millis += 100) {
      ask(slow, millis / 100 % 3, millis);
      assertThat(isSilent(slow, millis)).isFalse();
    }
    assertThat(isSilent(slow, 7_600)).isTrue();
  }
}
