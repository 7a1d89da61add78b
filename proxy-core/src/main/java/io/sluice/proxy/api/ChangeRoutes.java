package io.sluice.proxy.api;

import io.netty.handler.codec.http.HttpResponseStatus;
import io.sluice.config.Change;
import io.sluice.config.Document;
import io.sluice.config.Layer;
import io.sluice.config.Problem;
import io.sluice.config.Transaction;
import io.sluice.config.Transaction.Wish;
import io.sluice.proxy.change.Answer;
import io.sluice.proxy.change.Generation;
import io.sluice.proxy.change.Transactions;
import io.sluice.proxy.change.Who;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What changes the daemon, and what shows that. Every change takes {@code dryRun=true} and {@code
 * generation=N}, and is answered once it is in force.
 */
final class ChangeRoutes {
  private final Transactions transactions;

  /** Reads a change from a request. */
  private interface Reader {
    Change of(Request request);
  }

  ChangeRoutes(Transactions transactions) {
    this.transactions = transactions;
  }

  List<Route> all() {
    List<Route> all = new ArrayList<>();
    all.add(edit("POST", "/bind", ChangeRoutes::bind));
    all.add(edit("POST", "/unbind", ChangeRoutes::unbind));
    all.add(edit("PUT", "/bindings", it -> new Change.LoadBindings(name(it), text(it))));
    all.add(edit("POST", "/register", ChangeRoutes::register));
    all.add(
        edit(
            "POST",
            "/unregister",
            it ->
                new Change.Unregister(
                    it.needed("label"), it.parameter("protocol"), it.needed("address"))));
    all.add(edit("POST", "/set", ChangeRoutes::set));
    all.add(edit("POST", "/swap", ChangeRoutes::swap));
    for (Change.Kind kind : Change.Kind.values()) {
      String path = "/" + kind.section();
      all.add(edit("PUT", path, it -> new Change.Put(kind, it.parameter("name"), text(it))));
      all.add(edit("DELETE", path, it -> new Change.Remove(kind, it.needed("name"))));
    }
    all.add(
        edit(
            "POST",
            "/programs/move",
            it -> new Change.Move(it.needed("name"), it.parameter("before"))));
    all.add(Route.change("POST", "/shadows/promote", this::promote));
    all.add(edit("POST", "/apply", it -> new Change.Patch(name(it), text(it))));
    all.add(Route.change("POST", "/reload", it -> apply(new Wish.Reread(Layer.FILE), it)));
    all.add(
        Route.change("POST", "/rollback", it -> apply(new Wish.Rollback(generationBack(it)), it)));
    all.add(Route.get("/diff", this::diff));
    all.add(Route.get("/config", _ -> Response.json(config())));
    all.add(Route.get("/history", _ -> Response.json(history())));
    return all;
  }

  private Route edit(String method, String path, Reader reader) {
    return Route.change(
        method, path, it -> apply(new Wish.Edit(Layer.RUNTIME, List.of(reader.of(it))), it));
  }

  private static Change bind(Request it) {
    return new Change.Bind(
        it.needed("label"), it.parameter("protocol"), it.needed("prefix"), it.needed("port"));
  }

  private static Change unbind(Request it) {
    return new Change.Unbind(
        it.needed("label"), it.parameter("protocol"), it.needed("prefix"), it.needed("port"));
  }

  private static Change register(Request it) {
    return new Change.Register(
        it.needed("label"), it.parameter("protocol"), it.needed("address"), it.parameter("weight"));
  }

  private static Change set(Request it) {
    Map<String, String> settings = new LinkedHashMap<>();
    for (String key : List.of("weight", "state")) {
      String value = it.parameter(key);
      if (value != null) {
        settings.put(key, value);
      }
    }
    if (settings.isEmpty()) {
      throw new BadRequestException(
          "nothing is set; give weight=0–1000 or state=ready|drain|maint");
    }
    return new Change.Set(
        it.needed("label"), it.parameter("protocol"), it.needed("address"), settings);
  }

  private static Change swap(Request it) {
    return new Change.Swap(
        it.needed("label"),
        it.parameter("protocol"),
        Stream.of(it.needed("to").split(",", -1)).map(String::strip).toList());
  }

  /** What problems call what was sent. */
  private static String name(Request request) {
    String name = request.parameter("name");
    return name == null ? "request" : name;
  }

  private static String text(Request request) {
    if (request.body().length == 0) {
      throw new BadRequestException("the request has no body");
    }
    return new String(request.body(), StandardCharsets.UTF_8);
  }

  /** The one before the one in force, if none is named. */
  private long generationBack(Request request) {
    Long named = number(request, "to");
    List<Generation> history = transactions.history();
    if (named == null && history.size() < 2) {
      throw new BadRequestException("there is no generation before this one");
    }
    return named == null ? history.get(1).number() : named;
  }

  private static @Nullable Long number(Request request, String name) {
    String text = request.parameter(name);
    try {
      return text == null ? null : Long.valueOf(text);
    } catch (NumberFormatException _) {
      throw new BadRequestException(name + ": \"" + text + "\" is no number of a generation");
    }
  }

  /** Puts a shadow into the place of its program, in one step. */
  private Response promote(Request request) throws InterruptedException {
    String name = request.needed("name");
    Long expected = number(request, "generation");
    long generation = transactions.history().getFirst().number(); // before what it has is read
    String yaml = null;
    for (Document.Thing thing : transactions.document().things()) {
      if (thing.section().equals(Change.Kind.SHADOW.section()) && thing.name().equals(name)) {
        yaml = thing.isAway() ? null : thing.yaml();
      }
    }
    if (yaml == null) {
      return Response.refused(
          HttpResponseStatus.NOT_FOUND, "no shadow runs beside a program called " + name);
    }
    List<Change> both =
        List.of(
            new Change.Put(Change.Kind.PROGRAM, yaml), new Change.Remove(Change.Kind.SHADOW, name));
    return answered(
        new Transaction(
            new Wish.Edit(Layer.RUNTIME, both),
            expected == null ? Long.valueOf(generation) : expected,
            request.isSet("dryRun")),
        request);
  }

  /** What a reload would change; what a generation has changed. */
  private Response diff(Request request) throws InterruptedException {
    Long number = number(request, "generation");
    if (number == null) {
      return answered(new Transaction(new Wish.Reread(Layer.FILE), null, true), request);
    }
    for (Generation it : transactions.history()) {
      if (it.number() == number) {
        return Response.json(json(it));
      }
    }
    return Response.refused(
        HttpResponseStatus.NOT_FOUND, "generation " + number + " isn't remembered");
  }

  private Response apply(Wish wish, Request request) throws InterruptedException {
    return answered(
        new Transaction(wish, number(request, "generation"), request.isSet("dryRun")), request);
  }

  private Response answered(Transaction transaction, Request request) throws InterruptedException {
    Who who = new Who("admin.socket", request.from().uid(), request.from().pid());
    Answer answer;
    try {
      answer = transactions.apply(transaction, who).get();
    } catch (ExecutionException failed) {
      throw new IllegalStateException(failed.getCause());
    }
    return switch (answer) {
      case Answer.Applied applied -> {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("generation", applied.generation());
        json.put("dryRun", transaction.isDryRun());
        json.put("diff", applied.diff());
        json.put("warnings", applied.warnings().stream().map(Problem::toString).toList());
        yield Response.json(json);
      }
      case Answer.Refused refused -> {
        List<String> problems = new ArrayList<>();
        refused.inDocument().forEach(it -> problems.add(it.toString()));
        problems.addAll(refused.here());
        yield Response.refused(
            HttpResponseStatus.UNPROCESSABLE_ENTITY,
            "refused, nothing has changed: "
                + problems.size()
                + (problems.size() == 1 ? " problem" : " problems"),
            problems);
      }
      case Answer.Conflict conflict ->
          Response.refused(
              HttpResponseStatus.CONFLICT,
              "refused, nothing has changed: generation "
                  + conflict.generation()
                  + " is in force, not "
                  + transaction.expected());
    };
  }

  private Map<String, Object> config() {
    Document document = transactions.document();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("layers", layers(document));
    List<Object> things = new ArrayList<>();
    for (Document.Thing thing : document.things()) {
      Map<String, Object> it = new LinkedHashMap<>();
      it.put("section", thing.section());
      it.put("name", thing.name());
      it.put("layer", thing.layer());
      it.put("place", thing.place());
      it.put("yaml", thing.yaml());
      things.add(it);
    }
    json.put("things", things);
    return json;
  }

  /** The names of the layers, the first that counts least. */
  static List<String> layers(Document document) {
    return document.layers().stream().map(Layer::name).toList();
  }

  private Map<String, Object> history() {
    return Map.of("generations", transactions.history().stream().map(ChangeRoutes::json).toList());
  }

  private static Map<String, Object> json(Generation it) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("generation", it.number());
    json.put("at", it.at().toString());
    json.put("who", it.who().toString());
    json.put("diff", it.diff());
    json.put("restorable", it.document() != null);
    return json;
  }
}
