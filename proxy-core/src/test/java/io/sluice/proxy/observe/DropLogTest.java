package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

final class DropLogTest {
  private final Counters counters = new Counters();
  private final DropLog log = new DropLog(counters);
  private final LookupContext context = new LookupContext();

  /** A refusal all of whose values follow from one number. */
  private void add(int number) {
    int port = number % 0xffff + 1;
    log.add(
        Refusal.LOOP,
        context.ipv6(Protocol.TCP, number, number, port, number, number, port, number),
        "label" + port,
        null,
        port);
  }

  private static boolean isWhole(Dropped it) {
    long number = it.clientHigh();
    int port = (int) number % 0xffff + 1;
    return it.clientLow() == number
        && it.localHigh() == number
        && it.localLow() == number
        && it.clientPort() == port
        && it.localPort() == port
        && it.errno() == port
        && it.ifindex() == number
        && ("label" + port).equals(it.label());
  }

  @Test
  void itIsCountedAndKeptAsItWas() {
    log.add(
        Refusal.CONNECT_REFUSED,
        context.ipv4(Protocol.UDP, 0xc000_0201, 65535, 0x7f00_0001, 53, 3),
        "dns",
        "target",
        111);
    assertThat(counters.drops(Refusal.CONNECT_REFUSED, Protocol.UDP).sum()).isEqualTo(1);
    assertThat(log.from(0))
        .singleElement()
        .satisfies(it -> {
          assertThat(it.client()).isEqualTo("192.0.2.1:65535");
          assertThat(it.local()).isEqualTo("127.0.0.1:53");
          assertThat(it.protocol()).isEqualTo(Protocol.UDP);
          assertThat(it.reason()).isEqualTo(Refusal.CONNECT_REFUSED);
          assertThat(it.ifindex()).isEqualTo(3);
          assertThat(it.errno()).isEqualTo(111);
          assertThat(it.label()).isEqualTo("dns");
          assertThat(it.target()).isEqualTo("target");
          assertThat(it.decider()).isNull();
        });
  }

  @Test
  void theLastOnesAreKept() {
    for (int i = 0; i < 3 * DropLog.CAPACITY; i++) {
      add(i);
    }
    List<Dropped> kept = log.from(0);
    assertThat(kept).hasSize(DropLog.CAPACITY - 1).allMatch(DropLogTest::isWhole);
    assertThat(kept.getLast().number()).isEqualTo(3 * DropLog.CAPACITY - 1);
    assertThat(log.from(kept.getLast().number())).hasSize(1);
  }

  @Test
  void aReaderNeverSeesOneThatIsHalfWritten() throws Exception {
    AtomicBoolean isOver = new AtomicBoolean();
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              for (int i = 0; !isOver.get(); i++) {
                add(i);
              }
            });
    long seen = 0;
    try {
      while (seen < 20L * DropLog.CAPACITY) {
        List<Dropped> read = log.from(0);
        seen += read.size() + (log.count() == 0 ? 0 : 1);
        assertThat(read).allMatch(DropLogTest::isWhole);
      }
    } finally {
      isOver.set(true);
      writer.join();
    }
  }
}
