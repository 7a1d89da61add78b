package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.sluice.steering.Family;
import io.sluice.steering.Payload;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * A row of slots that {@code recvmmsg(2)} fills and {@code sendmmsg(2)} empties, without copying
 * the payload: each slot has two headers over the same bytes, one to receive and one to send. What
 * is sent may leave out the beginning of what was received ({@link #skip}), and may begin with
 * bytes that all slots share ({@link #begin}): PROXY protocol headers that came in or go out.
 *
 * <p>One side of a relay is a connected socket, which needs no addresses. The other one needs the
 * client's address, and the local address that the client used, as a control message. Which side
 * that is distinguishes {@link #fromClients} and {@link #toClients}.
 *
 * <pre>
 *   mmsghdr     0 name*  8 name length(4)  16 iovec*  24 iovec count
 *              32 control*  40 control length  48 flags(4)  56 datagram's length(4)   64 bytes
 *   iovec       0 base*  8 length       16 bytes; to send, a slot has one for its beginning first
 *   control     0 length  8 level(4)  12 type(4)  16 data, padded to 8 bytes
 *   in_pktinfo  0 ifindex(4)  4 spec_dst(be)  8 addr(be)                              12 bytes
 *   in6_pktinfo 0 addr(be)  16 ifindex(4)                                             20 bytes
 *   origdstaddr 0 sockaddr_in or sockaddr_in6, see {@link Sockaddr}                16, 28 bytes
 * </pre>
 *
 * <p>Names are as in {@link Sockaddr}; include/linux/socket.h, include/uapi/linux/{in,ipv6}.h.
 * Allocates nothing once it is made. Belongs to one thread.
 */
public final class DatagramBatch {
  /** A slot that takes any datagram: IPv4 carries 65,507 bytes, IPv6 65,527. */
  public static final int MAX_DATAGRAM_BYTES = 64 << 10;

  private static final long HEADER_BYTES = 64;
  private static final int NAME_AT = 0;
  private static final int NAME_LENGTH_AT = 8;
  private static final int IOVEC_AT = 16;
  private static final int IOVEC_COUNT_AT = 24;
  private static final int CONTROL_AT = 32;
  private static final int CONTROL_LENGTH_AT = 40;
  private static final int FLAGS_AT = 48;
  private static final int LENGTH_AT = 56;

  /** The longest that {@link #begin} takes. */
  public static final int MAX_BEGINNING_BYTES = 16 << 10;

  private static final long IOVEC_BYTES = 16;
  private static final long SENDING_IOVECS_BYTES = 2 * IOVEC_BYTES;
  private static final long NAME_BYTES = 32;
  private static final long CONTROL_BYTES = 128;
  private static final int CONTROL_HEADER_BYTES = 16;
  private static final int PAGE_BYTES = 4096;

  /** Slots a power of two apart would all fall into the same few sets of the first-level cache. */
  private static final long SKEW_BYTES = 3 * 64;

  private static final ValueLayout.OfShort PORT = JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt IPV4 = JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfLong IPV6 = JAVA_LONG.withOrder(ByteOrder.BIG_ENDIAN);

  private final boolean fromClients;
  private final MemorySegment receiving;
  private final MemorySegment sending;
  private final MemorySegment sendingIovecs;
  private final MemorySegment names;
  private final MemorySegment controls;
  private final MemorySegment payload;
  private final SlotPayload view;
  private final long stride;
  private final ByteBuffer bytes;
  private @Nullable MemorySegment beginning; // made for the first that is needed
  private boolean isBegun; // some slots have one

  private int used; // slots whose receiving headers the kernel has written to
  private long destinationHigh;
  private long destinationLow;
  private int destinationPort;
  private int ifindex;

  private DatagramBatch(int slots, int slotBytes, boolean fromClients) {
    this.fromClients = fromClients;
    Arena arena = Arena.ofAuto();
    this.receiving = arena.allocate(slots * HEADER_BYTES, 64);
    this.sending = arena.allocate(slots * HEADER_BYTES, 64);
    this.sendingIovecs = arena.allocate(slots * SENDING_IOVECS_BYTES, 64);
    this.names = arena.allocate(slots * NAME_BYTES, 64);
    this.controls = arena.allocate(slots * CONTROL_BYTES, 64);
    MemorySegment receivingIovecs = arena.allocate(slots * IOVEC_BYTES, 64);
    this.stride = slotBytes + SKEW_BYTES;
    this.payload = arena.allocate(slots * stride, PAGE_BYTES);
    this.view = new SlotPayload(payload);
    this.bytes = payload.asByteBuffer();
    MemorySegment addressed = fromClients ? receiving : sending;
    for (int i = 0; i < slots; i++) {
      long base = payload.address() + i * stride;
      iovec(receivingIovecs, i * IOVEC_BYTES, base, slotBytes);
      long header = i * HEADER_BYTES;
      receiving.set(JAVA_LONG, header + IOVEC_AT, receivingIovecs.address() + i * IOVEC_BYTES);
      receiving.set(JAVA_LONG, header + IOVEC_COUNT_AT, 1);
      unbegin(i);
      addressed.set(JAVA_LONG, header + NAME_AT, names.address() + i * NAME_BYTES);
      addressed.set(JAVA_LONG, header + CONTROL_AT, controls.address() + i * CONTROL_BYTES);
    }
    this.used = slots;
  }

  private static void iovec(MemorySegment iovecs, long at, long base, long lengthBytes) {
    iovecs.set(JAVA_LONG, at, base);
    iovecs.set(JAVA_LONG, at + 8, lengthBytes);
  }

  /** The slot's payload leaves as it is, from its second iovec. */
  private void unbegin(int slot) {
    long header = slot * HEADER_BYTES;
    sending.set(JAVA_LONG, header + IOVEC_AT, sendingIovecs.address() + payloadIovec(slot));
    sending.set(JAVA_LONG, header + IOVEC_COUNT_AT, 1);
  }

  private static long payloadIovec(int slot) {
    return slot * SENDING_IOVECS_BYTES + IOVEC_BYTES;
  }

  /** A batch that receives from an unconnected socket and sends to connected ones. */
  public static DatagramBatch fromClients(int slots) {
    return new DatagramBatch(slots, MAX_DATAGRAM_BYTES, true);
  }

  /** A batch that receives from connected sockets and sends through an unconnected one. */
  public static DatagramBatch toClients(int slots) {
    return new DatagramBatch(slots, MAX_DATAGRAM_BYTES, false);
  }

  /** {@link #fromClients(int)} with slots that truncate what is longer. */
  static DatagramBatch fromClients(int slots, int slotBytes) {
    return new DatagramBatch(slots, slotBytes, true);
  }

  /**
   * Receives into the slots from {@code from} on; never blocks.
   *
   * @return how many datagrams came, or a negative errno. Fewer than {@code count} means that there
   *     were no more
   */
  public int receive(Syscalls syscalls, int fd, int from, int count) {
    if (fromClients) {
      renew();
    }
    int received = syscalls.receiveMany(fd, receiving.address() + from * HEADER_BYTES, count);
    for (int i = from; i < from + received; i++) {
      iovec(sendingIovecs, payloadIovec(i), payload.address() + i * stride, receivedLength(i));
      if (isBegun) {
        unbegin(i);
      }
      if (fromClients) {
        unmap(i);
      }
    }
    used = Math.max(used, from + received);
    return received;
  }

  /**
   * Makes a client's IPv4-mapped address, as a socket of both families has it, the IPv4 one that it
   * means; such a socket sends to that as well.
   */
  private void unmap(int slot) {
    long name = name(slot);
    if (names.get(JAVA_SHORT, name) == Linux.AF_INET6
        && isMapped(names.get(IPV6, name + 8), names.get(IPV6, name + 16))) {
      names.set(JAVA_SHORT, name, (short) Linux.AF_INET);
      names.set(JAVA_INT, name + 4, names.get(JAVA_INT, name + 20));
    }
  }

  private static boolean isMapped(long high, long low) {
    return high == 0 && low >>> 32 == 0xffff;
  }

  /** Gives the kernel back the room that it took for the last datagrams' addresses. */
  private void renew() {
    for (int i = 0; i < used; i++) {
      long header = i * HEADER_BYTES;
      receiving.set(JAVA_INT, header + NAME_LENGTH_AT, (int) NAME_BYTES);
      receiving.set(JAVA_LONG, header + CONTROL_LENGTH_AT, CONTROL_BYTES);
    }
    used = 0;
  }

  /**
   * Sends what was received into the slots from {@code from} on, in order; never blocks.
   *
   * @return how many went, at least one, or the negative errno of the first
   */
  public int send(Syscalls syscalls, int fd, int from, int count) {
    return syscalls.sendMany(fd, sending.address() + from * HEADER_BYTES, count);
  }

  /** The datagram's length in bytes, without what was {@linkplain #skip skipped}. */
  public int length(int slot) {
    return (int) sendingIovecs.get(JAVA_LONG, payloadIovec(slot) + 8);
  }

  /**
   * The received datagram, skipped or not; big endian.
   *
   * @return the same object for all slots, between position and limit
   */
  public ByteBuffer bytes(int slot) {
    int start = (int) (slot * stride);
    return bytes.limit(start + receivedLength(slot)).position(start);
  }

  /** Leaves the first bytes of a received datagram out of what is sent. */
  public void skip(int slot, int count) {
    long at = payloadIovec(slot);
    sendingIovecs.set(JAVA_LONG, at, sendingIovecs.get(JAVA_LONG, at) + count);
    sendingIovecs.set(JAVA_LONG, at + 8, sendingIovecs.get(JAVA_LONG, at + 8) - count);
  }

  /**
   * Lets slots begin with these bytes when they are sent, until they receive something new. There
   * is one beginning at a time.
   *
   * @param prefix at most {@value #MAX_BEGINNING_BYTES} bytes; copied
   */
  public void begin(int from, int to, byte[] prefix) {
    if (beginning == null) {
      beginning = Arena.ofAuto().allocate(MAX_BEGINNING_BYTES);
    }
    MemorySegment.copy(prefix, 0, beginning, JAVA_BYTE, 0, prefix.length);
    for (int slot = from; slot < to; slot++) {
      long at = slot * SENDING_IOVECS_BYTES;
      iovec(sendingIovecs, at, beginning.address(), prefix.length);
      long header = slot * HEADER_BYTES;
      sending.set(JAVA_LONG, header + IOVEC_AT, sendingIovecs.address() + at);
      sending.set(JAVA_LONG, header + IOVEC_COUNT_AT, 2);
    }
    isBegun = true;
  }

  /** Takes {@link #begin} back, for slots that were not sent. */
  public void unbegin(int from, int to) {
    for (int slot = from; slot < to; slot++) {
      unbegin(slot);
    }
  }

  private int receivedLength(int slot) {
    return receiving.get(JAVA_INT, slot * HEADER_BYTES + LENGTH_AT);
  }

  /**
   * The received datagram's bytes, without what was {@linkplain #skip skipped}.
   *
   * @return the same object for all slots: it shows this one until the next call
   */
  public Payload payload(int slot) {
    view.start = sendingIovecs.get(JAVA_LONG, payloadIovec(slot)) - payload.address();
    view.length = length(slot);
    return view;
  }

  /** Whether the received datagram was longer than the slot. */
  public boolean isTruncated(int slot) {
    return (flags(slot) & Linux.MSG_TRUNC) != 0;
  }

  private int flags(int slot) {
    return receiving.get(JAVA_INT, slot * HEADER_BYTES + FLAGS_AT);
  }

  /** The family of the client's address. */
  public Family family(int slot) {
    return names.get(JAVA_SHORT, name(slot)) == Linux.AF_INET ? Family.IPV4 : Family.IPV6;
  }

  /** The client's address, upper 64 bits; 0 for IPv4. */
  public long clientHigh(int slot) {
    return family(slot) == Family.IPV4 ? 0 : names.get(IPV6, name(slot) + 8);
  }

  /** The client's address, lower 64 bits; the whole of an IPv4 one. */
  public long clientLow(int slot) {
    return family(slot) == Family.IPV4
        ? names.get(IPV4, name(slot) + 4) & 0xffff_ffffL
        : names.get(IPV6, name(slot) + 16);
  }

  /** The client's port, host order. */
  public int clientPort(int slot) {
    return names.get(PORT, name(slot) + 2) & 0xffff;
  }

  /** The interface that a link-local IPv6 client's address is valid on; otherwise 0. */
  public int clientScope(int slot) {
    return family(slot) == Family.IPV4 ? 0 : names.get(JAVA_INT, name(slot) + 24);
  }

  private static long name(int slot) {
    return slot * NAME_BYTES;
  }

  /**
   * Reads where the client sent to, and where the datagram came in, from the control messages that
   * were asked for: IP_PKTINFO or IPV6_RECVPKTINFO tell the address and the interface;
   * IP_ORIGDSTADDR or IPV6_ORIGDSTADDR tell the address and the port. Of an IPv4 datagram, a socket
   * of both families tells IPV6_PKTINFO, with a mapped address, and IP_ORIGDSTADDR.
   *
   * @return whether the address is told; then {@link #destinationHigh}, {@link #destinationLow},
   *     {@link #destinationPort} and {@link #ifindex} say it, until the next call
   */
  public boolean readDestination(int slot) {
    ifindex = 0;
    destinationPort = 0;
    if ((flags(slot) & Linux.MSG_CTRUNC) != 0) {
      return false;
    }
    boolean isTold = false;
    long at = slot * CONTROL_BYTES;
    long end = at + receiving.get(JAVA_LONG, slot * HEADER_BYTES + CONTROL_LENGTH_AT);
    while (at + CONTROL_HEADER_BYTES <= end) {
      long lengthBytes = controls.get(JAVA_LONG, at);
      if (lengthBytes < CONTROL_HEADER_BYTES) {
        return false;
      }
      isTold |=
          readControl(
              controls.get(JAVA_INT, at + 8),
              controls.get(JAVA_INT, at + 12),
              at + CONTROL_HEADER_BYTES);
      at += (lengthBytes + 7) & ~7L;
    }
    return isTold;
  }

  private boolean readControl(int level, int type, long data) {
    if (level == Linux.IPPROTO_IP) {
      destinationHigh = 0;
      if (type == Linux.IP_PKTINFO) {
        ifindex = controls.get(JAVA_INT, data);
        destinationLow = controls.get(IPV4, data + 8) & 0xffff_ffffL;
        return true;
      }
      if (type == Linux.IP_ORIGDSTADDR) {
        destinationPort = controls.get(PORT, data + 2) & 0xffff;
        destinationLow = controls.get(IPV4, data + 4) & 0xffff_ffffL;
        return true;
      }
    } else if (level == Linux.IPPROTO_IPV6) {
      if (type == Linux.IPV6_PKTINFO) {
        destinationHigh = controls.get(IPV6, data);
        destinationLow = controls.get(IPV6, data + 8);
        if (isMapped(destinationHigh, destinationLow)) {
          destinationLow &= 0xffff_ffffL;
        }
        ifindex = controls.get(JAVA_INT, data + 16);
        return true;
      }
      if (type == Linux.IPV6_ORIGDSTADDR) {
        destinationPort = controls.get(PORT, data + 2) & 0xffff;
        destinationHigh = controls.get(IPV6, data + 8);
        destinationLow = controls.get(IPV6, data + 16);
        return true;
      }
    }
    return false;
  }

  /** The address that the client sent to, upper 64 bits; 0 for IPv4. */
  public long destinationHigh() {
    return destinationHigh;
  }

  /** The address that the client sent to, lower 64 bits; the whole of an IPv4 one. */
  public long destinationLow() {
    return destinationLow;
  }

  /** The port that the client sent to, host order; 0 if the socket doesn't tell. */
  public int destinationPort() {
    return destinationPort;
  }

  /** The interface that the datagram came in on; 0 if the socket doesn't tell. */
  public int ifindex() {
    return ifindex;
  }

  /** Addresses a slot's datagram to a client. */
  public void to(int slot, Family family, long high, long low, int port, int scope) {
    long name = name(slot);
    names.set(JAVA_SHORT, name, (short) family.number());
    names.set(PORT, name + 2, (short) port);
    int lengthBytes;
    if (family == Family.IPV4) {
      names.set(IPV4, name + 4, (int) low);
      lengthBytes = 16;
    } else {
      names.set(JAVA_INT, name + 4, 0);
      names.set(IPV6, name + 8, high);
      names.set(IPV6, name + 16, low);
      names.set(JAVA_INT, name + 24, scope);
      lengthBytes = 28;
    }
    sending.set(JAVA_INT, slot * HEADER_BYTES + NAME_LENGTH_AT, lengthBytes);
  }

  /** Sends a slot's datagram from this local address; the port is the socket's. */
  public void from(int slot, Family family, long high, long low) {
    long control = slot * CONTROL_BYTES;
    long data = control + CONTROL_HEADER_BYTES;
    int lengthBytes;
    if (family == Family.IPV4) {
      lengthBytes = CONTROL_HEADER_BYTES + 12;
      controls.set(JAVA_INT, control + 8, Linux.IPPROTO_IP);
      controls.set(JAVA_INT, control + 12, Linux.IP_PKTINFO);
      controls.set(JAVA_INT, data, 0);
      controls.set(IPV4, data + 4, (int) low);
      controls.set(JAVA_INT, data + 8, 0);
    } else {
      lengthBytes = CONTROL_HEADER_BYTES + 20;
      controls.set(JAVA_INT, control + 8, Linux.IPPROTO_IPV6);
      controls.set(JAVA_INT, control + 12, Linux.IPV6_PKTINFO);
      controls.set(IPV6, data, high);
      controls.set(IPV6, data + 8, low);
      controls.set(JAVA_INT, data + 16, 0);
    }
    controls.set(JAVA_LONG, control, lengthBytes);
    sending.set(JAVA_LONG, slot * HEADER_BYTES + CONTROL_LENGTH_AT, (lengthBytes + 7) & ~7L);
  }

  /** Sends a slot's datagram from the address that the socket is bound to. */
  public void fromBoundAddress(int slot) {
    sending.set(JAVA_LONG, slot * HEADER_BYTES + CONTROL_LENGTH_AT, 0);
  }
}
