package io.sluice.config;

import io.sluice.steering.binding.Rule;
import java.util.List;

/** A program to run at lookups. */
public sealed interface ProgramSpec {
  String name();

  record Bindings(String name) implements ProgramSpec {}

  record Rules(String name, List<Rule> rules) implements ProgramSpec {}
}
