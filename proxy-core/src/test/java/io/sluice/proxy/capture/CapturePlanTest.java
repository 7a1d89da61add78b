package io.sluice.proxy.capture;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.CaptureSpec;
import io.sluice.config.ConfigReader;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which sockets take a range in that the kernel or nftables brings. */
final class CapturePlanTest {
  private static final String BOTH = "192.0.2.0/24, \"2001:db8::/64\"";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "sk_lookup | both | true  | tcp [::ffff:127.0.0.1]:0, udp [::ffff:127.0.0.1]:0",
        "sk_lookup | ipv4 | true  | tcp [::ffff:127.0.0.1]:0, udp [::ffff:127.0.0.1]:0",
        "sk_lookup | ipv4 | false | tcp 127.0.0.1:0, udp 127.0.0.1:0",
        "tproxy    | both | true  | tcp 127.0.0.1:15001, tcp [::1]:15001, udp 127.0.0.1:15001, udp"
            + " [::1]:15001",
        "redirect  | both | true  | tcp 0.0.0.0:15002, tcp [::]:15002",
      })
  void aMethodHasItsSockets(String method, String families, boolean ipv6, String sockets)
      throws Exception {
    String text =
        "version: 1\ncapture: [{name: edge, method: %s, ports: any, addresses: [%s]}]\n"
            .formatted(method, families.equals("both") ? BOTH : "192.0.2.0/24, 198.51.100.0/24");
    List<CaptureSpec> captures = ConfigReader.read("f", text, Map.of()).captures();
    assertThat(CapturePlan.sockets(captures, ipv6).keySet())
        .extracting(CapturePlan.Key::toString)
        .containsExactlyInAnyOrder(sockets.split(", "));
  }
}
