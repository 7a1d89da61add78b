package io.sluice.proxy.admin;

import io.sluice.config.CaptureSpec;
import io.sluice.config.Lookup;
import io.sluice.config.Selection;
import io.sluice.proxy.capture.CaptureEntry;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Why one lookup went where it went: the same engine as the daemon's, run with a trace.
 *
 * @param capture the name of the capture that takes it in, and its socket; null if none does
 * @param verdict {@code assign}, {@code pass} or {@code drop}
 * @param label the destination's; null if there is none
 * @param target null if it is refused, or if it doesn't follow from the lookup alone: only the
 *     running daemon knows (round-robin, least-connections), or only the payload says (payload,
 *     quic), or a program
 * @param reason why it is refused; null if it isn't
 * @param path whether the kernel gives it to the target; null if it doesn't come to a target
 */
public record Explanation(
    Lookup lookup,
    long generation,
    @Nullable CaptureEntry capture,
    List<Step> steps,
    @Nullable String group,
    String verdict,
    @Nullable String label,
    @Nullable String target,
    @Nullable String reason,
    @Nullable OffloadPath path) {

  /** What one program did. */
  record Step(String program, String outcome, List<Program.Candidate> considered) {}

  /** The capture whose peers may have announced the addresses; null if there is none. */
  private static @Nullable CaptureEntry announcing(List<CaptureSpec> captures, Protocol protocol) {
    for (CaptureSpec capture : captures) {
      if (capture.proxyProtocol() != null && capture.protocols().contains(protocol)) {
        return new CaptureEntry(
            capture.name(), capture.method().word(), "announced by a PROXY header");
      }
    }
    return null;
  }

  /** Looks up, and says why. */
  public static Explanation of(Lookup lookup, Snapshot snapshot) {
    List<Step> steps = new ArrayList<>();
    CaptureEntry capture =
        CaptureEntry.of(
            snapshot.config().captures(), lookup.protocol(), lookup.local(), lookup.localPort());
    if (capture == null) {
      capture = announcing(snapshot.config().captures(), lookup.protocol());
    }
    if (capture == null) {
      return new Explanation(
          lookup,
          snapshot.generation(),
          null,
          steps,
          null,
          "drop",
          null,
          null,
          Refusal.NOT_CAPTURED.word(),
          null);
    }
    LookupContext context = lookup.toContext(new LookupContext()).withoutPacket();
    Verdict verdict =
        snapshot
            .engine()
            .lookup(
                context,
                (link, seen, passed, selected) ->
                    steps.add(
                        new Step(
                            link.name(),
                            (passed ? "PASS" : "DROP") + assigned(selected),
                            considered(link.program(), seen))));
    return switch (verdict) {
      case Verdict.Drop drop ->
          new Explanation(
              lookup,
              snapshot.generation(),
              capture,
              steps,
              null,
              "drop",
              null,
              null,
              drop.reason().word(),
              null);
      case Verdict.Assign assign ->
          found(lookup, snapshot, capture, steps, "assign", assign.socket());
      case Verdict.Pass pass -> found(lookup, snapshot, capture, steps, "pass", pass.listener());
    };
  }

  /** A program from a jar may say it wrong. */
  private static List<Program.Candidate> considered(Program program, LookupContext context) {
    try {
      return List.copyOf(program.explain(context));
    } catch (Throwable failure) {
      String type = failure.getClass().getName();
      return List.of(new Program.Candidate("explain", "nothing", "threw " + type));
    }
  }

  private static String assigned(@Nullable Socket selected) {
    if (selected == null) {
      return ", assigned nothing";
    }
    return ", assigned "
        + (Target.isBehind(selected) ? Target.of(selected).destination().label() : selected);
  }

  private static Explanation found(
      Lookup lookup,
      Snapshot snapshot,
      CaptureEntry capture,
      List<Step> steps,
      String verdict,
      @Nullable Socket socket) {
    if (socket == null) {
      String reason = Refusal.NO_LISTENER.word();
      return new Explanation(
          lookup, snapshot.generation(), capture, steps, null, verdict, null, null, reason, null);
    }
    if (!Target.isBehind(socket)) {
      String reason = Refusal.PROGRAM_ERROR.word();
      return new Explanation(
          lookup, snapshot.generation(), capture, steps, null, "drop", null, null, reason, null);
    }
    Target target = Target.of(socket);
    Destination destination = target.destination();
    String targetText = isSettled(destination) ? target.toString() : null;
    OffloadPath path = OffloadPath.of(lookup, snapshot, capture, verdict.equals("pass"), target);
    int count = destination.targets().size();
    String group =
        count
            + (count == 1 ? " target" : " targets, " + destination.spec().selection().word())
            + (targetText == null ? unsettled(destination) : " → " + targetText);
    return new Explanation(
        lookup,
        snapshot.generation(),
        capture,
        steps,
        group,
        verdict,
        destination.label(),
        targetText,
        path.isRefused() ? Refusal.NOT_OFFLOADED.word() : null,
        path);
  }

  private static String unsettled(Destination destination) {
    Selection selection = destination.spec().selection();
    if (destination.messages() != null) {
      return selection instanceof Selection.Program its
          ? ": by message, by program " + its.code().name()
          : ": by message";
    }
    return switch (selection) {
      case Selection.Program its -> ": by program " + its.code().name() + ", known when it comes";
      case Selection.Payload _, Selection.Quic _ -> ": by the payload, known when it comes";
      case Selection.Hash _,
          Selection.Source _,
          Selection.RoundRobin _,
          Selection.LeastConnections _ ->
          ": known when it comes";
    };
  }

  /** Whether the selection follows from the lookup alone. */
  private static boolean isSettled(Destination destination) {
    boolean isOne = destination.targets().size() == 1;
    return switch (destination.spec().selection()) {
      case Selection.Program _ -> false; // even with one target: it may drop
      case Selection.Hash _, Selection.Source _ -> isOne || destination.messages() == null;
      case Selection.RoundRobin _, Selection.LeastConnections _ -> isOne;
      case Selection.Payload _, Selection.Quic _ -> isOne; // nobody has said what it holds
    };
  }

  /** For people. */
  public String toText() {
    StringBuilder text = new StringBuilder();
    String head = lookup.toContext(new LookupContext()).toString();
    text.append(String.format("%-62s generation %d%n", head, generation));
    if (capture == null) {
      line(text, "capture", "none", "no capture takes this address and port in");
    } else {
      line(text, "capture", capture.capture(), capture.method() + " " + capture.socket());
    }
    for (Step step : steps) {
      line(text, "program", step.program, step.outcome);
      for (Program.Candidate it : step.considered) {
        text.append(
            String.format("             %-24s → %-10s %s", it.match(), it.result(), it.why())
                .stripTrailing());
        text.append('\n');
      }
    }
    if (group != null && label != null) {
      line(text, verdict.equals("pass") ? "listener" : "socket", label, group);
    }
    if (path != null && path.target().destination().spec().offload().isWanted()) {
      text.append(String.format("  %-10s %s%n", "path", path));
    }
    text.append(String.format("  %-10s %s%n", "verdict", verdictLine()));
    return text.toString();
  }

  private static void line(StringBuilder text, String what, String name, String detail) {
    text.append(String.format("  %-10s %-15s %s", what, name, detail).stripTrailing()).append('\n');
  }

  private String verdictLine() {
    String word = verdict.toUpperCase(java.util.Locale.ROOT);
    if (reason != null) {
      return word + (verdict.equals("drop") ? " " : ", refused: ") + reason;
    }
    return word + " " + label + (target == null ? "" : " → " + target);
  }

  /** For machines, on one line. */
  public String toJson() {
    return Json.of(json());
  }

  /** For machines. */
  public Map<String, @Nullable Object> json() {
    List<Object> all = new ArrayList<>();
    if (capture != null) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("step", "capture");
      entry.put("name", capture.capture());
      entry.put("method", capture.method());
      entry.put("socket", capture.socket());
      all.add(entry);
    }
    for (Step step : steps) {
      Map<String, Object> program = new LinkedHashMap<>();
      program.put("step", "program");
      program.put("name", step.program);
      program.put("outcome", step.outcome);
      program.put(
          "considered",
          step.considered.stream()
              .map(it -> ordered("match", it.match(), "result", it.result(), "why", it.why()))
              .toList());
      all.add(program);
    }
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("verdict", verdict);
    json.put("label", label);
    json.put("target", target);
    json.put("reason", reason);
    json.put("path", path == null ? null : path.toString());
    json.put("lookup", lookup.toString());
    json.put("generation", generation);
    json.put("steps", all);
    return json;
  }

  private static Map<String, Object> ordered(String... pairs) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      map.put(pairs[i], pairs[i + 1]);
    }
    return map;
  }
}
