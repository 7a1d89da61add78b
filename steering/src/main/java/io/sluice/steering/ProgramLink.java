package io.sluice.steering;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Holds a program at an {@link AttachPoint}: a bpf_link. It is attached once, can be updated in
 * place, and detached; what it says of its program stays.
 *
 * <p>Any thread may call. Programs are compared by identity: the same object is the same program.
 */
public final class ProgramLink implements AutoCloseable {
  private final String name;
  private Program program; // this and all below: guarded by AttachPoint.MUTEX
  private @Nullable AttachPoint attachPoint;
  private boolean used;

  private ProgramLink(String name, Program program) {
    this.name = name;
    this.program = program;
  }

  /**
   * A link that is attached nowhere yet.
   *
   * @param name what messages, metrics and {@code explain} call it
   */
  public static ProgramLink of(String name, Program program) {
    return new ProgramLink(Objects.requireNonNull(name), Objects.requireNonNull(program));
  }

  public String name() {
    return name;
  }

  /** The current program; after {@link #detach} the last one. */
  public Program program() {
    synchronized (AttachPoint.MUTEX) {
      return program;
    }
  }

  /**
   * The current program's id: positive, the same for the same program wherever it is attached, and
   * given to no other.
   */
  public int programId() {
    return ProgramIds.of(program());
  }

  /** Where it is attached; null before and after that. */
  public @Nullable AttachPoint attachPoint() {
    synchronized (AttachPoint.MUTEX) {
      return attachPoint;
    }
  }

  /**
   * Exchanges the program in its place: a lookup runs the old one or the new one (LINK_UPDATE).
   *
   * @param flags 0 or {@link AttachPoint#F_REPLACE}
   * @param old with F_REPLACE, what is to be replaced; otherwise null
   * @return 0, or negative, checked in this order: EINVAL (other flags, or {@code old} without
   *     F_REPLACE), EBADF (F_REPLACE without {@code old}), EPERM ({@code old} isn't the current
   *     program), ENOLINK (it isn't attached)
   */
  public int update(Program next, long flags, @Nullable Program old) {
    Objects.requireNonNull(next);
    synchronized (AttachPoint.MUTEX) {
      Errno refusal = AttachPoint.refusal(program, flags, old);
      if (refusal != null) {
        return refusal.negative();
      }
      if (attachPoint == null) {
        return Errno.ENOLINK.negative();
      }
      program = next;
      attachPoint.publish();
      return 0;
    }
  }

  /**
   * Takes the program out of all lookups that begin from now on; without effect if it isn't
   * attached (LINK_DETACH).
   *
   * @return 0
   */
  public int detach() {
    synchronized (AttachPoint.MUTEX) {
      if (attachPoint != null) {
        attachPoint.remove(this);
        attachPoint = null;
      }
      return 0;
    }
  }

  /** {@link #detach}: what closing the last file descriptor of a link does. */
  @Override
  public void close() {
    int _ = detach();
  }

  /** Whether it is or was attached; with the mutex. */
  boolean isUsed() {
    return used;
  }

  /** Is attached, or detached by the attach point's end; with the mutex. */
  void attached(@Nullable AttachPoint to) {
    used = true;
    attachPoint = to;
  }

  /** What a chain runs; with the mutex. */
  ProgramChain.Link entry() {
    return new ProgramChain.Link(name, program);
  }

  @Override
  public String toString() {
    return "link " + name;
  }
}
