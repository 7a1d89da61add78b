package io.sluice.config;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How it is found out which of a destination's targets serve, and what follows from it.
 *
 * @param check null: traffic alone finds out
 * @param passive what failing traffic does
 * @param onDown what becomes of the sessions and flows of a target that goes down
 * @param slowStart for how long a target that comes back gets less than its share; zero for not
 * @param panicPercent if fewer targets are up than this, all are used; 0 for never
 */
public record HealthSpec(
    @Nullable CheckSpec check,
    Passive passive,
    OnDown onDown,
    Duration slowStart,
    int panicPercent) {

  /** What a destination has that says nothing. */
  public static HealthSpec standard(boolean isTcp) {
    return new HealthSpec(
        null, Passive.DEFAULT, isTcp ? OnDown.KEEP : OnDown.MOVE, Duration.ZERO, 0);
  }
}
