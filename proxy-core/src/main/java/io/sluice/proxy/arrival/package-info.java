/**
 * What a capture hands on: the socket that traffic came by, which way it came ({@link
 * io.sluice.proxy.arrival.Arrival}), and what is captured at all. The stages behind the captures
 * know this package, and not how a capture is made.
 */
@NullMarked
package io.sluice.proxy.arrival;

import org.jspecify.annotations.NullMarked;
