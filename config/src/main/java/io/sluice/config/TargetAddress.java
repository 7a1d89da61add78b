package io.sluice.config;

import io.sluice.steering.IpAddress;

/** Where a target is. */
public sealed interface TargetAddress {
  record Ip(IpAddress address, int port) implements TargetAddress {}

  record Host(String name, int port) implements TargetAddress {}

  record Unix(String path) implements TargetAddress {}

  record Original(int port) implements TargetAddress {}
}
