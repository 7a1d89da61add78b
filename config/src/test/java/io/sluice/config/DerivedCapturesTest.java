package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class DerivedCapturesTest {
  /** Seeded: the seed of a failing round is in its message. */
  @Test
  void theyHoldEveryBindingOnceAndNothingElse() throws Exception {
    for (long seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      TreeSet<String> wanted = new TreeSet<>();
      for (int i = random.nextInt(30); i >= 0; i--) {
        Protocol protocol = random.nextBoolean() ? Protocol.TCP : Protocol.UDP;
        IpPrefix prefix = IpPrefix.containing(IpAddress.ipv4(random.nextInt(4)), 32);
        wanted.add(text(protocol, prefix, 1 + random.nextInt(6)));
      }

      Config config = ConfigReader.read("f", yaml(wanted), Map.of());

      List<String> captured = new ArrayList<>();
      for (CaptureSpec capture : config.captures()) {
        for (Protocol protocol : capture.protocols()) {
          for (IpPrefix prefix : capture.addresses()) {
            for (PortRange ports : capture.ports()) {
              for (int port = ports.first(); port <= ports.last(); port++) {
                captured.add(text(protocol, prefix, port));
              }
            }
          }
        }
      }
      assertThat(captured).as("seed %d", seed).containsExactlyInAnyOrderElementsOf(wanted);
    }
  }

  private static String text(Protocol protocol, IpPrefix prefix, int port) {
    return "protocol: " + protocol.word() + ", prefix: " + prefix + ", port: " + port;
  }

  private static String yaml(Iterable<String> bindings) {
    StringBuilder yaml = new StringBuilder("version: 1\ndestinations:\n");
    yaml.append("  - {label: a, protocol: tcp, targets: ['127.0.0.1:80']}\n");
    yaml.append("  - {label: a, protocol: udp, targets: ['127.0.0.1:80']}\nbindings:\n");
    bindings.forEach(binding -> yaml.append("  - {label: a, ").append(binding).append("}\n"));
    return yaml.toString();
  }

  @Test
  void withoutCaptureTheBindingsAndListenersSayWhatIsCaptured() throws Exception {
    Config config =
        ConfigReader.read(
            "f",
            """
            version: 1
            bindings:
              - {label: a, prefix: 127.0.1.0/24, port: 80}
              - {label: a, prefix: 127.0.2.0/24, port: 80}
              - {label: a, protocol: tcp, prefix: 127.0.3.1, port: 82}
              - {label: a, protocol: tcp, prefix: 127.0.3.1, port: 80}
              - {label: a, protocol: tcp, prefix: 127.0.3.1, port: 81}
            listeners:
              - {protocol: udp, address: "::", port: 53, destination: a}
              - {protocol: tcp, address: 127.0.4.1, port: 25, destination: a}
            destinations:
              - {label: a, protocol: tcp, targets: ["127.0.0.1:80"]}
              - {label: a, protocol: udp, targets: ["127.0.0.1:80"]}
            """,
            Map.of());

    assertThat(config.capturesDerived()).isTrue();
    assertThat(config.captures().stream().map(DerivedCapturesTest::text))
        .containsExactly(
            "derived-1 [TCP, UDP] [127.0.1.0/24, 127.0.2.0/24] [80]",
            "derived-2 [TCP] [127.0.3.1/32] [80-82]",
            "derived-3 [UDP] [::/0, 0.0.0.0/0] [53]",
            "derived-4 [TCP] [127.0.4.1/32] [25]");
  }

  private static String text(CaptureSpec capture) {
    return capture.name()
        + " "
        + capture.protocols()
        + " "
        + capture.addresses()
        + " "
        + capture.ports();
  }
}
