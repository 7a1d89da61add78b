package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code sk_reuseport_md.bind_inany}, as the kernel was seen to fill it. */
class BindInanyTest {
  @ParameterizedTest
  @CsvSource({
    "0.0.0.0, true",
    "'::', true",
    "127.0.0.1, false",
    "'::1', false",
    // It takes any IPv4 address, but to the kernel is an IPv6 address that isn't zero.
    "'::ffff:0.0.0.0', false",
    "'::ffff:127.0.0.1', false",
  })
  void onlyZeroIsAny(String address, boolean any) {
    Socket socket = Socket.bound(Protocol.UDP, IpAddress.parse(address), 53).build();
    ReuseportGroup group =
        ReuseportGroup.of(List.of(new Member(socket, 1)), Selection.HASH, _ -> 0);
    List<Boolean> seen = new ArrayList<>();
    group.attach(
        "test",
        context -> {
          seen.add(context.bindInany());
          return ReuseportProgram.SK_PASS;
        });
    LookupContext packet = new LookupContext();
    assertThat(group.select(packet.ipv4(Protocol.UDP, 1, 2, 3, 53, 1), socket).socket())
        .isSameAs(socket);
    assertThat(seen).containsExactly(any);
  }
}
