package io.sluice.proxy.doctor;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.capture.CapturePlan;
import io.sluice.proxy.capture.CaptureRules;
import io.sluice.proxy.capture.ExternalCommand;
import io.sluice.proxy.capture.InstalledRules;
import io.sluice.proxy.capture.PacketSettings;
import io.sluice.proxy.capture.PortHolder;
import io.sluice.proxy.capture.Requirement;
import io.sluice.proxy.capture.Requirements;
import io.sluice.proxy.capture.SocketOpener;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.linux.Sysctl;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What captures need of this machine to be of use, beyond the {@link Requirements} without which
 * they can't start: routes, rules, a kernel that is new enough, free ports. Asks the machine as it
 * is now.
 */
public final class Diagnosis {
  private static final int MOST_FAILURES = 3;
  private static final int SK_LOOKUP_MAJOR = 5;
  private static final int SK_LOOKUP_MINOR = 9;

  private final String file;
  private final List<Requirement> found = new ArrayList<>();

  private Diagnosis(String file) {
    this.file = file;
  }

  /**
   * All that they need, met or not.
   *
   * @param file the configuration's, for the commands that mend
   */
  public static List<Requirement> of(List<CaptureSpec> captures, String file) {
    Diagnosis diagnosis = new Diagnosis(file);
    diagnosis.found.addAll(Requirements.of(captures));
    captures.forEach(diagnosis::add);
    return List.copyOf(diagnosis.found);
  }

  /**
   * What a mark in the routing of IPv4 needs.
   *
   * @param who it is that sets one
   */
  public static Requirement mark(String whose, String who) {
    return PacketSettings.mark(whose, who);
  }

  private void add(CaptureSpec capture) {
    switch (capture.method()) {
      case BIND -> {
        addRoutes(capture);
        addPorts(capture);
      }
      case AUTO -> addRoutes(capture);
      case SK_LOOKUP -> {
        addKernel(capture);
        addRoutes(capture);
      }
      case TPROXY, REDIRECT -> addRules(capture);
      case INHERITED ->
          add(
              capture,
              "systemd gives it its sockets at the start, which can't be told here",
              true,
              "");
    }
  }

  private void add(CaptureSpec capture, String what, boolean isMet, String mend) {
    found.add(new Requirement(capture.name(), what, isMet, mend));
  }

  private void addKernel(CaptureSpec capture) {
    String release = Sysctl.read("kernel/osrelease", "0.0");
    add(
        capture,
        "method sk_lookup needs Linux 5.9 or later; this is " + release,
        isAtLeast(release, SK_LOOKUP_MAJOR, SK_LOOKUP_MINOR),
        "use another method, or another kernel");
  }

  static boolean isAtLeast(String release, int major, int minor) {
    String[] numbers = release.split("[^0-9]+", 3);
    try {
      int first = Integer.parseInt(numbers[0]);
      return first > major || first == major && Integer.parseInt(numbers[1]) >= minor;
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException _) {
      return false;
    }
  }

  /** A packet to a prefix must be delivered here, or no socket is asked for. */
  private void addRoutes(CaptureSpec capture) {
    for (IpPrefix prefix : capture.addresses()) {
      if (prefix.length() == 0) {
        continue; // whatever is delivered here
      }
      String ip = prefix.family() == Family.IPV4 ? "ip" : "ip -6";
      String answer =
          ExternalCommand.run(
                  List.of(
                      "ip",
                      prefix.family() == Family.IPV4 ? "-4" : "-6",
                      "route",
                      "get",
                      prefix.address().toString()),
                  "")
              .said();
      add(
          capture,
          "what is sent to " + prefix + " is delivered to this machine",
          answer.startsWith("local ") || answer.startsWith("anycast "),
          ip + " route add local " + prefix + " dev lo");
    }
  }

  private void addRules(CaptureSpec capture) {
    String what = "its rules are in the nftables table " + CaptureRules.TABLE;
    String table = ExternalCommand.run(InstalledRules.LIST, "").said();
    boolean isThere = CaptureRules.of(List.of(capture)).isIn(table);
    if (capture.options().install()) {
      found.add(
          Requirement.advice(
              capture.name(),
              what + ", where the daemon installs them",
              isThere,
              "start the daemon; while it runs it puts them back within a second or so"));
    } else {
      add(capture, what, isThere, "sluice capture install -f " + file);
    }
  }

  /** Ports that somebody has, or that this user may not have. */
  private void addPorts(CaptureSpec capture) {
    SocketOpener opener = new SocketOpener(new Syscalls());
    Map<CapturePlan.Key, CaptureSpec> wanted = CapturePlan.sockets(List.of(capture), true);
    int failures = 0;
    for (CapturePlan.Key key : wanted.keySet()) {
      int result = opener.probe(key);
      if (result < 0 && ++failures <= MOST_FAILURES) {
        add(capture, key + " can be bound", false, mend(key, -result));
      }
    }
    int count = wanted.size();
    add(
        capture,
        count - failures + " of " + count + " ports can be bound",
        failures == 0,
        "see above, or leave them out by except.ports");
  }

  private static String mend(CapturePlan.Key key, int errno) {
    return switch (errno) {
      case Linux.EADDRINUSE ->
          "stop "
              + PortHolder.find(key.protocol(), key.address(), key.port())
              + ", which holds it, or let that listen on another address and use sk_lookup";
      case Linux.EACCES ->
          "run it as root, or give it AmbientCapabilities=CAP_NET_BIND_SERVICE (systemd)";
      case Linux.EMFILE -> "raise the limit of open files (ulimit -n, LimitNOFILE=)";
      default -> "bind answers " + Linux.errnoName(errno);
    };
  }
}
