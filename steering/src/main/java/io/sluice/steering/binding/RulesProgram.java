package io.sluice.steering.binding;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import io.sluice.steering.PortRange;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Rule.Action;
import io.sluice.steering.map.SockMap;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntBiFunction;
import org.jspecify.annotations.Nullable;

/**
 * A program of rules: the first that matches decides, and if none does, it passes.
 *
 * <p>An assign whose label has no socket, or one that doesn't fit the packet, drops. Without {@code
 * replace} an earlier program's selection stands (EEXIST), and the rule passes.
 *
 * <p>Immutable; any thread may run it. Its time grows with the number of rules; a run allocates
 * nothing.
 */
public final class RulesProgram implements Program {
  private final Line[] lines;
  private final LabelSockets sockets;

  private RulesProgram(Line[] lines, LabelSockets sockets) {
    this.lines = lines;
    this.sockets = sockets;
  }

  /**
   * A program of these rules.
   *
   * @param sockets looked into at each run, so what is put there later counts
   * @param slots a label's index in {@code sockets} for a protocol, negative for none; asked now,
   *     for each label and both protocols
   */
  public static RulesProgram of(
      List<Rule> rules, SockMap sockets, ToIntBiFunction<String, Protocol> slots) {
    Map<String, Integer> labels = new LinkedHashMap<>();
    Line[] lines = new Line[rules.size()];
    for (int i = 0; i < lines.length; i++) {
      lines[i] = Line.of(rules.get(i), labels);
    }
    return new RulesProgram(lines, new LabelSockets(List.copyOf(labels.keySet()), sockets, slots));
  }

  @Override
  public int run(LookupContext context) {
    for (int i = 0; i < lines.length; i++) {
      Line line = lines[i];
      if (line.mismatch(context) == null) {
        context.part(i);
        return switch (line.rule.action()) {
          case Action.Assign _ -> sockets.assign(context, line.labelId, line.assignFlags);
          case Action.Drop _ -> SK_DROP;
          case Action.Pass _ -> SK_PASS;
        };
      }
    }
    return SK_PASS;
  }

  /** The rule of that index; null if there is none. */
  @Override
  public @Nullable Object part(int index) {
    return index < 0 ? null : lines[index].rule;
  }

  /** The rule that decided, if one did; then those before it, with why they didn't match. */
  @Override
  public List<Candidate> explain(LookupContext context) {
    List<Candidate> candidates = new ArrayList<>();
    for (int i = 0; i < lines.length; i++) {
      Line line = lines[i];
      Mismatch mismatch = line.mismatch(context);
      String name = "rule " + (i + 1);
      if (mismatch == null) {
        candidates.addFirst(new Candidate(name, line.result(), whyDecided(line, context)));
        break;
      }
      candidates.add(new Candidate(name, line.result(), mismatch.why(line.rule)));
    }
    return List.copyOf(candidates);
  }

  private String whyDecided(Line line, LookupContext context) {
    boolean missing =
        line.rule.action() instanceof Action.Assign
            && sockets.isMissing(line.labelId, context.protocol());
    return missing ? "first match, no socket" : "first match";
  }

  /**
   * A rule, and what its action comes to.
   *
   * @param labelId -1 unless it assigns
   * @param assignFlags for {@link LookupContext#assign}
   */
  private record Line(Rule rule, int labelId, int assignFlags) {
    static Line of(Rule rule, Map<String, Integer> labels) {
      return switch (rule.action()) {
        case Action.Assign(String label, boolean replace, boolean noReuseport) -> {
          labels.putIfAbsent(label, labels.size());
          int flags =
              (replace ? LookupContext.REPLACE : 0)
                  | (noReuseport ? LookupContext.NO_REUSEPORT : 0);
          yield new Line(rule, labels.getOrDefault(label, -1), flags);
        }
        case Action.Drop _, Action.Pass _ -> new Line(rule, -1, 0);
      };
    }

    /** The first thing in which the packet differs; null if the rule matches. */
    @Nullable Mismatch mismatch(LookupContext context) {
      if (rule.protocol() != null && rule.protocol() != context.protocol()) {
        return Mismatch.PROTOCOL;
      }
      if (!contains(rule.ports(), context.localPort())) {
        return Mismatch.PORTS;
      }
      IpPrefix to = rule.to();
      if (to != null && !to.contains(context.family(), context.localHigh(), context.localLow())) {
        return Mismatch.TO;
      }
      IpPrefix from = rule.from();
      if (from != null
          && !from.contains(context.family(), context.remoteHigh(), context.remoteLow())) {
        return Mismatch.FROM;
      }
      if (!contains(rule.fromPorts(), context.remotePort())) {
        return Mismatch.FROM_PORTS;
      }
      if (rule.ifindex() != 0 && rule.ifindex() != context.ingressIfindex()) {
        return Mismatch.IFINDEX;
      }
      return null;
    }

    private static boolean contains(@Nullable PortRange ports, int port) {
      return ports == null || ports.contains(port);
    }

    String result() {
      return switch (rule.action()) {
        case Action.Assign assign -> assign.label();
        case Action.Drop _ -> "drop";
        case Action.Pass _ -> "pass";
      };
    }
  }

  private enum Mismatch {
    PROTOCOL,
    PORTS,
    TO,
    FROM,
    FROM_PORTS,
    IFINDEX;

    String why(Rule rule) {
      return switch (this) {
        case PROTOCOL -> "not protocol " + (rule.protocol() == Protocol.TCP ? "tcp" : "udp");
        case PORTS -> "not to port " + rule.ports();
        case TO -> "not to " + rule.to();
        case FROM -> "not from " + rule.from();
        case FROM_PORTS -> "not from port " + rule.fromPorts();
        case IFINDEX -> "not on interface " + rule.ifindex();
      };
    }
  }
}
