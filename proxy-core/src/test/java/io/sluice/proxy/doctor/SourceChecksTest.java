package io.sluice.proxy.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Config;
import io.sluice.proxy.TestDaemon;
import org.junit.jupiter.api.Test;

class SourceChecksTest {
  private static Config withSource(String source) {
    return TestDaemon.config(
        "destinations: [{label: web, protocol: tcp, targets: [original], source: %s}]"
            .formatted(source));
  }

  @Test
  void addressesOfOthersAreNamed() {
    assertThat(
            SourceChecks.missingAddresses(
                withSource("[127.0.0.0/28, 192.0.2.1, 198.51.100.0/24, '::1', '2001:db8::1']")))
        .containsExactly(
            "source of tcp destination 'web': 192.0.2.1 is no address of this machine now"
                + " (EADDRNOTAVAIL at bind)",
            "source of tcp destination 'web': 198.51.100.0 of 198.51.100.0/24 is no address of this"
                + " machine now (EADDRNOTAVAIL at bind)",
            "source of tcp destination 'web': 2001:db8::1 is no address of this machine now"
                + " (EADDRNOTAVAIL at bind)");
  }

  @Test
  void ownAddressesNeedNoRight() {
    assertThat(SourceChecks.missingRight(withSource("127.0.0.1"))).isNull();
  }
}
