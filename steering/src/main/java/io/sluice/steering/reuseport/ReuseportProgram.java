package io.sluice.steering.reuseport;

/**
 * Code that selects a member of a reuseport group: the kernel's SK_REUSEPORT program.
 *
 * <p>It runs once per lookup that hits its group, on the thread of the lookup: it must not block,
 * and ought not to allocate. An assign with NO_REUSEPORT doesn't run it, nor does a lookup
 * {@linkplain io.sluice.steering.LookupContext#withoutPacket without a packet}.
 */
@FunctionalInterface
public interface ReuseportProgram {
  /** Refuse: the lookup fails, and no other socket is tried. */
  int SK_DROP = 0;

  /** Take the selected member, or if none is selected, the group's own choice by hash. */
  int SK_PASS = 1;

  /**
   * Judges one connection or datagram.
   *
   * <p>Any answer but {@link #SK_PASS} drops, even after a selection. An exception drops too, with
   * the reason {@link io.sluice.steering.DropReason#PROGRAM_ERROR}.
   *
   * @param context valid during the call only
   */
  int run(ReuseportContext context);
}
