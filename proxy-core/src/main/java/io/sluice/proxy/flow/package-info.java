/**
 * UDP flows. A datagram's way, in the order of the classes: {@link io.sluice.proxy.flow.UdpRelay}
 * receives it from a {@code FrontSocket}; {@code Flows} finds its {@code Flow} in the {@code
 * FlowTable} by its {@code FlowKey}, or asks the engine and opens one; the flow's connected socket
 * sends it to the target. {@code Replies} takes what the target answers back to the client, from
 * the address that the client had asked.
 */
@NullMarked
package io.sluice.proxy.flow;

import org.jspecify.annotations.NullMarked;
