/**
 * TCP: from an accepted connection to the target and back, on one event loop for life.
 *
 * <p>{@link io.sluice.proxy.relay.TcpRelay} steers and connects; a {@link
 * io.sluice.proxy.relay.TcpSession} then moves bytes between its two {@link
 * io.sluice.proxy.relay.Side}s, by copying through the loop's buffer, or by splice(2) once a read
 * fills it. With {@code affinity: message}, a {@link io.sluice.proxy.relay.MessageSession} does
 * instead: from its {@link io.sluice.proxy.relay.MessageInput} to one {@link
 * io.sluice.proxy.relay.MessagePeer} for each target.
 */
@NullMarked
package io.sluice.proxy.relay;

import org.jspecify.annotations.NullMarked;
