package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Two groups, as for the ports 500 and 4500 of the same servers. */
class SourceByNameTest {
  @Test
  void groupsWithTheSameNamesLeadAClientToMembersOfTheSameName() {
    ReuseportGroup ike = group(Stream.of("a:500=a", "b:500=b", "c:500=c"));
    ReuseportGroup nat = group(Stream.of("c:4500=c", "a:4500=a", "b:4500=b"));

    assertThat(homes(ike)).isEqualTo(homes(nat)).contains("a", "b", "c");
  }

  @Test
  void withoutNamesTheAddressesStandForThem() {
    ReuseportGroup ike = group(Stream.of("a:500=a:500", "b:500=b:500", "c:500=c:500"));
    ReuseportGroup nat = group(Stream.of("a:4500=a:4500", "b:4500=b:4500", "c:4500=c:4500"));

    assertThat(homes(ike)).isNotEqualTo(homes(nat));
  }

  /** The host of each of a thousand clients. */
  private static List<String> homes(ReuseportGroup group) {
    LookupContext context = new LookupContext();
    return IntStream.range(0, 1000)
        .mapToObj(client -> {
          context.ipv4(Protocol.UDP, client, 500, 1, 500, 1);
          Socket home = group.select(context, group.members().getFirst().socket()).socket();
          return String.valueOf(Objects.requireNonNull(home).attachment()).substring(0, 1);
        })
        .toList();
  }

  /** Members as {@code address=name}. */
  private static ReuseportGroup group(Stream<String> members) {
    return ReuseportGroup.of(
        members
            .map(text -> text.split("=", 2))
            .map(it ->
                new Member(
                    Socket.bound(Protocol.UDP, IpAddress.ANY_IPV4, 500).attachment(it[0]).build(),
                    1,
                    it[1]))
            .toList(),
        Selection.SOURCE,
        _ -> 0);
  }
}
