package io.sluice.steering.reuseport;

import static io.sluice.steering.reuseport.Groups.SEED;
import static io.sluice.steering.reuseport.Groups.client;
import static io.sluice.steering.reuseport.Groups.group;
import static io.sluice.steering.reuseport.Groups.members;
import static io.sluice.steering.reuseport.Groups.number;
import static io.sluice.steering.reuseport.Groups.numbers;
import static io.sluice.steering.reuseport.Groups.select;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Which socket of a group is chosen, and who may be in it. */
class ReuseportGroupTest {
  @Test
  void everyMemberKnowsItsGroup() {
    List<Member> members = members(1, 1);
    ReuseportGroup group = ReuseportGroup.of(members, Selection.HASH, Groups::idle);

    assertThat(members).allMatch(member -> member.socket().group() == group);
    assertThat(group.members()).isEqualTo(members);
    assertThat(group.selection()).isEqualTo(Selection.HASH);
    assertThat(group.describe()).isEqualTo("2 members, hash");
    assertThat(group(Selection.LEAST_CONNECTIONS, 1).describe())
        .isEqualTo("1 member, least-connections");
  }

  @Test
  void impossibleMembershipsAreRefused() {
    List<Member> one = members(1);
    Socket udp = Socket.bound(Protocol.UDP, IpAddress.ANY_IPV4, 53).build();

    refused(List.of(), "0 members");
    refused(Collections.nCopies(65_536, one.getFirst()), "65536 members");
    refused(List.of(one.getFirst(), one.getFirst()), "twice");
    refused(List.of(one.getFirst(), new Member(udp, 1)), "two protocols");
    for (int weight : new int[] {-1, 65_536}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Member(udp, weight))
          .withMessageContaining("weight " + weight);
    }
    assertThat(one.getFirst().socket().group()).isNull();
  }

  private static void refused(List<Member> members, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ReuseportGroup.of(members, Selection.HASH, Groups::idle))
        .withMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource({
    "HASH, '1,1'",
    "HASH, '1,2,3,4'",
    "HASH, '0,5,0,1,0'",
    "HASH, '65535,65535,65535'",
    "SOURCE, '1,1'",
    "SOURCE, '1,2,3,4'",
    "SOURCE, '0,5,0,1,0'",
    "SOURCE, '100,1'",
    "ROUND_ROBIN, '1,2,3,4'",
    "ROUND_ROBIN, '0,5,0,1,0'",
    "ROUND_ROBIN, '60000,30000,10000'",
    "ROUND_ROBIN, '65535,65534,1'",
  })
  void weightsAreHonouredInProportion(Selection selection, String weights) {
    int[] shares = Arrays.stream(weights.split(",")).mapToInt(Integer::parseInt).toArray();
    ReuseportGroup group = group(selection, shares);
    int[] hits = new int[shares.length];
    int lookups = 200_000;

    Random random = new Random(SEED);
    for (int i = 0; i < lookups; i++) {
      hits[number(select(group, client(random)))]++;
    }

    double total = IntStream.of(shares).sum();
    for (int i = 0; i < shares.length; i++) {
      assertThat((double) hits[i] / lookups)
          .describedAs("seed %d: member %d of %s", SEED, i, weights)
          .isCloseTo(shares[i] / total, within(shares[i] == 0 ? 1e-9 : 0.006));
    }
  }

  @Test
  void hashSharesAreExact() {
    // The rule floor(hash · n / 2^32) cuts the hashes into n equal parts; weights into w of n.
    HashStrategy strategy = new HashStrategy(new Members(members(3, 0, 1)), 0);
    ReuseportGroup unweighted = group(Selection.HASH, 1, 1, 1, 1);
    LookupContext context = new LookupContext();
    Random random = new Random(SEED);
    for (int i = 0; i < 10_000; i++) {
      client(context, random);
      long hash = TupleHash.ofFlow(context, 0) & 0xffff_ffffL;
      int quarter = (int) (hash * 4 >>> 32);

      assertThat(strategy.select(context, null, false)).isEqualTo(quarter < 3 ? 0 : 2);
      long hashThere = TupleHash.ofFlow(context, ReuseportGroup.DEFAULT_SEED) & 0xffff_ffffL;
      assertThat(number(select(unweighted, context))).isEqualTo((int) (hashThere * 4 >>> 32));
    }
  }

  @Test
  void hashLooksAtEveryPartOfTheTuple() {
    ReuseportGroup group = group(Selection.HASH, IntStream.generate(() -> 1).limit(1000).toArray());
    LookupContext context = new LookupContext();
    Set<Integer> hit = new HashSet<>();

    hit.add(number(select(group, context.ipv4(Protocol.TCP, 1, 2, 3, 4, 1))));
    hit.add(number(select(group, context.ipv4(Protocol.TCP, 9, 2, 3, 4, 1))));
    hit.add(number(select(group, context.ipv4(Protocol.TCP, 1, 9, 3, 4, 1))));
    hit.add(number(select(group, context.ipv4(Protocol.TCP, 1, 2, 9, 4, 1))));
    hit.add(number(select(group, context.ipv4(Protocol.TCP, 1, 2, 3, 9, 1))));

    assertThat(hit).hasSize(5);
    Socket first = select(group, context.ipv4(Protocol.TCP, 1, 2, 3, 4, 1));
    assertThat(select(group, context.ipv4(Protocol.TCP, 1, 2, 3, 4, 7))).isSameAs(first);
  }

  @Test
  void hashSkipsToTheNextIndexAndWraps() {
    ReuseportGroup group = group(Selection.HASH, 1, 1, 0, 1);
    List<Integer> before = numbers(group, 2_000);
    group.available(group.members().get(3).socket(), false);
    List<Integer> withoutLast = numbers(group, 2_000);
    group.available(group.members().get(3).socket(), true);
    group.available(group.members().get(1).socket(), false);
    List<Integer> withoutSecond = numbers(group, 2_000);

    for (int i = 0; i < before.size(); i++) {
      assertThat(withoutLast.get(i)).isEqualTo(before.get(i) == 3 ? 0 : before.get(i));
      assertThat(withoutSecond.get(i)).isEqualTo(before.get(i) == 1 ? 3 : before.get(i));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Selection.class,
      names = {"HASH", "SOURCE"})
  void anotherProcessSelectsTheSame(Selection selection) {
    int[] weights = {1, 2, 3, 4, 5};

    assertThat(numbers(group(selection, weights), 1_000))
        .isEqualTo(numbers(group(selection, weights), 1_000))
        .isNotEqualTo(
            numbers(ReuseportGroup.of(members(weights), selection, Groups::idle, 1), 1_000));
  }

  @Test
  void aFixedLookupStaysWhereItWasInEarlierReleases() {
    // Changing the hash moves clients on an upgrade: it should be on purpose.
    LookupContext context =
        new LookupContext().ipv4(Protocol.TCP, 0xcb007109, 51234, 0x7f000107, 8080, 1);

    assertThat(TupleHash.ofFlow(context, ReuseportGroup.DEFAULT_SEED)).isEqualTo(FLOW_HASH);
    assertThat(TupleHash.ofClient(context, ReuseportGroup.DEFAULT_SEED)).isEqualTo(CLIENT_HASH);
  }

  // By an independent implementation of the same formula.
  private static final int FLOW_HASH = 694286970;
  private static final int CLIENT_HASH = -1894619787;

  /** The first row is nginx's own example (commit 52327e0627f4). */
  @ParameterizedTest
  @CsvSource({
    "'5,1,1', 0 0 1 0 2 0 0",
    "'1,1,1', 0 1 2",
    "'7,7,7', 0 1 2",
    "'0,3,0,3', 1 3",
    "'2,1', 0 1 0",
    "'4,2', 0 1 0",
    "'1,2,3', 2 1 0 2 1 2",
    "'9', 0",
  })
  void roundRobinIsSmooth(String weights, String order) {
    ReuseportGroup group =
        group(
            Selection.ROUND_ROBIN,
            Arrays.stream(weights.split(",")).mapToInt(Integer::parseInt).toArray());
    List<Integer> expected = Arrays.stream(order.split(" ")).map(Integer::valueOf).toList();

    for (int round = 0; round < 3; round++) {
      assertThat(numbers(group, expected.size())).isEqualTo(expected);
    }
  }

  @Test
  void roundRobinKeepsTheProportionOfTheOthersWhenOneIsDown() {
    ReuseportGroup group = group(Selection.ROUND_ROBIN, 1, 2, 3);
    group.available(group.members().get(2).socket(), false);

    assertThat(numbers(group, 6)).containsExactlyInAnyOrder(0, 1, 1, 0, 1, 1);
  }

  @Test
  void roundRobinIsEvenAcrossThreads() throws InterruptedException {
    ReuseportGroup group = group(Selection.ROUND_ROBIN, 1, 1, 1, 1);
    int[][] hits = new int[2][4];
    Thread[] threads = new Thread[2];
    for (int t = 0; t < threads.length; t++) {
      int[] own = hits[t];
      threads[t] =
          new Thread(() -> {
            LookupContext context = new LookupContext().ipv4(Protocol.TCP, 1, 1, 1, 1, 1);
            for (int i = 0; i < 20_000; i++) {
              own[number(select(group, context))]++;
            }
          });
      threads[t].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }

    for (int member = 0; member < 4; member++) {
      assertThat(hits[0][member] + hits[1][member]).isEqualTo(10_000);
    }
  }

  @Test
  void leastConnectionsTakesTheLeastLoadForItsWeight() {
    int[] load = {4, 3, 9, 0};
    ReuseportGroup group =
        ReuseportGroup.of(
            members(2, 1, 5, 0), Selection.LEAST_CONNECTIONS, socket -> load[number(socket)]);

    assertThat(numbers(group, 1)).containsExactly(2); // 9/5 < 4/2 < 3/1; 0 drains
    load[0] = 3;
    assertThat(numbers(group, 1)).containsExactly(0);
    load[1] = 1;
    assertThat(numbers(group, 1)).containsExactly(1);
    group.available(group.members().get(1).socket(), false);
    assertThat(numbers(group, 1)).containsExactly(0);
  }

  @Test
  void leastConnectionsBreaksTiesInTurn() {
    int[] load = {0, 1, 1, 1, 1, 0};
    ReuseportGroup group =
        ReuseportGroup.of(
            members(1, 1, 1, 1, 1, 1), Selection.LEAST_CONNECTIONS, socket -> load[number(socket)]);

    assertThat(numbers(group, 6)).containsExactly(0, 5, 0, 5, 0, 5);
  }

  @Test
  void leastConnectionsFillsByWeight() {
    int[] load = new int[3];
    ReuseportGroup group =
        ReuseportGroup.of(
            members(1, 2, 3), Selection.LEAST_CONNECTIONS, socket -> load[number(socket)]);
    LookupContext context = new LookupContext().ipv4(Protocol.TCP, 1, 1, 1, 1, 1);
    for (int i = 0; i < 600; i++) {
      load[number(select(group, context))]++;
    }

    assertThat(load).containsExactly(100, 200, 300);
  }

  @ParameterizedTest
  @EnumSource(Selection.class)
  void aMemberThatIsDownIsNotSelected(Selection selection) {
    ReuseportGroup group = group(selection, 1, 1, 1);
    Socket down = group.members().get(1).socket();

    group.available(down, false);
    assertThat(group.isAvailable(down)).isFalse();
    assertThat(numbers(group, 1_000)).contains(0, 2).doesNotContain(1);
    group.available(down, true);
    assertThat(numbers(group, 1_000)).contains(0, 1, 2);
  }

  @ParameterizedTest
  @EnumSource(Selection.class)
  void ifAllAreDownTheGroupSelectsAsIfAllWereUp(Selection selection) {
    ReuseportGroup group = group(selection, 1, 1, 0, 1);
    group.members().forEach(member -> group.available(member.socket(), false));

    assertThat(numbers(group, 1_000)).contains(0, 1, 3).doesNotContain(2);
  }

  @ParameterizedTest
  @EnumSource(Selection.class)
  void aDrainingMemberIsSelectedByNobodyNew(Selection selection) {
    ReuseportGroup group = group(selection, 1, 0, 1);
    group.available(group.members().get(0).socket(), false);
    assertThat(numbers(group, 1_000)).containsOnly(2);

    group.members().get(2).socket().close();
    assertThat(numbers(group, 1_000)).containsOnly(0); // down, but better than none
    group.members().get(0).socket().close();
    LookupContext context = new LookupContext().ipv4(Protocol.TCP, 1, 1, 1, 1, 1);
    assertThat(group.select(context, group.members().get(1).socket()).socket()).isNull();
  }

  @ParameterizedTest
  @EnumSource(Selection.class)
  void ifAllDrainTheGroupRefuses(Selection selection) {
    ReuseportGroup group = group(selection, 0, 0);
    LookupContext context = new LookupContext().ipv4(Protocol.TCP, 1, 1, 1, 1, 1);

    assertThat(group.select(context, group.members().getFirst().socket()).socket()).isNull();
    assertThat(group.selectOther(context, group.members().getFirst().socket(), new Tried()))
        .isNull();
  }

  @ParameterizedTest
  @EnumSource(Selection.class)
  void retriesVisitEachMemberOnceThoseThatAreUpFirst(Selection selection) {
    for (int count : new int[] {1, 2, 5, 63, 64, 65, 200}) {
      ReuseportGroup group = group(selection, IntStream.generate(() -> 1).limit(count).toArray());
      for (int i = 0; i < count / 2; i++) {
        group.available(group.members().get(2 * i).socket(), false);
      }
      LookupContext context = new LookupContext();
      Tried tried = new Tried();
      Random random = new Random(SEED);
      for (int round = 0; round < 3; round++) {
        tried.clear();
        client(context, random);
        List<Socket> visited = new ArrayList<>();
        Socket next = select(group, context);
        while (next != null) {
          visited.add(next);
          next = group.selectOther(context, next, tried);
        }

        assertThat(visited)
            .describedAs("seed %d, %d members", SEED, count)
            .hasSize(count)
            .doesNotHaveDuplicates();
        assertThat(visited.subList(count - count / 2, count))
            .describedAs("the last ones")
            .noneMatch(group::isAvailable);
      }
    }
  }

  @Test
  void aSocketThatOnlyStandsForTheGroupTakesNobodysPlace() {
    ReuseportGroup group = group(Selection.ROUND_ROBIN, 1, 1);
    Socket front = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, 1).build();
    LookupContext context = new LookupContext().ipv4(Protocol.TCP, 1, 1, 1, 1, 1);
    Tried tried = new Tried();

    assertThat(group.select(context, front).socket()).isNotNull();
    Socket other = group.selectOther(context, front, tried);
    assertThat(other).isNotNull();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> group.available(front, false))
        .withMessageContaining("no member");
  }

  @Test
  void whatWasTriedInOneGroupDoesNotCountInAnother() {
    ReuseportGroup one = group(Selection.ROUND_ROBIN, 1, 1);
    ReuseportGroup two = group(Selection.ROUND_ROBIN, 1, 1);
    LookupContext context = new LookupContext().ipv4(Protocol.TCP, 1, 1, 1, 1, 1);
    Tried tried = new Tried();
    one.selectOther(context, one.members().getFirst().socket(), tried);

    assertThat(two.selectOther(context, two.members().get(1).socket(), tried))
        .isSameAs(two.members().getFirst().socket());
  }
}
