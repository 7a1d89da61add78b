package io.sluice.proxy.capture;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.ConfigReader;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class CaptureRulesTest {
  private static String shell(String captures) throws Exception {
    String text = "version: 1\ncapture:\n" + captures;
    return CaptureRules.of(ConfigReader.read("f", text, Map.of()).captures()).toShell();
  }

  @Test
  void capturesWithoutRulesHaveNone() throws Exception {
    assertThat(shell("  - {name: a, addresses: 192.0.2.1, ports: 80, method: sk_lookup}\n"))
        .isEqualTo("# no capture of this file needs rules\n");
  }

  @Test
  void eachCaptureProtocolAndFamilyHasALineAndSetsAreDisjoint() throws Exception {
    assertThat(
            shell(
                """
                  - name: a
                    addresses: [192.0.2.0/24, 192.0.2.128/25, 198.51.100.1, "2001:db8::/64"]
                    ports: ["8000-8099", 8050, 443]
                    except: {ports: [8001-8098], addresses: [192.0.2.7]}
                    protocols: udp
                    method: tproxy
                    socketPort: 4000
                  - {name: b, addresses: 203.0.113.0/24, ports: any, method: redirect}
                """))
        .isEqualTo(
            """
            nft -f - <<'RULES'
            table inet sluice
            delete table inet sluice
            table inet sluice {
              chain to_tproxy {
                type filter hook prerouting priority mangle; policy accept;
                # connections that exist stay ours, also when their range is taken out
                meta l4proto tcp socket transparent 1 meta mark set 0x534c accept
                ip daddr { 192.0.2.0/24, 198.51.100.1/32 } ip daddr != { 192.0.2.7/32 } \
            udp dport { 443, 8000, 8099 } tproxy ip to 127.0.0.1:4000 meta mark set 0x534c accept
                ip6 daddr { 2001:db8::/64 } \
            udp dport { 443, 8000, 8099 } tproxy ip6 to [::1]:4000 meta mark set 0x534c accept
              }
              chain to_redirect {
                type nat hook prerouting priority dstnat; policy accept;
                ip daddr { 203.0.113.0/24 } tcp dport { 1-65535 } redirect to :15002
              }
            }
            RULES
            ip -4 rule add pref 21324 fwmark 0x534c lookup 21324
            ip -4 route replace local 0.0.0.0/0 dev lo table 21324
            ip -6 rule add pref 21324 fwmark 0x534c lookup 21324
            ip -6 route replace local ::/0 dev lo table 21324
            """);
  }
}
