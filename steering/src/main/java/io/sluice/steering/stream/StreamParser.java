package io.sluice.steering.stream;

import io.sluice.steering.SkSkbProgram;

/**
 * Finds where a message ends (BPF_SK_SKB_STREAM_PARSER). Runs on an event loop: it must not block,
 * and ought not to allocate. It may be shared between streams, so it remembers nothing.
 */
@FunctionalInterface
public interface StreamParser extends SkSkbProgram {
  /**
   * Looks at the beginning of a message.
   *
   * <p>After 0 it runs again when more has come; after a length that isn't there yet it doesn't.
   * Any other answer, or an exception, stops the stream for good ({@link Strparser#next}).
   *
   * @param message what there is from the message's first byte on; perhaps the next messages too.
   *     At least one byte. Valid during the call only
   * @return the whole message's length in bytes; 0 if more must be seen to know; or a negative
   *     errno
   */
  int parse(MessageView message);

  @Override
  default Kind kind() {
    return Kind.PARSER;
  }
}
