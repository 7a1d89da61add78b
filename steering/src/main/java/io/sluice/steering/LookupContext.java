package io.sluice.steering;

import org.jspecify.annotations.Nullable;

/**
 * What a program sees of one connection or datagram: the fields of the kernel's {@code struct
 * bpf_sk_lookup}, and the helper {@link #assign}.
 *
 * <p>Mutable and reused: an event loop owns one, fills it by {@link #ipv4} or {@link #ipv6} before
 * each lookup, and no other thread touches it. To programs the packet is read-only: filling it
 * throws while one runs.
 *
 * <p>Addresses are two longs, most significant first; an IPv4 address is the low 32 bits of the low
 * one. Ports are in host order (the kernel's {@code remote_port} is in network order).
 */
public final class LookupContext {
  /** {@link #assign}: replace an earlier selection. */
  public static final int REPLACE = 1;

  /** {@link #assign}: take exactly this socket, without asking its reuseport group. */
  public static final int NO_REUSEPORT = 2;

  private final Tuple tuple = new Tuple();

  /** Where the packet really came from and went to; stale unless a header announced the tuple. */
  private final Tuple physical = new Tuple();

  private boolean isAnnounced;
  private int ingressIfindex;
  private Payload payload = Payload.EMPTY;
  private boolean hasPacket = true;
  private @Nullable GroupContext groupContext;
  private @Nullable Object scratch;
  private @Nullable Socket socket;
  private boolean noReuseport;
  private DropReason dropReason = DropReason.PROGRAM;
  private final DropOrigin dropOrigin = new DropOrigin();
  private int part = DropOrigin.WHOLE;
  private @Nullable Errno assignError;
  private String program = "";
  private boolean running;
  private boolean isShadow;
  private final LookupObserver observer;

  /** A context that reports failed assigns nowhere. */
  public LookupContext() {
    this(LookupObserver.NONE);
  }

  /** A context that reports to {@code observer}, on the thread of the lookup. */
  public LookupContext(LookupObserver observer) {
    this.observer = observer;
  }

  /**
   * Describes an IPv4 packet.
   *
   * @param remoteIp 192.0.2.1 is 0xc0000201
   * @param ingressIfindex the interface it came in on; loopback is 1, 0 is unknown
   */
  public LookupContext ipv4(
      Protocol protocol,
      int remoteIp,
      int remotePort,
      int localIp,
      int localPort,
      int ingressIfindex) {
    return set(
        Family.IPV4,
        protocol,
        0,
        remoteIp & 0xffff_ffffL,
        remotePort,
        0,
        localIp & 0xffff_ffffL,
        localPort,
        ingressIfindex);
  }

  /** Describes an IPv6 packet; each address as its upper and lower 64 bits. */
  public LookupContext ipv6(
      Protocol protocol,
      long remoteHigh,
      long remoteLow,
      int remotePort,
      long localHigh,
      long localLow,
      int localPort,
      int ingressIfindex) {
    return set(
        Family.IPV6,
        protocol,
        remoteHigh,
        remoteLow,
        remotePort,
        localHigh,
        localLow,
        localPort,
        ingressIfindex);
  }

  /**
   * Describes a packet by addresses of one family.
   *
   * @throws IllegalArgumentException if the families differ
   */
  public LookupContext of(
      Protocol protocol,
      IpAddress remote,
      int remotePort,
      IpAddress local,
      int localPort,
      int ingressIfindex) {
    if (remote.family() != local.family()) {
      throw new IllegalArgumentException(remote + " and " + local + " are of two families");
    }
    return set(
        local.family(),
        protocol,
        remote.high(),
        remote.low(),
        remotePort,
        local.high(),
        local.low(),
        localPort,
        ingressIfindex);
  }

  /**
   * Describes a packet by its tuple.
   *
   * @param packet copied
   */
  public LookupContext of(Tuple packet, int ingressIfindex) {
    checkNotRunning();
    tuple.copyFrom(packet);
    return described(ingressIfindex);
  }

  private LookupContext set(
      Family family,
      Protocol protocol,
      long remoteHigh,
      long remoteLow,
      int remotePort,
      long localHigh,
      long localLow,
      int localPort,
      int ingressIfindex) {
    checkNotRunning();
    tuple.set(family, protocol, remoteHigh, remoteLow, remotePort, localHigh, localLow, localPort);
    return described(ingressIfindex);
  }

  private LookupContext described(int ingressIfindex) {
    this.ingressIfindex = ingressIfindex;
    this.payload = Payload.EMPTY;
    this.hasPacket = true;
    this.isAnnounced = false;
    dropOrigin.clear();
    select(null, false);
    return this;
  }

  /**
   * Adds what came with the packet; until the next description. Without it there is no payload.
   *
   * @param payload valid until the lookup is over; read only by those who want it
   */
  public LookupContext payload(Payload payload) {
    checkNotRunning();
    this.payload = payload;
    return this;
  }

  /**
   * Says that there is no packet, just its addresses, as when somebody asks where one would go:
   * groups' programs don't run, and their groups go by the hash. Until the next description.
   */
  public LookupContext withoutPacket() {
    checkNotRunning();
    this.payload = Payload.EMPTY;
    this.hasPacket = false;
    return this;
  }

  /**
   * Adds by which addresses the packet really came, after {@link #ipv4} or {@link #ipv6} have been
   * given those that a PROXY protocol header announced.
   *
   * @param came copied
   */
  public LookupContext physical(Tuple came) {
    checkNotRunning();
    this.isAnnounced = true;
    physical.copyFrom(came);
    return this;
  }

  /** Copies the packet's tuple; the context's own can't be changed by programs. */
  public Tuple copyTo(Tuple out) {
    return out.copyFrom(tuple);
  }

  /** Copies the tuple of the physical addresses. */
  public Tuple copyPhysicalTo(Tuple out) {
    return out.copyFrom(seen());
  }

  private Tuple seen() {
    return isAnnounced ? physical : tuple;
  }

  /** The packet's family. */
  public Family family() {
    return tuple.family();
  }

  public Protocol protocol() {
    return tuple.protocol();
  }

  /** The client's IPv4 address; 0 for an IPv6 packet. */
  public int remoteIp4() {
    return tuple.family() == Family.IPV4 ? (int) tuple.remoteLow() : 0;
  }

  /** The client's address, upper 64 bits; 0 for IPv4. */
  public long remoteHigh() {
    return tuple.remoteHigh();
  }

  /** The client's address, lower 64 bits; the whole of an IPv4 one. */
  public long remoteLow() {
    return tuple.remoteLow();
  }

  /** The client's port, host order. */
  public int remotePort() {
    return tuple.remotePort();
  }

  /** The address that the client wants, if it is IPv4; 0 for an IPv6 packet. */
  public int localIp4() {
    return tuple.family() == Family.IPV4 ? (int) tuple.localLow() : 0;
  }

  /** The address that the client wants, upper 64 bits; 0 for IPv4. */
  public long localHigh() {
    return tuple.localHigh();
  }

  /** The address that the client wants, lower 64 bits; the whole of an IPv4 one. */
  public long localLow() {
    return tuple.localLow();
  }

  /** The port that the client wants, host order. */
  public int localPort() {
    return tuple.localPort();
  }

  /** The interface that the packet came in on; 0 where the capture can't tell. */
  public int ingressIfindex() {
    return ingressIfindex;
  }

  /** What came with the packet; programs of reuseport groups look at it. */
  public Payload payload() {
    return payload;
  }

  /** False after {@link #withoutPacket}. */
  public boolean hasPacket() {
    return hasPacket;
  }

  /** What {@link #groupContext(GroupContext)} keeps; null at first. */
  public @Nullable GroupContext groupContext() {
    return groupContext;
  }

  /** Keeps what reuseport groups reuse from lookup to lookup on this thread. */
  public void groupContext(GroupContext context) {
    groupContext = context;
  }

  /** What {@link #scratch(Object)} keeps; null at first. */
  public @Nullable Object scratch() {
    return scratch;
  }

  /**
   * Keeps what programs reuse from lookup to lookup on this thread; whoever finds something there
   * that isn't its own replaces it.
   */
  public void scratch(Object kept) {
    scratch = kept;
  }

  /**
   * Whether a PROXY protocol header of a trusted peer has told something about the client, mostly
   * its addresses. If not, {@link #copyPhysicalTo} copies the same ones.
   */
  public boolean isAnnounced() {
    return isAnnounced;
  }

  /** The client's address as an object; allocates. */
  public IpAddress remote() {
    return tuple.remote();
  }

  /** The wanted address as an object; allocates. */
  public IpAddress local() {
    return tuple.local();
  }

  /** The currently selected socket ({@code ctx->sk}): what earlier programs, or this one, chose. */
  public @Nullable Socket socket() {
    return socket;
  }

  /**
   * Selects a socket, or with null discards what this same program selected in this run: the
   * kernel's {@code bpf_sk_assign}, helper 124, with its checks in its order.
   *
   * @param candidate null to discard
   * @param flags {@link #REPLACE}, {@link #NO_REUSEPORT}, both or 0
   * @return 0, or negative: EINVAL (other flags), ESOCKTNOSUPPORT (a TCP socket that doesn't
   *     listen, a UDP socket that is connected, a closed one), EPROTOTYPE, EAFNOSUPPORT, EEXIST
   *     (something is selected already, and {@link #REPLACE} isn't given; even if {@code candidate}
   *     is null, or is what is selected)
   */
  public int assign(@Nullable Socket candidate, long flags) {
    Errno error = refusal(candidate, flags);
    if (error != null) {
      assignError = error;
      observer().assignFailed(program, error);
      return error.negative();
    }
    socket = candidate;
    noReuseport = (flags & NO_REUSEPORT) != 0;
    return 0;
  }

  private @Nullable Errno refusal(@Nullable Socket candidate, long flags) {
    if ((flags & ~(REPLACE | NO_REUSEPORT)) != 0) {
      return Errno.EINVAL;
    }
    if (candidate != null) {
      if (!candidate.takesNew()) {
        return Errno.ESOCKTNOSUPPORT;
      }
      if (candidate.protocol() != tuple.protocol()) {
        return Errno.EPROTOTYPE;
      }
      if (candidate.family() != tuple.family()
          && (candidate.family() == Family.IPV4 || candidate.isV6Only())) {
        return Errno.EAFNOSUPPORT;
      }
    }
    if (socket != null && (flags & REPLACE) == 0) {
      return Errno.EEXIST;
    }
    return null;
  }

  /**
   * Says why the program is about to drop, for the counter; without it the reason is {@link
   * DropReason#PROGRAM}.
   *
   * @return {@link Program#SK_DROP}, to be returned
   */
  public int drop(DropReason reason) {
    dropReason = reason;
    return Program.SK_DROP;
  }

  /** Says which of its parts decides: for who wants to know later why it was dropped. */
  public void part(int index) {
    part = index;
  }

  /** Who dropped first, as far as this packet has been looked up. */
  public DropOrigin dropOrigin() {
    return dropOrigin;
  }

  /** The program that runs has dropped, before any other. */
  void droppedBy(Program dropping) {
    dropOrigin.set(dropping, program, part, assignError);
  }

  /** Where failed assigns, misses and failing programs are reported. */
  public LookupObserver observer() {
    return isShadow ? LookupObserver.NONE : observer;
  }

  /** Loads what earlier programs selected, and names the program that runs next. */
  void enter(String program, @Nullable Socket selected, boolean noReuseport) {
    this.program = program;
    this.running = true;
    this.dropReason = DropReason.PROGRAM;
    this.part = DropOrigin.WHOLE;
    this.assignError = null;
    select(selected, noReuseport);
  }

  /** Whether a {@link Shadow} runs: what it does wrong isn't reported. */
  void shadow(boolean runs) {
    isShadow = runs;
  }

  private void checkNotRunning() {
    if (running) {
      throw new IllegalStateException("a program can't change the packet");
    }
  }

  /** Loads what was selected in the end. */
  void leave(@Nullable Socket selected, boolean noReuseport) {
    this.program = "";
    this.running = false;
    select(selected, noReuseport);
  }

  boolean noReuseport() {
    return noReuseport;
  }

  DropReason dropReason() {
    return dropReason;
  }

  private void select(@Nullable Socket selected, boolean noReuseport) {
    this.socket = selected;
    this.noReuseport = noReuseport;
  }

  /** As {@code explain} writes it: {@code tcp 203.0.113.9:51234 → 127.0.1.7:8080}. */
  @Override
  public String toString() {
    return tuple.toString();
  }
}
