package io.sluice.proxy.health;

import java.time.Instant;

/**
 * What came of an endpoint's last check.
 *
 * @param answer in a few words
 * @param at when it ended
 */
public record LastCheck(boolean isGood, String answer, Instant at, long tookMillis) {}
