package io.sluice.proxy.api;

import io.netty.handler.codec.http.HttpResponseStatus;
import io.sluice.proxy.admin.StatusPage;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * What the status page may ask of the routes: some that only show, each a bounded part. Whoever
 * reaches {@code admin.http} may ask.
 */
public final class ReadOnly implements StatusPage.Source {
  private static final Set<String> NAMES =
      Set.of("status", "bindings", "drops", "sessions", "explain", "history");

  /** How many entries an answer has at most. */
  private static final int MOST = 500;

  private static final Peer NOBODY = new Peer(0, 0, Right.READ);

  private final Supplier<Running> daemon;

  /**
   * @param daemon asked each time: how it is changed is known only once it runs
   */
  public ReadOnly(Supplier<Running> daemon) {
    this.daemon = daemon;
  }

  @Override
  public Map<String, Object> status(int mostDestinations) {
    return StatusView.of(daemon.get(), mostDestinations, "");
  }

  @Override
  public StatusPage.Answer ask(String name, Map<String, List<String>> parameters)
      throws InterruptedException {
    Response response = answer(name, parameters);
    return new StatusPage.Answer(response.status(), response.contentType(), response.body());
  }

  private Response answer(String name, Map<String, List<String>> parameters)
      throws InterruptedException {
    for (Route route :
        NAMES.contains(name) ? Routes.of(daemon.get()).at("/" + name) : List.<Route>of()) {
      if (route.method().equals("GET") && route.kind() instanceof Route.Once once) {
        Map<String, List<String>> bounded = new HashMap<>(parameters);
        Request asked =
            new Request(parameters, new byte[0], parameters.containsKey("text"), NOBODY);
        try {
          for (String bound : List.of("limit", "most")) {
            int most = Math.min(MOST, Parameters.count(asked, bound));
            bounded.put(bound, List.of(String.valueOf(most)));
          }
          return once.handler()
              .answer(new Request(bounded, new byte[0], asked.isForPeople(), NOBODY));
        } catch (BadRequestException wrong) {
          return Response.refused(
              HttpResponseStatus.BAD_REQUEST, String.valueOf(wrong.getMessage()));
        }
      }
    }
    return Response.refused(HttpResponseStatus.NOT_FOUND, name + " is nothing here");
  }
}
