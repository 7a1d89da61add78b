package io.sluice.config;

import io.sluice.steering.binding.Rule;
import java.util.List;

/** A program to attach. */
public sealed interface ProgramSpec {
  String name();

  /** The built-in program that asks the bindings. */
  record Bindings(String name) implements ProgramSpec {}

  /** One that somebody else wrote. */
  record Custom(String name, Code code) implements ProgramSpec {}

  /**
   * One with another beside it, which runs on the same lookups and decides nothing.
   *
   * @param shadow of the same name
   */
  record Shadowed(ProgramSpec program, ProgramSpec shadow) implements ProgramSpec {
    @Override
    public String name() {
      return program.name();
    }
  }

  /** An eBPF program: contained, where one that somebody wrote in Java is trusted. */
  record Bpf(String name, BpfObject object) implements ProgramSpec {}

  /** The built-in program that goes through rules: the first match decides, none is a pass. */
  record Rules(String name, List<Rule> rules) implements ProgramSpec {
    public Rules {
      rules = List.copyOf(rules);
    }
  }
}
