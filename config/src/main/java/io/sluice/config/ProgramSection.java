package io.sluice.config;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Rule;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** {@code programs}: what is run at a lookup, in order. */
final class ProgramSection {
  /** As many as the kernel attaches to one hook. */
  static final int MAX_PROGRAMS = 64;

  private static final List<String> KINDS = List.of("builtin", "rules", "jar", "class", "object");
  private static final List<String> KEYS =
      Stream.of(List.of("name"), KINDS, BpfObject.KEYS).flatMap(List::stream).distinct().toList();
  private static final List<String> RULE_KEYS =
      List.of(
          "from",
          "fromPort",
          "to",
          "port",
          "protocol",
          "ifindex",
          "assign",
          "replace",
          "noReuseport",
          "drop",
          "pass");
  private static final Set<Protocol> NEITHER = EnumSet.noneOf(Protocol.class);

  private ProgramSection() {}

  static List<ProgramSpec> read(Value section, Labels labels) {
    List<ProgramSpec> programs = new ArrayList<>();
    Map<String, Value> names = new HashMap<>();
    List<Value> items = section.items();
    if (items.size() > MAX_PROGRAMS) {
      section.error(items.size() + " programs; at most " + MAX_PROGRAMS + " can be attached");
    }
    for (Value item : items) {
      Fields fields = Fields.of(item, KEYS);
      if (fields == null) {
        labels.use(null, null, NEITHER);
        continue;
      }
      ProgramSpec program = program(fields, labels, names);
      if (program != null) {
        programs.add(program);
      }
    }
    return programs;
  }

  /**
   * {@code shadows}: programs that run beside others and decide nothing.
   *
   * @param programs beside which they may run; none if they couldn't be read
   */
  static List<ProgramSpec> readShadows(Value section, List<ProgramSpec> programs, Labels labels) {
    List<ProgramSpec> shadows = new ArrayList<>();
    Map<String, Value> names = new HashMap<>();
    for (Value item : section.items()) {
      Fields fields = Fields.of(item, KEYS);
      ProgramSpec shadow = fields == null ? null : program(fields, labels, names);
      if (fields == null || shadow == null) {
        labels.use(null, null, NEITHER);
        continue;
      }
      if (!programs.isEmpty()
          && programs.stream().noneMatch(it -> it.name().equals(shadow.name()))) {
        fields
            .map()
            .error(
                "no program is called "
                    + shadow.name()
                    + ", beside which it could run; there are "
                    + programs.stream().map(ProgramSpec::name).collect(Collectors.joining(", ")));
      }
      shadows.add(shadow);
    }
    return shadows;
  }

  private static @Nullable ProgramSpec program(
      Fields fields, Labels labels, Map<String, Value> names) {
    String name =
        fields.required("name", "office", value -> CaptureSection.uniqueName(value, names));
    Value builtin = fields.optional("builtin");
    Value rules = fields.optional("rules");
    List<String> kinds = KINDS.stream().filter(fields::has).toList();
    if (kinds.isEmpty()) {
      if (KINDS.stream().noneMatch(fields::isExcused)) {
        fields
            .map()
            .error(
                "the program does nothing; give it builtin: bindings, rules, jar and class, or object");
      }
      return null;
    }
    if (kinds.size() > 1 && !kinds.equals(List.of("jar", "class"))) {
      fields
          .map()
          .error(
              "a program is builtin, has rules, is a class in a jar, or an object; here are "
                  + String.join(", ", kinds)
                  + ": make it several programs");
    }
    if (kinds.contains("object")) {
      BpfObject object = BpfObject.read(fields, labels);
      return name == null || object == null ? null : new ProgramSpec.Bpf(name, object);
    }
    if (builtin == null && rules == null) {
      labels.use(null, null, NEITHER); // it may assign any
      Code code = JarClass.read(fields);
      return name == null || code == null ? null : new ProgramSpec.Custom(name, code);
    }
    String known = builtin == null ? null : builtin.parse(ProgramSection::parseBuiltin);
    List<Rule> parsed = rules == null ? List.of() : rules(rules, labels);
    if (name == null) {
      return null;
    }
    return known == null ? new ProgramSpec.Rules(name, parsed) : new ProgramSpec.Bindings(name);
  }

  private static String parseBuiltin(String text) {
    if (!text.equals("bindings")) {
      throw new IllegalArgumentException("\"" + text + "\" is no built-in program; bindings is");
    }
    return text;
  }

  private static List<Rule> rules(Value list, Labels labels) {
    List<Rule> rules = new ArrayList<>();
    if (!list.isList()) {
      labels.use(null, null, NEITHER);
    }
    for (Value item : list.items()) {
      Fields fields = Fields.of(item, RULE_KEYS);
      if (fields == null) {
        labels.use(null, null, NEITHER);
        continue;
      }
      Rule rule = rule(fields, labels);
      if (rule != null) {
        rules.add(rule);
      }
    }
    return rules;
  }

  private static @Nullable Rule rule(Fields fields, Labels labels) {
    IpPrefix from = matcher(fields, "from", Words::prefix);
    PortRange fromPorts = matcher(fields, "fromPort", PortRange::parse);
    IpPrefix to = matcher(fields, "to", Words::prefix);
    PortRange ports = matcher(fields, "port", PortRange::parse);
    Set<Protocol> protocols = BindingSection.protocols(fields);
    int ifindex = fields.optional("ifindex", 0, value -> value.integer(1, Integer.MAX_VALUE));
    if (from != null && to != null && from.family() != to.family()) {
      fields
          .map()
          .error("from " + from + " and to " + to + " are of two families; no packet matches that");
    }
    Rule.Action action = action(fields, labels, protocols);
    if (action == null || protocols.isEmpty()) {
      return null;
    }
    Protocol protocol = protocols.size() == 1 ? protocols.iterator().next() : null;
    return new Rule(from, fromPorts, to, ports, protocol, ifindex, action);
  }

  private static <T> @Nullable T matcher(Fields fields, String key, Function<String, T> parser) {
    Value value = fields.optional(key);
    return value == null ? null : value.parse(parser);
  }

  private static Rule.@Nullable Action action(
      Fields fields, Labels labels, Set<Protocol> protocols) {
    Value assign = fields.optional("assign");
    boolean replace = fields.optional("replace", false, Value::flag);
    boolean noReuseport = fields.optional("noReuseport", false, Value::flag);
    boolean drop = isTrue(fields, "drop");
    boolean pass = isTrue(fields, "pass");
    String label = null;
    if (assign != null) {
      label = assign.parse(Labels::parse);
      labels.use(assign, label, protocols);
    }
    List<String> actions = Stream.of("assign", "drop", "pass").filter(fields::has).toList();
    if (actions.isEmpty()) {
      if (Stream.of("assign", "drop", "pass").anyMatch(fields::isExcused)) {
        labels.use(null, null, NEITHER);
      } else {
        fields.map().error("the rule has no action; write assign: LABEL, drop: true or pass: true");
      }
      return null;
    }
    if (actions.size() > 1) {
      fields
          .map()
          .error("the rule has several actions: " + String.join(", ", actions) + "; keep one");
      return null;
    }
    if (assign == null) {
      for (String flag : List.of("replace", "noReuseport")) {
        Value value = fields.optional(flag);
        if (value != null) {
          value.error(flag + " goes with assign only; remove it");
        }
      }
    }
    if (label != null) {
      return new Rule.Action.Assign(label, replace, noReuseport);
    }
    return drop ? new Rule.Action.Drop() : pass ? new Rule.Action.Pass() : null;
  }

  /** Whether an action is there; false after a problem. */
  static boolean isTrue(Fields fields, String key) {
    Value value = fields.optional(key);
    Boolean flag = value == null ? null : value.flag();
    if (value != null && Boolean.FALSE.equals(flag)) {
      value.error(key + " is true, or isn't written at all");
    }
    return Boolean.TRUE.equals(flag);
  }
}
