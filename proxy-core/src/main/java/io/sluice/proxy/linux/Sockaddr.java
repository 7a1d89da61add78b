package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A socket address in off-heap memory, as system calls read and write it.
 *
 * <pre>
 *   sockaddr_in    0 family  2 port(be)  4 address(be)                          16 bytes
 *   sockaddr_in6   0 family  2 port(be)  4 flowinfo  8 address(be)  24 scope    28 bytes
 *   sockaddr_un    0 family  2 path, NUL                                       110 bytes
 *   then, at 112: a socklen_t for calls that answer a length
 * </pre>
 *
 * <p>Mutable and reused; belongs to one thread.
 */
public final class Sockaddr {
  /** The longest path of a Unix socket, in bytes of UTF-8, without the NUL. */
  public static final int MAX_PATH_BYTES = 107;

  /** How many bytes any of the addresses may take. */
  public static final int MAX_BYTES = 110;

  private static final int LENGTH_AT = 112;
  private static final ValueLayout.OfShort PORT = JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt IPV4 = JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfLong IPV6 =
      JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private final MemorySegment memory;
  private int length;

  /** An address without a family; the memory lives as long as the instance. */
  public Sockaddr() {
    this.memory = Arena.ofAuto().allocate(LENGTH_AT + 8, 8);
  }

  /** Where it lies. */
  public long address() {
    return memory.address();
  }

  /** How many bytes it has, as the kernel counts them. */
  public int length() {
    return length;
  }

  long lengthAddress() {
    return memory.address() + LENGTH_AT;
  }

  /** Makes room for whatever a call answers. */
  void expectAny() {
    memory.set(JAVA_INT, LENGTH_AT, MAX_BYTES);
  }

  /** Sets an IP address. */
  public Sockaddr set(IpAddress address, int port) {
    return set(address.family(), address.high(), address.low(), port);
  }

  /** Sets an IP address by its bits; an IPv4 one is the low 32 of {@code low}. */
  public Sockaddr set(Family family, long high, long low, int port) {
    memory.set(JAVA_SHORT, 0, (short) family.number());
    memory.set(PORT, 2, (short) port);
    if (family == Family.IPV4) {
      memory.set(IPV4, 4, (int) low);
      memory.set(JAVA_LONG_UNALIGNED, 8, 0);
      length = 16;
    } else {
      memory.set(JAVA_INT, 4, 0);
      memory.set(IPV6, 8, high);
      memory.set(IPV6, 16, low);
      memory.set(JAVA_INT, 24, 0);
      length = 28;
    }
    return this;
  }

  /** Sets AF_UNSPEC: connecting to it takes a connection, or a listener's state, back. */
  public Sockaddr setUnspecified() {
    memory.set(JAVA_SHORT, 0, (short) Linux.AF_UNSPEC);
    length = 16;
    return this;
  }

  /**
   * Sets a Unix socket's path; one that begins with @ is in the abstract namespace (unix(7)).
   *
   * @throws IllegalArgumentException if it is longer than {@link #MAX_PATH_BYTES}
   */
  public Sockaddr setUnix(String path) {
    byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MAX_PATH_BYTES) {
      throw new IllegalArgumentException(
          "a Unix socket's path has at most " + MAX_PATH_BYTES + " bytes: " + path);
    }
    memory.set(JAVA_SHORT, 0, (short) Linux.AF_UNIX);
    MemorySegment.copy(bytes, 0, memory, JAVA_BYTE, 2, bytes.length);
    memory.set(JAVA_BYTE, 2 + bytes.length, (byte) 0);
    if (bytes.length > 0 && bytes[0] == '@') { // the abstract namespace: no NUL at the end
      memory.set(JAVA_BYTE, 2, (byte) 0);
      length = 2 + bytes.length;
    } else {
      length = 3 + bytes.length;
    }
    return this;
  }

  /** Turns an IPv4-mapped address, as a socket of both families has, into the IPv4 one it means. */
  public void unmap() {
    if (family() == Linux.AF_INET6 && high() == 0 && low() >>> 32 == 0xffff) {
      set(Family.IPV4, 0, low(), port());
    }
  }

  /** AF_INET, AF_INET6 or AF_UNIX. */
  public int family() {
    return memory.get(JAVA_SHORT, 0);
  }

  public boolean isIpv4() {
    return family() == Linux.AF_INET;
  }

  /** The family of an IP address. */
  public Family ipFamily() {
    return isIpv4() ? Family.IPV4 : Family.IPV6;
  }

  /** An IP address. */
  public IpAddress ipAddress() {
    return IpAddress.of(ipFamily(), high(), low());
  }

  /** The port, host order. */
  public int port() {
    return memory.get(PORT, 2) & 0xffff;
  }

  /** An IPv4 address. */
  public int ipv4() {
    return memory.get(IPV4, 4);
  }

  /** An address's upper 64 bits; 0 for IPv4. */
  public long high() {
    return isIpv4() ? 0 : memory.get(IPV6, 8);
  }

  /** An address's lower 64 bits; the whole of an IPv4 one. */
  public long low() {
    return isIpv4() ? ipv4() & 0xffff_ffffL : memory.get(IPV6, 16);
  }
}
