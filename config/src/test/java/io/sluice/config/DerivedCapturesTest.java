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
}
