package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.linux.Sysctl;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The kernel's settings that keep packets from captures. Each was seen to do so, and the command to
 * mend it, in network namespaces (Documentation/networking/ip-sysctl.rst). ip_forward,
 * ip_nonlocal_bind and route_localnet make no difference to any method: what is captured is
 * delivered here, our sockets are transparent, and redirected packets get the address of the
 * interface that they came in by.
 */
public final class PacketSettings {
  private static final String ALL = "all";
  private static final String LOOPBACK_DEVICE = "lo";
  private static final IpPrefix LOOPBACK =
      IpPrefix.containing(IpAddress.ipv4(0x7f000000), 8); // answers never leave the machine

  private PacketSettings() {}

  /** What a capture needs, and what keeps some of its traffic away. */
  static List<Requirement> of(CaptureSpec capture) {
    List<Requirement> found = new ArrayList<>();
    CaptureSpec.Method method = capture.method();
    boolean isKernels =
        method == CaptureSpec.Method.SK_LOOKUP
            || method == CaptureSpec.Method.AUTO && !Methods.isSmall(capture);
    if (has(capture, Family.IPV6) && (isKernels || method == CaptureSpec.Method.TPROXY)) {
      found.add(
          new Requirement(
              capture.name(),
              "method %s needs net.ipv6.conf.lo.disable_ipv6=0 for its sockets on ::1"
                  .formatted(method.word()),
              Sysctl.read("net/ipv6/conf/lo/disable_ipv6", "1").equals("0"),
              "sysctl -w net.ipv6.conf.lo.disable_ipv6=0"));
    }
    if (has(capture, Family.IPV4) && method == CaptureSpec.Method.TPROXY) {
      found.add(mark(capture.name(), "method tproxy"));
    }
    if (has(capture, Family.IPV4) && method != CaptureSpec.Method.INHERITED) {
      found.add(reversePath(capture.name()));
    }
    return found;
  }

  private static boolean has(CaptureSpec capture, Family family) {
    return capture.addresses().stream()
        .anyMatch(it -> it.family() == family && !LOOPBACK.contains(it));
  }

  /**
   * That the way back to a client is looked for without the mark of what came in: by the mark,
   * every address is local, and what comes from a local one is dropped (as a martian), whatever
   * rp_filter says. wg-quick sets it.
   */
  public static Requirement mark(String whose, String who) {
    List<String> set = new ArrayList<>(Sysctl.devices());
    set.add(ALL);
    set.removeIf(it -> !isSet(it, "src_valid_mark") || isSet(it, "accept_local"));
    if (isSet(ALL, "accept_local")) {
      set.clear();
    }
    String settings =
        set.stream().map(it -> name(it, "src_valid_mark=0")).collect(Collectors.joining(" "));
    return set.isEmpty() || set.contains(ALL)
        ? new Requirement(
            whose,
            who
                + " needs net.ipv4.conf.all.src_valid_mark=0, or by its mark all clients look"
                + " like this machine",
            set.isEmpty(),
            "sysctl -w " + settings)
        : Requirement.advice(
            whose,
            who + " needs src_valid_mark=0 on interfaces that bring it something",
            false,
            "sysctl -w " + settings);
  }

  /** That no interface drops what would be answered by another one. */
  private static Requirement reversePath(String capture) {
    int all = filter(ALL);
    List<String> devices = Sysctl.devices();
    devices.remove(LOOPBACK_DEVICE);
    boolean isStrict =
        devices.size() > 1 && devices.stream().anyMatch(it -> Math.max(all, filter(it)) == 1);
    return Requirement.advice(
        capture,
        "clients may come in by another interface than leads back to them (no strict rp_filter)",
        !isStrict,
        "sysctl -w net.ipv4.conf.all.rp_filter=2"); // the greater one of all and the interface
  }

  private static int filter(String device) {
    return Integer.parseInt(Sysctl.read(path(device, "rp_filter"), "0"));
  }

  private static boolean isSet(String device, String setting) {
    return !Sysctl.read(path(device, setting), "0").equals("0");
  }

  private static String path(String device, String setting) {
    return "net/ipv4/conf/" + device + "/" + setting;
  }

  /** As sysctl has it: a dot in an interface's name is written as a slash. */
  private static String name(String device, String setting) {
    return "net.ipv4.conf." + device.replace('.', '/') + "." + setting;
  }
}
