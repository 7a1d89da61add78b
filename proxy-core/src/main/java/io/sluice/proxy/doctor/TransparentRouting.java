package io.sluice.proxy.doctor;

import io.sluice.config.Config;
import io.sluice.config.DestinationSpec;
import io.sluice.config.SourceSpec;
import io.sluice.config.TargetAddress;
import io.sluice.config.TargetSpec;
import io.sluice.steering.Family;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * The routing that {@code source: transparent} needs: what servers answer is addressed to clients,
 * and has to be delivered to this process's sockets rather than forwarded. The servers' way to the
 * clients must lead through this machine in the first place; that is set up at the servers, or at
 * their router.
 *
 * <p>Packets that belong to a transparent socket get a mark, and the mark a routing table in which
 * every address is local (Documentation/networking/tproxy.rst). Listeners on a wildcard address
 * don't count: they would take in what belongs to others.
 *
 * @param families of the targets; none if no destination is transparent
 */
public record TransparentRouting(Set<Family> families) {
  /** The mark, the routing table and the rule's preference: no use of them is common. */
  static final int NUMBER = 21356;

  static final String NFT_TABLE = "sluice_source";

  public TransparentRouting {
    families = families.isEmpty() ? Set.of() : EnumSet.copyOf(families);
  }

  /** What a configuration needs. */
  public static TransparentRouting of(Config config) {
    Set<Family> families = EnumSet.noneOf(Family.class);
    for (DestinationSpec destination : config.destinations()) {
      if (destination.source() instanceof SourceSpec.Transparent) {
        destination.targets().forEach(it -> families.addAll(families(it)));
      }
    }
    return new TransparentRouting(families);
  }

  private static Set<Family> families(TargetSpec target) {
    return switch (target.address()) {
      case TargetAddress.Ip ip -> EnumSet.of(ip.address().family());
      case TargetAddress.Host _, TargetAddress.Original _ -> EnumSet.allOf(Family.class);
      case TargetAddress.Unix _ -> EnumSet.noneOf(Family.class);
    };
  }

  /** Whether anything is needed. */
  public boolean isNeeded() {
    return !families.isEmpty();
  }

  /** The shell commands that set it up, in order. Once each: a second time, they fail. */
  public List<String> commands() {
    List<String> commands = new ArrayList<>();
    if (isNeeded()) {
      commands.add("nft add table inet " + NFT_TABLE);
      commands.add(
          "nft 'add chain inet "
              + NFT_TABLE
              + " prerouting { type filter hook prerouting priority mangle; }'");
      commands.add(
          "nft add rule inet "
              + NFT_TABLE
              + " prerouting meta l4proto '{ tcp, udp }' socket transparent 1 socket wildcard 0"
              + " meta mark set "
              + NUMBER);
    }
    for (Family family : families) {
      commands.add(
          ip(family) + "rule add pref " + NUMBER + " fwmark " + NUMBER + " lookup " + NUMBER);
      commands.add(ip(family) + "route add local default dev lo table " + NUMBER);
    }
    return commands;
  }

  /**
   * Whether it is set up on this machine.
   *
   * @param output what a command prints; nothing if it fails
   */
  public boolean isSetUp(Function<List<String>, String> output) {
    boolean isThere = !output.apply(List.of("nft", "list", "table", "inet", NFT_TABLE)).isBlank();
    String number = Integer.toString(NUMBER);
    for (Family family : families) {
      String option = family == Family.IPV4 ? "-4" : "-6";
      String rules = output.apply(List.of("ip", option, "rule", "show", "pref", number));
      String routes = output.apply(List.of("ip", option, "route", "show", "table", number));
      isThere &= !rules.isBlank() && !routes.isBlank();
    }
    return isThere;
  }

  /** The shell commands that take it back. */
  public List<String> removal() {
    List<String> commands = new ArrayList<>();
    for (Family family : families) {
      commands.add(ip(family) + "route del local default dev lo table " + NUMBER);
      commands.add(ip(family) + "rule del pref " + NUMBER);
    }
    if (isNeeded()) {
      commands.add("nft delete table inet " + NFT_TABLE);
    }
    return commands;
  }

  private static String ip(Family family) {
    return family == Family.IPV4 ? "ip " : "ip -6 ";
  }
}
