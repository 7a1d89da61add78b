package io.sluice.proxy.header;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HeaderSourcesTest {
  private static final HeaderSources SOURCES =
      HeaderSources.of(
          TestDaemon.config(
                  """
                  capture:
                    - {name: wide, addresses: [192.0.2.0/24, "2001:db8::/32"], ports: "80-90",
                       proxyProtocol: {from: [10.0.0.0/8, "fd00::/8"]}}
                    - {name: single, addresses: [192.0.2.7], ports: 80}
                    - {name: most, addresses: [192.0.2.16/28], ports: 80-90,
                       except: {ports: [81], addresses: [192.0.2.16/30]}}
                    - {name: tcp, addresses: [192.0.2.0/24], ports: 443, protocols: [tcp],
                       proxyProtocol: {from: [10.0.0.1]}}
                  """)
              .captures());

  @ParameterizedTest
  @CsvSource({
    "tcp, 10.0.0.1, 192.0.2.1, 80, true",
    "udp, 10.255.0.1, 192.0.2.1, 90, true",
    "tcp, 11.0.0.1, 192.0.2.1, 80, false", // another peer
    "tcp, 10.0.0.1, 192.0.2.1, 91, false", // another port
    "tcp, 10.0.0.1, 192.0.3.1, 80, false", // another address
    "tcp, 10.0.0.1, 192.0.2.7, 80, false", // the longer prefix speaks for it
    "tcp, 10.0.0.1, 192.0.2.7, 81, true", // which has another port
    "tcp, 10.0.0.1, 192.0.2.20, 80, false",
    "tcp, 10.0.0.1, 192.0.2.20, 81, true", // which excepts that port
    "tcp, 10.0.0.1, 192.0.2.17, 80, true", // which excepts that address
    "tcp, 10.0.0.1, 192.0.2.1, 443, true",
    "udp, 10.0.0.1, 192.0.2.1, 443, false",
    "tcp, 10.0.0.2, 192.0.2.1, 443, false",
    "tcp, fd00::1, 2001:db8::1, 80, true",
    "tcp, fc00::1, 2001:db8::1, 80, false",
  })
  void theLongestPrefixOfACaptureSaysWhoMustBeginWithAHeader(
      String protocol, String remote, String local, int port, boolean announces) {
    IpAddress from = IpAddress.parse(remote);
    IpAddress to = IpAddress.parse(local);
    assertThat(
            SOURCES.of(
                    Protocol.valueOf(protocol.toUpperCase(Locale.ROOT)),
                    to.family(),
                    from.high(),
                    from.low(),
                    to.high(),
                    to.low(),
                    port)
                != null)
        .isEqualTo(announces);
  }

  @ParameterizedTest
  @CsvSource({
    "sk_lookup, udp, 40000, true", // a port that it leaves out by itself: the other one's
    "auto, udp, 40000, true", // which is sk_lookup, as 65,535 ports are too many to bind
    "sk_lookup, udp, 8080, false",
    "sk_lookup, tcp, 40000, false", // of TCP it leaves out nothing
    "tproxy, udp, 40000, false",
  })
  void whatACaptureLeavesOutByItselfIsSpokenForByAnother(
      String method, String protocol, int port, boolean announces) {
    HeaderSources sources =
        HeaderSources.of(
            TestDaemon.config(
                    """
                    capture:
                      - {name: all, addresses: [192.0.2.0/24], ports: any, method: %s}
                      - {name: media, addresses: [192.0.0.0/16], ports: any, method: tproxy,
                         proxyProtocol: {from: [10.0.0.1]}}
                    """
                        .formatted(method))
                .captures());
    IpAddress to = IpAddress.parse("192.0.2.1");
    assertThat(
            sources.of(
                    Protocol.valueOf(protocol.toUpperCase(Locale.ROOT)),
                    to.family(),
                    0,
                    IpAddress.parse("10.0.0.1").low(),
                    to.high(),
                    to.low(),
                    port)
                != null)
        .isEqualTo(announces);
  }

  @Test
  void withoutAnyThereIsNothingToAsk() {
    String yaml = "capture: [{name: a, addresses: [192.0.2.0/24], ports: 80}]\n";
    assertThat(HeaderSources.of(TestDaemon.config(yaml).captures()).isEmpty()).isTrue();
    assertThat(SOURCES.isEmpty()).isFalse();
  }
}
