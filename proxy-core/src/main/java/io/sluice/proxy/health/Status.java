package io.sluice.proxy.health;

import java.time.Instant;

/**
 * The state of an endpoint at one moment.
 *
 * @param reason why it is so, in a few words; empty for a state that it began with
 */
public record Status(TargetState state, String reason, Instant since) {}
