/** Maps that hold sockets, with the kernel's operations, flags and errnos. */
@NullMarked
package io.sluice.steering.map;

import org.jspecify.annotations.NullMarked;
