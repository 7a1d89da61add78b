package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;

/** An ordinary listening socket. */
public record ListenerSpec(Protocol protocol, IpAddress address, int port, String destination) {}
