package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The method {@code sk_lookup} in front of NGINX and unbound. */
@Timeout(120)
final class KernelServersIT {
  private CaptureNets nets;

  @BeforeEach
  void makeNets(@TempDir Path directory) throws Exception {
    nets = CaptureNets.joined(directory);
    RealServers _ = nets.startRealServers();
    nets.makeLocal(CaptureNets.IPV4);
    nets.makeLocal(CaptureNets.IPV6);
  }

  @AfterEach
  void removeNets() throws Exception {
    if (nets != null) {
      nets.close();
    }
  }

  @Test
  void everyPortOfTwoPrefixesIsAnsweredFromWhereItWasAsked() throws Exception {
    SluiceProcess sluice =
        nets.run(
            nets.configuration(
                "{name: edge, addresses: [\"192.0.2.0/24\", \"2001:db8:1::/64\"], ports: any,"
                    + " method: sk_lookup, except: {ports: none}}",
                CaptureNets.IPV4,
                CaptureNets.IPV6));
    long seed = System.nanoTime() & 0xffff_ffffL;
    nets.assertAnswers(2_000, seed, "http,dns", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    sluice.signal("TERM");
    assertThat(sluice.awaitExit()).isZero();
  }
}
