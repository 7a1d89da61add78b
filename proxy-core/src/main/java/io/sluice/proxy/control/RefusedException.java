package io.sluice.proxy.control;

import io.sluice.config.Problem;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;

/**
 * A configuration can't come into force; nothing has changed. The message has a line for each
 * problem.
 */
public final class RefusedException extends IOException {
  private static final long serialVersionUID = 1;

  private final transient List<Problem> inFile;
  private final transient List<String> here;
  private final boolean isLasting;

  /**
   * @param inFile what is wrong in the file
   * @param here what this machine or user doesn't have
   * @param isLasting whether the same configuration would be refused again, until it or the rights
   *     of the process change
   */
  RefusedException(List<Problem> inFile, List<String> here, boolean isLasting) {
    super(
        String.join(
            "\n", Stream.concat(inFile.stream().map(Problem::toString), here.stream()).toList()));
    this.inFile = List.copyOf(inFile);
    this.here = List.copyOf(here);
    this.isLasting = isLasting;
  }

  List<Problem> inFile() {
    return inFile;
  }

  List<String> here() {
    return here;
  }

  boolean isLasting() {
    return isLasting;
  }
}
