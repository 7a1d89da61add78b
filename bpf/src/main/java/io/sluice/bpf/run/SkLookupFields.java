package io.sluice.bpf.run;

import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import org.jspecify.annotations.Nullable;

/**
 * {@code struct bpf_sk_lookup}: the context of sk_lookup programs (include/uapi/linux/bpf.h).
 *
 * <pre>
 *   0 sk 8 | 8 family 4 | 12 protocol 4 | 16 remote_ip4 4 | 20 remote_ip6 16 | 36 remote_port 2
 *   38 padding 2 | 40 local_ip4 4 | 44 local_ip6 16 | 60 local_port 4 | 64 ingress_ifindex 4
 * </pre>
 *
 * <p>Addresses and the remote port are in network order, the rest is in host order.
 */
public final class SkLookupFields {
  private static final int END = 68;
  private static final int SK = 0;

  private static final String[] WORDS = {
    "family", "protocol", "remoteIp4", "remoteIp6Word0", "remoteIp6Word1", "remoteIp6Word2",
    "remoteIp6Word3", "remotePort", "localIp4", "localIp6Word0", "localIp6Word1", "localIp6Word2",
    "localIp6Word3", "localPort", "ingressIfindex"
  };

  private SkLookupFields() {}

  /** What a load reads; null where the kernel's verifier refuses it. */
  static @Nullable ContextField field(int offset, int size) {
    if (offset == SK) {
      return size == Long.BYTES
          ? new ContextField(ContextField.Kind.SOCKET, SkLookupFields.class, "sk", 0, size)
          : null;
    }
    boolean inside = offset >= 8 && offset + size <= END;
    if (!inside || size > Integer.BYTES || offset % size != 0) {
      return null;
    }
    // The kernel's narrow loads of the upper half of these give the lower one.
    int at = size == 2 && (offset == 10 || offset == 14 || offset == 62) ? offset - 2 : offset;
    return ContextField.number(SkLookupFields.class, WORDS[(at - 8) / 4], (at & 3) * 8, size);
  }

  private static LookupContext context(Run run) {
    return (LookupContext) run.context();
  }

  public static @Nullable Object sk(Run run) {
    return context(run).socket();
  }

  public static long family(Run run) {
    return SocketFields.number(context(run).family());
  }

  public static long protocol(Run run) {
    return context(run).protocol().number();
  }

  public static long remoteIp4(Run run) {
    return SocketFields.swapped(context(run).remoteIp4());
  }

  public static long remoteIp6Word0(Run run) {
    return ip6Word(context(run), context(run).remoteHigh() >>> 32);
  }

  public static long remoteIp6Word1(Run run) {
    return ip6Word(context(run), context(run).remoteHigh());
  }

  public static long remoteIp6Word2(Run run) {
    return ip6Word(context(run), context(run).remoteLow() >>> 32);
  }

  public static long remoteIp6Word3(Run run) {
    return ip6Word(context(run), context(run).remoteLow());
  }

  public static long remotePort(Run run) {
    return Short.reverseBytes((short) context(run).remotePort()) & 0xffffL;
  }

  public static long localIp4(Run run) {
    return SocketFields.swapped(context(run).localIp4());
  }

  public static long localIp6Word0(Run run) {
    return ip6Word(context(run), context(run).localHigh() >>> 32);
  }

  public static long localIp6Word1(Run run) {
    return ip6Word(context(run), context(run).localHigh());
  }

  public static long localIp6Word2(Run run) {
    return ip6Word(context(run), context(run).localLow() >>> 32);
  }

  public static long localIp6Word3(Run run) {
    return ip6Word(context(run), context(run).localLow());
  }

  public static long localPort(Run run) {
    return context(run).localPort();
  }

  public static long ingressIfindex(Run run) {
    return context(run).ingressIfindex() & 0xffff_ffffL;
  }

  private static long ip6Word(LookupContext context, long word) {
    return context.family() == Family.IPV6 ? SocketFields.swapped((int) word) : 0;
  }

  /** bpf_sk_assign, helper 124. */
  public static long assign(Run run, @Nullable Object socket, long flags) {
    return context(run).assign((Socket) socket, flags);
  }
}
