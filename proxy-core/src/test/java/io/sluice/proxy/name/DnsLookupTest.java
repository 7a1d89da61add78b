package io.sluice.proxy.name;

import static io.sluice.proxy.name.TestDnsServer.A;
import static io.sluice.proxy.name.TestDnsServer.AAAA;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.health.TimerThread;
import io.sluice.proxy.name.TestDnsServer.Answer;
import io.sluice.proxy.name.TestDnsServer.Question;
import io.sluice.proxy.name.TestDnsServer.Rdata;
import io.sluice.steering.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Names are looked up in a hosts file, and at name servers that do as they like. */
@Timeout(30)
final class DnsLookupTest {
  private static final Answer ONE = Answer.of(new Rdata(A, 60, "192.0.2.1"));
  private static final IpAddress IPV4 = IpAddress.parse("192.0.2.1");
  private static final String PATIENT = "nameserver 127.0.0.1\noptions timeout:30\n";

  @TempDir Path directory;

  private final List<TestDnsServer> servers = new ArrayList<>();
  private @Nullable DnsLookup lookup;
  private Path hosts;
  private Path resolvConf;

  @BeforeEach
  void files() {
    hosts = directory.resolve("hosts");
    resolvConf = directory.resolve("resolv.conf");
  }

  @AfterEach
  void close() throws IOException {
    if (lookup != null) {
      lookup.close();
    }
    for (TestDnsServer server : servers) {
      server.close();
    }
  }

  private TestDnsServer server(String address, Function<Question, @Nullable Answer> answers)
      throws IOException {
    int port = servers.isEmpty() ? 0 : servers.getFirst().port();
    TestDnsServer server = new TestDnsServer(address, port, answers);
    servers.add(server);
    return server;
  }

  private TestDnsServer server(Function<Question, @Nullable Answer> answers) throws IOException {
    return server("127.0.0.1", answers);
  }

  private void start(String configuration) throws IOException {
    Files.writeString(resolvConf, configuration);
    lookup = new DnsLookup(hosts, resolvConf, servers.getFirst().port());
  }

  private DnsLookup lookup() {
    return requireNonNull(lookup);
  }

  private NameLookup.Answer ask(String name) throws Exception {
    CompletableFuture<NameLookup.Answer> answer = new CompletableFuture<>();
    lookup().ask(name, answer::complete);
    return answer.get(20, TimeUnit.SECONDS);
  }

  /** Answers one family, and says of the other that there is nothing. */
  private static Answer forType(Question question, int type, Answer answer) {
    return question.type() == type ? answer : Answer.NONE;
  }

  @Test
  void sixtyNamesThatNobodyAnswersDelayNoOther() throws Exception {
    TestDnsServer server = server(it -> it.name().startsWith("dead") ? null : forType(it, A, ONE));
    Files.writeString(hosts, "192.0.2.9 known.example\n");
    start(PATIENT);
    try (Resolver resolver = new Resolver(this::lookup, new TimerThread())) {
      List<Name> dead = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        dead.add(resolver.name("dead" + i + ".example"));
      }
      TestDaemon.until(
          "all are asked for", () -> dead.stream().allMatch(it -> server.asked(it.host()) > 0));
      Name known = resolver.name("known.example");
      Name good = resolver.name("good.example");
      TestDaemon.until(
          "the others' addresses",
          () -> !known.addresses().isEmpty() && !good.addresses().isEmpty());
      assertThat(good.addresses()).containsExactly(IPV4);
      assertThat(dead).noneMatch(Name::isFailing); // they wait yet, each by itself
    }
  }

  @Test
  void bothFamiliesAreAskedForAndTheShortestTimeHolds() throws Exception {
    TestDnsServer _ =
        server(it ->
            it.type() == A
                ? Answer.of(
                    new Rdata(TestDnsServer.CNAME, 7, "real.example"),
                    new Rdata(A, 60, "192.0.2.1"),
                    new Rdata(A, 60, "192.0.2.1"))
                : Answer.of(new Rdata(AAAA, 30, "2001:db8::1")));
    start(PATIENT);
    assertThat(ask("a.example"))
        .isEqualTo(
            new NameLookup.Answer(List.of(IPV4), List.of(IpAddress.parse("2001:db8::1")), 7_000));
  }

  @Test
  void anAnswerThatIsCutOffIsAskedForByTcp() throws Exception {
    TestDnsServer server =
        server(it ->
            forType(it, A, it.isTcp() ? ONE : new Answer(TestDnsServer.NOERROR, true, List.of())));
    start(PATIENT);
    assertThat(ask("a.example").ipv4()).containsExactly(IPV4);
    assertThat(server.asked()).anyMatch(Question::isTcp);
  }

  @ParameterizedTest
  @ValueSource(ints = {TestDnsServer.SERVFAIL, -1})
  void whereOneServerFailsTheNextIsAskedAndAskedFirstFromThenOn(int code) throws Exception {
    TestDnsServer bad = server(_ -> code < 0 ? null : Answer.code(code));
    TestDnsServer good = server("127.0.0.2", it -> forType(it, A, ONE));
    start("nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions timeout:1\n");
    assertThat(ask("a.example").ipv4()).containsExactly(IPV4);
    assertThat(ask("b.example").ipv4()).containsExactly(IPV4);
    assertThat(bad.asked("b.example")).isZero();
    assertThat(good.asked("b.example")).isEqualTo(2);
  }

  @Test
  void aFamilyThatNobodyKnowsOfIsToldFromOneThatIsEmpty() throws Exception {
    TestDnsServer server = server(it -> it.type() == A ? ONE : Answer.code(TestDnsServer.SERVFAIL));
    start(PATIENT + "options attempts:3\n");
    NameLookup.Answer answer = ask("a.example");
    assertThat(answer.ipv4()).containsExactly(IPV4);
    assertThat(answer.ipv6()).isNull();
    assertThat(server.asked().stream().filter(it -> it.type() == AAAA)).hasSize(3);
  }

  @Test
  void aNameThatDoesNotExistHasNoAddress() throws Exception {
    TestDnsServer server = server(_ -> Answer.code(TestDnsServer.NXDOMAIN));
    start(PATIENT);
    NameLookup.Answer answer = ask("a.example");
    assertThat(answer.ipv4()).isEmpty();
    assertThat(answer.ipv6()).isEmpty();
    assertThat(server.asked()).hasSize(2);
  }

  @Test
  void shortNamesAreSearchedForInDomainsBothFamiliesInTheSame() throws Exception {
    TestDnsServer server =
        server(it ->
            switch (it.name()) {
              case "web.two.example" -> forType(it, A, ONE);
              case "web.three.example" ->
                  forType(it, AAAA, Answer.of(new Rdata(AAAA, 60, "2001:db8::1")));
              default -> Answer.code(TestDnsServer.NXDOMAIN);
            });
    start(PATIENT + "search one.example two.example. three.example\n");
    NameLookup.Answer answer = ask("web");
    assertThat(answer.ipv4()).containsExactly(IPV4);
    assertThat(answer.ipv6()).isEmpty();
    assertThat(server.asked().stream().map(Question::name).distinct())
        .containsExactly("web.one.example", "web.two.example");
  }

  @Test
  void aTemporaryFailureEndsTheSearchForWhatMayBeThere() throws Exception {
    TestDnsServer server = server(_ -> Answer.code(TestDnsServer.SERVFAIL));
    start(PATIENT + "search one.example\n");
    assertThat(ask("web").ipv4()).isNull();
    assertThat(server.asked("web")).isZero();
  }

  @Test
  void whatIsNoNameOfTheDnsFailsWithoutHarm() throws Exception {
    TestDnsServer _ = server(it -> forType(it, A, ONE));
    start(PATIENT);
    assertThat(ask("a".repeat(64) + ".example").ipv4()).isNull();
    assertThat(ask("a.example").ipv4()).containsExactly(IPV4);
  }

  @Test
  void anotherSetUpOfTheSystemHoldsWithoutARestart() throws Exception {
    TestDnsServer _ = server(_ -> Answer.code(TestDnsServer.NXDOMAIN));
    TestDnsServer _ = server("127.0.0.2", it -> forType(it, A, ONE));
    start(PATIENT);
    assertThat(ask("a.example").ipv4()).isEmpty();
    assertThat(lookup().known("b.example")).isNull();
    Files.writeString(
        hosts, "# mine\n192.0.2.1\tB.example b # and so on\nnothing\n::1 b.example\n");
    Files.writeString(resolvConf, "nameserver 127.0.0.2\n");
    TestDaemon.until("the hosts file is read again", () -> lookup().known("b.example") != null);
    assertThat(lookup().known("b.EXAMPLE"))
        .isEqualTo(new NameLookup.Answer(List.of(IPV4), List.of(IpAddress.parse("::1")), 5_000));
    TestDaemon.until(
        "resolv.conf is read again", () -> List.of(IPV4).equals(ask("a.example").ipv4()));
    Files.delete(hosts);
    assertThat(lookup().known("b.example")).isNotNull(); // it may be on its way
  }
}
