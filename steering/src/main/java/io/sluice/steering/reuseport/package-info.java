/**
 * Reuseport groups: several sockets behind one, and the ways of selecting among them.
 *
 * <p>{@link io.sluice.steering.reuseport.ReuseportGroup} is what others see. Behind it, {@code
 * Members} knows who may be selected, and each {@link
 * io.sluice.steering.reuseport.ReuseportGroup.Selection} is one {@code Strategy}. A {@link
 * io.sluice.steering.reuseport.ReuseportProgram} on a group selects before them; two are built in:
 * {@link io.sluice.steering.reuseport.PayloadProgram} and {@link
 * io.sluice.steering.reuseport.QuicProgram}.
 */
@NullMarked
package io.sluice.steering.reuseport;

import org.jspecify.annotations.NullMarked;
