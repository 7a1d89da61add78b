package io.sluice.config;

/** What becomes of what a target has when it goes down. */
public enum OnDown {
  /** It stays. */
  KEEP("keep"),
  /** TCP sessions are reset, spread over two seconds. */
  CLOSE("close"),
  /** UDP flows go to another target with the client's next datagram. */
  MOVE("move"),
  /** The same for those only whose target has not answered for a second. */
  MOVE_SILENT("move-silent");

  private final String word;

  OnDown(String word) {
    this.word = word;
  }

  /** As the file writes it. */
  public String word() {
    return word;
  }
}
