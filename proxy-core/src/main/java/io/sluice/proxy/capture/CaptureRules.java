package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Exceptions;
import io.sluice.proxy.arrival.PortSet;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The nftables table, and the routing rules, that bring {@code tproxy} and {@code redirect} their
 * traffic. They touch what comes in from outside or over the loopback; what this machine sends to
 * others they leave alone.
 *
 * <p>A redirected packet gets another destination, and so is local. One for {@code tproxy} keeps
 * its own: a mark sends it to a routing table by which every address is local.
 */
public final class CaptureRules {
  /** Our table's name. */
  public static final String TABLE = "inet sluice";

  private static final int MARK = 0x534c; // SL
  private static final int ROUTES = MARK; // the number of the routing table, and the rule's
  private static final String MARK_WORD = "0x" + Integer.toHexString(MARK);

  /** With a number of its own, it can't be there twice. */
  private static final String RULE =
      "pref " + ROUTES + " fwmark " + MARK_WORD + " lookup " + ROUTES;

  /** Makes the table if need be, so that it can be deleted. */
  private static final String CLEAR = "table " + TABLE + "\ndelete table " + TABLE + "\n";

  private final List<CaptureSpec> captures;

  private CaptureRules(List<CaptureSpec> captures) {
    this.captures = captures;
  }

  /** The rules for those captures that need some. */
  public static CaptureRules of(List<CaptureSpec> captures) {
    return new CaptureRules(captures.stream().filter(it -> it.method().hasRules()).toList());
  }

  /** The captures that need these rules. */
  List<CaptureSpec> captures() {
    return captures;
  }

  /** Whether there is nothing to install. */
  public boolean isEmpty() {
    return captures.isEmpty();
  }

  /** A script for {@code nft -f}: replaces the table as a whole, in one transaction. */
  String nft() {
    StringBuilder script = new StringBuilder(CLEAR).append("table " + TABLE + " {\n");
    if (has(CaptureSpec.Method.TPROXY)) {
      script
          .append("  chain to_tproxy {\n")
          .append("    type filter hook prerouting priority mangle; policy accept;\n")
          .append("    # connections that exist stay ours, also when their range is taken out\n")
          .append("    meta l4proto tcp socket transparent 1 ")
          .append("meta mark set " + MARK_WORD + " accept\n");
      append(script, CaptureSpec.Method.TPROXY);
      script.append("  }\n");
    }
    if (has(CaptureSpec.Method.REDIRECT)) {
      script
          .append("  chain to_redirect {\n")
          .append("    type nat hook prerouting priority dstnat; policy accept;\n");
      append(script, CaptureSpec.Method.REDIRECT);
      script.append("  }\n");
    }
    return script.append("}\n").toString();
  }

  /**
   * Whether a table, as nft lists it, has at least as many rules of ours as these are: nft writes
   * sets and numbers in its own way, so they can't be compared word by word.
   */
  public boolean isIn(String table) {
    for (String does : List.of(" redirect to :", " tproxy ip to ", " tproxy ip6 to ")) {
      long wanted = nft().lines().filter(line -> line.contains(does)).count();
      if (table.lines().filter(line -> line.contains(does)).count() < wanted) {
        return false;
      }
    }
    return true;
  }

  private boolean has(CaptureSpec.Method method) {
    return captures.stream().anyMatch(it -> it.method() == method);
  }

  private void append(StringBuilder script, CaptureSpec.Method method) {
    for (CaptureSpec capture : captures) {
      if (capture.method() == method) {
        for (Protocol protocol : capture.protocols()) {
          for (Family family : Family.values()) {
            script.append(rule(capture, protocol, family));
          }
        }
      }
    }
  }

  /** A line; empty if the capture has nothing of this protocol and family. */
  private static String rule(CaptureSpec capture, Protocol protocol, Family family) {
    String addresses = addresses(capture.addresses(), family);
    String ports = ports(Exceptions.ports(capture, protocol));
    if (addresses.isEmpty() || ports.isEmpty()) {
      return "";
    }
    boolean ipv4 = family == Family.IPV4;
    String ip = ipv4 ? "ip" : "ip6";
    String except = addresses(capture.options().exceptAddresses(), family);
    String port = ":" + capture.options().socketPort();
    return "    %s daddr { %s } ".formatted(ip, addresses)
        + (except.isEmpty() ? "" : "%s daddr != { %s } ".formatted(ip, except))
        + "%s dport { %s } ".formatted(protocol.word(), ports)
        + (capture.method() == CaptureSpec.Method.REDIRECT
            ? "redirect to " + port
            : "tproxy %s to %s meta mark set %s accept"
                .formatted(ip, (ipv4 ? "127.0.0.1" : "[::1]") + port, MARK_WORD))
        + "\n";
  }

  /** The prefixes of a family; none that lies in another, as the elements of a set are disjoint. */
  private static String addresses(List<IpPrefix> prefixes, Family family) {
    List<IpPrefix> ordered =
        prefixes.stream()
            .filter(it -> it.family() == family)
            .sorted(Comparator.comparing(IpPrefix::address).thenComparingInt(IpPrefix::length))
            .toList();
    List<IpPrefix> disjoint = new ArrayList<>();
    for (IpPrefix prefix : ordered) {
      if (disjoint.isEmpty() || !disjoint.getLast().contains(prefix)) {
        disjoint.add(prefix);
      }
    }
    return disjoint.stream().map(IpPrefix::toString).collect(Collectors.joining(", "));
  }

  private static String ports(PortSet ports) {
    return ports.ranges().stream().map(PortRange::toString).collect(Collectors.joining(", "));
  }

  /** Commands that have marked packets routed to this machine; none without {@code tproxy}. */
  List<List<String>> routes() {
    List<List<String>> commands = new ArrayList<>();
    for (Family family : routedFamilies()) {
      String ip = family == Family.IPV4 ? "ip -4" : "ip -6";
      String all = family == Family.IPV4 ? "0.0.0.0/0" : "::/0";
      commands.add(words(ip + " rule add " + RULE));
      commands.add(words(ip + " route replace local " + all + " dev lo table " + ROUTES));
    }
    return commands;
  }

  /** Commands that print something as long as {@link #routes} are there. */
  List<List<String>> routeQuestions() {
    List<List<String>> commands = new ArrayList<>();
    for (Family family : routedFamilies()) {
      String ip = family == Family.IPV4 ? "ip -4" : "ip -6";
      commands.add(words(ip + " rule show pref " + ROUTES));
      commands.add(words(ip + " route show table " + ROUTES));
    }
    return commands;
  }

  private Set<Family> routedFamilies() {
    Set<Family> families = EnumSet.noneOf(Family.class);
    for (CaptureSpec capture : captures) {
      if (capture.method() == CaptureSpec.Method.TPROXY) {
        capture.addresses().forEach(it -> families.add(it.family()));
      }
    }
    return families;
  }

  private static List<String> words(String command) {
    return List.of(command.split(" ", -1));
  }

  /** A shell script that installs all of it. */
  public String toShell() {
    if (isEmpty()) {
      return "# no capture of this file needs rules\n";
    }
    StringBuilder shell = new StringBuilder("nft -f - <<'RULES'\n").append(nft()).append("RULES\n");
    routes().forEach(it -> shell.append(String.join(" ", it)).append('\n'));
    return shell.toString();
  }

  /** A script for {@code nft -f} that removes the table, whether it is there or not. */
  static String nftRemoval() {
    return CLEAR;
  }

  /** Commands that take {@link #routes} back, of both families; each fails if there is nothing. */
  static List<List<String>> routeRemoval() {
    List<List<String>> commands = new ArrayList<>();
    for (String ip : List.of("ip -4", "ip -6")) {
      commands.add(words(ip + " rule del " + RULE));
      commands.add(words(ip + " route flush table " + ROUTES));
    }
    return commands;
  }
}
