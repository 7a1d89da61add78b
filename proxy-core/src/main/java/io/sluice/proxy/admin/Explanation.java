package io.sluice.proxy.admin;

import io.sluice.config.CaptureSpec;
import io.sluice.config.Document;
import io.sluice.config.Lookup;
import io.sluice.config.Selection;
import io.sluice.proxy.capture.CaptureEntry;
import io.sluice.proxy.lookup.Answer;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingsProgram;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Why one lookup goes where it goes: the same engine and the same gate as the daemon's, run with a
 * trace.
 *
 * @param capture the name of the capture that takes it in, and its socket; null if none does
 * @param group what the destination's group says; null if nothing was selected
 * @param verdict {@code assign}, {@code pass} or {@code drop}
 * @param label the destination's; null if there is none
 * @param place the layer and place of that destination
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
    @Nullable String place,
    @Nullable String target,
    @Nullable String reason,
    @Nullable OffloadPath path) {

  /** What one program did, and where it stands. */
  record Step(
      String program, String outcome, @Nullable String place, List<Considered> considered) {}

  /** One thing that a program considered, and where it stands if that is known. */
  record Considered(Program.Candidate candidate, @Nullable String place) {}

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
    return of(lookup, null, snapshot);
  }

  /**
   * Looks up, and says why.
   *
   * @param payload what the client sends first; null if nobody has said that: then what asks for it
   *     isn't known
   */
  public static Explanation of(Lookup lookup, @Nullable Payload payload, Snapshot snapshot) {
    return of(lookup, payload, 0, snapshot);
  }

  /**
   * The same of what came in on an interface.
   *
   * @param ifindex 0 if that isn't known
   */
  public static Explanation of(
      Lookup lookup, @Nullable Payload payload, int ifindex, Snapshot snapshot) {
    List<Step> steps = new ArrayList<>();
    CaptureEntry capture =
        CaptureEntry.of(
            snapshot.config().captures(), lookup.protocol(), lookup.local(), lookup.localPort());
    if (capture == null) {
      capture = announcing(snapshot.config().captures(), lookup.protocol());
    }
    if (capture == null) {
      String reason = Refusal.NOT_CAPTURED.word();
      return new Explanation(
          lookup, snapshot.generation(), null, steps, null, "drop", null, null, null, reason, null);
    }
    LookupContext context =
        new LookupContext()
            .of(
                lookup.protocol(),
                lookup.remote(),
                lookup.remotePort(),
                lookup.local(),
                lookup.localPort(),
                ifindex);
    context = payload == null ? context.withoutPacket() : context.payload(payload);
    Document document = snapshot.config().document();
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
                            document.placeOf("programs", link.name()),
                            considered(link.program(), seen, document))));
    Answer answer = Answer.expected(verdict, context);
    Target target = answer.target();
    Socket selected = verdict.socket() == null ? context.socket() : verdict.socket();
    Destination destination =
        selected == null || !Target.isBehind(selected) ? null : Target.of(selected).destination();
    boolean isSettled =
        target != null && isSettled(target.destination(), payload) && !target.isStartingSlowly();
    boolean isPass = verdict instanceof Verdict.Pass;
    OffloadPath path =
        target == null ? null : OffloadPath.of(lookup, snapshot, capture, isPass, target);
    boolean isUnheard = isPass && verdict.socket() == null; // nobody has said no, or listens
    return new Explanation(
        lookup,
        snapshot.generation(),
        capture,
        steps,
        destination == null ? null : group(destination, isSettled ? target : null, answer),
        target == null && !isUnheard ? "drop" : isPass ? "pass" : "assign",
        destination == null ? null : destination.label(),
        destination == null ? null : document.placeOf("destinations", destination.toString()),
        isSettled ? String.valueOf(target) : null,
        path == null
            ? answer.refusal().word()
            : path.isRefused() ? Refusal.NOT_OFFLOADED.word() : null,
        path);
  }

  /** A program from a jar may say it wrong. */
  private static List<Considered> considered(
      Program program, LookupContext context, Document document) {
    try {
      List<Binding> bindings =
          program instanceof BindingsProgram its ? its.table().matches(context) : List.of();
      List<Considered> all = new ArrayList<>();
      for (Program.Candidate candidate : program.explain(context)) {
        boolean isBinding = all.size() < bindings.size();
        all.add(
            new Considered(
                candidate, isBinding ? document.placeOf(bindings.get(all.size())) : null));
      }
      return List.copyOf(all);
    } catch (Throwable failure) {
      String type = failure.getClass().getName();
      return List.of(
          new Considered(new Program.Candidate("explain", "nothing", "threw " + type), null));
    }
  }

  private static String assigned(@Nullable Socket selected) {
    if (selected == null) {
      return ", assigned nothing";
    }
    return ", assigned "
        + (Target.isBehind(selected) ? Target.of(selected).destination().label() : selected);
  }

  /**
   * What a destination's group says.
   *
   * @param settled whom it selects; null if it selects nobody, or that isn't known
   */
  private static String group(Destination destination, @Nullable Target settled, Answer answer) {
    int count = destination.targets().size();
    String targets =
        count + (count == 1 ? " target" : " targets, " + destination.spec().selection().word());
    if (settled != null) {
      return targets + " → " + settled;
    }
    return targets + (answer.target() == null ? whyNone(answer.refusal()) : unsettled(destination));
  }

  private static String whyNone(Refusal refusal) {
    return switch (refusal) {
      case TARGETS_DOWN -> ": checks say that none serves";
      case GROUP -> ": none takes anything new";
      case DESTINATION_LIMIT -> ": maxConnections is reached";
      case NO_TARGET -> ": its name has no address";
      default -> "";
    };
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

  /** Whether the selection follows from the lookup, and what came with it. */
  private static boolean isSettled(Destination destination, @Nullable Payload payload) {
    boolean isOne = destination.targets().size() == 1;
    boolean isByMessage = destination.messages() != null;
    return switch (destination.spec().selection()) {
      case Selection.Program _ -> payload != null && !isByMessage; // even one: it may drop
      case Selection.Hash _, Selection.Source _ -> isOne || !isByMessage;
      case Selection.RoundRobin _, Selection.LeastConnections _ -> isOne;
      case Selection.Payload _, Selection.Quic _ -> isOne || payload != null && !isByMessage;
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
      line(text, "program", step.program, step.outcome + at(step.place));
      for (Considered it : step.considered) {
        Program.Candidate candidate = it.candidate;
        text.append(
            String.format(
                    "             %-24s → %-10s %s",
                    candidate.match(), candidate.result(), candidate.why() + at(it.place))
                .stripTrailing());
        text.append('\n');
      }
    }
    if (group != null && label != null) {
      line(text, verdict.equals("pass") ? "listener" : "socket", label, group + at(place));
    }
    if (path != null && path.target().destination().spec().offload().isWanted()) {
      text.append(String.format("  %-10s %s%n", "path", path));
    }
    text.append(String.format("  %-10s %s%n", "verdict", verdictLine()));
    return text.toString();
  }

  private static String at(@Nullable String place) {
    return place == null ? "" : "   [" + place + "]";
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
      Map<String, @Nullable Object> program = new LinkedHashMap<>();
      program.put("step", "program");
      program.put("name", step.program);
      program.put("outcome", step.outcome);
      program.put("place", step.place);
      program.put("considered", step.considered.stream().map(Explanation::json).toList());
      all.add(program);
    }
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("verdict", verdict);
    json.put("label", label);
    json.put("target", target);
    json.put("reason", reason);
    json.put("place", place);
    json.put("path", path == null ? null : path.toString());
    json.put("lookup", lookup.toString());
    json.put("generation", generation);
    json.put("steps", all);
    return json;
  }

  private static Map<String, @Nullable Object> json(Considered it) {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    map.put("match", it.candidate.match());
    map.put("result", it.candidate.result());
    map.put("why", it.candidate.why());
    map.put("place", it.place);
    return map;
  }
}
