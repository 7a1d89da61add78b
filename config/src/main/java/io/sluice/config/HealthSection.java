package io.sluice.config;

import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code check}, {@code passive} and what follows from them, of a destination. */
final class HealthSection {
  private static final List<String> PASSIVE_KEYS = List.of("fall", "for", "max");
  private static final int MOST_FAILURES = 1000;

  private HealthSection() {}

  static HealthSpec read(
      Fields destination, @Nullable Protocol protocol, @Nullable List<TargetSpec> targets) {
    HealthSpec standard = HealthSpec.standard(protocol != Protocol.UDP);
    Value check = destination.optional("check");
    return new HealthSpec(
        check == null ? null : CheckSection.read(check, protocol, targets),
        destination.optional("passive", standard.passive(), HealthSection::passive),
        destination.optional("onDown", standard.onDown(), it -> onDown(it, protocol)),
        destination.optional("slowStart", standard.slowStart(), Value::durationOrZero),
        destination.optional("panic", standard.panicPercent(), it -> it.integer(0, 100)));
  }

  private static @Nullable Passive passive(Value value) {
    Fields fields = Fields.of(value, PASSIVE_KEYS);
    if (fields == null) {
      return null;
    }
    Passive standard = Passive.DEFAULT;
    int fall = fields.optional("fall", standard.fall(), it -> it.integer(1, MOST_FAILURES));
    Duration pause = fields.optional("for", standard.pause(), Value::duration);
    Duration longest = pause.compareTo(standard.max()) > 0 ? pause : standard.max();
    Duration max = fields.optional("max", longest, Value::duration);
    if (max.compareTo(pause) < 0) {
      value.error("max is shorter than for; it is the longest of the pauses, of which for is one");
    }
    return new Passive(fall, pause, max);
  }

  private static @Nullable OnDown onDown(Value value, @Nullable Protocol protocol) {
    OnDown policy = value.parse(HealthSection::parseOnDown);
    if (policy == null || protocol == null) {
      return policy;
    }
    boolean isTcp = protocol == Protocol.TCP;
    boolean fits =
        switch (policy) {
          case KEEP -> true;
          case CLOSE -> isTcp;
          case MOVE, MOVE_SILENT -> !isTcp;
        };
    if (!fits) {
      value.error(
          "onDown "
              + policy.word()
              + " is not for "
              + protocol.word()
              + (isTcp ? "; use keep or close" : "; use keep, move or move-silent"));
    }
    return policy;
  }

  private static OnDown parseOnDown(String text) {
    for (OnDown policy : OnDown.values()) {
      if (policy.word().equals(text)) {
        return policy;
      }
    }
    throw new IllegalArgumentException(
        "\"" + text + "\" is none; keep and close are for tcp, keep, move and move-silent for udp");
  }
}
