/**
 * Reuseport groups: several sockets behind one, and the ways of selecting among them.
 *
 * <p>{@link io.sluice.steering.reuseport.ReuseportGroup} is what others see. Behind it, {@code
 * Members} knows who may be selected, and each {@link
 * io.sluice.steering.reuseport.ReuseportGroup.Selection} is one {@code Strategy}.
 */
@NullMarked
package io.sluice.steering.reuseport;

import org.jspecify.annotations.NullMarked;
