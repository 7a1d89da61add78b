package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Exceptions;
import io.sluice.proxy.capture.Rights.Capability;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.linux.Sysctl;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.List;

/**
 * What captures need of this machine and user, as far as their methods can't do without, and advice
 * on what keeps some of their traffic away. (A port that {@code bind} can't have is no such thing:
 * the others may serve.)
 */
public final class Requirements {
  /** What mends that there are no IPv6 sockets. */
  static final String ALLOW_IPV6 =
      "boot without ipv6.disable=1, and let systemd's RestrictAddressFamilies= have AF_INET6";

  private final Rights rights;
  private final int firstFreePort;
  private final boolean ipv6;
  private final List<Requirement> found = new ArrayList<>();

  private Requirements(Rights rights, int firstFreePort, boolean ipv6) {
    this.rights = rights;
    this.firstFreePort = firstFreePort;
    this.ipv6 = ipv6;
  }

  /** All of them, met or not, for the process that asks. */
  public static List<Requirement> of(List<CaptureSpec> captures) {
    return of(captures, Rights.ofProcess(), firstFreePort(), SocketOpener.hasIpv6(new Syscalls()));
  }

  /** Those that aren't met, advice included. */
  public static List<Requirement> unmet(List<CaptureSpec> captures) {
    return of(captures).stream().filter(it -> !it.isMet()).toList();
  }

  static List<Requirement> of(
      List<CaptureSpec> captures, Rights rights, int firstFreePort, boolean ipv6) {
    Requirements requirements = new Requirements(rights, firstFreePort, ipv6);
    captures.forEach(requirements::add);
    return List.copyOf(requirements.found);
  }

  private void add(CaptureSpec capture) {
    switch (capture.method()) {
      case SK_LOOKUP -> addKernelLookup(capture);
      case AUTO -> {
        if (!Methods.isSmall(capture)) {
          addKernelLookup(capture); // too much to bind
        }
      }
      case TPROXY -> {
        addRight(capture, Capability.CAP_NET_ADMIN, "");
        addReplies(capture);
        addTools(capture, "nft", "ip");
      }
      case REDIRECT -> {
        if (capture.options().install()) {
          addRight(capture, Capability.CAP_NET_ADMIN, " to install its rules");
        }
        addTools(capture, "nft");
      }
      case BIND, INHERITED -> {}
    }
    found.addAll(PacketSettings.of(capture));
  }

  private void addKernelLookup(CaptureSpec capture) {
    addRight(capture, Capability.CAP_BPF, "");
    addRight(capture, Capability.CAP_NET_ADMIN, "");
    addReplies(capture);
    capture.addresses().stream()
        .filter(it -> it.family() == Family.IPV6)
        .findFirst()
        .ifPresent(prefix ->
            found.add(
                new Requirement(
                    capture.name(),
                    "method " + capture.method().word() + " needs IPv6 sockets for " + prefix,
                    ipv6,
                    ALLOW_IPV6 + ", or leave IPv6 prefixes out")));
  }

  /** UDP replies leave from the port that was asked. */
  private void addReplies(CaptureSpec capture) {
    boolean low =
        Exceptions.ports(capture, Protocol.UDP).ranges().stream()
            .anyMatch(range -> range.first() < firstFreePort);
    if (low) {
      addRight(
          capture,
          Capability.CAP_NET_BIND_SERVICE,
          " to answer UDP from ports below " + firstFreePort);
    }
  }

  private void addRight(CaptureSpec capture, Capability capability, String purpose) {
    found.add(
        new Requirement(
            capture.name(),
            "method " + capture.method().word() + " needs " + capability + purpose,
            rights.has(capability),
            "run it as root, or give it AmbientCapabilities="
                + capability
                + " (systemd), or setpriv --inh-caps +"
                + word(capability)
                + " --ambient-caps +"
                + word(capability)));
  }

  /** As setpriv has it: {@code net_admin}. */
  private static String word(Capability capability) {
    return capability.name().substring("CAP_".length()).toLowerCase(java.util.Locale.ROOT);
  }

  private void addTools(CaptureSpec capture, String... programs) {
    if (capture.options().install()) {
      for (String program : programs) {
        found.add(
            new Requirement(
                capture.name(),
                "install needs the program " + program,
                ExternalCommand.find(program) != null,
                "apt-get install " + (program.equals("nft") ? "nftables" : "iproute2")));
      }
    }
  }

  private static int firstFreePort() {
    return Integer.parseInt(Sysctl.read("net/ipv4/ip_unprivileged_port_start", "1024"));
  }
}
