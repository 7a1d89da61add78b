package io.sluice.proxy.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DatagramBatchTest {
  private static final IpAddress LOOPBACK = IpAddress.parse("127.0.0.1");

  private final Syscalls syscalls = new Syscalls();
  private final Sockaddr address = new Sockaddr();
  private final NativeBuffer payload = new NativeBuffer(256);
  private final int receiver = udp();
  private final int sender = udp();

  private int udp() {
    int fd = syscalls.socket(Linux.AF_INET, Linux.SOCK_DGRAM);
    assertThat(syscalls.bind(fd, address.set(LOOPBACK, 0))).isZero();
    return fd;
  }

  private void send(int lengthBytes) {
    assertThat(syscalls.localAddress(receiver, address)).isZero();
    int port = address.port();
    assertThat(syscalls.connect(sender, address.set(LOOPBACK, port))).isZero();
    assertThat(syscalls.send(sender, payload.address(), lengthBytes)).isEqualTo(lengthBytes);
  }

  @AfterEach
  void close() {
    int _ = syscalls.close(receiver);
    int _ = syscalls.close(sender);
  }

  @Test
  void tellsLengthClientAndDestination() {
    assertThat(syscalls.setOption(receiver, Linux.IPPROTO_IP, Linux.IP_PKTINFO, 1)).isZero();
    send(100);
    DatagramBatch batch = DatagramBatch.fromClients(4);
    assertThat(batch.receive(syscalls, receiver, 0, 4)).isEqualTo(1);
    assertThat(batch.length(0)).isEqualTo(100);
    assertThat(batch.isTruncated(0)).isFalse();
    assertThat(batch.family(0)).isEqualTo(Family.IPV4);
    assertThat(batch.clientHigh(0)).isZero();
    assertThat(batch.clientLow(0)).isEqualTo(0x7f000001L);
    assertThat(batch.clientScope(0)).isZero();
    assertThat(syscalls.localAddress(sender, address)).isZero();
    assertThat(batch.clientPort(0)).isEqualTo(address.port());
    assertThat(batch.readDestination(0)).isTrue();
    assertThat(batch.destinationHigh()).isZero();
    assertThat(batch.destinationLow()).isEqualTo(0x7f000001L);
    assertThat(batch.ifindex()).isEqualTo(1);
  }

  /** Both of what sk_lookup's socket and an inherited one of both families is like. */
  @ParameterizedTest
  @ValueSource(strings = {"::ffff:127.0.0.1", "::ffff:0.0.0.0", "::"})
  void ofIpv4ASocketOfBothFamiliesTellsIpv4AddressesAndAnswersThem(String bound) {
    int both = syscalls.socket(Linux.AF_INET6, Linux.SOCK_DGRAM);
    assertThat(syscalls.setOption(both, Linux.IPPROTO_IPV6, Linux.IPV6_V6ONLY, 0)).isZero();
    assertThat(syscalls.setOption(both, Linux.IPPROTO_IPV6, Linux.IPV6_RECVPKTINFO, 1)).isZero();
    assertThat(syscalls.bind(both, address.set(IpAddress.parse(bound), 0))).isZero();
    assertThat(syscalls.localAddress(both, address)).isZero();
    int port = address.port();
    assertThat(syscalls.connect(sender, address.set(LOOPBACK, port))).isZero();
    assertThat(syscalls.localAddress(sender, address)).isZero();
    DatagramBatch batch = DatagramBatch.fromClients(2);
    for (int toldPort : new int[] {0, port}) {
      assertThat(syscalls.send(sender, payload.address(), 9)).isEqualTo(9);
      assertThat(batch.receive(syscalls, both, 0, 2)).isEqualTo(1);
      assertThat(batch.family(0)).isEqualTo(Family.IPV4);
      assertThat(batch.clientHigh(0)).isZero();
      assertThat(batch.clientLow(0)).isEqualTo(0x7f000001L);
      assertThat(batch.clientPort(0)).isEqualTo(address.port());
      assertThat(batch.clientScope(0)).isZero();
      assertThat(batch.readDestination(0)).isTrue();
      assertThat(batch.destinationHigh()).isZero();
      assertThat(batch.destinationLow()).isEqualTo(0x7f000001L);
      assertThat(batch.destinationPort()).isEqualTo(toldPort);
      assertThat(batch.ifindex()).isEqualTo(1);
      assertThat(syscalls.setOption(both, Linux.IPPROTO_IP, Linux.IP_ORIGDSTADDR, 1)).isZero();
    }
    assertThat(syscalls.connect(receiver, address.set(LOOPBACK, port))).isZero();
    assertThat(syscalls.localAddress(receiver, address)).isZero();
    DatagramBatch answers = DatagramBatch.toClients(1);
    assertThat(syscalls.connect(both, address.set(LOOPBACK, address.port()))).isZero();
    assertThat(syscalls.send(receiver, payload.address(), 5)).isEqualTo(5);
    assertThat(answers.receive(syscalls, both, 0, 1)).isEqualTo(1);
    answers.to(0, Family.IPV4, 0, 0x7f000001L, address.port(), 0);
    answers.from(0, Family.IPV4, 0, 0x7f000001L);
    assertThat(answers.send(syscalls, both, 0, 1)).isEqualTo(1);
    assertThat(syscalls.receive(receiver, payload.address(), 256)).isEqualTo(5);
    int _ = syscalls.close(both);
  }

  @Test
  void aSocketThatWasNotAskedTellsNoDestination() {
    send(1);
    DatagramBatch batch = DatagramBatch.fromClients(1);
    assertThat(batch.receive(syscalls, receiver, 0, 1)).isEqualTo(1);
    assertThat(batch.readDestination(0)).isFalse();
    assertThat(batch.ifindex()).isZero();
  }

  @Test
  void aDatagramLongerThanItsSlotIsTruncatedAndSaysSo() {
    send(17);
    send(16);
    DatagramBatch batch = DatagramBatch.fromClients(4, 16);
    assertThat(batch.receive(syscalls, receiver, 0, 4)).isEqualTo(2);
    assertThat(batch.isTruncated(0)).isTrue();
    assertThat(batch.isTruncated(1)).isFalse();
    assertThat(batch.length(1)).isEqualTo(16);
  }

  @Test
  void slotsAreAsGoodAsNewAtTheNextReceive() {
    assertThat(syscalls.setOption(receiver, Linux.IPPROTO_IP, Linux.IP_PKTINFO, 1)).isZero();
    DatagramBatch batch = DatagramBatch.fromClients(2);
    for (int round = 1; round <= 3; round++) {
      send(round);
      assertThat(batch.receive(syscalls, receiver, 0, 2)).isEqualTo(1);
      assertThat(batch.length(0)).isEqualTo(round);
      assertThat(batch.readDestination(0)).isTrue();
      assertThat(batch.receive(syscalls, receiver, 0, 2)).isEqualTo(-Linux.EAGAIN);
    }
  }
}
