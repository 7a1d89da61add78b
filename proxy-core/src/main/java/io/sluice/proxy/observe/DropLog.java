package io.sluice.proxy.observe;

import io.sluice.steering.DropOrigin;
import io.sluice.steering.Errno;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import java.lang.invoke.VarHandle;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one loop refused last, in a ring: written by the loop, read by any thread, without locks. A
 * writer never waits; a reader leaves out what is overwritten while it reads.
 *
 * <p>Nothing is allocated, but for an object of the binding that missed, if it isn't the one of the
 * refusal before.
 *
 * <pre>
 *   a place, 7 words   0 time, ms   1, 2 client   3, 4 wanted address   6 interface(32) part(32)
 *                      5 client's port(16) wanted port(16) errno(16) reason(8) ipv6(1) udp(1)
 *            4 objects 0 program's name   1 its part   2 label   3 target
 * </pre>
 */
public final class DropLog {
  /** How many are kept. */
  public static final int CAPACITY = 4_096;

  private static final int WORDS = 7;
  private static final int OBJECTS = 4;
  private static final Refusal[] REASONS = Refusal.values();
  private static final long IS_UDP = 1;
  private static final long IS_IPV6 = 2;

  private final Counters counters;
  private final long[] words = new long[CAPACITY * WORDS];
  private final @Nullable Object[] objects = new @Nullable Object[CAPACITY * OBJECTS];
  private volatile long count;

  // The part that was kept last, so that the next refusal by it needs no other object.
  private @Nullable WeakReference<Program> lastProgram;
  private int lastPart = DropOrigin.WHOLE;
  private @Nullable Object lastPartObject;

  /**
   * @param counters what else is told of each
   */
  public DropLog(Counters counters) {
    this.counters = counters;
  }

  /**
   * Counts and keeps a refusal. On the loop only.
   *
   * @param context describes what is refused; who dropped it, if a lookup did
   * @param label of the destination that it was for; null if it was for none
   * @param target that it was for, as an object that says so and holds on to nothing; null for none
   * @param errno positive; 0 if the kernel wasn't asked
   */
  public void add(
      Refusal reason,
      LookupContext context,
      @Nullable String label,
      @Nullable Object target,
      int errno) {
    counters.drops(reason, context.protocol()).increment();
    DropOrigin origin = context.dropOrigin();
    Errno assignError = origin.errno();
    int shownErrno = errno == 0 && assignError != null ? assignError.number() : errno;
    long number = count; // only this thread writes it
    int word = (int) (number % CAPACITY) * WORDS;
    int object = (int) (number % CAPACITY) * OBJECTS;
    VarHandle.storeStoreFence(); // who sees any of what follows sees the count of before, too
    words[word] = System.currentTimeMillis();
    words[word + 1] = context.remoteHigh();
    words[word + 2] = context.remoteLow();
    words[word + 3] = context.localHigh();
    words[word + 4] = context.localLow();
    words[word + 5] =
        (long) context.remotePort() << 48
            | (long) context.localPort() << 32
            | (long) (shownErrno & 0xffff) << 16
            | (long) reason.ordinal() << 8
            | (context.family() == Family.IPV6 ? IS_IPV6 : 0)
            | (context.protocol() == Protocol.UDP ? IS_UDP : 0);
    words[word + 6] = (long) context.ingressIfindex() << 32 | origin.part() & 0xffff_ffffL;
    objects[object] = origin.name();
    objects[object + 1] = part(origin);
    objects[object + 2] = label;
    objects[object + 3] = target;
    count = number + 1;
  }

  private @Nullable Object part(DropOrigin origin) {
    Program program = origin.program();
    if (program == null || origin.part() == DropOrigin.WHOLE) {
      return null;
    }
    boolean isLastProgram = lastProgram != null && lastProgram.refersTo(program);
    if (origin.part() != lastPart || !isLastProgram) {
      if (!isLastProgram) {
        lastProgram = new WeakReference<>(program);
      }
      lastPart = origin.part();
      lastPartObject = program.part(lastPart);
    }
    return lastPartObject;
  }

  /** How many there have been. Any thread. */
  public long count() {
    return count;
  }

  /**
   * Those from this one on that are still kept, the oldest first; their numbers go up by one. Any
   * thread.
   */
  public List<Dropped> from(long first) {
    long end = count;
    List<Dropped> read = new ArrayList<>();
    for (long number = Math.max(0, Math.max(first, end - CAPACITY + 1)); number < end; number++) {
      read.add(read(number));
    }
    VarHandle.loadLoadFence();
    long overwritten = count - CAPACITY; // the next one may be half written
    read.removeIf(it -> it.number() <= overwritten);
    return read;
  }

  private Dropped read(long number) {
    int word = (int) (number % CAPACITY) * WORDS;
    int object = (int) (number % CAPACITY) * OBJECTS;
    long small = words[word + 5];
    Family family = (small & IS_IPV6) != 0 ? Family.IPV6 : Family.IPV4;
    return new Dropped(
        number,
        words[word],
        (small & IS_UDP) != 0 ? Protocol.UDP : Protocol.TCP,
        family,
        words[word + 1],
        words[word + 2],
        (int) (small >>> 48),
        words[word + 3],
        words[word + 4],
        (int) (small >>> 32) & 0xffff,
        (int) (words[word + 6] >>> 32),
        REASONS[(int) (small >>> 8) & 0xff],
        (int) (small >>> 16) & 0xffff,
        (String) objects[object],
        (int) words[word + 6],
        objects[object + 1],
        (String) objects[object + 2],
        objects[object + 3]);
  }
}
