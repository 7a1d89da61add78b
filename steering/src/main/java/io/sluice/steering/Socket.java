package io.sluice.steering;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A socket as programs, maps and listener tables see it: family, protocol, bound address, state,
 * cookie and reuseport group. What it stands for hangs on it as its {@link #attachment}.
 *
 * <p>Immutable but for its state, its group and its being closed, which any thread may change.
 */
public final class Socket {
  /** The states that programs can see, by the kernel's numbers (include/net/tcp_states.h). */
  public enum State {
    ESTABLISHED(1),
    SYN_SENT(2),
    SYN_RECV(3),
    FIN_WAIT1(4),
    FIN_WAIT2(5),
    TIME_WAIT(6),
    /** A UDP socket that isn't connected, or a TCP one that is shut. */
    CLOSE(7),
    CLOSE_WAIT(8),
    LAST_ACK(9),
    LISTEN(10),
    CLOSING(11),
    NEW_SYN_RECV(12);

    private final int number;

    State(int number) {
      this.number = number;
    }

    /** The kernel's number. */
    public int number() {
      return number;
    }
  }

  /** Hears that a socket has closed; a map that holds it does, to let go of it. */
  @FunctionalInterface
  public interface CloseListener {
    /** The socket has closed. Called once, on the thread that closed it. */
    void closed(Socket socket);

    /**
     * Whether nobody holds any more what listens here, like a map of an earlier generation. The
     * socket then forgets this listener. Once true, it stays true.
     */
    default boolean isGone() {
      return false;
    }
  }

  private static final AtomicLong NEXT_COOKIE = new AtomicLong(1);

  /** With fewer listeners nobody looks for those that are gone. */
  private static final int FEW_LISTENERS = 8;

  private final Protocol protocol;
  private final IpAddress address;
  private final int port;
  private final boolean v6Only;
  private final int boundIfindex;
  private final @Nullable Object attachment;
  private final Verdict.Assign assign = new Verdict.Assign(this);
  private final Verdict.Pass pass = new Verdict.Pass(this);
  private final AtomicLong cookie = new AtomicLong();
  private final SocketPrograms programs = new SocketPrograms();
  private volatile State state;
  private volatile @Nullable SocketGroup group;
  private volatile boolean closed;
  private final List<CloseListener> closeListeners = new ArrayList<>(1); // guarded by itself
  private int forgetAt = FEW_LISTENERS; // guarded by closeListeners
  private @Nullable CloseListener claimant; // guarded by closeListeners

  private Socket(Builder builder) {
    this.protocol = builder.protocol;
    this.address = builder.address;
    this.port = builder.port;
    // Binding to a concrete IPv6 address that maps no IPv4 one makes a socket v6-only by itself.
    this.v6Only =
        address.family() == Family.IPV6
            && (builder.v6Only || !(address.isWildcard() || address.isIpv4Mapped()));
    this.boundIfindex = builder.boundIfindex;
    this.attachment = builder.attachment;
    this.state = builder.state;
  }

  /**
   * Starts a socket: TCP listening or UDP unconnected, bound to the address and port.
   *
   * @param address what it is bound to; {@code ::} takes both families unless {@link
   *     Builder#v6Only()} is called
   * @param port host order, 0–65535
   */
  public static Builder bound(Protocol protocol, IpAddress address, int port) {
    return new Builder(protocol, address, port);
  }

  /** Builds a {@link Socket}; not reusable. */
  public static final class Builder {
    private final Protocol protocol;
    private final IpAddress address;
    private final int port;
    private State state;
    private boolean v6Only;
    private int boundIfindex;
    private @Nullable Object attachment;

    private Builder(Protocol protocol, IpAddress address, int port) {
      if (port < 0 || port > 65535) {
        throw new IllegalArgumentException("port " + port + " is outside 0–65535");
      }
      this.protocol = protocol;
      this.address = address;
      this.port = port;
      this.state = protocol == Protocol.TCP ? State.LISTEN : State.CLOSE;
    }

    /** Takes IPv6 only (IPV6_V6ONLY). */
    public Builder v6Only() {
      v6Only = true;
      return this;
    }

    /** Starts in another state than listening (TCP) or unconnected (UDP). */
    public Builder state(State state) {
      this.state = state;
      return this;
    }

    /** Bound to a device (SO_BINDTODEVICE); 0 is none. */
    public Builder boundIfindex(int ifindex) {
      this.boundIfindex = ifindex;
      return this;
    }

    /** What the socket stands for. */
    public Builder attachment(Object attachment) {
      this.attachment = attachment;
      return this;
    }

    /**
     * The socket.
     *
     * @throws IllegalArgumentException if it is v6-only and bound to an IPv4-mapped address: such a
     *     socket could take nothing, and the kernel doesn't bind it
     */
    public Socket build() {
      if (v6Only && address.isIpv4Mapped()) {
        throw new IllegalArgumentException("a v6-only socket can't be bound to " + address);
      }
      return new Socket(this);
    }
  }

  /** The bound address's family: a dual-stack socket says {@link Family#IPV6}. */
  public Family family() {
    return address.family();
  }

  public Protocol protocol() {
    return protocol;
  }

  /** The bound address; a wildcard is {@code 0.0.0.0} or {@code ::}. */
  public IpAddress address() {
    return address;
  }

  /** The bound port, host order. */
  public int port() {
    return port;
  }

  /** An IPv6 socket that doesn't take IPv4 traffic. */
  public boolean isV6Only() {
    return v6Only;
  }

  /** The device it is bound to, or 0. */
  public int boundIfindex() {
    return boundIfindex;
  }

  public State state() {
    return state;
  }

  /**
   * Changes the state, from any thread. Entries in socket maps and hashes stay, as in the kernel. A
   * socket that can't be selected any more leaves its {@linkplain #claim sockarray} before this
   * returns, and a UDP one that is connected also its group.
   */
  public void state(State state) {
    this.state = state;
    if (protocol == Protocol.UDP && state == State.ESTABLISHED) {
      group = null;
    }
    leaveArrayUnlessSelectable();
  }

  /**
   * Whether it can be given something new: it is open, and listens (TCP) or is unconnected (UDP).
   * What else there is can't be assigned, isn't an ordinary listener and isn't selected by a group.
   */
  public boolean takesNew() {
    return !closed && state == (protocol == Protocol.TCP ? State.LISTEN : State.CLOSE);
  }

  /**
   * Closes it, once, from any thread: it leaves all maps before this returns, and takes nothing new
   * any more. It stays in its group, which passes it over.
   */
  public void close() {
    List<CloseListener> listeners;
    synchronized (closeListeners) {
      closed = true;
      listeners = List.copyOf(closeListeners);
      closeListeners.clear();
    }
    // Outside of the lock: a map takes its own lock, and holds that one when it adds a listener.
    listeners.forEach(listener -> listener.closed(this));
    leaveArrayUnlessSelectable();
  }

  public boolean isClosed() {
    return closed;
  }

  /**
   * Has a listener called when the socket closes. It may be added several times. Listeners that are
   * {@linkplain CloseListener#isGone gone} are forgotten here: a socket that outlives a million
   * maps knows those that are in use.
   *
   * @return false if the socket is closed already, or {@linkplain #claim claimed}: then the
   *     listener isn't called
   */
  public boolean addCloseListener(CloseListener listener) {
    synchronized (closeListeners) {
      forgetThoseGone();
      return !closed && claimant == null && closeListeners.add(listener);
    }
  }

  /**
   * The oldest listener is mostly the first to go. If it stays, all are looked at each time that
   * their number has doubled.
   */
  private void forgetThoseGone() {
    boolean isFirstGone = !closeListeners.isEmpty() && closeListeners.getFirst().isGone();
    if (isFirstGone || closeListeners.size() >= forgetAt) {
      closeListeners.removeIf(CloseListener::isGone);
      forgetAt = Math.max(FEW_LISTENERS, 2 * closeListeners.size());
    }
  }

  /** How many listeners there are, those included that are gone and not yet forgotten. */
  int closeListenerCount() {
    synchronized (closeListeners) {
      return closeListeners.size();
    }
  }

  /** Takes back one {@link #addCloseListener}, or the {@link #claim}, of an equal listener. */
  public void removeCloseListener(CloseListener listener) {
    synchronized (closeListeners) {
      if (listener.equals(claimant)) {
        claimant = null;
      } else {
        closeListeners.remove(listener);
      }
    }
  }

  /**
   * Claims the socket for a sockarray alone: until the claim is taken back, nobody else may add a
   * listener or claim it. (In the kernel, a map of either kind uses the one private pointer that a
   * socket has.)
   *
   * @param array called when the socket closes or can't be {@linkplain #isSelectable selected} any
   *     more, on the thread that changed it; has to take back the claim
   * @return 0, or negative: EBADF (closed), EINVAL (not selectable), EBUSY (claimed, or in a map)
   */
  public int claim(CloseListener array) {
    synchronized (closeListeners) {
      if (closed) {
        return Errno.EBADF.negative();
      }
      if (!isSelectable()) {
        return Errno.EINVAL.negative();
      }
      if (claimant != null || !closeListeners.isEmpty()) {
        return Errno.EBUSY.negative();
      }
      claimant = array;
      return 0;
    }
  }

  /** Whether a sockarray has {@linkplain #claim claimed} it. */
  public boolean isClaimed() {
    synchronized (closeListeners) {
      return claimant != null;
    }
  }

  /** Whether a group's program may select it: it takes new ones, has a port, and is in a group. */
  public boolean isSelectable() {
    return takesNew() && port != 0 && group != null;
  }

  private void leaveArrayUnlessSelectable() {
    CloseListener array = null;
    synchronized (closeListeners) {
      if (!isSelectable()) {
        array = claimant;
      }
    }
    if (array != null) {
      array.closed(this); // takes back the claim: before that, no other array may have the socket
    }
  }

  /** The reuseport group it is a member of. */
  public @Nullable SocketGroup group() {
    return group;
  }

  /**
   * Joins or (with null) leaves a group; any thread. A group's factory calls this for its members.
   * A socket that only stands for a group, and is no member, is given it by its owner. Who leaves
   * its group leaves its {@linkplain #claim sockarray} before this returns.
   */
  public void group(@Nullable SocketGroup group) {
    this.group = group;
    leaveArrayUnlessSelectable();
  }

  /** The SK_SKB programs that maps have given it. */
  public SocketPrograms programs() {
    return programs;
  }

  /** What this socket stands for, as given to the builder. */
  public @Nullable Object attachment() {
    return attachment;
  }

  /**
   * The socket's 64-bit cookie: never 0, unique, stable, and given out at the first request, so
   * that numbers follow the order of requests (SO_COOKIE).
   */
  public long cookie() {
    long known = cookie.get();
    if (known != 0) {
      return known;
    }
    cookie.compareAndSet(0, NEXT_COOKIE.getAndIncrement());
    return cookie.get();
  }

  /** The verdict that names this socket; made once. */
  public Verdict.Assign assign() {
    return assign;
  }

  /** The verdict of a pass that found this ordinary listener; made once. */
  Verdict.Pass pass() {
    return pass;
  }

  @Override
  public String toString() {
    return protocol.word()
        + " "
        + IpAddress.withPort(address, port)
        + (attachment == null ? "" : " " + attachment);
  }
}
