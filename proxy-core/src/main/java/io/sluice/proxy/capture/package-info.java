/** How traffic gets in: the sockets that a capture opens, and accepting on them. */
@NullMarked
package io.sluice.proxy.capture;

import org.jspecify.annotations.NullMarked;
