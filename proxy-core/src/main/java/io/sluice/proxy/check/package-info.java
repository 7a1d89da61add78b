/**
 * Active checks: what is asked ({@code Question}), one exchange with a target ({@code Probe}), its
 * repetition ({@code Check}), and which there are ({@code Checks}).
 *
 * <p>All of it runs on a loop of its own, and tells {@link io.sluice.proxy.health.Endpoint} what it
 * finds.
 */
@NullMarked
package io.sluice.proxy.check;

import org.jspecify.annotations.NullMarked;
