/** Reuseport groups: several sockets behind one, and the ways of selecting among them. */
@NullMarked
package io.sluice.steering.reuseport;

import org.jspecify.annotations.NullMarked;
