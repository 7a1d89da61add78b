package io.sluice.steering.stream;

/**
 * Messages that end with a line feed, which is a part of them, as is a carriage return before it
 * (RFC 6587 §3.4.2 with the usual trailer). An empty line is a message.
 */
public final class LineParser implements StreamParser {
  @Override
  public int parse(MessageView message) {
    return 1 + message.indexOf('\n', message.seen());
  }
}
