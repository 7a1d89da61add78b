package io.sluice.steering.reuseport;

import io.sluice.steering.Errno;
import io.sluice.steering.Family;
import io.sluice.steering.GroupContext;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.SocketGroup;
import io.sluice.steering.map.ReuseportSockArray;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a group's program sees of one connection or datagram: the fields of the kernel's {@code
 * struct sk_reuseport_md}, and the helpers that select a member.
 *
 * <p>{@code migrating_sk} is left out: this process has no accept queue whose connections could
 * move to another member. The 4-tuple is given directly, where kernel programs read it from the
 * packet's headers.
 *
 * <p>Reused: one per {@link LookupContext}, and no other thread touches it. Addresses and ports as
 * there.
 */
public final class ReuseportContext implements GroupContext {
  private static final int UDP_HEADER_BYTES = 8;
  private static final int TCP_HEADER_BYTES = 20; // without options, which nobody kept
  private static final int TCP_DATA_OFFSET = TCP_HEADER_BYTES / 4 << 4;
  private static final int TCP_SYN = 2;

  private final LookupContext lookup;
  private ReuseportGroup group;
  private Socket hit;
  private int hash;
  private int fallbackHash;
  private boolean goesByOtherHash;
  private int selected = -1;

  private ReuseportContext(LookupContext lookup, ReuseportGroup group, Socket hit) {
    this.lookup = lookup;
    this.group = group;
    this.hit = hit;
  }

  /** The lookup's one, ready for a run. */
  static ReuseportContext of(LookupContext lookup, ReuseportGroup group, Socket hit, int hash) {
    ReuseportContext context;
    if (lookup.groupContext() instanceof ReuseportContext known) {
      context = known;
    } else {
      context = new ReuseportContext(lookup, group, hit);
      lookup.groupContext(context);
    }
    context.group = group;
    context.hit = hit;
    context.hash = hash;
    context.fallbackHash = hash;
    context.goesByOtherHash = false;
    context.selected = -1;
    return context;
  }

  /** How many bytes there are from the transport header on: 8 (UDP) or 20 (TCP) and the payload. */
  public int len() {
    return headerBytes() + lookup.payload().length();
  }

  private int headerBytes() {
    return lookup.protocol() == Protocol.TCP ? TCP_HEADER_BYTES : UDP_HEADER_BYTES;
  }

  /** 0x0800 or 0x86dd, in host order (the kernel's is in network order). */
  public int ethProtocol() {
    return lookup.family() == Family.IPV4 ? 0x0800 : 0x86dd;
  }

  /** 6 or 17. */
  public int ipProtocol() {
    return lookup.protocol().number();
  }

  /** Whether the group is bound to {@code 0.0.0.0} or {@code ::}; not {@code ::ffff:0.0.0.0}. */
  public boolean bindInany() {
    return hit.address().isWildcard() && !hit.address().isIpv4Mapped();
  }

  /** The hash over the 4-tuple that a pass without selection goes by. */
  public int hash() {
    return hash;
  }

  /** {@code sk}: the member that the lookup hit, or the socket that stands for the group. */
  public Socket socket() {
    return hit;
  }

  /** What follows the transport header: the datagram, or what a TCP client has sent so far. */
  public Payload payload() {
    return lookup.payload();
  }

  public Family family() {
    return lookup.family();
  }

  public Protocol protocol() {
    return lookup.protocol();
  }

  public long remoteHigh() {
    return lookup.remoteHigh();
  }

  public long remoteLow() {
    return lookup.remoteLow();
  }

  public int remotePort() {
    return lookup.remotePort();
  }

  public long localHigh() {
    return lookup.localHigh();
  }

  public long localLow() {
    return lookup.localLow();
  }

  public int localPort() {
    return lookup.localPort();
  }

  /** The client's address as an object; allocates. */
  public IpAddress remote() {
    return lookup.remote();
  }

  /** The wanted address as an object; allocates. */
  public IpAddress local() {
    return lookup.local();
  }

  /**
   * Copies bytes of the packet: {@code bpf_skb_load_bytes}, helper 26. The transport header is made
   * from what is known: ports and length; of a TCP header the SYN flag; the rest is 0.
   *
   * @param offset from the first byte of the transport header
   * @param to filled entirely
   * @return 0, or -EFAULT if the packet has less: then {@code to} is zeroed
   */
  public int loadBytes(int offset, byte[] to) {
    if (offset < 0 || to.length > len() - offset) {
      Arrays.fill(to, (byte) 0);
      return Errno.EFAULT.negative();
    }
    int header = headerBytes();
    Payload payload = lookup.payload();
    for (int i = 0; i < to.length; i++) {
      int at = offset + i;
      to[i] = (byte) (at < header ? headerByte(at) : payload.at(at - header));
    }
    return 0;
  }

  private int headerByte(int at) {
    boolean udp = lookup.protocol() == Protocol.UDP;
    return switch (at) {
      case 0 -> lookup.remotePort() >> 8;
      case 1 -> lookup.remotePort();
      case 2 -> lookup.localPort() >> 8;
      case 3 -> lookup.localPort();
      case 4 -> udp ? len() >> 8 : 0;
      case 5 -> udp ? len() : 0;
      case 12 -> TCP_DATA_OFFSET;
      case 13 -> TCP_SYN;
      default -> 0;
    };
  }

  /**
   * Selects the member at an index: {@code bpf_sk_select_reuseport}, helper 82.
   *
   * @param flags ignored, as in the kernel
   * @return 0, or negative, and an earlier selection stays: ENOENT (no entry), EINVAL (an entry
   *     that is in no group, or no longer), EPROTOTYPE, EAFNOSUPPORT, EBADFD (a member of another
   *     group: of another protocol, another family, otherwise)
   */
  public int selectReuseport(SockMap map, int key, long flags) {
    return select(map.lookup(key), Errno.EINVAL);
  }

  /** The same from a sockhash. */
  public int selectReuseport(SockHash map, byte[] key, long flags) {
    return select(map.lookup(key), Errno.EINVAL);
  }

  /** The same from a sockarray, whose entries that are in no group any more answer ENOENT. */
  public int selectReuseport(ReuseportSockArray map, int key, long flags) {
    return select(map.lookup(key), Errno.ENOENT);
  }

  /** Selects a member that needs no map to be found; otherwise the same. */
  public int select(Socket member) {
    return select(member, Errno.EINVAL);
  }

  /** How many members the group has. */
  public int members() {
    return group.members.count();
  }

  /**
   * Selects a member by its place in the order of joining, as from a sockarray that the whole group
   * was put into in this order. (A destination's members are its targets, as the file lists them.)
   */
  public int selectMember(int index) {
    return select(
        index >= 0 && index < members() ? group.members.socket(index) : null, Errno.ENOENT);
  }

  private int select(@Nullable Socket candidate, Errno inNoGroup) {
    if (candidate == null) {
      return Errno.ENOENT.negative();
    }
    SocketGroup its = candidate.group();
    if (its == null || !candidate.takesNew()) {
      return inNoGroup.negative(); // a socket that is shut or connected has left its group
    }
    if (its != group) {
      return refusal(candidate).negative();
    }
    int index = group.members.indexOf(candidate);
    if (index < 0) {
      return inNoGroup.negative(); // it stands for the group, and is no member
    }
    selected = index;
    return 0;
  }

  private Errno refusal(Socket candidate) {
    if (candidate.protocol() != hit.protocol()) {
      return Errno.EPROTOTYPE;
    }
    return candidate.family() != hit.family() ? Errno.EAFNOSUPPORT : Errno.EBADFD;
  }

  /**
   * Has a pass without selection go by this hash rather than the 4-tuple's, with the members'
   * weights. (The kernel has nothing like it: there all members weigh the same.)
   */
  public void selectByHash(int hash) {
    fallbackHash = hash;
    goesByOtherHash = true;
  }

  /** The selected member's index, or -1. */
  int selected() {
    return selected;
  }

  boolean goesByOtherHash() {
    return goesByOtherHash;
  }

  int fallbackHash() {
    return fallbackHash;
  }

  /** As {@link LookupContext#toString}. */
  @Override
  public String toString() {
    return lookup.toString();
  }
}
