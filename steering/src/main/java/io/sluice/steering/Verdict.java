package io.sluice.steering;

import org.jspecify.annotations.Nullable;

/**
 * What a lookup came to. All instances are made beforehand: a lookup allocates none.
 *
 * <p>As in the kernel (net/core/filter.c, BPF_PROG_SK_LOOKUP_RUN_ARRAY): a selection beats any
 * drop, a drop without selection refuses, and otherwise the ordinary listeners decide.
 */
public sealed interface Verdict {
  /** Where it goes; null if it is refused. */
  @Nullable Socket socket();

  /** A program assigned this socket, or a member of the reuseport group that it assigned. */
  record Assign(Socket socket) implements Verdict {}

  /** All passed; the ordinary listener that takes it, or null: then it is refused. */
  record Pass(@Nullable Socket listener) implements Verdict {
    static final Pass NO_LISTENER = new Pass(null);

    @Override
    public @Nullable Socket socket() {
      return listener;
    }
  }

  /** Refused. */
  record Drop(DropReason reason) implements Verdict {
    private static final Drop[] DROPS = new Drop[DropReason.values().length];

    static {
      for (DropReason reason : DropReason.values()) {
        DROPS[reason.ordinal()] = new Drop(reason);
      }
    }

    @Override
    public @Nullable Socket socket() {
      return null;
    }

    /** The one instance for this reason. */
    public static Drop of(DropReason reason) {
      return DROPS[reason.ordinal()];
    }
  }
}
