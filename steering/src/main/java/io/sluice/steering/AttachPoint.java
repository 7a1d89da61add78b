package io.sluice.steering;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where programs are attached, by links: what a network namespace is to SK_LOOKUP
 * (kernel/bpf/net_namespace.c).
 *
 * <p>Links run in the order in which they were attached; an update keeps its place. Any thread may
 * change them. Each change publishes the next {@link ProgramChain} by one volatile write, and a
 * lookup takes it once: it runs the programs of before the change, or those of after it.
 *
 * <p>Operations answer 0 or a negative {@link Errno}. What bpf(2) says of file descriptors that are
 * closed or of the wrong kind has no counterpart here, but for an attach point that is closed.
 */
public final class AttachPoint implements AutoCloseable {
  /** {@link ProgramLink#update}: only if the current program is the one that the caller names. */
  public static final long F_REPLACE = 4;

  /**
   * All changes of all attach points, as in the kernel (netns_bpf_mutex): they are rare, and a link
   * and its attach point change together.
   */
  static final Object MUTEX = new Object();

  private final List<ProgramLink> links = new ArrayList<>(); // guarded by MUTEX
  private boolean closed; // guarded by MUTEX
  private volatile ProgramChain programs = ProgramChain.of(List.of());

  /**
   * What a query answers.
   *
   * @param error 0; or negative: EINVAL (flags), EBADF (closed), ENOSPC (there are more programs
   *     than were asked for)
   * @param programIds the first programs' ids in the order in which they run, also with ENOSPC
   * @param count how many there are
   */
  public record Programs(int error, List<Integer> programIds, int count) {}

  /** The programs in force: one volatile read. */
  public ProgramChain programs() {
    return programs;
  }

  /**
   * Attaches a link behind all others (LINK_CREATE).
   *
   * @param flags 0; there are none
   * @return 0, or negative, checked in this order: EINVAL (flags), EBADF (the attach point is
   *     closed), EBUSY (the link is or was attached), E2BIG (there are 64)
   */
  public int attach(ProgramLink link, long flags) {
    synchronized (MUTEX) {
      if (flags != 0) {
        return Errno.EINVAL.negative();
      }
      if (closed) {
        return Errno.EBADF.negative();
      }
      if (link.isUsed()) {
        return Errno.EBUSY.negative();
      }
      if (links.size() == ProgramChain.MAX_PROGRAMS) {
        return Errno.E2BIG.negative();
      }
      links.add(link);
      link.attached(this);
      publish();
      return 0;
    }
  }

  /**
   * Asks for the programs (PROG_QUERY).
   *
   * @param capacity how many ids there is room for; with 0 only the count is asked for
   * @param flags 0; there are none
   */
  public Programs query(int capacity, long flags) {
    synchronized (MUTEX) {
      if (flags != 0 || closed) {
        Errno error = flags != 0 ? Errno.EINVAL : Errno.EBADF;
        return new Programs(error.negative(), List.of(), 0);
      }
      List<Integer> ids = links.stream().limit(capacity).map(ProgramLink::programId).toList();
      boolean tooSmall = capacity != 0 && capacity < links.size();
      return new Programs(tooSmall ? Errno.ENOSPC.negative() : 0, ids, links.size());
    }
  }

  /** Detaches all links, and takes none any more, as when a namespace dies. */
  @Override
  public void close() {
    synchronized (MUTEX) {
      closed = true;
      links.forEach(link -> link.attached(null));
      links.clear();
      publish();
    }
  }

  /** Takes a link out; with the mutex. */
  void remove(ProgramLink link) {
    links.remove(link);
    publish();
  }

  /** Shows to lookups what the links hold now; with the mutex. */
  void publish() {
    programs = ProgramChain.of(links.stream().map(ProgramLink::entry).toList());
  }

  /** As the kernel checks an update's flags, and the program that is said to be current. */
  @SuppressWarnings("ReferenceEquality") // the same object is the same program
  static @Nullable Errno refusal(Program current, long flags, @Nullable Program old) {
    if ((flags & ~F_REPLACE) != 0) {
      return Errno.EINVAL;
    }
    if ((flags & F_REPLACE) == 0) {
      return old == null ? null : Errno.EINVAL;
    }
    if (old == null) {
      return Errno.EBADF;
    }
    return old == current ? null : Errno.EPERM;
  }
}
