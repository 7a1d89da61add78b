package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.function.Consumer;

/** One way of getting traffic in: which sockets it needs, and how it is described. No state. */
sealed interface CaptureMethod
    permits BindMethod, KernelMethod, RulesMethod, InheritedMethod, UndecidedMethod {
  /** The one that a capture asks for. */
  static CaptureMethod of(CaptureSpec.Method method) {
    return switch (method) {
      case AUTO -> new UndecidedMethod();
      case BIND -> new BindMethod();
      case SK_LOOKUP -> new KernelMethod();
      case TPROXY -> new RulesMethod(Arrival.TPROXY);
      case REDIRECT -> new RulesMethod(Arrival.REDIRECT);
      case INHERITED -> new InheritedMethod();
    };
  }

  /** The traffic of one protocol to one prefix of a capture. */
  record Part(CaptureSpec capture, Protocol protocol, IpPrefix prefix) {}

  /**
   * Says which sockets that traffic needs.
   *
   * @param ipv6 whether this machine has IPv6 sockets at all
   */
  void sockets(Part part, boolean ipv6, Consumer<CapturePlan.Key> wanted);

  /** How traffic to a prefix and port comes in: by which of our sockets, or by which range. */
  String way(CaptureSpec capture, IpPrefix prefix, int port);

  /**
   * The kind of sockets, in a word, for the log.
   *
   * @param oneLoopEach whether there are too many for one on each loop
   */
  String kind(CaptureSpec capture, boolean oneLoopEach);
}
