package io.sluice.proxy.change;

import io.sluice.config.Problem;
import java.util.List;

/** What came of a transaction. */
public sealed interface Answer {
  /**
   * It is in force; of a dry run: it would be.
   *
   * @param generation the one in force now; a change that changes nothing keeps it
   * @param diff what it changed, a line for each thing: {@code + binding tcp 127.0.0.0/8:80 → web}
   * @param warnings what is doubtful in the document now
   */
  record Applied(long generation, List<String> diff, List<Problem> warnings) implements Answer {}

  /**
   * Nothing has changed.
   *
   * @param inDocument what is wrong with the document that it would make
   * @param here what this machine or process doesn't have
   */
  record Refused(List<Problem> inDocument, List<String> here) implements Answer {}

  /**
   * Nothing has changed, as another generation than the expected one is in force.
   *
   * @param generation the one in force
   */
  record Conflict(long generation) implements Answer {}
}
