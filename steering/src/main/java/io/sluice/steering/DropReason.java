package io.sluice.steering;

/**
 * Every way in which the engine refuses traffic. Who embeds it adds reasons of its own. The
 * {@linkplain #word() word} is for metrics, logs and {@code explain}.
 */
public enum DropReason {
  /** A program said drop, and none assigned a socket. */
  PROGRAM("program"),
  /**
   * A program threw, or answered something else than pass or drop; or the selected reuseport
   * group's program threw.
   */
  PROGRAM_ERROR("program_error"),
  /** A binding or an assigning rule matched, but the socket map holds no socket for its label. */
  MISS("miss"),
  /**
   * The selected reuseport group selects nobody: its own program said drop, or all members drain.
   */
  GROUP("group"),
  /** All passed, nothing was assigned, and no ordinary listener takes it. */
  NO_LISTENER("no_listener");

  private final String word;

  DropReason(String word) {
    this.word = word;
  }

  /** Lower case, with underscores. */
  public String word() {
    return word;
  }
}
