package io.sluice.proxy.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Change;
import io.sluice.config.Document;
import io.sluice.config.Problem;
import io.sluice.config.Transaction;
import io.sluice.proxy.change.Answer;
import io.sluice.proxy.change.Generation;
import io.sluice.proxy.change.Transactions;
import io.sluice.proxy.change.Who;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What requests ask of the transactions, and how their answers are told. */
final class ChangeRoutesTest {
  private final Door door = new Door();
  private final Routes routes =
      Routes.of(
          new Running(
              () -> {
                throw new IllegalStateException("not asked for here");
              },
              List::of,
              List::of,
              new Counters(),
              () -> 0L,
              List.of(),
              List.of(),
              List.of(),
              new NoSessions(),
              door));

  private static final class NoSessions implements Sessions {
    @Override
    public List<SessionState> list(SessionFilter filter) {
      return List.of();
    }

    @Override
    public int kill(SessionFilter filter) {
      return 0;
    }
  }

  /** Notes what it is asked, and answers what the test says. */
  private static final class Door implements Transactions {
    private final List<Transaction> asked = new ArrayList<>();
    private @Nullable Who who;
    private Answer answer = new Answer.Applied(7, List.of("+ something"), List.of());

    @Override
    public CompletableFuture<Answer> apply(Transaction transaction, Who from) {
      asked.add(transaction);
      who = from;
      return CompletableFuture.completedFuture(answer);
    }

    @Override
    public List<Generation> history() {
      Who file = Who.of("start");
      return List.of(
          new Generation(6, Instant.EPOCH, file, List.of("+ six"), null),
          new Generation(5, Instant.EPOCH, file, List.of("+ five"), null));
    }

    @Override
    public Document document() {
      return new Document(List.of());
    }
  }

  private Response ask(String method, String path, Map<String, String> query, String body)
      throws InterruptedException {
    Route route =
        routes.at(path).stream().filter(it -> it.method().equals(method)).findFirst().orElseThrow();
    Request request =
        new Request(
            query.entrySet().stream()
                .collect(
                    java.util.stream.Collectors.toMap(
                        Map.Entry::getKey, it -> List.of(it.getValue()))),
            body.getBytes(StandardCharsets.UTF_8),
            false,
            new Peer(42, 1000, Right.CHANGE));
    return ((Route.Once) route.kind()).handler().answer(request);
  }

  private static String text(Response response) {
    return response.body().toString(StandardCharsets.UTF_8);
  }

  record Case(String method, String path, Map<String, String> query, String body, Change change) {
    @Override
    public String toString() {
      return method + " " + path;
    }
  }

  private static List<Case> cases() {
    return List.of(
        new Case(
            "POST",
            "/bind",
            Map.of("label", "foo", "protocol", "tcp", "prefix", "127.0.0.0/8", "port", "4321"),
            "",
            new Change.Bind("foo", "tcp", "127.0.0.0/8", "4321")),
        new Case(
            "POST",
            "/unbind",
            Map.of("label", "foo", "prefix", "127.0.0.0/8", "port", "any"),
            "",
            new Change.Unbind("foo", null, "127.0.0.0/8", "any")),
        new Case(
            "PUT",
            "/bindings",
            Map.of("name", "b.json"),
            "{}",
            new Change.LoadBindings("b.json", "{}")),
        new Case(
            "POST",
            "/register",
            Map.of("label", "foo", "address", "127.0.0.1:1", "weight", "3"),
            "",
            new Change.Register("foo", null, "127.0.0.1:1", "3")),
        new Case(
            "POST",
            "/unregister",
            Map.of("label", "foo", "protocol", "udp", "address", "127.0.0.1:1"),
            "",
            new Change.Unregister("foo", "udp", "127.0.0.1:1")),
        new Case(
            "POST",
            "/set",
            Map.of("label", "foo", "address", "127.0.0.1:1", "state", "drain"),
            "",
            new Change.Set("foo", null, "127.0.0.1:1", Map.of("state", "drain"))),
        new Case(
            "POST",
            "/swap",
            Map.of("label", "foo", "to", "127.0.0.1:1, 127.0.0.1:2"),
            "",
            new Change.Swap("foo", null, List.of("127.0.0.1:1", "127.0.0.1:2"))),
        new Case(
            "PUT",
            "/listeners",
            Map.of(),
            "{a: b}",
            new Change.Put(Change.Kind.LISTENER, "{a: b}")),
        new Case(
            "PUT",
            "/shadows",
            Map.of("name", "bindings"),
            "{rules: []}",
            new Change.Put(Change.Kind.SHADOW, "bindings", "{rules: []}")),
        new Case(
            "DELETE",
            "/destinations",
            Map.of("name", "tcp web"),
            "",
            new Change.Remove(Change.Kind.DESTINATION, "tcp web")),
        new Case(
            "POST",
            "/programs/move",
            Map.of("name", "a", "before", "b"),
            "",
            new Change.Move("a", "b")),
        new Case("POST", "/apply", Map.of(), "x: y", new Change.Patch("request", "x: y")));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aRequestIsOneChangeOfTheRuntimeLayer(Case it) throws Exception {
    Response response = ask(it.method, it.path, it.query, it.body);
    assertThat(text(response))
        .isEqualTo(
            "{\"generation\":7,\"dryRun\":false,\"diff\":[\"+ something\"],\"warnings\":[]}\n");
    assertThat(door.asked).containsExactly(Transaction.of(it.change));
    assertThat(door.who).isEqualTo(new Who("admin.socket", 1000, 42));
  }

  @Test
  void aDryRunAndTheExpectedGenerationArePassedOn() throws Exception {
    Response _ = ask("POST", "/reload", Map.of("dryRun", "true", "generation", "6"), "");
    assertThat(door.asked)
        .containsExactly(new Transaction(new Transaction.Wish.Reread("file"), 6L, true));
  }

  @Test
  void rollbackGoesToTheOneBeforeUnlessOneIsNamed() throws Exception {
    Response _ = ask("POST", "/rollback", Map.of(), "");
    Response _ = ask("POST", "/rollback", Map.of("to", "3"), "");
    assertThat(door.asked)
        .extracting(Transaction::wish)
        .containsExactly(new Transaction.Wish.Rollback(5), new Transaction.Wish.Rollback(3));
  }

  @Test
  void aDiffNeverChangesAnything() throws Exception {
    Response _ = ask("GET", "/diff", Map.of(), "");
    assertThat(door.asked).allMatch(Transaction::isDryRun).hasSize(1);
    assertThat(text(ask("GET", "/diff", Map.of("generation", "5"), ""))).contains("+ five");
    assertThat(ask("GET", "/diff", Map.of("generation", "4"), "").status().code()).isEqualTo(404);
  }

  @Test
  void aRefusalNamesEveryProblem() throws Exception {
    door.answer =
        new Answer.Refused(
            List.of(new Problem("f", 1, 2, "a.b", "is wrong", Problem.Severity.ERROR)),
            List.of("port 80 is taken"));
    Response response = ask("POST", "/reload", Map.of(), "");
    assertThat(response.status().code()).isEqualTo(422);
    assertThat(text(response))
        .isEqualTo(
            "{\"error\":\"refused, nothing has changed: 2 problems\",\"problems\":[\"f:1:2: a.b: is"
                + " wrong\",\"port 80 is taken\"]}\n");
  }

  @Test
  void anotherGenerationIsAConflict() throws Exception {
    door.answer = new Answer.Conflict(9);
    Response response = ask("POST", "/reload", Map.of("generation", "6"), "");
    assertThat(response.status().code()).isEqualTo(409);
    assertThat(text(response)).contains("generation 9 is in force, not 6");
  }

  @Test
  void theDescriptionNamesEveryRouteWithItsRightAndNoOther() {
    List<String> described = new ArrayList<>();
    Map<?, ?> document = Parsed.object(text(OpenApi.document()));
    Parsed.map(document.get("paths"))
        .forEach((path, methods) ->
            Parsed.map(methods)
                .forEach((method, it) ->
                    described.add(method + " " + path + " " + Parsed.map(it).get("x-right"))));
    assertThat(described)
        .usingElementComparator(String.CASE_INSENSITIVE_ORDER)
        .containsExactlyInAnyOrderElementsOf(
            routes.all().stream()
                .map(it -> it.method() + " " + it.path() + " " + it.right())
                .toList());
  }
}
