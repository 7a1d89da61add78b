/**
 * An in-process SK_LOOKUP: where does this new connection, or this datagram, belong?
 *
 * <p>Read it in the order a packet takes: {@link io.sluice.steering.LookupContext} says what came
 * in, {@link io.sluice.steering.ProgramChain} runs each {@link io.sluice.steering.Program} over it,
 * {@link io.sluice.steering.SkLookup} turns what they chose into a {@link
 * io.sluice.steering.Verdict}.
 *
 * <p>The programs are a chain that doesn't change, or those that {@linkplain
 * io.sluice.steering.ProgramLink links} hold at an {@link io.sluice.steering.AttachPoint}, where
 * they come, go and are exchanged while lookups run.
 *
 * <p>The rules are the kernel's (Documentation/bpf/prog_sk_lookup.rst, net/core/filter.c), and the
 * words are too: a program <em>assigns</em> a {@link io.sluice.steering.Socket}, and
 * <em>passes</em> or <em>drops</em>.
 */
@NullMarked
package io.sluice.steering;

import org.jspecify.annotations.NullMarked;
