package io.sluice.proxy.name;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.TestDaemon;
import io.sluice.steering.IpAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Names are looked up at a real name server. */
@Timeout(60)
final class DnsmasqIT {
  /** More than fit into a datagram. */
  private static final int MANY = 200;

  @TempDir Path directory;

  private Process dnsmasq;
  private DnsLookup lookup;

  @BeforeEach
  void start() throws Exception {
    assumeTrue(
        Stream.of("/usr/sbin", "/usr/bin", "/sbin")
            .anyMatch(it -> Files.isExecutable(Path.of(it, "dnsmasq"))),
        "needs dnsmasq");
    int port = TestDaemon.freePort();
    List<String> command =
        new ArrayList<>(
            List.of(
                "dnsmasq",
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--pid-file",
                "--no-resolv",
                "--no-hosts",
                "--bind-interfaces",
                "--listen-address=127.0.0.1",
                "--port=" + port,
                "--local=/example/",
                "--local-ttl=77",
                "--cname=alias.example,a.example",
                "--host-record=a.example,192.0.2.1,2001:db8::1"));
    for (int i = 0; i < MANY; i++) {
      command.add("--host-record=many.example,10.0.0." + i);
    }
    dnsmasq =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("log").toFile())
            .start();
    Path resolvConf = directory.resolve("resolv.conf");
    Files.writeString(resolvConf, "nameserver 127.0.0.1\nsearch none.example example\n");
    lookup = new DnsLookup(directory.resolve("hosts"), resolvConf, port);
    TestDaemon.until("dnsmasq answers", () -> !addresses("a.example").isEmpty());
  }

  @AfterEach
  void stop() throws Exception {
    lookup.close();
    dnsmasq.destroy();
    assertThat(dnsmasq.waitFor(10, TimeUnit.SECONDS)).isTrue();
  }

  private NameLookup.Answer ask(String name) throws Exception {
    CompletableFuture<NameLookup.Answer> answer = new CompletableFuture<>();
    lookup.ask(name, answer::complete);
    return answer.get(20, TimeUnit.SECONDS);
  }

  private List<IpAddress> addresses(String name) throws Exception {
    List<IpAddress> ipv4 = ask(name).ipv4();
    return ipv4 == null ? List.of() : ipv4;
  }

  @Test
  void aShortAliasHasTheAddressesAndTheTimeOfWhatItStandsFor() throws Exception {
    assertThat(ask("alias"))
        .isEqualTo(
            new NameLookup.Answer(
                List.of(IpAddress.parse("192.0.2.1")),
                List.of(IpAddress.parse("2001:db8::1")),
                77_000));
  }

  @Test
  void twoHundredAddressesComeByTcp() throws Exception {
    assertThat(addresses("many.example"))
        .containsExactlyInAnyOrderElementsOf(
            IntStream.range(0, MANY).mapToObj(i -> IpAddress.parse("10.0.0." + i)).toList());
  }

  @Test
  void whatThereIsNotHasNoAddress() throws Exception {
    assertThat(ask("nothing.example").ipv4()).isEmpty();
  }
}
