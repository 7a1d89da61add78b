package io.sluice.proxy.doctor;

import io.sluice.config.Config;
import io.sluice.config.DestinationSpec;
import io.sluice.config.SourceSpec;
import io.sluice.proxy.connect.Upstreams;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.target.SourceAddresses;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Asks, with throw-away sockets, whether this process can do what each {@code source} says. */
public final class SourceChecks {
  /** How many addresses of a prefix are asked for. */
  private static final int MOST_ASKED = 16;

  private SourceChecks() {}

  /**
   * What keeps a configuration from coming into force: one line; or null if nothing does. A right
   * that is missing at start will not come by itself.
   */
  public static @Nullable String missingRight(Config config) {
    for (DestinationSpec destination : config.destinations()) {
      if (destination.source() instanceof SourceSpec.Transparent) {
        int result = setTransparent();
        return result >= 0
            ? null
            : "source: transparent of "
                + name(destination)
                + " needs CAP_NET_ADMIN ("
                + Linux.errnoName(-result)
                + " at IP_TRANSPARENT); give it to the process, or leave source out";
      }
    }
    return null;
  }

  private static String name(DestinationSpec destination) {
    return destination.protocol().word() + " destination '" + destination.label() + "'";
  }

  private static int setTransparent() {
    Syscalls syscalls = new Syscalls();
    int fd = syscalls.socket(Family.IPV4.number(), Linux.SOCK_DGRAM);
    if (fd < 0) {
      return fd;
    }
    int result = Upstreams.setTransparent(syscalls, fd, Family.IPV4);
    int _ = syscalls.close(fd);
    return result;
  }

  /**
   * Addresses of sources that this machine doesn't have, a line for each. They may come yet, as a
   * floating address does; until then their turns fall to others.
   */
  public static List<String> missingAddresses(Config config) {
    List<String> missing = new ArrayList<>();
    for (DestinationSpec destination : config.destinations()) {
      if (destination.source() instanceof SourceSpec.Addresses(List<IpPrefix> prefixes)) {
        for (IpPrefix prefix : prefixes) {
          String absent = missingAddress(prefix);
          if (absent != null) {
            missing.add("source of " + name(destination) + ": " + absent);
          }
        }
      }
    }
    return missing;
  }

  private static @Nullable String missingAddress(IpPrefix prefix) {
    if (prefix.family() == Family.IPV6 && !prefix.isSingle()) {
      return null; // a local route may cover it, and bind doesn't tell
    }
    Syscalls syscalls = new Syscalls();
    SourceAddresses addresses = new SourceAddresses(List.of(prefix));
    Sockaddr address = new Sockaddr();
    for (int i = 0; i < Math.min(addresses.count(prefix.family()), MOST_ASKED); i++) {
      boolean _ = addresses.write(prefix.family(), i, address);
      int fd = syscalls.socket(address.family(), Linux.SOCK_DGRAM);
      int result = fd < 0 ? fd : syscalls.bind(fd, address);
      if (fd >= 0) {
        int _ = syscalls.close(fd);
      }
      if (result < 0) {
        return address.ipAddress()
            + (prefix.isSingle() ? "" : " of " + prefix)
            + " is no address of this machine now ("
            + Linux.errnoName(-result)
            + " at bind)";
      }
    }
    return null;
  }
}
