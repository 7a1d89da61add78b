package io.sluice.proxy.target;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.relay.OneLoop;
import io.sluice.steering.DropReason;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.net.InetAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
final class ResolverTest {
  private static final IpAddress ONE = IpAddress.parse("192.0.2.1");
  private static final IpAddress TWO = IpAddress.parse("2001:db8::2");

  private final AtomicInteger asked = new AtomicInteger();

  private static InetAddress[] addresses(String... addresses) throws UnknownHostException {
    List<InetAddress> all = new ArrayList<>();
    for (String address : addresses) {
      all.add(InetAddress.ofLiteral(address));
    }
    return all.toArray(InetAddress[]::new);
  }

  @Test
  void aNameIsAskedForOnceAndKept() throws Exception {
    Resolver.Lookup lookup =
        _ -> {
          asked.incrementAndGet();
          return addresses("192.0.2.1");
        };
    try (Resolver resolver = new Resolver(lookup)) {
      Resolver.Name name = resolver.name("a.example");
      assertThat(resolver.awaitFirstAnswers(5_000)).isEmpty();
      for (int i = 0; i < 100; i++) {
        assertThat(name.address(null)).isEqualTo(ONE);
      }
      assertThat(resolver.name("a.example")).isSameAs(name);
      assertThat(asked.get()).isEqualTo(1);
      assertThat(name.count()).isEqualTo(1);
    }
  }

  @Test
  void anAddressThatFailsGivesWayToTheNext() throws Exception {
    try (Resolver resolver = new Resolver(_ -> addresses("192.0.2.1", "2001:db8::2"))) {
      Resolver.Name name = resolver.name("a.example");
      assertThat(resolver.awaitFirstAnswers(5_000)).isEmpty();
      assertThat(name.address(null)).isEqualTo(ONE);
      name.failed();
      assertThat(name.address(null)).isEqualTo(TWO);
      name.failed();
      assertThat(name.address(null)).isEqualTo(ONE);
    }
  }

  @Test
  void anAddressOfThePreferredFamilyGoesBeforeTurns() throws Exception {
    try (Resolver resolver = new Resolver(_ -> addresses("192.0.2.1", "2001:db8::2"));
        Resolver other = new Resolver(_ -> addresses("192.0.2.1"))) {
      Resolver.Name name = resolver.name("a.example");
      Resolver.Name ipv4 = other.name("a.example");
      assertThat(resolver.awaitFirstAnswers(5_000)).isEmpty();
      assertThat(other.awaitFirstAnswers(5_000)).isEmpty();
      for (int i = 0; i < 3; i++) {
        assertThat(name.address(Family.IPV4)).isEqualTo(ONE);
        assertThat(name.address(Family.IPV6)).isEqualTo(TWO);
        assertThat(ipv4.address(Family.IPV6)).isEqualTo(ONE);
        name.failed();
      }
    }
  }

  @Test
  void aNameThatFailsIsAskedForAgainAfterASecondAndKeepsItsAnswerMeanwhile() throws Exception {
    Resolver.Lookup lookup =
        host -> {
          if (asked.incrementAndGet() == 2) {
            throw new UnknownHostException(host);
          }
          return addresses(asked.get() == 1 ? "192.0.2.1" : "2001:db8::2");
        };
    try (Resolver resolver = new Resolver(lookup)) {
      Resolver.Name name = resolver.name("a.example");
      assertThat(resolver.awaitFirstAnswers(5_000)).isEmpty();
      name.failed();
      assertThat(asked.get()).isEqualTo(1);
      TestDaemon.until("it is asked for again", () -> askedAfterFailure(name) == 2);
      assertThat(name.address(null)).isEqualTo(ONE);
      TestDaemon.until("it is asked for again", () -> askedAfterFailure(name) >= 3);
      TestDaemon.until("the new answer", () -> TWO.equals(name.address(null)));
    }
  }

  private int askedAfterFailure(Resolver.Name name) {
    name.failed();
    return asked.get();
  }

  @Test
  void anUnknownNameIsReportedAndAskedForAgainWhenUsed() throws Exception {
    Resolver.Lookup lookup =
        host -> {
          if (asked.incrementAndGet() == 1) {
            throw new UnknownHostException(host);
          }
          return addresses("192.0.2.1");
        };
    try (Resolver resolver = new Resolver(lookup)) {
      Resolver.Name name = resolver.name("a.example");
      assertThat(resolver.awaitFirstAnswers(5_000)).containsExactly("a.example");
      assertThat(name.address(null)).isNull();
      TestDaemon.until("the answer", () -> ONE.equals(name.address(null)));
    }
  }

  @Test
  void aLookupThatHangsHoldsNobodyUpLongerThanTheBound() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    Resolver.Lookup lookup =
        host -> {
          try {
            never.await();
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
          throw new UnknownHostException(host);
        };
    try (Resolver resolver = new Resolver(lookup)) {
      Resolver.Name name = resolver.name("a.example");
      long start = System.nanoTime();
      assertThat(resolver.awaitFirstAnswers(100)).containsExactly("a.example");
      assertThat(name.address(null)).isNull();
      assertThat(System.nanoTime() - start).isLessThan(3_000_000_000L);
    }
  }

  @Test
  void aClientIsServedByTheAddressOfTheNameThatAnswers() throws Exception {
    int port = TestDaemon.freePort();
    try (TestServer server =
            TestServer.start(
                "127.0.0.3",
                TestDaemon.freePort(),
                connection -> Streams.send(connection, "hello"));
        Resolver resolver = new Resolver(_ -> addresses("127.0.0.2", "127.0.0.3"));
        OneLoop one =
            new OneLoop(
                TestDaemon.config(
                    TestDaemon.web(
                        1, port, "targets: [\"a.example:%d\"]".formatted(server.port()))),
                resolver)) {
      try (Socket client = Streams.connect(port)) {
        assertThat(Streams.text(client, 5)).isEqualTo("hello");
      }
      assertThat(one.drops(DropReason.CONNECT_REFUSED)).isZero();
    }
  }
}
