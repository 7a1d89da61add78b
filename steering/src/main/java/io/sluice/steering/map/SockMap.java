package io.sluice.steering.map;

import io.sluice.steering.Errno;
import io.sluice.steering.Socket;
import java.lang.ref.WeakReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_SOCKMAP: sockets by index (net/core/sock_map.c, Documentation/bpf/map_sockmap.rst).
 *
 * <p>Programs {@link #lookup}, which neither blocks nor allocates. Any thread may write: a replaced
 * slot goes from one socket to the next at once and is never seen empty. A socket that {@linkplain
 * Socket#close closes} is gone from all maps; one that merely stops listening stays, and can't be
 * assigned. Operations answer 0 or a negative {@link Errno}.
 *
 * <p>Sockets don't keep a map alive: one that nobody holds any more is garbage, as in the kernel,
 * however long its sockets live.
 */
public final class SockMap extends BpfMap {
  private static final int FLAGS = CreateFlags.NUMA_NODE | CreateFlags.RDONLY | CreateFlags.WRONLY;

  private final AttachedPrograms programs = new AttachedPrograms();
  private final WeakReference<SockMap> weakly = new WeakReference<>(this);
  private final AtomicReferenceArray<@Nullable Socket> slots; // written under the monitor of this

  /** A map whose values are 8 bytes, so that {@link #lookupCookie} works. */
  public SockMap(int maxEntries) {
    this(Integer.BYTES, Long.BYTES, maxEntries);
  }

  /** A map without flags. */
  public SockMap(int keySize, int valueSize, int maxEntries) {
    this(keySize, valueSize, maxEntries, 0);
  }

  /**
   * A map as an object file declares it.
   *
   * @param keySize 4
   * @param valueSize 4 or 8 bytes; with 4, {@link #lookupCookie} answers ENOSPC
   * @param maxEntries at least 1
   * @param flags of {@link CreateFlags}: NUMA_NODE, RDONLY, WRONLY
   * @throws IllegalArgumentException otherwise; the message begins with the kernel's errno
   */
  public SockMap(int keySize, int valueSize, int maxEntries, int flags) {
    if (keySize != Integer.BYTES) {
      throw new IllegalArgumentException("EINVAL: key size " + keySize + "; a sockmap's is 4");
    }
    SocketMapRules.checkValueSize(valueSize);
    if (maxEntries < 1) {
      throw new IllegalArgumentException("EINVAL: " + maxEntries + " entries; at least 1");
    }
    super(MapType.SOCKMAP, keySize, valueSize, maxEntries, CreateFlags.check(flags, FLAGS));
    this.slots = new AtomicReferenceArray<>(maxEntries);
  }

  /** The stream programs that sockets inherit when they are put in. */
  public AttachedPrograms programs() {
    return programs;
  }

  /** What a program's lookup gives: the socket, or null for an empty or out-of-range index. */
  public @Nullable Socket lookup(int index) {
    return index >= 0 && index < slots.length() ? slots.get(index) : null;
  }

  /**
   * What a lookup from outside of programs gives.
   *
   * @return the socket's cookie, or negative: ENOSPC (always if values have 4 bytes), ENOENT
   */
  public long lookupCookie(int index) {
    return SocketMapRules.cookie(valueSize(), lookup(index));
  }

  /** Puts a socket into a slot, empty or not. */
  public int update(int index, Socket socket) {
    return update(index, socket, UpdateFlags.ANY);
  }

  /**
   * Puts a socket into a slot, atomically.
   *
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, checked in this order: EINVAL (null), EBADF (a closed socket),
   *     EOPNOTSUPP (TCP that neither listens nor is established; UDP without a port), EINVAL
   *     (flags), E2BIG (index), EBUSY (a sockarray has it), EBUSY or EOPNOTSUPP ({@linkplain
   *     AttachedPrograms programs}), EEXIST, ENOENT
   */
  public int update(int index, @Nullable Socket socket, long flags) {
    int error = SocketMapRules.check(socket, flags);
    if (error != 0 || socket == null) {
      return error;
    }
    if (index < 0 || index >= slots.length()) {
      return Errno.E2BIG.negative();
    }
    if (socket.isClaimed()) {
      return Errno.EBUSY.negative();
    }
    synchronized (this) {
      Socket old = slots.get(index);
      Link link = new Link(weakly, index);
      error = programs.inherit(socket, link, SocketMapRules.checkExistence(old != null, flags));
      if (error != 0) {
        return error;
      }
      if (!socket.addCloseListener(link)) {
        socket.programs().release(link);
        return SocketMapRules.refusal(socket);
      }
      slots.set(index, socket);
      if (old != null) {
        old.removeCloseListener(link);
        AttachedPrograms.replaced(old, socket, link);
      }
      return 0;
    }
  }

  /**
   * Empties a slot; the socket itself stays open.
   *
   * @return 0, or -EINVAL if it is empty or there is no such slot
   */
  public synchronized int delete(int index) {
    Socket old = lookup(index);
    if (old == null) {
      return Errno.EINVAL.negative();
    }
    slots.set(index, null);
    old.removeCloseListener(new Link(weakly, index));
    old.programs().release(new Link(weakly, index));
    return 0;
  }

  /**
   * Iterates: every index, whether it holds a socket or not.
   *
   * @param index where the caller is; one out of range, like -1, starts at the beginning
   * @return the next index, or -ENOENT after the last
   */
  public int nextKey(int index) {
    if (index < 0 || index >= slots.length()) {
      return 0;
    }
    return index == slots.length() - 1 ? Errno.ENOENT.negative() : index + 1;
  }

  /**
   * Empties all slots, as destroying the map does: the sockets can be put into a sockarray, and
   * lose the programs that they inherited here. Who only wants the memory back drops the map.
   */
  public synchronized void clear() {
    for (int index = 0; index < slots.length(); index++) {
      delete(index);
    }
  }

  private synchronized void closed(int index, Socket socket) {
    slots.compareAndSet(index, socket, null);
  }

  /** Leads from a socket to a slot that holds it; equal links are the same. */
  private record Link(WeakReference<SockMap> map, int index) implements Socket.CloseListener {
    @Override
    public void closed(Socket socket) {
      SockMap held = map.get();
      if (held != null) {
        held.closed(index, socket);
      }
    }

    @Override
    public boolean isGone() {
      return map.refersTo(null);
    }
  }
}
