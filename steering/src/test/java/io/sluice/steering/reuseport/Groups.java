package io.sluice.steering.reuseport;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Groups of sockets m0, m1, … on one address, and seeded clients of them. */
final class Groups {
  static final long SEED = 65537;

  private Groups() {}

  /** Nobody has connections. */
  static int idle(Socket socket) {
    return 0;
  }

  static ReuseportGroup group(Selection selection, int... weights) {
    return ReuseportGroup.of(members(weights), selection, Groups::idle);
  }

  /** Members m0, m1, … */
  static List<Member> members(int... weights) {
    List<Member> members = new ArrayList<>();
    for (int i = 0; i < weights.length; i++) {
      members.add(
          new Member(
              Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 80).attachment("m" + i).build(),
              weights[i]));
    }
    return members;
  }

  static int number(@Nullable Socket socket) {
    return socket == null ? -1 : Integer.parseInt(String.valueOf(socket.attachment()).substring(1));
  }

  static @Nullable Socket select(ReuseportGroup group, LookupContext context) {
    return group.select(context, group.members().getFirst().socket()).socket();
  }

  /** Who gets each of so many seeded clients. */
  static List<Integer> numbers(ReuseportGroup group, int lookups) {
    Random random = new Random(SEED);
    LookupContext context = new LookupContext();
    List<Integer> numbers = new ArrayList<>();
    for (int i = 0; i < lookups; i++) {
      client(context, random);
      numbers.add(number(select(group, context)));
    }
    return numbers;
  }

  static LookupContext client(Random random) {
    return client(new LookupContext(), random);
  }

  static LookupContext client(LookupContext context, Random random) {
    return context.ipv4(
        Protocol.TCP, random.nextInt(), random.nextInt(65536), random.nextInt(), 80, 1);
  }
}
