package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Opened;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The method {@code sk_lookup} in front of NGINX and unbound. */
@Timeout(120)
final class KernelServersIT {
  @RegisterExtension final Opened opened = new Opened();
  private CaptureNets nets;

  @BeforeEach
  void makeNets(@TempDir Path directory) throws Exception {
    nets = opened.add(CaptureNets.joined(directory));
    RealServers _ = nets.startRealServers();
    nets.makeLocal(CaptureNets.IPV4);
    nets.makeLocal(CaptureNets.IPV6);
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
