package io.sluice.config;

import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/** A file that can't be used. */
public final class ConfigException extends Exception {
  private static final long serialVersionUID = 1;

  private final transient List<Problem> problems;

  /** One with these problems, at least one of them an error. */
  public ConfigException(List<Problem> problems) {
    super(problems.stream().map(Problem::toString).collect(Collectors.joining("\n")));
    this.problems = List.copyOf(problems);
  }

  /** The errors, at least one, and the warnings; in the file's order. */
  public List<Problem> problems() {
    return problems;
  }

  /** One line for each problem. */
  @Override
  public String getMessage() {
    return Objects.requireNonNull(super.getMessage());
  }
}
