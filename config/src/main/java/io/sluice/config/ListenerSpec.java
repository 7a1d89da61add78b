package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;

/**
 * An ordinary listening socket, which takes what the programs pass without assigning.
 *
 * @param destination the label of what stands behind it
 */
public record ListenerSpec(Protocol protocol, IpAddress address, int port, String destination) {}
