/**
 * How traffic gets in. {@link io.sluice.proxy.capture.Captures} opens what {@code CapturePlan} says
 * the captures need; an {@code Acceptor} accepts on each listening socket. Which way traffic came
 * is its socket's {@link io.sluice.proxy.arrival.Arrival}: behind that, all methods are alike.
 *
 * <p>What brings the traffic there: for {@code bind} nothing; for {@code sk_lookup} the {@code
 * LookupProgram} that {@code KernelLookup} attaches; for {@code tproxy} and {@code redirect} {@link
 * io.sluice.proxy.capture.CaptureRules}; for {@code inherited} whoever started the process. {@code
 * CapturedRanges} says for all of them what is captured.
 */
@NullMarked
package io.sluice.proxy.capture;

import org.jspecify.annotations.NullMarked;
