package io.sluice.proxy.conformance;

import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A context in the shape of the kernel's {@code struct bpf_sk_lookup}, made of what {@link
 * LookupContext} tells.
 *
 * <pre>
 *   0 sk  8 family  12 protocol  16 remote_ip4(be)  20 remote_ip6(be, 16)  36 remote_port(be, 2)
 *   40 local_ip4(be)  44 local_ip6(be, 16)  60 local_port  64 ingress_ifindex  68 padding
 * </pre>
 */
final class ContextStruct {
  static final int BYTES = 72;
  static final int FAMILY = 8;
  static final int PROTOCOL = 12;
  static final int REMOTE_PORT = 36;
  static final int LOCAL_IP4 = 40;
  static final int LOCAL_PORT = 60;
  static final int END_OF_FIELDS = 68;

  private ContextStruct() {}

  static ByteBuffer of(LookupContext context) {
    boolean ipv4 = context.family() == Family.IPV4;
    ByteBuffer struct = Kernel.bytes(BYTES);
    struct.putInt(FAMILY, context.family().number());
    struct.putInt(PROTOCOL, context.protocol().number());
    struct.putInt(LOCAL_PORT, context.localPort());
    struct.putInt(64, context.ingressIfindex());
    struct.order(ByteOrder.BIG_ENDIAN);
    struct.putInt(16, context.remoteIp4());
    struct.putShort(REMOTE_PORT, (short) context.remotePort());
    struct.putInt(LOCAL_IP4, context.localIp4());
    if (!ipv4) {
      struct.putLong(20, context.remoteHigh()).putLong(28, context.remoteLow());
      struct.putLong(44, context.localHigh()).putLong(52, context.localLow());
    }
    return struct.order(ByteOrder.LITTLE_ENDIAN);
  }

  /** What a program's load gives. */
  static long load(ByteBuffer struct, Step.Load load) {
    int offset = load.offset();
    return switch (load.bytes()) {
      case 1 -> struct.get(offset) & 0xff;
      // The upper half of family, protocol and local_port reads as the lower one.
      case 2 ->
          struct.getShort(offset == 10 || offset == 14 || offset == 62 ? offset - 2 : offset)
              & 0xffff;
      default -> struct.getInt(offset) & 0xffff_ffffL;
    };
  }
}
