package io.sluice.proxy.handover;

import io.sluice.proxy.observe.SessionWalk;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Hands the connections or the flows of one loop over, as many at a time as go into one frame.
 * Called on the loop only.
 *
 * @param <T> what is handed over
 */
public final class LeavingWalk<T extends Movable> implements Leaving {
  private final SessionWalk walk;
  private Parting some = new Parting();
  private boolean isOver;

  /** Begins a walk over all that there are. */
  public interface Walking<T> {
    SessionWalk begin(Consumer<T> each);
  }

  /** Describes one, and listens to it no more; false if it stays. */
  public interface Describing<T> {
    boolean pack(T it, Packer out);
  }

  public LeavingWalk(Walking<T> walking, Describing<T> describing) {
    this.walk =
        walking.begin(it -> {
          if (describing.pack(it, some.begin())) {
            some.add(it);
          }
        });
  }

  @Override
  public @Nullable Parting next() {
    some = new Parting();
    while (!isOver && !some.isFull()) {
      isOver = !walk.step(1);
    }
    return some.isEmpty() ? null : some;
  }

  @Override
  public void close() {
    walk.close();
  }
}
