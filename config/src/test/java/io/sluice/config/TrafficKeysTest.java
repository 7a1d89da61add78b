package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.steering.IpPrefix;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** {@code proxyProtocol} and {@code responses}. */
class TrafficKeysTest {
  @Test
  void proxyProtocolIsReadInItsFormsAndAnnouncedAddressesNeedNoCapture() throws ConfigException {
    Loaded loaded =
        ConfigReader.load(
            "f",
            """
            version: 1
            capture:
              - {name: a, addresses: [127.0.0.1], ports: 80, proxyProtocol: {from: "10.0.0.0/8"}}
              - {name: b, addresses: [127.0.0.2], ports: 80,
                 proxyProtocol: {from: [10.0.0.1, "2001:db8::/32"], timeout: 500ms}}
            bindings:
              - {label: a, prefix: 198.51.100.1/32, port: 443}
            destinations:
              - {label: a, protocol: tcp, targets: ["127.0.0.1:1"], proxyProtocol: v1}
              - label: a
                protocol: udp
                targets: ["127.0.0.1:1"]
                proxyProtocol:
                  {version: v2, uniqueId: true, crc32c: true, passOn: true, datagrams: first,
                   tlvs: [{type: 0xEA, value: text}]}
            """,
            Map.of());
    assertThat(loaded.warnings()).isEmpty();
    assertThat(loaded.config().captures())
        .extracting(CaptureSpec::proxyProtocol)
        .containsExactly(
            new ProxyProtocolIn(List.of(IpPrefix.parse("10.0.0.0/8")), Duration.ofSeconds(3)),
            new ProxyProtocolIn(
                List.of(IpPrefix.parse("10.0.0.1"), IpPrefix.parse("2001:db8::/32")),
                Duration.ofMillis(500)));
    assertThat(loaded.config().destinations())
        .extracting(DestinationSpec::proxyProtocol)
        .containsExactly(
            new ProxyProtocolOut(1, false, false, List.of(), false, true),
            new ProxyProtocolOut(
                2, true, true, List.of(new ProxyProtocolOut.Tlv(0xea, "text")), true, false));
  }

  @Test
  void responsesAreAQuestionOfUdp() throws ConfigException {
    String yaml =
        """
        version: 1
        bindings: [{label: dns, protocol: %1$s, prefix: 192.0.2.1/32, port: 53}]
        destinations: [{label: dns, protocol: %1$s, targets: ["127.0.0.1:5353"], responses: %2$s}]
        """;
    assertThat(
            ConfigReader.read("test", yaml.formatted("udp", "2"), Map.of())
                .destinations()
                .getFirst()
                .responses())
        .isEqualTo(2);
    assertThatThrownBy(() -> ConfigReader.read("test", yaml.formatted("tcp", "1"), Map.of()))
        .hasMessageContaining("responses is for udp");
    assertThatThrownBy(() -> ConfigReader.read("test", yaml.formatted("udp", "0"), Map.of()))
        .hasMessageContaining("responses");
  }
}
