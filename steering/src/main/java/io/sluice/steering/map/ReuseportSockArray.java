package io.sluice.steering.map;

import io.sluice.steering.Errno;
import io.sluice.steering.Socket;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: members of reuseport groups by index, for the groups' programs
 * to select from (kernel/bpf/reuseport_array.c).
 *
 * <p>A socket is in one slot of one such array at most, and then in no {@link SockMap} and no
 * {@link SockHash}. It is removed as soon as nothing more can be selected for it: when it
 * {@linkplain Socket#close closes}, stops listening (TCP), is connected (UDP), or leaves its group.
 */
public final class ReuseportSockArray extends BpfMap {
  private final AtomicReferenceArray<@Nullable Socket> slots; // written under the monitor of this

  /** A map whose values are 8 bytes, so that {@link #lookupCookie} works. */
  public ReuseportSockArray(int maxEntries) {
    this(Integer.BYTES, Long.BYTES, maxEntries, 0);
  }

  /**
   * A map as an object file declares it.
   *
   * @param keySize 4
   * @param valueSize 4 or 8 bytes; with 4, {@link #lookupCookie} answers ENOSPC
   * @param maxEntries at least 1
   * @param flags of {@link CreateFlags}: NUMA_NODE and those of access
   * @throws IllegalArgumentException EINVAL otherwise
   */
  public ReuseportSockArray(int keySize, int valueSize, int maxEntries, int flags) {
    SocketMapRules.checkValueSize(valueSize);
    checkAtLeastOne("entries:", maxEntries);
    checkIndexKey(keySize);
    int checked = CreateFlags.check(flags, CreateFlags.NUMA_NODE | CreateFlags.ACCESS);
    super(MapType.REUSEPORT_SOCKARRAY, keySize, valueSize, maxEntries, checked);
    this.slots = new AtomicReferenceArray<>(maxEntries);
  }

  /** What a group's program selects from: the socket, or null if there is none. */
  public @Nullable Socket lookup(int index) {
    return has(index) ? slots.get(index) : null;
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
   * Puts a socket into a slot, atomically; the one that was there is free for other maps.
   *
   * @param socket null is what -1 is for the kernel: no descriptor
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, checked in this order: EINVAL (flags), E2BIG (index), EINVAL or with
   *     4-byte values EBADF (null), EBADF (a closed socket), EEXIST, ENOENT, EINVAL (it doesn't
   *     listen, or is connected, or has no port, or is in no group), EBUSY (it is in some map)
   */
  public int update(int index, @Nullable Socket socket, long flags) {
    if (!UpdateFlags.areValid(flags)) {
      return Errno.EINVAL.negative();
    }
    if (!has(index)) {
      return Errno.E2BIG.negative();
    }
    if (socket == null) {
      return (valueSize() == Long.BYTES ? Errno.EINVAL : Errno.EBADF).negative();
    }
    synchronized (this) {
      if (socket.isClosed()) {
        return Errno.EBADF.negative();
      }
      Socket old = slots.get(index);
      int error = SocketMapRules.checkExistence(old != null, flags);
      if (error == 0) {
        error = socket.claim(new Slot(this, index));
      }
      if (error == 0) {
        slots.set(index, socket);
        release(index, old);
      }
      return error;
    }
  }

  /**
   * Empties a slot; the socket stays open and in its group.
   *
   * @return 0, or negative: E2BIG (index), ENOENT
   */
  public synchronized int delete(int index) {
    if (!has(index)) {
      return Errno.E2BIG.negative();
    }
    Socket old = slots.getAndSet(index, null);
    release(index, old);
    return old == null ? Errno.ENOENT.negative() : 0;
  }

  /**
   * Iterates: every index, whether it holds a socket or not.
   *
   * @param index where the caller is; one out of range, like -1, starts at the beginning
   * @return the next index, or -ENOENT after the last
   */
  public int nextKey(int index) {
    return indexAfter(index);
  }

  /** Empties all slots, as destroying the map does: the sockets can be put elsewhere. */
  public synchronized void clear() {
    for (int index = 0; index < slots.length(); index++) {
      int _ = delete(index);
    }
  }

  private void release(int index, @Nullable Socket old) {
    if (old != null) {
      old.removeCloseListener(new Slot(this, index));
    }
  }

  private synchronized void letGo(int index, Socket socket) {
    // By now the slot may hold another one, or the same one anew.
    if (slots.get(index) == socket && !socket.isSelectable()) {
      slots.set(index, null);
      release(index, socket);
    }
  }

  /** Leads from a socket to the slot that holds it; equal slots are the same. */
  private record Slot(ReuseportSockArray map, int index) implements Socket.CloseListener {
    @Override
    public void closed(Socket socket) {
      map.letGo(index, socket);
    }
  }
}
