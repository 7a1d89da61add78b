package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import io.sluice.steering.reuseport.ConnectionIds;
import io.sluice.steering.reuseport.PayloadProgram;
import io.sluice.steering.reuseport.QuicProgram;
import io.sluice.steering.reuseport.ReuseportGroup;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import io.sluice.steering.reuseport.ReuseportProgram;
import io.sluice.steering.reuseport.Tried;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A lookup allocates nothing, whatever it comes to. */
class SkLookupAllocationTest {
  private static final int WARM_UP = 200_000;
  private static final int LOOKUPS = 1_000_000;

  /** What the measuring itself and a late compilation may cost, far below a byte per lookup. */
  private static final long TOLERATED_BYTES = 64 * 1024;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @Test
  void programsThatAssignPassAndDropAllocateNothing() {
    SockMap map = new SockMap(4);
    SockHash hash = new SockHash(8, 4);
    RuntimeException failure = new IllegalStateException("made beforehand");
    byte[] key = {1, 2, 3, 4, 5, 6, 7, 8};
    Socket single = socket("single");
    Socket listener = socket("listener");
    Socket grouped = members(Selection.HASH).getFirst().socket();
    assertThat(map.update(0, single)).isZero();
    assertThat(map.update(1, grouped)).isZero();
    assertThat(hash.update(key, single)).isZero();
    Program program =
        context ->
            switch (context.remotePort() & 7) {
              case 0 -> assign(context, map.lookup(0));
              case 1 -> assign(context, map.lookup(1));
              case 2 -> assign(context, hash.lookup(key));
              case 3 -> Program.SK_DROP;
              case 4 -> context.drop(DropReason.MISS);
              case 5 -> {
                context.assign(map.lookup(0), 4); // EINVAL
                yield Program.SK_PASS;
              }
              case 6 -> throw failure;
              default -> Program.SK_PASS;
            };
    SkLookup engine =
        new SkLookup(
            ProgramChain.of(
                List.of(
                    new ProgramChain.Link("first", program),
                    new ProgramChain.Link("second", _ -> Program.SK_PASS),
                    new ProgramChain.Link("third", _ -> Program.SK_DROP))),
            ListenerTable.of(List.of(listener)));
    SkLookup passing =
        new SkLookup(
            ProgramChain.of(List.of(new ProgramChain.Link("first", program))),
            ListenerTable.of(List.of(listener)));
    LookupContext context = new LookupContext();
    int[] outcomes = new int[3];

    assertAllocatesNothing(i -> {
      SkLookup either = (i & 8) == 0 ? engine : passing;
      context.ipv4(Protocol.TCP, 0xc0000200 + i, i & 0xffff, 0x7f000001, 80, 1);
      switch (either.lookup(context)) {
        case Verdict.Assign _ -> outcomes[0]++;
        case Verdict.Pass _ -> outcomes[1]++;
        case Verdict.Drop _ -> outcomes[2]++;
      }
    });
    assertThat(outcomes).doesNotContain(0);
  }

  private static int assign(LookupContext context, @Nullable Socket socket) {
    context.assign(socket, LookupContext.REPLACE);
    return Program.SK_PASS;
  }

  @ParameterizedTest
  @EnumSource(Selection.class)
  void groupsSelectWithoutAllocating(Selection selection) {
    List<Member> members = members(selection);
    ReuseportGroup group = (ReuseportGroup) members.getFirst().socket().group();
    Socket hit = members.getFirst().socket();
    SkLookup engine =
        new SkLookup(
            ProgramChain.of(
                List.of(
                    new ProgramChain.Link(
                        "p",
                        context -> {
                          context.assign(hit, 0);
                          return Program.SK_PASS;
                        }))),
            ListenerTable.EMPTY);
    LookupContext context = new LookupContext();
    Tried tried = new Tried();

    assertAllocatesNothing(i -> {
      context.ipv6(Protocol.TCP, i, i, i & 0xffff, 1, 2, 80, 1);
      Verdict verdict = engine.lookup(context);
      tried.clear();
      if (group == null
          || !(verdict instanceof Verdict.Assign assigned)
          || group.selectOther(context, assigned.socket(), tried) == null) {
        throw new AssertionError(verdict);
      }
    });
  }

  @Test
  void programsOfGroupsSelectWithoutAllocating() {
    List<Member> members = members(Selection.HASH);
    ReuseportGroup group = (ReuseportGroup) members.getFirst().socket().group();
    assertThat(group).isNotNull();
    SockMap map = new SockMap(1);
    SockHash hash = new SockHash(4, 1);
    byte[] key = new byte[4];
    map.update(0, members.get(1).socket());
    hash.update(key, members.get(2).socket());
    QuicProgram quic = new QuicProgram(new ConnectionIds(1024, 1000, () -> 0), 8, members);
    PayloadProgram payload = new PayloadProgram(1, 4);
    byte[] bytes = new byte[32];
    Payload datagram = Payload.of(bytes);
    bytes[0] = (byte) 0xc0;
    bytes[4] = 1;
    bytes[6] = 8; // no destination ID, and a source ID of 8 bytes: 0
    assertThat(quic.learn(datagram, members.get(3).socket())).isNotNull();
    bytes[0] = 0x40;
    group.attach(
        "p",
        context ->
            switch (context.remotePort() & 7) {
              case 0 -> payload.run(context);
              case 1 -> quic.run(context);
              case 2 -> 1 + context.selectReuseport(map, 0, 0);
              case 3 -> 1 + context.selectReuseport(hash, key, 0);
              case 4 -> 1 + context.loadBytes(8, key) + (key[0] - 0x40);
              case 5 -> ReuseportProgram.SK_DROP;
              default -> ReuseportProgram.SK_PASS;
            });
    Socket hit = members.getFirst().socket();
    LookupContext context = new LookupContext();
    int[] dropped = new int[1];
    assertAllocatesNothing(i -> {
      bytes[5] = (byte) i;
      key[0] = 0;
      context.ipv6(Protocol.TCP, i, i, i & 0xffff, 1, 2, 80, 1).payload(datagram);
      if (group.select(context, hit).socket() == null) {
        dropped[0]++;
      }
    });
    assertThat(dropped[0]).isPositive();
  }

  private static List<Member> members(Selection selection) {
    List<Member> members = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      members.add(new Member(socket("member " + i), i % 4));
    }
    ReuseportGroup group = ReuseportGroup.of(members, selection, Socket::port);
    group.available(members.get(50).socket(), false);
    return members;
  }

  private static Socket socket(String name) {
    return Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, 80).attachment(name).build();
  }

  private static void assertAllocatesNothing(IntConsumer body) {
    assertThat(THREADS.isThreadAllocatedMemoryEnabled()).isTrue();
    run(body, WARM_UP);
    long best = Long.MAX_VALUE;
    for (int attempt = 0; attempt < 3 && best > TOLERATED_BYTES; attempt++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      run(body, LOOKUPS);
      best = Math.min(best, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    assertThat(best).describedAs("bytes in %d lookups", LOOKUPS).isLessThan(TOLERATED_BYTES);
  }

  private static void run(IntConsumer body, int times) {
    for (int i = 0; i < times; i++) {
      body.accept(i);
    }
  }
}
