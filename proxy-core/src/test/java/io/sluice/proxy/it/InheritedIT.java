package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.Opened;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * The method {@code inherited}, started by systemd's own {@code systemd-socket-activate}, in front
 * of NGINX and unbound.
 */
@Timeout(120)
final class InheritedIT {
  @RegisterExtension final Opened opened = new Opened();
  private CaptureNets nets;

  @BeforeEach
  void makeNets(@TempDir Path directory) throws Exception {
    assumeTrue(Netns.has("systemd-socket-activate"), "needs systemd");
    nets = opened.add(CaptureNets.joined(directory));
    RealServers _ = nets.startRealServers();
    nets.makeLocal(CaptureNets.IPV4);
    nets.makeLocal(CaptureNets.IPV6);
  }

  /** Starts Sluice behind sockets; it comes up with the first connection or datagram. */
  private SluiceProcess activate(Path configuration, String... options) throws Exception {
    List<String> command = new ArrayList<>(nets.gateway.prefix());
    command.add("systemd-socket-activate");
    command.addAll(List.of(options));
    command.addAll(SluiceProcess.sluice(List.of(), "run", "-f", configuration.toString()));
    SluiceProcess process = nets.add(SluiceProcess.start(nets.directory, command));
    return process.awaitLine("Listening on");
  }

  private Path configuration(String capture) throws Exception {
    return nets.configuration(capture, "192.0.2.0/24", "2001:db8:1::/64", "10.9.1.2");
  }

  /** Has the socket's first datagram start it, which may be too late for that one's answer. */
  private void wake(SluiceProcess sluice, String address) throws Exception {
    String _ = nets.client.run(CaptureNets.question(1, 1, "dns", "5353-5353", address));
    sluice.awaitLine("ready");
  }

  @Test
  void aListenerOfBothFamiliesServesAllItsAddresses() throws Exception {
    SluiceProcess sluice =
        activate(
            configuration("{name: web, method: inherited, protocols: tcp}"),
            "--listen=8080",
            "--fdname=web");
    nets.assertAnswers(200, 1, "http", "8080-8080", "192.0.2.0/24", "2001:db8:1::/64");
    assertThat(sluice.output()).contains("captured name=web method=inherited");
    sluice.signal("TERM");
    assertThat(sluice.awaitExit()).isZero();
  }

  @Test
  void aDatagramSocketAnswersFromTheAddressThatWasAsked() throws Exception {
    SluiceProcess sluice =
        activate(
            configuration(
                "{name: dns, method: inherited, fdName: sockets, addresses: 192.0.2.0/24}"),
            "--listen=0.0.0.0:5353",
            "--datagram",
            "--fdname=sockets");
    wake(sluice, "192.0.2.1/32");
    nets.assertAnswers(200, 1, "dns", "5353-5353", "192.0.2.0/24");
    assertThat(nets.client.run(CaptureNets.question(1, 1, "dns", "5353-5353", "10.9.1.2/32")))
        .contains("wrong 1"); // the capture's addresses don't have it
  }

  @Test
  void aDatagramSocketOfBothFamiliesAnswersBothFromTheAddressThatWasAsked() throws Exception {
    SluiceProcess sluice =
        activate(
            configuration("{name: dns, method: inherited, protocols: udp}"),
            "--listen=5353",
            "--datagram",
            "--fdname=dns");
    wake(sluice, "192.0.2.1/32");
    nets.assertAnswers(200, 1, "dns", "5353-5353", "192.0.2.0/24", "2001:db8:1::/64");
  }

  @Test
  void aDatagramSocketOfAMappedAddressIsOneOfIpv4() throws Exception {
    SluiceProcess sluice =
        activate(
            configuration("{name: dns, method: inherited, protocols: udp}"),
            "--listen=[::ffff:192.0.2.7]:5353",
            "--datagram",
            "--fdname=dns");
    wake(sluice, "192.0.2.7/32");
    nets.assertAnswers(5, 1, "dns", "5353-5353", "192.0.2.7/32");
    assertThat(sluice.output()).contains("captured name=dns method=inherited");
  }

  @Test
  void aNameThatNoSocketHasIsOneClearLine() throws Exception {
    SluiceProcess sluice =
        activate(configuration("{name: web, method: inherited}"), "--listen=8080", "--fdname=http");
    assertThat(nets.client.run(CaptureNets.question(1, 1, "http", "8080-8080", "192.0.2.1/32")))
        .contains("wrong 1");
    assertThat(sluice.awaitExit()).isEqualTo(1);
    assertThat(sluice.output())
        .contains(
            "sluice: capture web: no socket named web was inherited; there are http; with systemd,"
                + " write FileDescriptorName=web");
  }

  @Test
  void withoutSocketsItSaysWhy() throws Exception {
    Path configuration = configuration("{name: web, method: inherited}");
    SluiceProcess sluice =
        nets.add(
            SluiceProcess.start(
                nets.directory,
                SluiceProcess.sluice(
                    nets.gateway.prefix(), "run", "-f", configuration.toString())));
    assertThat(sluice.awaitExit()).isEqualTo(1);
    assertThat(sluice.output())
        .contains("sluice: capture web: no socket named web was inherited: LISTEN_FDS is not set");
  }
}
