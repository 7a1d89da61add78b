package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A group's choices as a table, for those who select elsewhere. */
class ChoicesTest {
  private static final int MOST = 65_537;

  @ParameterizedTest
  @EnumSource(names = {"HASH", "SOURCE"})
  void theTableChoosesAsTheGroupDoes(Selection selection) {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 100; i++) {
      ReuseportGroup group = randomGroup(random, selection);
      int[] choices = group.choices(MOST);
      for (int j = 0; j < 50; j++) {
        LookupContext context = new LookupContext();
        context.ipv4(
            Protocol.TCP, random.nextInt(), random.nextInt(65536), random.nextInt(), 80, 0);
        int hash =
            group.goesBySource()
                ? TupleHash.ofClient(context, ReuseportGroup.DEFAULT_SEED)
                : TupleHash.ofFlow(context, ReuseportGroup.DEFAULT_SEED);
        int choice = choices[(int) ((hash & 0xffff_ffffL) * choices.length >>> 32)];
        Socket member = group.members().get(choice).socket();
        assertThat(group.select(context, member))
            .as("seed %d", seed)
            .isEqualTo(new Verdict.Assign(member));
      }
    }
  }

  private static ReuseportGroup randomGroup(Random random, Selection selection) {
    List<Member> members = new ArrayList<>();
    int size = 1 + random.nextInt(6);
    int factor = 1 + random.nextInt(100); // which all weights have in common
    for (int i = 0; i < size; i++) {
      Socket socket = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 80 + i).build();
      members.add(new Member(socket, factor * (i == 0 ? 1 : random.nextInt(5)), "member" + i));
    }
    ReuseportGroup group = ReuseportGroup.of(members, selection, _ -> 0);
    members.forEach(it -> group.available(it.socket(), random.nextInt(3) > 0));
    return group;
  }

  @ParameterizedTest
  @EnumSource(Selection.class)
  void whatHasNoTableHasNoEntries(Selection selection) {
    List<Member> odd = new ArrayList<>();
    for (int weight : new int[] {65_535, 65_534, 1}) {
      odd.add(
          new Member(
              Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, weight).build(), weight, "" + weight));
    }
    int[] choices = ReuseportGroup.of(odd, selection, _ -> 0).choices(MOST);
    assertThat(choices).hasSize(selection == Selection.SOURCE ? MOST : 0);
    ReuseportGroup drained =
        ReuseportGroup.of(List.of(new Member(odd.getFirst().socket(), 0)), selection, _ -> 0);
    assertThat(drained.choices(MOST)).isEmpty();
  }
}
