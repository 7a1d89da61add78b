package io.sluice.steering;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Gives programs their ids, at the first request, for as long as they live. By identity: a program
 * may define {@code equals}, or throw from it.
 */
final class ProgramIds {
  private static final Map<Key, Integer> IDS = new HashMap<>(); // guarded by itself
  private static final ReferenceQueue<Program> UNREACHABLE = new ReferenceQueue<>();
  private static int last; // guarded by IDS

  private ProgramIds() {}

  static int of(Program program) {
    synchronized (IDS) {
      for (Reference<?> gone = UNREACHABLE.poll(); gone != null; gone = UNREACHABLE.poll()) {
        IDS.remove(gone);
      }
      return IDS.computeIfAbsent(new Key(program), _ -> ++last);
    }
  }

  /** Equal to itself, and to another key of the same living program. */
  private static final class Key extends WeakReference<Program> {
    private final int hash;

    Key(Program program) {
      super(program, UNREACHABLE);
      this.hash = System.identityHashCode(program);
    }

    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    @SuppressWarnings("ReferenceEquality")
    public boolean equals(@Nullable Object other) {
      if (this == other) {
        return true;
      }
      Program program = get();
      return program != null && other instanceof Key key && program == key.get();
    }
  }
}
