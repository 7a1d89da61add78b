package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;

/** One lookup, as text. */
public record Lookup(
    Protocol protocol, IpAddress remote, int remotePort, IpAddress local, int localPort) {}
