package io.sluice.proxy.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import org.junit.jupiter.api.Test;

class TransparentRoutingTest {
  private static TransparentRouting of(String targets, String source) {
    return TransparentRouting.of(
        TestDaemon.config(
            "destinations: [{label: web, protocol: tcp, targets: [%s]%s}]"
                .formatted(targets, source)));
  }

  @Test
  void aConfigurationWithoutTransparentDestinationNeedsNothing() {
    TransparentRouting none = of("'127.0.0.1:1'", ", source: 127.0.0.1");
    assertThat(none.isNeeded()).isFalse();
    assertThat(none.commands()).isEmpty();
    assertThat(none.removal()).isEmpty();
  }

  @Test
  void theCommandsAreThoseOfTheTargetsFamilies() {
    TransparentRouting ipv4 = of("'127.0.0.1:1'", ", source: transparent");
    assertThat(ipv4.isNeeded()).isTrue();
    assertThat(ipv4.commands())
        .containsExactly(
            "nft add table inet sluice_source",
            "nft 'add chain inet sluice_source prerouting"
                + " { type filter hook prerouting priority mangle; }'",
            "nft add rule inet sluice_source prerouting meta l4proto '{ tcp, udp }'"
                + " socket transparent 1 socket wildcard 0 meta mark set 21356",
            "ip rule add pref 21356 fwmark 21356 lookup 21356",
            "ip route add local default dev lo table 21356");
    assertThat(ipv4.removal())
        .containsExactly(
            "ip route del local default dev lo table 21356",
            "ip rule del pref 21356",
            "nft delete table inet sluice_source");
    assertThat(of("'[::1]:1'", ", source: transparent").commands())
        .endsWith(
            "ip -6 rule add pref 21356 fwmark 21356 lookup 21356",
            "ip -6 route add local default dev lo table 21356")
        .hasSize(5);
    assertThat(of("original", ", source: transparent").commands()).hasSize(7);
  }
}
