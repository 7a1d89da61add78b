package io.sluice.proxy.observe;

/** What a check of a target came to. The {@linkplain #word() word} is the metric label. */
public enum CheckResult {
  /** The target answered as it should. */
  GOOD("good"),
  /** It didn't. */
  BAD("bad"),
  /** The check could not be made, for want of a descriptor or port: nothing was found out. */
  SKIPPED("skipped");

  private final String word;

  CheckResult(String word) {
    this.word = word;
  }

  public String word() {
    return word;
  }
}
