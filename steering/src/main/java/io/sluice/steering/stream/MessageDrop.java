package io.sluice.steering.stream;

/**
 * Every way in which a message, or the rest of a stream, is thrown away. The {@linkplain #word
 * word} is the metric label.
 */
public enum MessageDrop {
  /** It is longer than the buffer limit (EMSGSIZE). The stream stops. */
  TOO_LARGE("too_large"),
  /** The parser answered an error, or a length that contradicts what it said before. It stops. */
  MALFORMED("malformed"),
  /** The parser threw. The stream stops. */
  PARSER_ERROR("parser_error"),
  /** The rest of a message didn't come within the parser's time (ETIMEDOUT). The stream stops. */
  PARSER_TIMEOUT("parser_timeout"),
  /** The stream ended inside a message. */
  TRUNCATED("truncated"),
  /** The verdict dropped it. The stream goes on. */
  VERDICT("verdict"),
  /** The verdict threw. The stream goes on. */
  VERDICT_ERROR("verdict_error");

  private final String word;

  MessageDrop(String word) {
    this.word = word;
  }

  /** The metric label's value. */
  public String word() {
    return word;
  }
}
