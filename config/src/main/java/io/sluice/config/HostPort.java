package io.sluice.config;

import io.sluice.steering.IpAddress;

/** An address and a port. */
public record HostPort(IpAddress address, int port) {}
