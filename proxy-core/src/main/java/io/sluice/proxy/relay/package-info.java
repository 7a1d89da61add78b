/**
 * TCP: from an accepted connection to the target and back, on one event loop for life.
 *
 * <p>{@link io.sluice.proxy.relay.TcpRelay} steers; a {@link io.sluice.proxy.relay.Session} then
 * connects, moves bytes between its {@link io.sluice.proxy.relay.Peer}s, and ends as its {@link
 * io.sluice.proxy.relay.Ending} says. A {@link io.sluice.proxy.relay.TcpSession} copies through the
 * loop's buffer, or splices once a read fills it. With {@code affinity: message}, a {@link
 * io.sluice.proxy.relay.MessageSession} steers each message of its {@link
 * io.sluice.proxy.relay.MessageInput}. See docs/epoll.md.
 */
@NullMarked
package io.sluice.proxy.relay;

import org.jspecify.annotations.NullMarked;
