package io.sluice.proxy.health;

/** What is known of an endpoint. The {@linkplain #word() word} is the metric label. */
public enum TargetState {
  /** It serves, as far as anybody knows. */
  UP("up"),
  /** It doesn't: it is passed over, but for what finds out whether it is back. */
  DOWN("down"),
  /** It gets nothing new: its weight is 0, or an operator said so. */
  DRAIN("drain"),
  /** The same; somebody works on it. */
  MAINT("maint"),
  /** No check has been answered yet: it is used, and the first bad answer takes it out. */
  STARTING("starting");

  private final String word;

  TargetState(String word) {
    this.word = word;
  }

  public String word() {
    return word;
  }
}
