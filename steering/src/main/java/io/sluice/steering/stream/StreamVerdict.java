package io.sluice.steering.stream;

import io.sluice.steering.SkSkbProgram;

/**
 * Judges a message (BPF_SK_SKB_STREAM_VERDICT), or what one receive brought if there is no parser
 * (BPF_SK_SKB_VERDICT). Runs on an event loop: it must not block, and ought not to allocate.
 *
 * <p>One object may judge the messages of many sockets, on several event loops at once; a
 * destination's program does.
 */
@FunctionalInterface
public interface StreamVerdict extends SkSkbProgram {
  /** Throw the message away; the stream goes on. Any answer but pass means this. */
  int SK_DROP = 0;

  /** Where the context's redirect says; without one, to the socket that received it. */
  int SK_PASS = 1;

  /**
   * Judges one message. An exception drops it ({@link MessageDrop#VERDICT_ERROR}).
   *
   * @param context the message; valid during the call only
   * @return {@link #SK_PASS} or {@link #SK_DROP}
   */
  int run(MessageContext context);

  @Override
  default Kind kind() {
    return Kind.VERDICT;
  }
}
