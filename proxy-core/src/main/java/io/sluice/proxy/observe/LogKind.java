package io.sluice.proxy.observe;

/** The two kinds of lines that the log has. */
public enum LogKind {
  /** Access records: one per session. */
  ACCESS("access"),

  /** Everything else. */
  LOG("log");

  private final String word;

  LogKind(String word) {
    this.word = word;
  }

  /** As metrics name it. */
  public String word() {
    return word;
  }
}
