package io.sluice.steering.stream;

import io.sluice.steering.Errno;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Cuts one stream into messages as a parser says (net/strparser/strparser.c, __strp_recv). Holds no
 * bytes: they stay in the caller's buffer until the message is whole. Belongs to one thread.
 */
public final class Strparser {
  private static final long NEVER = Long.MAX_VALUE;

  private final StreamParser parser;
  private final int limitBytes;
  private final long timeoutMillis;
  private final MessageView view = new MessageView();

  /** What an earlier call has shown of the message that is incomplete. */
  private int accumulated;

  /** Its length, or 0 while that isn't known. */
  private int whole;

  private long deadlineMillis = NEVER;
  private int error;
  private @Nullable MessageDrop stop;
  private @Nullable Throwable failure;

  /**
   * A stream at its beginning.
   *
   * @param limitBytes the longest message (the kernel's sk_rcvbuf), at least 1
   * @param timeoutMillis how long the rest of a message may take (SO_RCVTIMEO), 0 is for ever
   */
  public Strparser(StreamParser parser, int limitBytes, long timeoutMillis) {
    if (limitBytes < 1 || timeoutMillis < 0) {
      throw new IllegalArgumentException("limit " + limitBytes + ", timeout " + timeoutMillis);
    }
    this.parser = parser;
    this.limitBytes = limitBytes;
    this.timeoutMillis = timeoutMillis;
  }

  /**
   * The next message's length. It stops for good, and answers the same from then on:
   *
   * <ul>
   *   <li>-EMSGSIZE: the message is longer than the limit, or that many bytes didn't tell its
   *       length
   *   <li>-EPROTO: the parser asked for more, and then gave a length that had been there before
   *   <li>-ENODATA: the parser answered -ESTRPIPE after it had asked for more
   *   <li>what else the parser answers below 0, -ESTRPIPE among it
   *   <li>-ETIMEDOUT: {@link #expire}
   *   <li>-EFAULT: the parser threw (the kernel knows no such case)
   * </ul>
   *
   * @param bytes holds what has been received and not yet been part of a message, from the
   *     message's first byte on
   * @param nowMillis on the caller's clock
   * @return a length of at most {@code until - from}; 0 if more must come; or a negative errno
   */
  public int next(ByteBuffer bytes, int from, int until, long nowMillis) {
    if (stop != null) {
      return error;
    }
    int available = until - from;
    if (whole == 0 && available > accumulated) {
      int answer = ask(bytes, from, available);
      if (answer < 0) {
        return answer;
      }
      whole = answer;
    }
    if (whole == 0 || whole > available) {
      if (accumulated == 0 && available > 0) {
        deadlineMillis = timeoutMillis == 0 ? NEVER : nowMillis + timeoutMillis;
      }
      accumulated = available;
      return 0;
    }
    int length = whole;
    whole = 0;
    accumulated = 0;
    deadlineMillis = NEVER;
    return length;
  }

  private int ask(ByteBuffer bytes, int from, int available) {
    int answer;
    try {
      answer = parser.parse(view.of(bytes, from, available, accumulated));
    } catch (RuntimeException | Error thrown) {
      failure = thrown;
      return stop(Errno.EFAULT, MessageDrop.PARSER_ERROR);
    }
    if (answer > limitBytes || answer == 0 && available >= limitBytes) {
      return stop(Errno.EMSGSIZE, MessageDrop.TOO_LARGE);
    }
    if (answer > 0) {
      return answer > accumulated ? answer : stop(Errno.EPROTO, MessageDrop.MALFORMED);
    }
    if (answer == Errno.ESTRPIPE.negative() && accumulated > 0) {
      return stop(Errno.ENODATA, MessageDrop.MALFORMED);
    }
    if (answer < 0) {
      error = answer;
      stop = answer == Errno.EMSGSIZE.negative() ? MessageDrop.TOO_LARGE : MessageDrop.MALFORMED;
      deadlineMillis = NEVER;
    }
    return answer;
  }

  private int stop(Errno errno, MessageDrop why) {
    error = errno.negative();
    stop = why;
    deadlineMillis = NEVER;
    return error;
  }

  /** Whether a message has begun and not ended. */
  public boolean isInMessage() {
    return stop == null && accumulated > 0;
  }

  /**
   * Until when the rest of the message has time, on the caller's clock; {@link Long#MAX_VALUE}
   * while none is incomplete. The time begins with a message's first byte.
   */
  public long deadlineMillis() {
    return deadlineMillis;
  }

  /** Begins the message's time again: it was our own receiver that held the stream up. */
  public void extend(long nowMillis) {
    if (deadlineMillis != NEVER) {
      deadlineMillis = nowMillis + timeoutMillis;
    }
  }

  /** Stops with -ETIMEDOUT if the time is up. */
  public boolean expire(long nowMillis) {
    if (nowMillis < deadlineMillis) {
      return false;
    }
    int _ = stop(Errno.ETIMEDOUT, MessageDrop.PARSER_TIMEOUT);
    return true;
  }

  /** Why it has stopped for good; null while it hasn't. */
  public @Nullable MessageDrop stopped() {
    return stop;
  }

  /** What the parser threw; null if it didn't. */
  public @Nullable Throwable failure() {
    return failure;
  }

  /** What the socket's SO_ERROR would be: 0, or a positive errno. */
  public int socketError() {
    return -error;
  }
}
