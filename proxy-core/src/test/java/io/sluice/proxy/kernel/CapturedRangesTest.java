package io.sluice.proxy.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.CapturedRanges;
import io.sluice.proxy.capture.RandomCaptures;
import io.sluice.proxy.linux.Bpf;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The ranges say what the captures do one by one, and the kernel's program what the ranges do. */
final class CapturedRangesTest {
  private static final int QUESTIONS = 500;

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);
  private final RandomCaptures captures = new RandomCaptures(random);

  @RepeatedTest(50)
  void aLookupSaysWhatEachCaptureSays() {
    List<CaptureSpec> all = captures.captures();
    CapturedRanges ranges = CapturedRanges.of(all);
    for (int i = 0; i < QUESTIONS; i++) {
      Protocol protocol = random.nextBoolean() ? Protocol.TCP : Protocol.UDP;
      IpAddress address = captures.address();
      int port = captures.port();
      assertThat(contains(ranges, protocol, address, port))
          .as("%s %s %d of %s, seed %d", protocol, address, port, all, seed)
          .isEqualTo(RandomCaptures.isCaptured(all, protocol, address, port));
    }
  }

  @Test
  void portSetsAreSharedAndEntriesOfOneProtocolAndFamilyLeaveTheOthersAlone() {
    CapturedRanges ranges =
        CapturedRanges.of(
            List.of(
                capture("a", "192.0.2.0/24", PortRange.ANY),
                capture("b", "198.51.100.0/24", PortRange.ANY),
                capture("c", "192.0.2.7/32", new PortRange(80, 80))));
    assertThat(ranges.portSets()).hasSize(1); // 80 is in any
    assertThat(ranges.entries()).hasSize(3);
    assertThat(contains(ranges, Protocol.UDP, IpAddress.parse("192.0.2.7"), 80)).isFalse();
    assertThat(contains(ranges, Protocol.TCP, IpAddress.parse("2001:db8::1"), 80)).isFalse();
    assertThat(contains(CapturedRanges.NONE, Protocol.TCP, IpAddress.parse("192.0.2.7"), 80))
        .isFalse();
  }

  private static CaptureSpec capture(String name, String prefix, PortRange ports) {
    return new CaptureSpec(
        name,
        EnumSet.of(Protocol.TCP),
        List.of(IpPrefix.parse(prefix)),
        List.of(ports),
        CaptureSpec.Method.SK_LOOKUP,
        false);
  }

  private static boolean contains(
      CapturedRanges ranges, Protocol protocol, IpAddress address, int port) {
    return ranges.contains(protocol, address.family(), address.high(), address.low(), port);
  }

  /** By sockets of both families, and by IPv4 ones, as where there is no IPv6. */
  @ParameterizedTest
  @ValueSource(strings = {"::ffff:127.0.0.1", "127.0.0.1"})
  void theKernelsProgramAssignsWhatTheRangesHoldAndNothingElse(String bound) {
    IpAddress loopback = IpAddress.parse(bound);
    Syscalls syscalls = new Syscalls();
    KernelLookup kernel = new KernelLookup(syscalls);
    assumeTrue(kernel.probe() == 0, "needs CAP_BPF and CAP_NET_ADMIN");
    Bpf bpf = new Bpf(syscalls);
    List<Integer> opened = new ArrayList<>();
    try {
      long[] cookies = new long[LookupProgram.SLOTS];
      Map<Protocol, Integer> fds = new EnumMap<>(Protocol.class);
      for (Protocol protocol : Protocol.values()) {
        int fd = socket(syscalls, protocol, loopback);
        opened.add(fd);
        fds.put(protocol, fd);
        cookies[slot(protocol)] = syscalls.cookie(fd);
      }
      for (int round = 0; round < 20; round++) {
        CapturedRanges ranges = CapturedRanges.of(captures.captures());
        KernelLookup.Loading loading = kernel.load(ranges, fds, null);
        assertThat(loading.wrong()).as("seed " + seed).isEmpty();
        opened.add(loading.program());
        for (int i = 0; i < QUESTIONS; i++) {
          Protocol protocol = random.nextBoolean() ? Protocol.TCP : Protocol.UDP;
          IpAddress address = captures.address();
          int port = captures.port();
          byte[] out = new byte[72];
          assertThat(bpf.testRun(loading.program(), context(protocol, address, port), out))
              .isEqualTo(1);
          long cookie = ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
          boolean isTaken =
              contains(ranges, protocol, address, port)
                  && (loopback.isIpv4Mapped() || address.family() == Family.IPV4);
          assertThat(cookie)
              .as("%s %s %d, seed %d", protocol, address, port, seed)
              .isEqualTo(isTaken ? cookies[slot(protocol)] : 0);
        }
      }
    } finally {
      kernel.close();
      opened.forEach(syscalls::close);
    }
  }

  private static int slot(Protocol protocol) {
    return LookupProgram.slot(protocol == Protocol.UDP);
  }

  /** Not of a reuseport group: a test run refuses those. */
  private static int socket(Syscalls syscalls, Protocol protocol, IpAddress loopback) {
    boolean tcp = protocol == Protocol.TCP;
    int family = loopback.family().number();
    int fd = syscalls.socket(family, tcp ? Linux.SOCK_STREAM : Linux.SOCK_DGRAM);
    assertThat(syscalls.bind(fd, new Sockaddr().set(loopback, 0))).isZero();
    assertThat(tcp ? syscalls.listen(fd, 1) : 0).isZero();
    return fd;
  }

  /** {@code struct bpf_sk_lookup}. */
  private static byte[] context(Protocol protocol, IpAddress local, int port) {
    ByteBuffer context = ByteBuffer.allocate(72).order(ByteOrder.LITTLE_ENDIAN);
    context.putInt(8, local.family().number()).putInt(12, protocol.number()).putInt(60, port);
    context.put(RandomCaptures.isIpv4(local) ? 40 : 44, local.toBytes());
    return context.array();
  }
}
