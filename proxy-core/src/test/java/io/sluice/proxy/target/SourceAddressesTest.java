package io.sluice.proxy.target;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.linux.Sockaddr;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SourceAddressesTest {
  private static SourceAddresses of(String... prefixes) {
    return new SourceAddresses(Stream.of(prefixes).map(IpPrefix::parse).toList());
  }

  private static String at(SourceAddresses addresses, Family family, long turn) {
    Sockaddr out = new Sockaddr();
    boolean _ = addresses.write(family, turn, out);
    assertThat(out.port()).isZero();
    return out.ipAddress().toString();
  }

  @Test
  void turnsGoOverEveryAddressOfTheFamilyAndBeginAnew() {
    SourceAddresses addresses = of("192.0.2.4/30", "2001:db8::1", "198.51.100.9");
    assertThat(addresses.count(Family.IPV4)).isEqualTo(5);
    assertThat(LongStream.range(0, 6).mapToObj(it -> at(addresses, Family.IPV4, it)))
        .containsExactly(
            "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7", "198.51.100.9", "192.0.2.4");
    assertThat(addresses.count(Family.IPV6)).isEqualTo(1);
    assertThat(at(addresses, Family.IPV6, 7)).isEqualTo("2001:db8::1");
  }

  @Test
  void aHugePrefixIsComputed() {
    SourceAddresses addresses = of("2001:db8::/32", "fd00::/64");
    assertThat(addresses.count(Family.IPV6)).isEqualTo(2 * SourceAddresses.MOST_PER_PREFIX);
    assertThat(at(addresses, Family.IPV6, 0x1234_5678L)).isEqualTo("2001:db8::1234:5678");
    assertThat(at(addresses, Family.IPV6, SourceAddresses.MOST_PER_PREFIX + 9))
        .isEqualTo("fd00::9");
    assertThat(addresses.count(Family.IPV4)).isZero();
  }

  @Test
  void aTurnIsGivenOnceHoweverLongItRuns() {
    SourceAddresses addresses = of("192.0.2.0/30");
    List<String> seen = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      seen.add(at(addresses, Family.IPV4, addresses.next()));
    }
    assertThat(seen.subList(0, 4)).doesNotHaveDuplicates().isEqualTo(seen.subList(4, 8));
    assertThat(at(addresses, Family.IPV4, -1)).isEqualTo("192.0.2.3");
  }
}
