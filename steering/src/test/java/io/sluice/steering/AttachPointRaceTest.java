package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.map.SockMap;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Changes under traffic, as measured on Linux 6.18 (kernel-semantics 2.8): lookups without pause
 * from two threads, no ordinary listener, so that each gap would be a refusal.
 */
@Timeout(60)
class AttachPointRaceTest {
  private static final int CHANGES = 20_000;

  private final Socket a = socket("127.0.0.5");
  private final Socket b = socket("127.0.0.6");
  private final SockMap map = new SockMap(1);
  private final AttachPoint point = new AttachPoint();

  private static Socket socket(String address) {
    return Socket.bound(Protocol.TCP, IpAddress.parse(address), 80).build();
  }

  private Program assigning(Socket socket) {
    return context -> context.assign(socket, 0) == 0 ? Program.SK_PASS : Program.SK_DROP;
  }

  private final Program fromMap =
      context -> {
        Socket socket = map.lookup(0);
        return socket != null && context.assign(socket, 0) == 0 ? Program.SK_PASS : Program.SK_DROP;
      };

  /** What lookups came to. */
  private final LongAdder ofA = new LongAdder();

  private final LongAdder ofB = new LongAdder();
  private final LongAdder refused = new LongAdder();

  /** Repeats a change while two threads look up, also before the first and after the last. */
  private void underTraffic(int changes, Runnable change) throws Exception {
    SkLookup engine = new SkLookup(point, ListenerTable.EMPTY);
    AtomicBoolean done = new AtomicBoolean();
    try (ExecutorService clients = Executors.newFixedThreadPool(2)) {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        running.add(
            clients.submit(() -> {
              LookupContext context = new LookupContext();
              boolean last;
              do {
                last = done.get();
                Verdict verdict = engine.lookup(context.ipv4(Protocol.TCP, 1, 1, 2, 80, 1));
                @Nullable Socket socket =
                    verdict instanceof Verdict.Assign assign ? assign.socket() : null;
                (socket == a ? ofA : socket == b ? ofB : refused).increment();
              } while (!last);
            }));
      }
      while (ofA.sum() + ofB.sum() + refused.sum() == 0) {
        Thread.onSpinWait();
      }
      for (int i = 0; i < changes; i++) {
        change.run();
      }
      done.set(true);
      for (Future<?> client : running) {
        client.get();
      }
    }
  }

  private ProgramLink attached(Program program) {
    ProgramLink link = ProgramLink.of("p", program);
    assertThat(point.attach(link, 0)).isZero();
    return link;
  }

  @Test
  void replacingASockmapSlotRefusesNobody() throws Exception {
    attached(fromMap);
    assertThat(map.update(0, a)).isZero();

    underTraffic(
        CHANGES,
        () -> {
          assertThat(map.update(0, b)).isZero();
          assertThat(map.update(0, a)).isZero();
        });

    assertThat(refused.sum()).isZero();
    assertThat(ofA.sum()).isPositive();
  }

  /** The gap that the others don't have: without it, they would prove nothing. */
  @Test
  void deletingASlotAndInsertingItAgainRefusesSome() throws Exception {
    attached(fromMap);
    assertThat(map.update(0, a)).isZero();

    underTraffic(
        10,
        () -> {
          long before = refused.sum();
          assertThat(map.delete(0)).isZero();
          while (refused.sum() == before) {
            Thread.onSpinWait();
          }
          assertThat(map.update(0, a)).isZero();
        });

    assertThat(refused.sum()).isGreaterThanOrEqualTo(10);
  }

  @Test
  void updatingALinkRefusesNobody() throws Exception {
    Program toA = assigning(a);
    Program toB = assigning(b);
    ProgramLink link = attached(toA);

    underTraffic(
        CHANGES,
        () -> {
          assertThat(link.update(toB, AttachPoint.F_REPLACE, toA)).isZero();
          assertThat(link.update(toA, AttachPoint.F_REPLACE, toB)).isZero();
        });

    assertThat(refused.sum()).isZero();
    assertThat(ofA.sum()).isPositive();
  }

  @Test
  void creatingAndClosingASecondLinkRefusesNobody() throws Exception {
    Program toB = context -> context.assign(b, LookupContext.REPLACE) == 0 ? 1 : 0;
    attached(assigning(a));

    underTraffic(CHANGES, () -> attached(toB).close());

    assertThat(refused.sum()).isZero();
    assertThat(ofA.sum()).isPositive();
  }

  @Test
  void creatingANewLinkAndThenClosingTheOldOneRefusesNobody() throws Exception {
    Program toA = assigning(a);
    Program[] next = {context -> context.assign(b, LookupContext.REPLACE) == 0 ? 1 : 0, toA};
    ProgramLink[] current = {attached(toA)};
    int[] turn = {0};

    underTraffic(
        CHANGES,
        () -> {
          ProgramLink link = attached(next[turn[0]++ % 2]);
          current[0].close();
          current[0] = link;
        });

    assertThat(refused.sum()).isZero();
    assertThat(ofA.sum() + ofB.sum()).isPositive();
  }

  /** Several writers at once: no change is lost, and links stay in order. */
  @Test
  void changesFromSeveralThreadsAreAllSeen() throws Exception {
    try (ExecutorService writers = Executors.newFixedThreadPool(4)) {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        running.add(
            writers.submit(() -> {
              for (int round = 0; round < CHANGES / 10; round++) {
                ProgramLink first = attached(assigning(a));
                ProgramLink second = attached(assigning(b));
                assertThat(first.update(assigning(b), 0, null)).isZero();
                first.close();
                second.close();
              }
              attached(assigning(a));
            }));
      }
      for (Future<?> writer : running) {
        writer.get();
      }
    }

    assertThat(point.query(0, 0).count()).isEqualTo(4);
    assertThat(point.programs().links()).hasSize(4);
  }
}
