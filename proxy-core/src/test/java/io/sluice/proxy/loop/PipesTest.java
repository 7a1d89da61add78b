package io.sluice.proxy.loop;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.linux.Syscalls;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

final class PipesTest {
  private final Syscalls syscalls = new Syscalls();
  private final Pipes pipes = new Pipes(syscalls);

  private static boolean isOpen(int fd) {
    return Files.isSymbolicLink(Path.of("/proc/self/fd", String.valueOf(fd)));
  }

  private static long open(long[] pipes) {
    return LongStream.of(pipes).filter(pipe -> isOpen(Pipes.readEnd(pipe))).count();
  }

  @Test
  void aPipeThatIsGivenBackIsTakenNext() {
    long pipe = pipes.take();
    assertThat(pipe).isPositive();
    pipes.give(pipe);
    assertThat(pipes.take()).isEqualTo(pipe);
    pipes.close(pipe);
    assertThat(isOpen(Pipes.readEnd(pipe))).isFalse();
    assertThat(isOpen(Pipes.writeEnd(pipe))).isFalse();
  }

  @Test
  void noMoreThanSixtyFourAreKeptAndAtTheEndNone() {
    long[] taken = new long[100];
    for (int i = 0; i < taken.length; i++) {
      taken[i] = pipes.take();
    }
    for (long pipe : taken) {
      pipes.give(pipe);
    }
    assertThat(open(taken)).isEqualTo(64);
    pipes.closeAll();
    assertThat(open(taken)).isZero();
  }

  @Test
  void thoseThatNobodyNeededInASecondAreClosed() {
    long[] taken = new long[10];
    for (int i = 0; i < taken.length; i++) {
      taken[i] = pipes.take();
    }
    for (long pipe : taken) {
      pipes.give(pipe);
    }
    second();
    for (int i = 0; i < 20; i++) {
      long first = pipes.take();
      long second = pipes.take();
      pipes.give(first);
      pipes.give(second);
      second();
    }
    assertThat(open(taken)).isEqualTo(2);
    second();
    assertThat(open(taken)).isZero();
    assertThat(pipes.tick()).isFalse();
  }

  private void second() {
    for (int tick = 0; tick < 1000 / TimerWheel.TICK_MILLIS; tick++) {
      boolean _ = pipes.tick();
    }
  }
}
