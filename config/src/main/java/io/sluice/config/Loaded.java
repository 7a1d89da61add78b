package io.sluice.config;

import java.util.List;

/**
 * A configuration that can be used, and what is doubtful about it.
 *
 * @param warnings in the file's order
 */
public record Loaded(Config config, List<Problem> warnings) {
  public Loaded {
    warnings = List.copyOf(warnings);
  }
}
