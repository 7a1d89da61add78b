package io.sluice.proxy.limit;

import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * How fast a session or flow may go: by its destination's {@code bandwidth}, of all and of each,
 * and by its source's {@code bytesPerSecond}. Called on its loop; allocates nothing.
 */
public final class Pace {
  private final @Nullable Bandwidth total;
  private final @Nullable Rate own;
  private final AtomicLongArray ownCell = new AtomicLongArray(1);
  private final @Nullable SourcePlaces places;

  private Pace(@Nullable Bandwidth total, @Nullable Rate own, @Nullable SourcePlaces places) {
    this.total = total;
    this.own = own;
    this.places = places;
  }

  /** What a destination's sessions share. Any thread. */
  public static final class Bandwidth {
    private final Rate rate;
    private final AtomicLongArray cell = new AtomicLongArray(1);

    private Bandwidth(long bytesPerSecond) {
      this.rate = burstOf(bytesPerSecond);
    }

    /**
     * One of which nothing is used.
     *
     * @param bytesPerSecond 0 for no bound: then there is none
     */
    public static @Nullable Bandwidth of(long bytesPerSecond) {
      return bytesPerSecond == 0 ? null : new Bandwidth(bytesPerSecond);
    }
  }

  /** A quarter of a second's bytes may go at once: what the 100 ms between two looks need. */
  private static Rate burstOf(long bytesPerSecond) {
    return new Rate(bytesPerSecond, 250_000_000);
  }

  /**
   * The pace of one session or flow; null if nothing bounds it.
   *
   * @param bytesPerSecond its own bound; 0 for none
   */
  public static @Nullable Pace of(
      @Nullable Bandwidth total, long bytesPerSecond, @Nullable SourcePlaces places) {
    SourcePlaces limiting = places != null && places.limitsBytes() ? places : null;
    return total == null && bytesPerSecond == 0 && limiting == null
        ? null
        : new Pace(total, bytesPerSecond == 0 ? null : burstOf(bytesPerSecond), limiting);
  }

  /** How much of so many bytes may be moved now. */
  public int allowed(int mostBytes) {
    long now = Rate.nowNanos();
    long allowed = mostBytes;
    if (total != null) {
      allowed = Math.min(allowed, total.rate.allowed(total.cell, 0, now));
    }
    if (own != null) {
      allowed = Math.min(allowed, own.allowed(ownCell, 0, now));
    }
    if (places != null) {
      allowed = Math.min(allowed, places.allowedBytes(now));
    }
    return (int) allowed;
  }

  /** Notes that bytes were moved. */
  public void spend(long bytes) {
    long now = Rate.nowNanos();
    if (total != null) {
      total.rate.spend(total.cell, 0, now, bytes);
    }
    if (own != null) {
      own.spend(ownCell, 0, now, bytes);
    }
    if (places != null) {
      places.spendBytes(now, bytes);
    }
  }
}
