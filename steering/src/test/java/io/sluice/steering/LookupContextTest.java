package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The context's fields and its helper {@code assign}. */
class LookupContextTest {
  private static final Socket TCP4 = socket(Protocol.TCP, "127.0.0.1");
  private static final Socket TCP6 = socket(Protocol.TCP, "::");
  private static final Socket UDP4 = socket(Protocol.UDP, "127.0.0.1");

  /** Packet, socket, flags, answer. 0 is success. */
  static Stream<Arguments> misuse() {
    Socket v6Only =
        Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, 80).v6Only().attachment("v6 only").build();
    Socket concrete6 = socket(Protocol.TCP, "2001:db8::1");
    Socket mapped = socket(Protocol.TCP, "::ffff:127.0.0.1");
    Socket established = socket(Protocol.TCP, "127.0.0.1", Socket.State.ESTABLISHED);
    Socket shut = socket(Protocol.TCP, "127.0.0.1", Socket.State.CLOSE);
    Socket closeWait = socket(Protocol.TCP, "127.0.0.1", Socket.State.CLOSE_WAIT);
    Socket otherDeviceUdp =
        Socket.bound(Protocol.UDP, IpAddress.ANY_IPV4, 80).boundIfindex(7).build();
    Socket connectedUdp = socket(Protocol.UDP, "127.0.0.1", Socket.State.ESTABLISHED);
    Socket unhashedUdp = Socket.bound(Protocol.UDP, IpAddress.ANY_IPV4, 0).build();
    Socket otherDevice = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 80).boundIfindex(7).build();
    Socket closedUdp = socket(Protocol.UDP, "127.0.0.1");
    closedUdp.close();
    return Stream.of(
        Arguments.of("tcp4", TCP4, 0L, 0),
        Arguments.of("tcp4", TCP4, 1L, 0),
        Arguments.of("tcp4", TCP4, 2L, 0),
        Arguments.of("tcp4", TCP4, 3L, 0),
        Arguments.of("tcp4", null, 0L, 0),
        Arguments.of("tcp4", TCP4, 4L, Errno.EINVAL),
        Arguments.of("tcp4", null, 4L, Errno.EINVAL),
        Arguments.of("tcp4", TCP4, 1L << 63, Errno.EINVAL),
        Arguments.of("tcp4", TCP4, 1L << 32, Errno.EINVAL),
        Arguments.of("tcp4", UDP4, 4L, Errno.EINVAL),
        Arguments.of("tcp6", TCP4, 0L, Errno.EAFNOSUPPORT),
        Arguments.of("udp4", TCP4, 0L, Errno.EPROTOTYPE),
        Arguments.of("tcp4", UDP4, 0L, Errno.EPROTOTYPE),
        Arguments.of("tcp6", UDP4, 0L, Errno.EPROTOTYPE),
        Arguments.of("tcp4", v6Only, 0L, Errno.EAFNOSUPPORT),
        Arguments.of("tcp6", v6Only, 0L, 0),
        Arguments.of("tcp4", TCP6, 0L, 0),
        Arguments.of("udp4", socket(Protocol.UDP, "::"), 0L, 0),
        Arguments.of("tcp4", concrete6, 0L, Errno.EAFNOSUPPORT),
        Arguments.of("tcp6", concrete6, 0L, 0),
        Arguments.of("tcp4", mapped, 0L, 0),
        Arguments.of("tcp6", mapped, 0L, 0),
        Arguments.of("tcp4", established, 0L, Errno.ESOCKTNOSUPPORT),
        Arguments.of("udp6", established, 0L, Errno.ESOCKTNOSUPPORT),
        Arguments.of("tcp4", shut, 0L, Errno.ESOCKTNOSUPPORT),
        Arguments.of("tcp6", closeWait, 0L, Errno.ESOCKTNOSUPPORT),
        Arguments.of("udp4", UDP4, 0L, 0),
        Arguments.of("udp4", connectedUdp, 0L, Errno.ESOCKTNOSUPPORT),
        Arguments.of("udp4", unhashedUdp, 0L, 0),
        Arguments.of("udp4", closedUdp, 0L, Errno.ESOCKTNOSUPPORT),
        Arguments.of("tcp4", otherDevice, 0L, 0),
        Arguments.of("udp4", otherDeviceUdp, 0L, 0));
  }

  @ParameterizedTest(name = "{0} packet, {1}, flags {2}: {3}")
  @MethodSource("misuse")
  void assignAnswersAsTheKernelDoes(
      String packet, @Nullable Socket socket, long flags, Object expected) {
    LookupContext context = packet(packet);

    int answer = context.assign(socket, flags);

    assertThat(answer).isEqualTo(expected instanceof Errno errno ? errno.negative() : 0);
    assertThat(context.socket()).isSameAs(answer == 0 ? socket : null);
  }

  /** Each row fails from its own check on; REPLACE repairs only the last. */
  static Stream<Arguments> order() {
    Socket connectedUdp6 = socket(Protocol.UDP, "2001:db8::1", Socket.State.ESTABLISHED);
    return Stream.of(
        Arguments.of(connectedUdp6, 4L, Errno.EINVAL),
        Arguments.of(connectedUdp6, 0L, Errno.ESOCKTNOSUPPORT),
        Arguments.of(socket(Protocol.UDP, "2001:db8::1"), 0L, Errno.EPROTOTYPE),
        Arguments.of(socket(Protocol.TCP, "2001:db8::1"), 0L, Errno.EAFNOSUPPORT),
        Arguments.of(TCP6, 0L, Errno.EEXIST),
        Arguments.of(TCP4, 0L, Errno.EEXIST),
        Arguments.of(TCP4, 2L, Errno.EEXIST),
        Arguments.of(null, 0L, Errno.EEXIST));
  }

  @ParameterizedTest(name = "{0}, flags {1}: {2}")
  @MethodSource("order")
  void checksComeInTheKernelsOrderAndAFailureChangesNothing(
      @Nullable Socket socket, long flags, Errno expected) {
    LookupContext context = packet("tcp4");
    assertThat(context.assign(TCP4, LookupContext.NO_REUSEPORT)).isZero();

    assertThat(context.assign(socket, flags)).isEqualTo(expected.negative());

    assertThat(context.socket()).isSameAs(TCP4);
    assertThat(context.noReuseport()).isTrue();
  }

  @Test
  void replaceChangesTheSocketAndItsReuseportFlag() {
    LookupContext context = packet("tcp4");
    context.assign(TCP4, LookupContext.NO_REUSEPORT);

    assertThat(context.assign(TCP6, LookupContext.REPLACE)).isZero();

    assertThat(context.socket()).isSameAs(TCP6);
    assertThat(context.noReuseport()).isFalse();
  }

  @Test
  void aUdpSocketThatIsDisconnectedCanBeAssignedAgain() {
    Socket socket = socket(Protocol.UDP, "127.0.0.1", Socket.State.ESTABLISHED);
    assertThat(packet("udp4").assign(socket, 0)).isEqualTo(Errno.ESOCKTNOSUPPORT.negative());

    socket.state(Socket.State.CLOSE);

    assertThat(packet("udp4").assign(socket, 0)).isZero();
  }

  @Test
  void theFieldsOfTheOtherFamilyAreZero() {
    LookupContext context = new LookupContext();

    context.ipv4(Protocol.UDP, 0xc0000201, 5000, 0xffffffff, 53, 3);
    assertThat(context.remoteIp4()).isEqualTo(0xc0000201);
    assertThat(context.localIp4()).isEqualTo(-1);
    assertThat(context.localLow()).isEqualTo(0xffff_ffffL);
    assertThat(context.remoteHigh()).isZero();
    assertThat(context.localHigh()).isZero();
    assertThat(context.ingressIfindex()).isEqualTo(3);
    assertThat(context).hasToString("udp 192.0.2.1:5000 → 255.255.255.255:53");

    context.ipv6(Protocol.TCP, 1, 2, 5000, 3, 4, 80, 0);
    assertThat(context.remoteIp4()).isZero();
    assertThat(context.localIp4()).isZero();
    assertThat(context.localHigh()).isEqualTo(3);
    assertThat(context).hasToString("tcp [::1:0:0:0:2]:5000 → [::3:0:0:0:4]:80");
  }

  @Test
  void addressesOfTwoFamiliesAreNoPacket() {
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            new LookupContext().of(Protocol.TCP, IpAddress.ANY_IPV4, 1, IpAddress.ANY_IPV6, 2, 0));
  }

  @Test
  void anErrorIsReportedOnce() {
    List<Errno> errors = new ArrayList<>();
    LookupContext context =
        new LookupContext(
            new LookupObserver() {
              @Override
              public void assignFailed(String program, Errno errno) {
                errors.add(errno);
              }
            });
    context.ipv4(Protocol.TCP, 1, 1, 1, 1, 1);

    context.assign(UDP4, 0);
    context.assign(TCP4, 0);

    assertThat(errors).containsExactly(Errno.EPROTOTYPE);
  }

  private static Socket socket(Protocol protocol, String address) {
    return Socket.bound(protocol, IpAddress.parse(address), 80).build();
  }

  private static Socket socket(Protocol protocol, String address, Socket.State state) {
    return Socket.bound(protocol, IpAddress.parse(address), 80).state(state).build();
  }

  private static LookupContext packet(String word) {
    Protocol protocol = word.startsWith("tcp") ? Protocol.TCP : Protocol.UDP;
    return word.endsWith("4")
        ? new LookupContext().ipv4(protocol, 0x7f000001, 5000, 0x7f000001, 80, 1)
        : new LookupContext().ipv6(protocol, 0, 1, 5000, 0, 1, 80, 1);
  }

  @Test
  void thePhysicalAddressesAreTheSameUnlessOthersWereAnnounced() {
    LookupContext context = new LookupContext();
    context.of(Protocol.TCP, IpAddress.parse("203.0.113.9"), 1, IpAddress.parse("192.0.2.1"), 2, 0);
    assertThat(context.isAnnounced()).isFalse();
    assertThat(came(context).remote()).hasToString("203.0.113.9");
    assertThat(came(context).local()).hasToString("192.0.2.1");
    assertThat(came(context).remotePort()).isEqualTo(1);
    assertThat(came(context).localPort()).isEqualTo(2);

    IpAddress peer = IpAddress.parse("2001:db8::5");
    IpAddress here = IpAddress.parse("2001:db8::6");
    context.physical(
        new Tuple()
            .set(
                Family.IPV6,
                context.protocol(),
                peer.high(),
                peer.low(),
                3,
                here.high(),
                here.low(),
                4));
    assertThat(context.isAnnounced()).isTrue();
    assertThat(context.remote()).hasToString("203.0.113.9");
    assertThat(came(context).family()).isEqualTo(Family.IPV6);
    assertThat(came(context).remote()).isEqualTo(peer);
    assertThat(came(context).local()).isEqualTo(here);
    assertThat(came(context).remotePort()).isEqualTo(3);
    assertThat(came(context).localPort()).isEqualTo(4);

    context.ipv4(Protocol.TCP, 7, 8, 9, 10, 0);
    assertThat(context.isAnnounced()).isFalse();
    assertThat(came(context).remoteLow()).isEqualTo(7);
  }

  private static Tuple came(LookupContext context) {
    return context.copyPhysicalTo(new Tuple());
  }
}
