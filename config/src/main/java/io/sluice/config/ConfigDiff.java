package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What differs between two configurations, in words: a line for each thing. */
public final class ConfigDiff {
  private static final int MOST_BINDINGS = 1000;

  private final List<String> lines = new ArrayList<>();

  private ConfigDiff() {}

  /** {@code + binding tcp 127.0.0.0/8:80 → web}, {@code ~ limit drain: PT5S → PT30S}. */
  public static List<String> words(Config before, Config after) {
    ConfigDiff diff = new ConfigDiff();
    diff.bindings(before.bindings(), after.bindings());
    diff.named(
        "capture",
        before.capturesDerived() && after.capturesDerived() ? List.of() : before.captures(),
        before.capturesDerived() && after.capturesDerived() ? List.of() : after.captures(),
        CaptureSpec::name);
    diff.destinations(before, after);
    diff.named("program", plain(before.programs()), plain(after.programs()), ProgramSpec::name);
    diff.named("shadow", shadows(before.programs()), shadows(after.programs()), ProgramSpec::name);
    diff.order(before.programs(), after.programs());
    diff.named("listener", before.listeners(), after.listeners(), ConfigDiff::name);
    diff.named("limit", limits(before.limits()), limits(after.limits()), Limit::name);
    return List.copyOf(diff.lines);
  }

  private static List<ProgramSpec> plain(List<ProgramSpec> programs) {
    return programs.stream()
        .map(it -> it instanceof ProgramSpec.Shadowed its ? its.program() : it)
        .toList();
  }

  private static List<ProgramSpec> shadows(List<ProgramSpec> programs) {
    List<ProgramSpec> shadows = new ArrayList<>();
    programs.forEach(it -> {
      if (it instanceof ProgramSpec.Shadowed its) {
        shadows.add(its.shadow());
      }
    });
    return shadows;
  }

  private record Limit(String name, @Nullable Object value) {}

  private static List<Limit> limits(Limits limits) {
    return List.of(
        new Limit("connections", limits.connections()),
        new Limit("flows", limits.flows()),
        new Limit("halfClosed", limits.halfClosed()),
        new Limit("drain", limits.drain()),
        new Limit("lameDuck", limits.lameDuck()),
        new Limit("buffers", limits.bufferBytes()),
        new Limit("newConnectionsPerSecond", limits.newConnectionsPerSecond()),
        new Limit("perSource", limits.perSource()));
  }

  private static String name(ListenerSpec listener) {
    return listener.protocol().word()
        + " "
        + IpAddress.withPort(listener.address(), listener.port());
  }

  private static String name(DestinationSpec destination) {
    return destination.protocol().word() + " " + destination.label();
  }

  private void bindings(BindingTable before, BindingTable after) {
    BindingTable.Difference difference = after.differenceFrom(before, MOST_BINDINGS);
    if (difference == null) {
      lines.add(
          "~ bindings: " + before.size() + " → " + after.size() + ", too many differ to tell");
      return;
    }
    for (Binding binding : difference.remove()) {
      lines.add("- binding " + BindingKeys.text(binding) + " → " + binding.label());
    }
    for (Binding binding : difference.put()) {
      boolean isNew = before.find(binding.protocol(), binding.prefix(), binding.port()) < 0;
      lines.add(
          (isNew ? "+" : "~") + " binding " + BindingKeys.text(binding) + " → " + binding.label());
    }
  }

  private <T> void named(String kind, List<T> before, List<T> after, Function<T, String> name) {
    Map<String, T> old = byName(before, name);
    Map<String, T> now = byName(after, name);
    old.forEach((key, _) -> {
      if (!now.containsKey(key)) {
        lines.add("- " + kind + " " + key);
      }
    });
    now.forEach((key, value) -> {
      T known = old.get(key);
      if (known == null) {
        lines.add("+ " + kind + " " + key);
      } else if (!Objects.equals(known, value)) {
        lines.add("~ " + kind + " " + key);
      }
    });
  }

  private static <T> Map<String, T> byName(List<T> items, Function<T, String> name) {
    Map<String, T> named = new LinkedHashMap<>();
    items.forEach(it -> named.put(name.apply(it), it));
    return named;
  }

  private void destinations(Config before, Config after) {
    Map<String, DestinationSpec> old = byName(before.destinations(), ConfigDiff::name);
    Map<String, DestinationSpec> now = byName(after.destinations(), ConfigDiff::name);
    old.forEach((name, _) -> {
      if (!now.containsKey(name)) {
        lines.add("- destination " + name);
      }
    });
    now.forEach((name, spec) -> {
      DestinationSpec known = old.get(name);
      if (known == null) {
        lines.add("+ destination " + name);
        spec.targets().forEach(it -> lines.add("+ target " + name + " " + words(it)));
      } else if (!known.equals(spec)) {
        targets(name, known, spec);
      }
    });
  }

  private void targets(String name, DestinationSpec before, DestinationSpec after) {
    int lineCount = lines.size();
    Map<String, TargetSpec> old = byName(before.targets(), it -> it.address().toString());
    Map<String, TargetSpec> now = byName(after.targets(), it -> it.address().toString());
    old.forEach((address, _) -> {
      if (!now.containsKey(address)) {
        lines.add("- target " + name + " " + address);
      }
    });
    now.forEach((address, target) -> {
      TargetSpec known = old.get(address);
      if (!target.equals(known)) {
        lines.add((known == null ? "+" : "~") + " target " + name + " " + words(target));
      }
    });
    if (lines.size() == lineCount) {
      lines.add("~ destination " + name);
    }
  }

  private static String words(TargetSpec target) {
    return target.address()
        + (target.weight() == 1 ? "" : " weight=" + target.weight())
        + (target.state() == TargetSpec.State.READY ? "" : " state=" + target.state().word());
  }

  private void order(List<ProgramSpec> before, List<ProgramSpec> after) {
    List<String> old = before.stream().map(ProgramSpec::name).toList();
    List<String> now = after.stream().map(ProgramSpec::name).toList();
    List<String> kept = old.stream().filter(now::contains).toList();
    if (!kept.equals(now.stream().filter(old::contains).toList())) {
      lines.add("~ programs: " + String.join(", ", now));
    }
  }
}
