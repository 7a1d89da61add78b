package io.sluice.steering.reuseport;

import static io.sluice.steering.reuseport.Groups.SEED;
import static io.sluice.steering.reuseport.Groups.group;
import static io.sluice.steering.reuseport.Groups.members;
import static io.sluice.steering.reuseport.Groups.select;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code source}: who stays with its member when members, weights or states change. */
class SourceSelectionTest {
  @Test
  void sourceSticksToTheClientsAddress() {
    ReuseportGroup group = group(Selection.SOURCE, 1, 1, 1, 1, 1);
    LookupContext context = new LookupContext();
    Random random = new Random(SEED);
    for (int client = 0; client < 1_000; client++) {
      Socket first = select(group, context.ipv4(Protocol.TCP, client, 1000, 1, 80, 1));

      assertThat(
              select(
                  group,
                  context.ipv4(
                      Protocol.TCP, client, random.nextInt(65536), random.nextInt(), 443, 2)))
          .isSameAs(first);
    }
  }

  @Test
  void sourceDoesNotDependOnTheOrderOfTheMembers() {
    List<Member> members = members(3, 1, 2, 2, 5);
    Map<Integer, String> before =
        byClient(ReuseportGroup.of(members, Selection.SOURCE, Groups::idle));
    List<Member> shuffled = new ArrayList<>(members);
    Collections.shuffle(shuffled, new Random(SEED));

    assertThat(byClient(ReuseportGroup.of(shuffled, Selection.SOURCE, Groups::idle)))
        .isEqualTo(before);
  }

  /** Of N members, one is taken away: its 1/N of the clients must move; at most 2% of others do. */
  @ParameterizedTest
  @CsvSource({"2", "3", "10", "50"})
  void removingOneMemberMovesLittleMoreThanItsOwnClients(int count) {
    List<Member> members = members(IntStream.generate(() -> 1).limit(count).toArray());
    Map<Integer, String> before =
        byClient(ReuseportGroup.of(members, Selection.SOURCE, Groups::idle));
    String gone = String.valueOf(members.get(count / 2).socket().attachment());
    List<Member> fewer = new ArrayList<>(members);
    fewer.remove(count / 2);
    Map<Integer, String> after = byClient(ReuseportGroup.of(fewer, Selection.SOURCE, Groups::idle));

    assertThat(movedOfOthers(before, after, gone)).isLessThan(0.02);
    assertThat(share(before, gone)).isCloseTo(1.0 / count, within(0.01));
  }

  /** A weight that changes moves at most the difference, and 4% of the rest. */
  @Test
  void changingAWeightMovesLittleMoreThanTheDifference() {
    Map<Integer, String> before = byClient(group(Selection.SOURCE, 10, 10, 10, 10));
    Map<Integer, String> after = byClient(group(Selection.SOURCE, 10, 10, 10, 9));

    double moved = movedOfOthers(before, after, "none");
    assertThat(moved).isBetween(0.25 - 9.0 / 39 - 0.005, 0.25 - 9.0 / 39 + 0.04);
  }

  @Test
  void aMemberThatIsDownMovesItsOwnClientsOnlyAndSpreadsThem() {
    ReuseportGroup group = group(Selection.SOURCE, 1, 1, 1, 1, 1);
    Map<Integer, String> before = byClient(group);
    Socket down = group.members().get(2).socket();

    group.available(down, false);
    Map<Integer, String> during = byClient(group);
    group.available(down, true);

    assertThat(movedOfOthers(before, during, "m2")).isZero();
    Map<String, Long> newHomes =
        before.keySet().stream()
            .filter(client -> "m2".equals(before.get(client)))
            .collect(Collectors.groupingBy(client -> name(during, client), Collectors.counting()));
    assertThat(newHomes).containsOnlyKeys("m0", "m1", "m3", "m4");
    long moved = newHomes.values().stream().mapToLong(Long::longValue).sum();
    assertThat(newHomes.values()).allMatch(count -> count > moved / 6 && count < moved / 3);
    assertThat(byClient(group)).isEqualTo(before);
  }

  private static String name(Map<Integer, String> homes, int client) {
    return homes.getOrDefault(client, "none");
  }

  @Test
  void maglevFillsItsTableInProportion() {
    char[] table = Maglev.table(new Members(members(1, 2, 0, 5)), 42);
    int[] entries = new int[4];
    for (char member : table) {
      entries[member]++;
    }

    assertThat(entries).containsExactly(8192, 16384, 0, 40961);
  }

  @Test
  void aLargeGroupHasATableToo() {
    int[] weights = IntStream.generate(() -> 1).limit(ReuseportGroup.MAX_MEMBERS).toArray();

    char[] table = Maglev.table(new Members(members(weights)), 42);

    assertThat(IntStream.range(0, table.length).map(i -> table[i]).distinct().count())
        .isEqualTo(ReuseportGroup.MAX_MEMBERS);
  }

  private static Map<Integer, String> byClient(ReuseportGroup group) {
    LookupContext context = new LookupContext();
    Map<Integer, String> homes = new HashMap<>();
    for (int client = 0; client < 50_000; client++) {
      Socket home = select(group, context.ipv4(Protocol.TCP, 0x0a00_0000 + client, 1, 1, 80, 1));
      homes.put(client, home == null ? "none" : String.valueOf(home.attachment()));
    }
    return homes;
  }

  /** Which part of the clients that weren't at {@code member} has moved. */
  private static double movedOfOthers(
      Map<Integer, String> before, Map<Integer, String> after, String member) {
    List<Integer> others =
        before.keySet().stream().filter(client -> !name(before, client).equals(member)).toList();
    long moved =
        others.stream().filter(client -> !name(before, client).equals(name(after, client))).count();
    return (double) moved / others.size();
  }

  private static double share(Map<Integer, String> homes, String member) {
    return (double) homes.values().stream().filter(member::equals).count() / homes.size();
  }
}
