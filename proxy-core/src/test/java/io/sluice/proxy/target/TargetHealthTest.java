package io.sluice.proxy.target;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.limit.Sources;
import io.sluice.proxy.lookup.Answer;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.name.NameLookup;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.reuseport.Tried;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whom lookups lead to while targets, or some addresses of a name, don't answer. */
@Timeout(20)
final class TargetHealthTest extends HealthScene {

  @ParameterizedTest
  @ValueSource(strings = {"hash", "source", "round-robin", "least-connections"})
  void ofAHundredClientsAtOnceOneAloneProbesADeadTarget(String select) throws Exception {
    inForce("select: " + select + ", targets: ['127.0.0.1:81', '127.0.0.1:82']");
    kill(target(0));
    timer.pass(PAUSE_MILLIS);
    AtomicInteger probes = new AtomicInteger();
    CountDownLatch go = new CountDownLatch(1);
    try (var threads = Executors.newFixedThreadPool(4)) {
      List<Future<Integer>> all = new ArrayList<>();
      for (int thread = 0; thread < 4; thread++) {
        int first = 1_000 * thread;
        all.add(
            threads.submit(() -> {
              Steering own = new Steering(this::snapshot, new Sources(1_000), counters);
              go.await();
              for (int i = 0; i < 1_000; i++) {
                LookupContext _ =
                    own.context()
                        .ipv4(Protocol.TCP, 0x7f000000 + i, first + i, 0x7f000001, 8080, 0);
                if (own.steer().target() == target(0)) {
                  probes.incrementAndGet();
                }
              }
              return first;
            }));
      }
      go.countDown();
      for (Future<Integer> one : all) {
        Integer _ = one.get();
      }
    }
    assertThat(probes.get()).isEqualTo(1);
    assertThat(target(0).isUp()).isFalse();
  }

  @Test
  void aTargetThatIsBackGetsItsShareAgain() {
    inForce("select: round-robin, targets: ['127.0.0.1:81', '127.0.0.1:82']");
    kill(target(0));
    for (int i = 0; i < 10; i++) {
      assertThat(addressOf(i)).isEqualTo("127.0.0.1:82");
    }
    endpoint(0).succeeded();
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < 2; i++) {
      seen.add(addressOf(i));
    }
    assertThat(seen).containsExactlyInAnyOrder("127.0.0.1:81", "127.0.0.1:82");
  }

  @Test
  void ifAllAreDownTheyAreUsedAsIfNoneWere() {
    inForce("select: round-robin, targets: ['127.0.0.1:81', '127.0.0.1:82']");
    kill(target(0));
    kill(target(1));
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < 4; i++) {
      seen.add(addressOf(i));
    }
    assertThat(seen).containsExactlyInAnyOrder("127.0.0.1:81", "127.0.0.1:82");
  }

  @Test
  void aReloadDoesNotForgetThatATargetIsDown() {
    inForce("targets: ['127.0.0.1:81', '127.0.0.1:82']");
    kill(target(0));
    inForce("targets: ['127.0.0.1:81', '127.0.0.1:82'], retries: 0");
    assertThat(target(0).isUp()).isFalse();
    for (int i = 0; i < 20; i++) {
      assertThat(addressOf(i)).isEqualTo("127.0.0.1:82");
    }
    timer.pass(PAUSE_MILLIS);
    endpoint(0).succeeded();
    assertThat(target(0).isUp()).isTrue();
  }

  @Test
  void whatOneDestinationFindsOutHoldsForAll() {
    inForce(
        "targets: ['127.0.0.1:81', '127.0.0.1:82']}, "
            + "{label: other, protocol: tcp, targets: ['127.0.0.1:81', '127.0.0.1:83']");
    kill(target(0));
    Target same = snapshot().destinations().getLast().targets().getFirst();
    assertThat(same).hasToString("127.0.0.1:81");
    assertThat(same.isUp()).isFalse();
    assertThat(same.destination().group().isAvailable(same.socket())).isFalse();
  }

  @Test
  void aRetryGoesToOneThatIsUpBeforeOneThatIsNot() {
    inForce("targets: ['127.0.0.1:81', '127.0.0.1:82', '127.0.0.1:83']");
    kill(target(0));
    LookupContext _ = steering.context().ipv4(Protocol.TCP, 0x7f000001, 1, 0x7f000001, 8080, 0);
    Tried tried = new Tried();
    Target second = requireNonNull(target(1).another(steering.context(), tried));
    assertThat(second).isSameAs(target(2));
    assertThat(second.another(steering.context(), tried)).isSameAs(target(0));
    assertThat(target(0).another(steering.context(), tried)).isNull();
  }

  // ---- what checks have found

  private boolean isRefused() {
    LookupContext _ = steering.context().ipv4(Protocol.TCP, 0x7f000001, 1, 0x7f000001, 8080, 0);
    Answer answer = steering.steer();
    return answer.target() == null && answer.refusal() == Refusal.TARGETS_DOWN;
  }

  @ParameterizedTest
  @ValueSource(strings = {"hash", "source", "round-robin", "least-connections"})
  void ifChecksSayThatAllAreDownClientsAreRefused(String select) {
    inForce("select: " + select + ", targets: ['127.0.0.1:81', '127.0.0.1:82']");
    refuse(0);
    assertThat(addressesOf(20)).containsExactly("127.0.0.1:82");
    refuse(1);
    assertThat(isRefused()).isTrue();
    target(0).endpoints().getFirst().passed(CHECK, "good");
    assertThat(addressesOf(20)).containsExactly("127.0.0.1:81");
  }

  @Test
  void aRetryDoesNotGoWhereChecksFail() {
    inForce("targets: ['127.0.0.1:81', '127.0.0.1:82', '127.0.0.1:83']");
    refuse(0);
    LookupContext _ = steering.context().ipv4(Protocol.TCP, 0x7f000001, 1, 0x7f000001, 8080, 0);
    Tried tried = new Tried();
    Target second = requireNonNull(target(1).another(steering.context(), tried));
    assertThat(second).isSameAs(target(2));
    assertThat(second.another(steering.context(), tried)).isNull();
  }

  @Test
  void belowPanicAllAreUsed() {
    inForce("select: round-robin, panic: 60, targets: ['127.0.0.1:81', '127.0.0.1:82']");
    refuse(0);
    assertThat(addressesOf(4)).containsExactlyInAnyOrder("127.0.0.1:81", "127.0.0.1:82");
    refuse(1);
    assertThat(addressesOf(4)).containsExactlyInAnyOrder("127.0.0.1:81", "127.0.0.1:82");
    target(0).endpoints().getFirst().passed(CHECK, "good");
    target(1).endpoints().getFirst().passed(CHECK, "good");
    refuse(1); // 50 % again
    assertThat(addressesOf(4)).containsExactlyInAnyOrder("127.0.0.1:81", "127.0.0.1:82");
  }

  @Test
  void aBackupServesWhileNoOtherCan() {
    inForce(
        "select: round-robin, targets: ['127.0.0.1:81', '127.0.0.1:82',"
            + " {address: '127.0.0.1:83', backup: true}]");
    assertThat(addressesOf(6)).containsExactlyInAnyOrder("127.0.0.1:81", "127.0.0.1:82");
    kill(target(0));
    assertThat(addressesOf(6)).containsExactly("127.0.0.1:82");
    refuse(1);
    assertThat(addressesOf(6)).containsExactly("127.0.0.1:83");
    endpoint(0).succeeded();
    assertThat(addressesOf(6)).containsExactly("127.0.0.1:81");
  }

  @Test
  void whoComesBackGetsLittleAtFirst() {
    inForce("select: round-robin, slowStart: 1h, targets: ['127.0.0.1:81', '127.0.0.1:82']");
    assertThat(addressesOf(4)).containsExactlyInAnyOrder("127.0.0.1:81", "127.0.0.1:82");
    refuse(0);
    target(0).endpoints().getFirst().passed(CHECK, "good");
    int slow = 0;
    for (int client = 0; client < 1_000; client++) {
      slow += addressOf(client).equals("127.0.0.1:81") ? 1 : 0;
    }
    assertThat(slow).isLessThan(250); // instead of 500; in the first minute hardly any
    refuse(1);
    assertThat(addressesOf(4)).containsExactly("127.0.0.1:81"); // nobody else can
  }

  // ---- names

  @Test
  void anAddressThatFailedIsNotUsedWhileAnotherWorks() {
    answer("192.0.2.1", "192.0.2.2", "192.0.2.3");
    inForce("targets: ['a.example:80']");
    assertThat(addressOf(1)).isEqualTo("192.0.2.1:80");
    Endpoint first = endpoint(0);
    for (int late = 0; late < 10; late++) { // all these had been connecting
      first.failed(Refusal.CONNECT_TIMEOUT);
      assertThat(addressOf(1)).isEqualTo("192.0.2.2:80");
    }
    timer.pass(600_000);
    for (int client = 0; client < 100; client++) {
      assertThat(addressOf(client)).isEqualTo("192.0.2.2:80");
    }
    assertThat(target(0).isUp()).isTrue();
  }

  @Test
  void anAnswerInAnotherOrderMovesNothing() {
    answer("192.0.2.1", "192.0.2.2", "192.0.2.3");
    inForce("targets: ['a.example:80']");
    answer("192.0.2.3", "192.0.2.1", "192.0.2.2");
    assertThat(addressOf(1)).isEqualTo("192.0.2.1:80");
    answer("192.0.2.2", "192.0.2.3", "192.0.2.1");
    assertThat(addressOf(1)).isEqualTo("192.0.2.1:80");
  }

  @Test
  void whoIsNewComesLastAndWhoHasGoneIsRetired() {
    answer("192.0.2.1", "192.0.2.2");
    inForce("targets: ['a.example:80']");
    Endpoint first = endpoint(0);
    assertThat(target(0).isRetired(first)).isFalse();
    answer("192.0.2.3", "192.0.2.2");
    assertThat(target(0).isRetired(first)).isTrue();
    assertThat(addressOf(1)).isEqualTo("192.0.2.2:80");
  }

  @Test
  void aNameIsDownWhenAllItsAddressesAreAndUpWithANewOne() {
    answer("192.0.2.1", "192.0.2.2");
    inForce("targets: ['a.example:80', '127.0.0.1:82']");
    kill(target(0)); // its three failures go to the first
    assertThat(target(0).isUp()).isTrue();
    kill(target(0));
    assertThat(target(0).isUp()).isFalse();
    for (int client = 0; client < 20; client++) {
      assertThat(addressOf(client)).isEqualTo("127.0.0.1:82");
    }
    answer("192.0.2.3");
    assertThat(target(0).isUp()).isTrue();
    Set<String> seen = new HashSet<>();
    for (int client = 0; client < 100; client++) {
      seen.add(addressOf(client));
    }
    assertThat(seen).contains("192.0.2.3:80");
  }

  @Test
  void aNameWithoutAddressIsPassedOver() {
    names.answer("a.example", NameLookup.Answer.FAILED);
    inForce("targets: ['a.example:80', '127.0.0.1:82']");
    for (int client = 0; client < 20; client++) {
      assertThat(addressOf(client)).isEqualTo("127.0.0.1:82");
    }
    assertThat(counters.drops(Refusal.NO_TARGET, Protocol.TCP).sum()).isZero();
  }

  @Test
  void anAddressOfTheClientsFamilyGoesFirstAndFailsByItself() {
    answer("2001:db8::1", "192.0.2.1", "192.0.2.2");
    inForce("targets: ['a.example:80'], source: transparent");
    assertThat(addressOf(1)).isEqualTo("192.0.2.1:80");
    endpoint(0).failed(Refusal.CONNECT_REFUSED);
    assertThat(addressOf(1)).isEqualTo("192.0.2.2:80");
    LookupContext ipv6 = new LookupContext().ipv6(Protocol.TCP, 0, 1, 1, 0, 1, 8080, 0);
    assertThat(endpoint(target(0), ipv6).address()).hasToString("[2001:db8::1]:80");
  }
}
