package io.sluice.steering.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.map.SockMap;
import io.sluice.steering.stream.SpreadVerdict.By;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;

final class SpreadVerdictTest {
  private static final SpreadVerdict.Availability ALL = (_, _) -> true;

  private final MessageContext context = new MessageContext(new LookupContext());

  private static SockMap map(int sockets) {
    SockMap map = new SockMap(sockets);
    for (int i = 0; i < sockets; i++) {
      Socket socket =
          Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, 1)
              .state(Socket.State.ESTABLISHED)
              .attachment(i)
              .build();
      assertThat(map.update(i, socket)).isZero();
    }
    return map;
  }

  private int choose(SpreadVerdict verdict, String message) {
    byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
    MessageView _ = context.message().of(ByteBuffer.wrap(bytes), 0, bytes.length, 0);
    context.forgetTarget();
    if (verdict.run(context) == StreamVerdict.SK_DROP) {
      return -1;
    }
    return (Integer) Objects.requireNonNull(Objects.requireNonNull(context.target()).attachment());
  }

  private String turns(SpreadVerdict verdict, int count) {
    StringBuilder turns = new StringBuilder();
    for (int i = 0; i < count; i++) {
      turns.append(choose(verdict, "x"));
    }
    return turns.toString();
  }

  private static SpreadVerdict inTurn(int start, SpreadVerdict.Availability who, int... weights) {
    return new SpreadVerdict(map(weights.length), weights, new By.Turn(), start, who);
  }

  @Test
  void turnsAreSpreadOutByWeight() {
    assertThat(turns(inTurn(0, ALL, 1, 1, 1), 6)).isEqualTo("012012");
    assertThat(turns(inTurn(0, ALL, 5, 1, 1), 7)).isEqualTo("0010200");
    assertThat(turns(inTurn(0, ALL, 0, 1, 0), 3)).isEqualTo("111");
  }

  @Test
  void streamsBeginAtDifferentTurns() {
    assertThat(turns(inTurn(1, ALL, 1, 1, 1), 3)).isEqualTo("120");
    assertThat(turns(inTurn(-1, ALL, 1, 1, 1), 3)).isEqualTo("201");
  }

  @Test
  void whoCannotBeHadIsPassedOverUnlessNobodyCan() {
    assertThat(turns(inTurn(0, (i, _) -> i != 1, 1, 1, 1), 4)).isEqualTo("0202");
    assertThat(turns(inTurn(0, (i, evenDown) -> evenDown && i == 1, 1, 1, 1), 2)).isEqualTo("11");
    assertThat(turns(inTurn(0, (_, _) -> false, 1, 1), 1)).isEqualTo("-1");
    assertThat(turns(inTurn(0, ALL, 0, 0), 1)).isEqualTo("-1");
  }

  @Test
  void aHashIsInProportionToTheWeightsAndStays() {
    int[] weights = {1, 0, 3};
    SpreadVerdict verdict = new SpreadVerdict(map(3), weights, new By.Hash(0, 0), 5, ALL);
    int[] counts = new int[3];
    for (int i = 0; i < 20_000; i++) {
      counts[choose(verdict, "message " + i)]++;
    }
    assertThat(counts[0]).isBetween(4_700, 5_300);
    assertThat(counts[1]).isZero();
    assertThat(choose(verdict, "message 7")).isEqualTo(choose(verdict, "message 7"));
  }

  @Test
  void aHashOfARangeLooksAtNothingElse() {
    SpreadVerdict verdict = new SpreadVerdict(map(64), ones(64), new By.Hash(2, 9), 0, ALL);
    assertThat(choose(verdict, "..123456789..."))
        .isEqualTo(choose(verdict, "--123456789"))
        .isNotEqualTo(choose(verdict, "..123456780"));
    assertThat(choose(verdict, "short")).isNotEqualTo(choose(verdict, "thorn"));
  }

  @Test
  void aHashGoesToTheNextWhenItsTargetCannotBeHad() {
    SpreadVerdict all = new SpreadVerdict(map(4), ones(4), new By.Hash(0, 0), 0, ALL);
    int first = choose(all, "message");
    SpreadVerdict without =
        new SpreadVerdict(map(4), ones(4), new By.Hash(0, 0), 0, (i, _) -> i != first);
    assertThat(choose(without, "message")).isEqualTo((first + 1) % 4);
  }

  private static int[] ones(int count) {
    int[] ones = new int[count];
    Arrays.fill(ones, 1);
    return ones;
  }
}
