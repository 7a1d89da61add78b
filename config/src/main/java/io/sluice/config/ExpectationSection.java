package io.sluice.config;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** {@code expect}: what lookups must come to. */
final class ExpectationSection {
  private static final List<String> KEYS = List.of("lookup", "assign", "pass", "drop");

  private ExpectationSection() {}

  static List<Expectation> read(Value section, Labels labels) {
    List<Expectation> expectations = new ArrayList<>();
    for (Value item : section.items()) {
      Fields fields = Fields.of(item, KEYS);
      if (fields != null) {
        Expectation expectation = expectation(fields, labels);
        if (expectation != null) {
          expectations.add(expectation);
        }
      }
    }
    return expectations;
  }

  private static @Nullable Expectation expectation(Fields fields, Labels labels) {
    Lookup lookup =
        fields.required(
            "lookup",
            "\"tcp 203.0.113.9:5000 127.0.1.7:8080\"",
            value -> value.parse(Lookup::parse));
    Outcome outcome = outcome(fields, lookup, labels);
    if (lookup == null || outcome == null) {
      return null;
    }
    return new Expectation(lookup, outcome, fields.map().line());
  }

  private static @Nullable Outcome outcome(Fields fields, @Nullable Lookup lookup, Labels labels) {
    Value assign = fields.optional("assign");
    boolean pass = ProgramSection.isTrue(fields, "pass");
    boolean drop = ProgramSection.isTrue(fields, "drop");
    String label = assign == null ? null : assign.parse(Labels::parse);
    if (assign != null && label != null && lookup != null) {
      labels.mention(assign, label, EnumSet.of(lookup.protocol()));
    }
    List<String> outcomes = Stream.of("assign", "pass", "drop").filter(fields::has).toList();
    if (outcomes.isEmpty()) {
      if (Stream.of("assign", "pass", "drop").noneMatch(fields::isExcused)) {
        fields.map().error("nothing is expected; write assign: LABEL, pass: true or drop: true");
      }
      return null;
    }
    if (outcomes.size() > 1) {
      fields.map().error("several are expected: " + String.join(", ", outcomes) + "; keep one");
      return null;
    }
    if (label != null) {
      return new Outcome.Assign(label);
    }
    return pass ? new Outcome.Pass() : drop ? new Outcome.Drop() : null;
  }
}
