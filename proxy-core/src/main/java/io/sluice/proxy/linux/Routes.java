package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.sluice.steering.Family;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Asks the kernel where it would send a packet. One message each way over netlink
 * (linux/rtnetlink.h):
 *
 * <pre>
 *   0        4      6      8         12     16       17         23     24      28       32
 *   | length | type | flags| sequence| port | family | ... | type | flags | RTA_DST | address |
 *   |--------------- nlmsghdr --------------|---------- rtmsg ------------|---- attribute ----|
 * </pre>
 *
 * No privilege is needed. Four system calls a question; allocates nothing. Called on one thread.
 */
public final class Routes {
  private static final int AF_NETLINK = 16;
  private static final int NETLINK_ROUTE = 0;
  private static final short RTM_NEWROUTE = 24;
  private static final short RTM_GETROUTE = 26;
  private static final short NLM_F_REQUEST = 1;
  private static final short RTA_DST = 1;
  private static final byte RTN_LOCAL = 2;
  private static final int ADDRESS_AT = 32;
  private static final int ROUTE_TYPE_AT = 23;
  private static final int BUFFER_BYTES = 1024;
  private static final ValueLayout.OfLong NETWORK_LONG =
      JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt NETWORK_INT = JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);

  private final Syscalls syscalls;
  private final MemorySegment buffer = Arena.ofAuto().allocate(BUFFER_BYTES, 8);

  public Routes(Syscalls syscalls) {
    this.syscalls = syscalls;
  }

  /**
   * Whether what is sent to an address stays on this machine: by an address of an interface, or by
   * a route of type {@code local}. Rules that ask for a mark are not followed.
   *
   * @param high the address's upper 64 bits; 0 for IPv4
   * @param low its lower 64 bits; the whole of an IPv4 one
   * @param ifUnknown the answer if the kernel can't be asked
   */
  public boolean leadHere(Family family, long high, long low, boolean ifUnknown) {
    int fd = syscalls.socket(AF_NETLINK, Linux.SOCK_DGRAM, NETLINK_ROUTE);
    if (fd < 0) {
      return ifUnknown;
    }
    long sent = syscalls.send(fd, buffer.address(), question(family, high, low));
    long got = sent < 0 ? sent : syscalls.receive(fd, buffer.address(), BUFFER_BYTES);
    int _ = syscalls.close(fd);
    if (got <= ROUTE_TYPE_AT) {
      return ifUnknown;
    }
    // Else it is an error: no route leads anywhere.
    return buffer.get(JAVA_SHORT, 4) == RTM_NEWROUTE
        && buffer.get(JAVA_BYTE, ROUTE_TYPE_AT) == RTN_LOCAL;
  }

  /** Writes the question; its length in bytes. */
  private int question(Family family, long high, long low) {
    boolean isIpv4 = family == Family.IPV4;
    int addressBytes = isIpv4 ? 4 : 16;
    int length = ADDRESS_AT + addressBytes;
    buffer.fill((byte) 0);
    buffer.set(JAVA_INT, 0, length);
    buffer.set(JAVA_SHORT, 4, RTM_GETROUTE);
    buffer.set(JAVA_SHORT, 6, NLM_F_REQUEST);
    buffer.set(JAVA_BYTE, 16, (byte) (isIpv4 ? Linux.AF_INET : Linux.AF_INET6));
    buffer.set(JAVA_BYTE, 17, (byte) (addressBytes * 8));
    buffer.set(JAVA_SHORT, 28, (short) (4 + addressBytes));
    buffer.set(JAVA_SHORT, 30, RTA_DST);
    if (isIpv4) {
      buffer.set(NETWORK_INT, ADDRESS_AT, (int) low);
    } else {
      buffer.set(NETWORK_LONG, ADDRESS_AT, high);
      buffer.set(NETWORK_LONG, ADDRESS_AT + 8, low);
    }
    return length;
  }
}
