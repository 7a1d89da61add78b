package io.sluice.steering.map;

import io.sluice.steering.Errno;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkSkbProgram;
import io.sluice.steering.Socket;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The programs that hang on a SOCKMAP or SOCKHASH (net/core/sock_map.c, sock_map_prog_update). A
 * socket inherits them when it is put into the map; what is attached or detached later doesn't
 * change the sockets that are in.
 *
 * <p>There is no msg_verdict: it runs where a socket sends, and nothing sends in this engine.
 *
 * <p>Any thread. Operations answer 0 or a negative {@link Errno}.
 */
public final class AttachedPrograms {
  /** Where a program can hang, by the kernel's numbers of attach types. */
  public enum Slot {
    /** BPF_SK_SKB_STREAM_PARSER: finds the messages for the stream verdict; TCP only. */
    STREAM_PARSER(4, SkSkbProgram.Kind.PARSER),
    /** BPF_SK_SKB_STREAM_VERDICT: judges messages, or buffers if there is no parser. */
    STREAM_VERDICT(5, SkSkbProgram.Kind.VERDICT),
    /** BPF_SK_SKB_VERDICT: judges buffers. */
    SKB_VERDICT(38, SkSkbProgram.Kind.VERDICT);

    private final int number;
    private final SkSkbProgram.Kind kind;

    Slot(int number, SkSkbProgram.Kind kind) {
      this.number = number;
      this.kind = kind;
    }

    /** The kernel's number. */
    public int number() {
      return number;
    }

    /** The slot that must be empty for this one to be filled. */
    private @Nullable Slot excluded() {
      return switch (this) {
        case STREAM_PARSER -> null;
        case STREAM_VERDICT -> SKB_VERDICT;
        case SKB_VERDICT -> STREAM_VERDICT;
      };
    }
  }

  private final Map<Slot, SkSkbProgram> programs = new EnumMap<>(Slot.class);
  private final Map<Slot, Link> links = new EnumMap<>(Slot.class);

  AttachedPrograms() {}

  /** What hangs in a slot (PROG_QUERY); null if nothing does. */
  public synchronized @Nullable SkSkbProgram query(Slot slot) {
    return programs.get(slot);
  }

  /**
   * Attaches a program, or replaces the one that hangs there (PROG_ATTACH).
   *
   * @param flags 0
   * @return 0, or negative: EINVAL (flags; a program of the other kind), EBUSY (the other verdict
   *     slot is taken; a link holds this one)
   */
  public synchronized int attach(Slot slot, SkSkbProgram program, long flags) {
    int error = flags != 0 ? Errno.EINVAL.negative() : check(slot, program);
    if (error == 0) {
      programs.put(slot, program);
    }
    return error;
  }

  /**
   * Detaches a program (PROG_DETACH).
   *
   * @return 0, or negative: EBUSY (a link holds the slot), ENOENT (another program, or none, hangs
   *     there)
   */
  public synchronized int detach(Slot slot, SkSkbProgram program) {
    if (links.containsKey(slot)) {
      return Errno.EBUSY.negative();
    }
    return programs.remove(slot, program) ? 0 : Errno.ENOENT.negative();
  }

  /**
   * Makes a link that isn't attached yet; {@link Link#create} attaches it (LINK_CREATE).
   *
   * @param program what it begins with
   */
  public Link link(Slot slot, SkSkbProgram program) {
    return new Link(slot, program);
  }

  private int check(Slot slot, SkSkbProgram program) {
    if (program.kind() != slot.kind) {
      return Errno.EINVAL.negative();
    }
    Slot excluded = slot.excluded();
    boolean isExcluded = excluded != null && programs.containsKey(excluded);
    return isExcluded || links.containsKey(slot) ? Errno.EBUSY.negative() : 0;
  }

  /** One attachment, which holds its slot against all others until it is detached. */
  public final class Link {
    private final Slot slot;
    private SkSkbProgram program;
    private boolean isAttached;

    private Link(Slot slot, SkSkbProgram program) {
      this.slot = slot;
      this.program = program;
    }

    /**
     * Attaches it; a program that hangs there without a link is replaced.
     *
     * @return 0, or negative: EINVAL (a program of the other kind), EBUSY (the other verdict slot
     *     is taken; a link holds this one)
     */
    public int create() {
      synchronized (AttachedPrograms.this) {
        int error = check(slot, program);
        if (error == 0) {
          programs.put(slot, program);
          links.put(slot, this);
          isAttached = true;
        }
        return error;
      }
    }

    /**
     * Exchanges its program (LINK_UPDATE).
     *
     * @param expected the program that it must have now; null if any will do
     * @return 0, or negative: EPERM (it has another), EINVAL (a program of the other kind), ENOLINK
     *     (it isn't attached)
     */
    public int update(SkSkbProgram next, @Nullable SkSkbProgram expected) {
      synchronized (AttachedPrograms.this) {
        if (expected != null && !expected.equals(program)) {
          return Errno.EPERM.negative();
        }
        if (next.kind() != slot.kind) {
          return Errno.EINVAL.negative();
        }
        if (!isAttached) {
          return Errno.ENOLINK.negative();
        }
        program = next;
        programs.put(slot, next);
        return 0;
      }
    }

    /** Detaches it, with its program; nothing happens if it isn't attached. */
    public void detach() {
      synchronized (AttachedPrograms.this) {
        if (isAttached) {
          isAttached = false;
          links.remove(slot);
          programs.remove(slot);
        }
      }
    }
  }

  /**
   * Gives the programs to a socket that is being put into the map. A conflict comes before what is
   * wrong with the key, as in the kernel.
   *
   * @param owner the entry; programs end with it
   * @param keyError 0, or what is wrong with the key: then nothing is given
   * @return 0, or negative: EBUSY (it has one of a kind already), EOPNOTSUPP (a parser is for TCP),
   *     the key's error
   */
  synchronized int inherit(Socket socket, Object owner, int keyError) {
    SkSkbProgram parser = programs.get(Slot.STREAM_PARSER);
    SkSkbProgram stream = programs.get(Slot.STREAM_VERDICT);
    SkSkbProgram verdict = stream != null ? stream : programs.get(Slot.SKB_VERDICT);
    boolean isListener = socket.state() == Socket.State.LISTEN;
    if (isListener || parser == null && verdict == null) {
      return keyError; // a listener receives nothing
    }
    if (parser != null && stream != null && socket.protocol() != Protocol.TCP) {
      return Errno.EOPNOTSUPP.negative();
    }
    if (keyError != 0) {
      return socket.programs().conflicts(parser, verdict) ? Errno.EBUSY.negative() : keyError;
    }
    return socket.programs().inherit(owner, parser, verdict, stream == null);
  }

  /** An entry has gone from one socket to another, or to the same again. */
  static void replaced(Socket old, Socket by, Object owner) {
    if (old != by) {
      old.programs().release(owner);
    }
  }
}
