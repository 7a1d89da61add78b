package io.sluice.proxy.flow;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.observe.Refusal;

/** What the errors of a flow's socket mean. */
final class UpstreamErrors {
  private UpstreamErrors() {}

  /**
   * Whether an error says that the target can't be reached: an ICMP error, or our own kernel has no
   * way, or a rule of its forbids it. (net/ipv4/icmp.c, icmp_err_convert; net/ipv6/icmp.c.)
   *
   * @param errno positive
   */
  static boolean isUnreachable(int errno) {
    return switch (errno) {
      case Linux.ECONNREFUSED, // port
          Linux.EHOSTUNREACH, // host; host or communication prohibited
          Linux.ENETUNREACH, // network; network prohibited
          Linux.EHOSTDOWN, // host unknown
          Linux.ENONET, // host isolated
          Linux.ENOPROTOOPT, // protocol
          Linux.EACCES, // IPv6: prohibited, failed a policy, or rejected
          Linux.EPERM -> // a netfilter rule of this machine
          true;
      default -> false;
    };
  }

  /**
   * Why the kernel did not pass a datagram on to the target's socket.
   *
   * @param errno positive
   */
  static Refusal dropped(int errno) {
    return switch (errno) {
      case Linux.EAGAIN, Linux.ENOBUFS, Linux.ENOMEM, Linux.EMSGSIZE -> Refusal.UPSTREAM_BUFFER;
      default -> Refusal.CONNECT_ERROR;
    };
  }
}
