/**
 * The way to a target: one {@link io.sluice.proxy.connect.Attempt} after another, from which of our
 * addresses, and never to ourselves. Each loop has its own {@link
 * io.sluice.proxy.connect.Upstreams}.
 */
@NullMarked
package io.sluice.proxy.connect;

import org.jspecify.annotations.NullMarked;
