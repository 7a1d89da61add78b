package io.sluice.steering.stream;

/**
 * Every way in which a message, or the rest of a stream, is thrown away. The {@linkplain #word
 * word} is the metric label.
 */
public enum MessageDrop {
  /** It is longer than the buffer limit (EMSGSIZE). The stream stops. */
  TOO_LARGE("too_large", true),
  /** The parser answered an error, or a length that contradicts what it said before. It stops. */
  MALFORMED("malformed", true),
  /** The parser threw. The stream stops. */
  PARSER_ERROR("parser_error", true),
  /** The rest of a message didn't come within the parser's time (ETIMEDOUT). The stream stops. */
  PARSER_TIMEOUT("parser_timeout", true),
  /** The stream ended inside a message. */
  TRUNCATED("truncated", true),
  /** The verdict dropped it. The stream goes on. */
  VERDICT("verdict", false),
  /** The verdict threw. The stream goes on. */
  VERDICT_ERROR("verdict_error", false);

  private final String word;
  private final boolean isLast;

  MessageDrop(String word, boolean isLast) {
    this.word = word;
    this.isLast = isLast;
  }

  /** The metric label's value. */
  public String word() {
    return word;
  }

  /** Whether no message follows. */
  public boolean isLast() {
    return isLast;
  }
}
