package io.sluice.proxy.capture;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.CaptureSpec;
import io.sluice.config.ConfigReader;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What methods need, as the right's words or the program's. */
final class RequirementsTest {
  private static final long BIND_SERVICE = 1L << 10;
  private static final long NET_ADMIN = 1L << 12;
  private static final long SYS_ADMIN = 1L << 21;
  private static final long BPF = 1L << 39;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bind, ports: 80                                 | 0                      | ''",
        "inherited                                       | 0                      | ''",
        "'auto, ports: 8080'                             | 0                      | ''",
        "'auto, ports: any'                              | 0                      | CAP_BPF CAP_NET_ADMIN CAP_NET_BIND_SERVICE",
        "'sk_lookup, ports: any'                         | 0                      | CAP_BPF CAP_NET_ADMIN CAP_NET_BIND_SERVICE",
        "'sk_lookup, ports: 80, protocols: tcp'          | 0                      | CAP_BPF CAP_NET_ADMIN",
        "'sk_lookup, ports: 8080'                        | NET_ADMIN              | CAP_BPF",
        "'sk_lookup, ports: 8080'                        | NET_ADMIN BPF          | ''",
        "'sk_lookup, ports: 8080'                        | NET_ADMIN SYS_ADMIN    | ''",
        "'sk_lookup, ports: any, except: {ports: 1-1023}'| NET_ADMIN BPF          | ''",
        "'sk_lookup, ports: 53'                          | NET_ADMIN BPF          | CAP_NET_BIND_SERVICE",
        "'sk_lookup, ports: 53'                          | NET_ADMIN BPF BIND_SERVICE | ''",
        "'tproxy, ports: 8080'                           | 0                      | CAP_NET_ADMIN",
        "'redirect, ports: 8080'                         | 0                      | ''",
        "'redirect, ports: 8080, install: true'          | 0                      | CAP_NET_ADMIN",
      })
  void aMethodNeedsItsRights(String method, String rights, String missing) throws Exception {
    String addresses = method.startsWith("inherited") ? "" : ", addresses: [192.0.2.0/24]";
    String text =
        "version: 1\ncapture: [{name: edge%s, method: %s}]\n".formatted(addresses, method);
    List<CaptureSpec> captures = ConfigReader.read("f", text, Map.of()).captures();
    List<String> unmet =
        Requirements.of(captures, new Rights(bits(rights)), 1024, true).stream()
            .filter(it -> !it.isMet() && it.what().contains("CAP_"))
            .map(it -> it.what().replaceAll(".*(CAP_[A-Z_]*).*", "$1"))
            .toList();
    assertThat(String.join(" ", unmet)).isEqualTo(missing);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "sk_lookup, ports: 8080       | true  | 192.0.2.0/24, '2001:db8::/64' | ''",
        "sk_lookup, ports: 8080       | false | 192.0.2.0/24                  | ''",
        "sk_lookup, ports: 8080       | false | 192.0.2.0/24, '2001:db8::/64' | method sk_lookup needs IPv6 sockets for 2001:db8::/64",
        "auto, ports: any             | false | '2001:db8::/64'               | method auto needs IPv6 sockets for 2001:db8::/64",
      },
      quoteCharacter = '"')
  void anIpv6RangeNeedsIpv6Sockets(String method, boolean ipv6, String addresses, String missing)
      throws Exception {
    String text =
        "version: 1\ncapture: [{name: edge, method: %s, addresses: [%s]}]\n"
            .formatted(method, addresses);
    List<CaptureSpec> captures = ConfigReader.read("f", text, Map.of()).captures();
    List<String> unmet =
        Requirements.of(captures, new Rights(-1), 1024, ipv6).stream()
            .filter(it -> !it.isMet())
            .map(Requirement::what)
            .toList();
    assertThat(String.join(" ", unmet)).isEqualTo(missing.equals("''") ? "" : missing);
  }

  private static long bits(String words) {
    long bits = 0;
    for (String word : words.split(" ", -1)) {
      bits |=
          switch (word) {
            case "BIND_SERVICE" -> BIND_SERVICE;
            case "NET_ADMIN" -> NET_ADMIN;
            case "SYS_ADMIN" -> SYS_ADMIN;
            case "BPF" -> BPF;
            default -> 0;
          };
    }
    return bits;
  }
}
