package io.sluice.steering.reuseport;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What a group's program sees of the packet: kernel-semantics.md 7.4. */
class ReuseportContextTest {
  private final LookupContext context = new LookupContext();
  private final Socket a = Socket.bound(Protocol.TCP, IpAddress.parse("127.0.0.1"), 80).build();
  private final Socket b = Socket.bound(Protocol.TCP, IpAddress.parse("127.0.0.1"), 80).build();
  private final ReuseportGroup group = group(a, b);

  private static ReuseportGroup group(Socket... sockets) {
    List<Member> members = Stream.of(sockets).map(it -> new Member(it, 1)).toList();
    return ReuseportGroup.of(members, Selection.HASH, _ -> 0);
  }

  @Test
  void theContextShowsAUdpPacket() {
    Socket socket = Socket.bound(Protocol.UDP, IpAddress.ANY_IPV6, 53).build();
    ReuseportGroup one = group(socket);
    List<Object> seen = new ArrayList<>();
    one.attach(
        "p",
        it -> {
          byte[] header = new byte[9];
          byte[] beyond = {1, 1, 1};
          seen.addAll(
              List.of(
                  it.len(),
                  it.ethProtocol(),
                  it.ipProtocol(),
                  it.bindInany(),
                  it.socket(),
                  it.remotePort(),
                  it.remote(),
                  it.local(),
                  it.localPort(),
                  it.hash() != 0,
                  it.payload().at(4)));
          assertThat(it.loadBytes(0, header)).isZero();
          assertThat(header).containsExactly(0x12, 0x34, 0, 53, 0, 13, 0, 0, 'h');
          assertThat(it.loadBytes(11, beyond)).isEqualTo(Errno.EFAULT.negative());
          assertThat(beyond).containsOnly(0);
          assertThat(it.loadBytes(10, beyond)).isZero();
          assertThat(beyond).containsExactly('l', 'l', 'o');
          assertThat(it.loadBytes(-1, beyond)).isEqualTo(Errno.EFAULT.negative());
          assertThat(it.loadBytes(Integer.MAX_VALUE, beyond)).isEqualTo(Errno.EFAULT.negative());
          return 1;
        });
    context
        .ipv6(Protocol.UDP, 1, 2, 0x1234, 3, 4, 53, 0)
        .payload(Payload.of("hello".getBytes(US_ASCII)));
    assertThat(one.select(context, socket).socket()).isSameAs(socket);
    assertThat(seen)
        .containsExactly(
            13,
            0x86dd,
            17,
            true,
            socket,
            0x1234,
            IpAddress.ipv6(1, 2),
            IpAddress.ipv6(3, 4),
            53,
            true,
            (int) 'o');
  }

  @Test
  void theContextShowsATcpPacket() {
    List<Object> seen = new ArrayList<>();
    group.attach(
        "p",
        it -> {
          byte[] header = new byte[20];
          assertThat(it.loadBytes(0, header)).isZero();
          assertThat(header)
              .containsExactly(0, 7, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0);
          seen.addAll(
              List.of(
                  it.len(), it.ethProtocol(), it.ipProtocol(), it.bindInany(), it.socket() == a));
          return 1;
        });
    context.ipv4(Protocol.TCP, 0x7f000001, 7, 0x7f000001, 80, 1);
    assertThat(group.select(context, a).socket()).isIn(a, b);
    assertThat(seen).containsExactly(20, 0x0800, 6, false, true);
  }

  @Test
  void aNewTupleHasNoPayloadOfTheLast() {
    context.ipv4(Protocol.TCP, 1, 2, 3, 4, 5).payload(Payload.of((byte) 1));
    assertThat(context.payload().length()).isEqualTo(1);
    context.ipv4(Protocol.TCP, 1, 2, 3, 4, 5);
    assertThat(context.payload().length()).isZero();
  }
}
