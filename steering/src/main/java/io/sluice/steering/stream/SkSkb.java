package io.sluice.steering.stream;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import io.sluice.steering.SocketPrograms;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The receiving side of one socket with SK_SKB programs: bytes come in, messages go where the
 * verdict says. The caller keeps the bytes, and shows those again that were not consumed. Belongs
 * to one thread; allocates nothing per message.
 */
public final class SkSkb {
  /** What a receiver did with a message. */
  public enum Delivery {
    /** It has it. */
    TAKEN,
    /** It can't take it now: the stream waits, and the same message is offered again, unjudged. */
    BUSY,
    /** Its target has gone: the verdict runs again. The receiver sees to it that this ends. */
    ANOTHER
  }

  /** Who gets the messages. */
  public interface Receiver {
    /**
     * A message that was passed.
     *
     * @param bytes where it is; valid during the call only
     * @param target where it was redirected to; null is the receiving socket
     * @param isIngress it is to be read from the target, rather than sent on it
     */
    Delivery deliver(
        ByteBuffer bytes, int offset, int length, @Nullable Socket target, boolean isIngress);

    /** Something is thrown away; of a message that isn't whole, what there is. */
    void dropped(MessageDrop why, int lengthBytes);

    /** A parser or verdict threw; what that costs has been said by {@link #dropped}. */
    default void programFailed(Throwable cause) {}
  }

  private final @Nullable Strparser strparser;
  private final @Nullable StreamVerdict verdict;
  private final MessageContext context;

  /** The length of a message that is judged and not taken; 0 if there is none. */
  private int judged;

  /**
   * The path of a connection.
   *
   * @param strparser null: what comes at once is a message
   * @param verdict null: all pass
   * @param connection describes it
   */
  public SkSkb(
      @Nullable Strparser strparser, @Nullable StreamVerdict verdict, LookupContext connection) {
    this.strparser = strparser;
    this.verdict = verdict;
    this.context = new MessageContext(connection);
  }

  /** The path of a socket with the programs that it has inherited from maps by now. */
  public static SkSkb of(
      Socket socket, int limitBytes, long timeoutMillis, LookupContext connection) {
    SocketPrograms.Running programs = socket.programs().running();
    StreamParser parser = (StreamParser) programs.parser();
    return new SkSkb(
        parser == null ? null : new Strparser(parser, limitBytes, timeoutMillis),
        (StreamVerdict) programs.verdict(),
        connection);
  }

  /**
   * Steers what has been received.
   *
   * @param bytes holds it; what was not consumed before comes first
   * @return how many bytes are done with; fewer than {@code until - from} if a message is
   *     incomplete, the receiver is busy, or the parser has {@linkplain #stopped stopped}
   */
  public int receive(ByteBuffer bytes, int from, int until, long nowMillis, Receiver receiver) {
    int at = from;
    while (at < until && stopped() == null) {
      if (judged == 0) {
        int length = strparser == null ? until - at : strparser.next(bytes, at, until, nowMillis);
        if (length <= 0) {
          if (length < 0) {
            reportStop(until - at, receiver);
          }
          break;
        }
        if (!judge(bytes, at, length, receiver)) {
          at += length;
          continue;
        }
        judged = length;
      }
      Delivery delivery =
          receiver.deliver(bytes, at, judged, context.target(), context.isIngress());
      if (delivery == Delivery.BUSY) {
        break;
      }
      if (delivery == Delivery.TAKEN) {
        at += judged;
        judged = 0;
      } else if (!judge(bytes, at, judged, receiver)) {
        at += judged;
        judged = 0;
      }
    }
    return at - from;
  }

  /** Runs the verdict; false if the message is dropped. */
  private boolean judge(ByteBuffer bytes, int offset, int length, Receiver receiver) {
    context.forgetTarget();
    if (verdict == null) {
      return true;
    }
    MessageDrop why = MessageDrop.VERDICT;
    try {
      MessageView _ = context.message().of(bytes, offset, length, 0);
      if (verdict.run(context) == StreamVerdict.SK_PASS) {
        return true;
      }
    } catch (Throwable thrown) { // checked ones too: other JVM languages throw them undeclared
      why = MessageDrop.VERDICT_ERROR;
      receiver.programFailed(thrown);
    }
    receiver.dropped(why, length);
    return false;
  }

  private void reportStop(int leftBytes, Receiver receiver) {
    MessageDrop why = stopped();
    if (strparser == null || why == null) {
      return;
    }
    receiver.dropped(why, leftBytes);
    if (strparser.failure() != null) {
      receiver.programFailed(strparser.failure());
    }
  }

  /** The stream has ended: what is left of it is no message. */
  public void end(int leftBytes, Receiver receiver) {
    if (leftBytes > 0 && stopped() == null) {
      receiver.dropped(MessageDrop.TRUNCATED, leftBytes);
    }
  }

  /** The parser's side of it; null if there is none. */
  public @Nullable Strparser strparser() {
    return strparser;
  }

  /** Why the parser has stopped for good; null while it hasn't. */
  public @Nullable MessageDrop stopped() {
    return strparser == null ? null : strparser.stopped();
  }
}
