package io.sluice.proxy.name;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.health.ManualTimer;
import io.sluice.proxy.health.TimerThread;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.relay.OneLoop;
import io.sluice.steering.IpAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** When names are asked for, and what becomes of the answers. */
@Timeout(20)
final class ResolverTest {
  private static final IpAddress ONE = IpAddress.parse("192.0.2.1");
  private static final IpAddress TWO = IpAddress.parse("2001:db8::2");

  private final ManualTimer timer = new ManualTimer();
  private final FakeNames names = new FakeNames();
  private final Resolver resolver = new Resolver(() -> names, timer);

  @AfterEach
  void close() {
    resolver.close();
  }

  private Name name() {
    Name name = resolver.name("a.example");
    timer.pass(0);
    return name;
  }

  @Test
  void aNameIsAskedForAgainWhenItsAnswerIsTooOld() {
    names.answer("a.example", new NameLookup.Answer(List.of(ONE), List.of(), 20_000));
    Name name = name();
    assertThat(name.addresses()).containsExactly(ONE);
    assertThat(resolver.name("a.example")).isSameAs(name);
    timer.pass(19_999);
    assertThat(names.asked("a.example")).isEqualTo(1);
    names.answer("a.example", "2001:db8::2");
    timer.pass(1);
    assertThat(name.addresses()).containsExactly(TWO);
  }

  @Test
  void noAnswerHoldsForLessThanASecondOrMoreThanAnHour() {
    names.answer("a.example", new NameLookup.Answer(List.of(ONE), List.of(), 0));
    Name _ = name();
    timer.pass(999);
    assertThat(names.asked("a.example")).isEqualTo(1);
    names.answer("a.example", new NameLookup.Answer(List.of(ONE), List.of(), Long.MAX_VALUE));
    timer.pass(1);
    assertThat(names.asked("a.example")).isEqualTo(2);
    timer.pass(3_599_999);
    assertThat(names.asked("a.example")).isEqualTo(2);
    timer.pass(1);
    assertThat(names.asked("a.example")).isEqualTo(3);
  }

  @Test
  void aFailureOrAnEmptyAnswerKeepsTheLastOneAndIsRepeatedEverLater() {
    names.answer("a.example", "192.0.2.1", "2001:db8::2");
    Name name = name();
    names.answer("a.example", NameLookup.Answer.FAILED);
    timer.pass(1_000);
    names.answer("a.example");
    timer.pass(1_000);
    assertThat(names.asked("a.example")).isEqualTo(3);
    assertThat(name.addresses()).containsExactly(ONE, TWO);
    timer.pass(600_000); // 2, 4, 8, 16 and from then on 30 s
    assertThat(names.asked("a.example")).isEqualTo(26);
    assertThat(name.addresses()).containsExactly(ONE, TWO);
  }

  @Test
  void aFamilyThatCouldNotBeFoundOutKeepsItsAddresses() {
    names.answer("a.example", "192.0.2.1", "2001:db8::2");
    Name name = name();
    IpAddress other = IpAddress.parse("192.0.2.7");
    names.answer("a.example", new NameLookup.Answer(List.of(other), null, 1_000));
    timer.pass(1_000);
    assertThat(name.addresses()).containsExactly(other, TWO);
    names.answer("a.example", new NameLookup.Answer(List.of(other), List.of(), 1_000));
    timer.pass(1_000);
    assertThat(name.addresses()).containsExactly(other);
  }

  @Test
  void theFirstAnswersAreAwaitedAndNamesWithoutAreReported() throws Exception {
    names.answer("a.example", "192.0.2.1");
    Name _ = name();
    assertThat(resolver.awaitFirstAnswers(5_000)).isEmpty();
    Name _ = resolver.name("b.example");
    timer.pass(0);
    assertThat(resolver.awaitFirstAnswers(10)).containsExactly("b.example");
  }

  @Test
  void aNameThatNobodyHasAnyMoreIsNotAskedForAgain() {
    names.answer("a.example", "192.0.2.1");
    Name _ = name();
    resolver.retain(java.util.Set.of());
    timer.pass(60_000);
    assertThat(names.asked("a.example")).isEqualTo(1);
  }

  @Test
  void namesThatFailedLastTimeKeepNoOtherWaiting() {
    List<Consumer<NameLookup.Answer>> open = new ArrayList<>();
    NameLookup silent =
        new NameLookup() {
          @Override
          public @Nullable Answer known(String name) {
            return null;
          }

          @Override
          public void ask(String name, Consumer<Answer> then) {
            if (name.startsWith("dead")) {
              open.add(then);
            } else {
              then.accept(new Answer(List.of(ONE), List.of(), 1_000));
            }
          }

          @Override
          public void close() {}
        };
    try (Resolver many = new Resolver(() -> silent, timer)) {
      for (int i = 0; i < 200; i++) {
        Name _ = many.name("dead" + i + ".example");
      }
      timer.pass(0);
      assertThat(open).hasSize(200);
      List.copyOf(open).forEach(it -> it.accept(NameLookup.Answer.FAILED));
      open.clear();
      timer.pass(10_000);
      assertThat(open).hasSize(64); // of the names that fail, no more are asked at a time
      Name good = many.name("good.example");
      timer.pass(0);
      assertThat(good.addresses()).containsExactly(ONE);
      List.copyOf(open).forEach(it -> it.accept(NameLookup.Answer.FAILED));
      assertThat(open).hasSizeGreaterThan(100); // the next have had their turn
    }
  }

  @Test
  void aClientIsServedByTheAddressOfTheNameThatAnswers() throws Exception {
    int port = TestDaemon.freePort();
    names.answer("a.example", "127.0.0.2", "127.0.0.3");
    try (TestServer server =
            TestServer.start(
                "127.0.0.3",
                TestDaemon.freePort(),
                connection -> Streams.send(connection, "hello"));
        Resolver real = new Resolver(() -> names, new TimerThread());
        OneLoop one =
            new OneLoop(
                TestDaemon.config(
                    TestDaemon.web(
                        1, port, "targets: [\"a.example:%d\"]".formatted(server.port()))),
                real)) {
      try (Socket client = Streams.connect(port)) {
        assertThat(Streams.text(client, 5)).isEqualTo("hello");
      }
      assertThat(one.drops(Refusal.CONNECT_REFUSED)).isZero();
    }
  }
}
