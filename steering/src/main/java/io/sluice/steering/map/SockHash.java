package io.sluice.steering.map;

import io.sluice.steering.Errno;
import io.sluice.steering.Socket;
import java.lang.ref.WeakReference;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_SOCKHASH: sockets by keys of a fixed number of bytes (net/core/sock_map.c).
 *
 * <p>Programs {@link #lookup}, which neither blocks nor allocates. Any thread may write: a replaced
 * entry goes from one socket to the next at once and is never seen empty. A socket that {@linkplain
 * Socket#close closes} is gone from all maps. Operations answer 0 or a negative {@link Errno}.
 *
 * <p>Sockets don't keep a map alive: one that nobody holds any more is garbage, as in the kernel.
 *
 * <p>A key of another length than {@link #keySize} is a programmer's error, and throws.
 */
public final class SockHash extends BpfMap {
  /*
   * Buckets of singly linked entries. Writers hold the monitor of this; readers follow volatile
   * links. An entry that is taken out keeps its own link, so that a reader who stands on it finds
   * the rest of its bucket.
   */

  /** The kernel's limit of a bucket array. */
  public static final int MAX_ENTRIES = 1 << 27;

  private static final int MAX_KEY_SIZE = 512;
  private static final int MAX_BUCKETS = 1 << 20; // beyond that, chains grow instead

  private static final int FLAGS = CreateFlags.NUMA_NODE | CreateFlags.RDONLY | CreateFlags.WRONLY;

  private final AttachedPrograms programs = new AttachedPrograms();
  private final WeakReference<SockHash> weakly = new WeakReference<>(this);
  private final int keySize; // at hand for the hot path
  private final AtomicReferenceArray<@Nullable Entry> buckets;
  private int size; // guarded by this

  /** Leads from a key to its socket. */
  private static final class Entry {
    final byte[] key;
    final Link link;
    volatile Socket socket;
    volatile @Nullable Entry next;

    Entry(Link link, Socket socket, @Nullable Entry next) {
      this.key = link.key;
      this.link = link;
      this.socket = socket;
      this.next = next;
    }
  }

  /** Leads from a socket to one entry that holds it, and to no other one under the same key. */
  private static final class Link implements Socket.CloseListener {
    final WeakReference<SockHash> map;
    final byte[] key;

    Link(WeakReference<SockHash> map, byte[] key) {
      this.map = map;
      this.key = key;
    }

    @Override
    public void closed(Socket socket) {
      SockHash held = map.get();
      if (held != null) {
        held.closed(this, socket);
      }
    }

    @Override
    public boolean isGone() {
      return map.refersTo(null);
    }
  }

  /** A map whose values are 8 bytes, so that {@link #lookupCookie} works. */
  public SockHash(int keySize, int maxEntries) {
    this(keySize, Long.BYTES, maxEntries);
  }

  /** A map without flags. */
  public SockHash(int keySize, int valueSize, int maxEntries) {
    this(keySize, valueSize, maxEntries, 0);
  }

  /**
   * A map as an object file declares it.
   *
   * @param keySize 1–512 bytes
   * @param valueSize 4 or 8 bytes; with 4, {@link #lookupCookie} answers ENOSPC
   * @param maxEntries 1–{@value #MAX_ENTRIES}
   * @param flags of {@link CreateFlags}: NUMA_NODE, RDONLY, WRONLY
   * @throws IllegalArgumentException otherwise; the message begins with the kernel's errno
   */
  public SockHash(int keySize, int valueSize, int maxEntries, int flags) {
    if (keySize < 1) {
      throw new IllegalArgumentException("EINVAL: key size " + keySize + "; it is 1–512");
    }
    SocketMapRules.checkValueSize(valueSize);
    if (maxEntries < 1 || maxEntries > MAX_ENTRIES) {
      throw new IllegalArgumentException(
          "EINVAL: " + maxEntries + " entries; 1–" + MAX_ENTRIES + " are possible");
    }
    if (keySize > MAX_KEY_SIZE) {
      throw new IllegalArgumentException("E2BIG: key size " + keySize + "; it is 1–512");
    }
    super(MapType.SOCKHASH, keySize, valueSize, maxEntries, CreateFlags.check(flags, FLAGS));
    this.keySize = keySize;
    int powerOfTwo = maxEntries == 1 ? 1 : Integer.highestOneBit(maxEntries - 1) << 1;
    this.buckets = new AtomicReferenceArray<>(Math.min(powerOfTwo, MAX_BUCKETS));
  }

  /** The stream programs that sockets inherit when they are put in. */
  public AttachedPrograms programs() {
    return programs;
  }

  /** How many entries there are. */
  public synchronized int size() {
    return size;
  }

  /** What a program's lookup gives: the socket, or null. */
  public @Nullable Socket lookup(byte[] key) {
    checkKey(key);
    return lookup(key, 0);
  }

  /** {@link #lookup(byte[])} with a key that starts at {@code offset}. */
  public @Nullable Socket lookup(byte[] bytes, int offset) {
    Entry entry = find(bytes, offset);
    return entry == null ? null : entry.socket;
  }

  /**
   * What a lookup from outside of programs gives.
   *
   * @return the socket's cookie, or negative: ENOSPC (always if values have 4 bytes), ENOENT
   */
  public long lookupCookie(byte[] key) {
    return SocketMapRules.cookie(valueSize(), lookup(key));
  }

  /** Puts a socket under a key, taken or not. */
  public int update(byte[] key, Socket socket) {
    return update(key, socket, UpdateFlags.ANY);
  }

  /**
   * Puts a socket under a key, atomically.
   *
   * @param key copied
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, checked in this order: EINVAL (null), EBADF (a closed socket),
   *     EOPNOTSUPP (TCP that neither listens nor is established; UDP without a port), EINVAL
   *     (flags), EBUSY (a sockarray has it), EBUSY or EOPNOTSUPP ({@linkplain AttachedPrograms
   *     programs}), EEXIST, ENOENT, E2BIG (a new key, and the map is full)
   */
  public int update(byte[] key, @Nullable Socket socket, long flags) {
    checkKey(key);
    int error = SocketMapRules.check(socket, flags);
    if (error != 0 || socket == null) {
      return error;
    }
    if (socket.isClaimed()) {
      return Errno.EBUSY.negative();
    }
    synchronized (this) {
      Entry entry = find(key, 0);
      error = SocketMapRules.checkExistence(entry != null, flags);
      if (entry == null) {
        return insert(key.clone(), socket, error);
      }
      error = programs.inherit(socket, entry.link, error);
      if (error != 0) {
        return error;
      }
      Socket old = entry.socket;
      if (!socket.addCloseListener(entry.link)) {
        socket.programs().release(entry.link);
        return SocketMapRules.refusal(socket);
      }
      entry.socket = socket;
      old.removeCloseListener(entry.link);
      AttachedPrograms.replaced(old, socket, entry.link);
      return 0;
    }
  }

  private int insert(byte[] key, Socket socket, int existence) {
    int bucket = bucket(key, 0);
    Entry entry = new Entry(new Link(weakly, key), socket, buckets.get(bucket));
    int room = size == maxEntries() ? Errno.E2BIG.negative() : 0;
    int error = programs.inherit(socket, entry.link, existence != 0 ? existence : room);
    if (error != 0) {
      return error;
    }
    if (!socket.addCloseListener(entry.link)) {
      socket.programs().release(entry.link);
      return SocketMapRules.refusal(socket);
    }
    buckets.set(bucket, entry);
    size++;
    return 0;
  }

  /**
   * Removes a key; the socket itself stays open.
   *
   * @return 0, or -ENOENT
   */
  public int delete(byte[] key) {
    checkKey(key);
    synchronized (this) {
      Entry entry = find(key, 0);
      if (entry == null) {
        return Errno.ENOENT.negative();
      }
      unlink(entry);
      entry.socket.removeCloseListener(entry.link);
      entry.socket.programs().release(entry.link);
      return 0;
    }
  }

  /**
   * Iterates over the keys, in the order of the buckets.
   *
   * @param key where the caller is; null, or one that isn't there, starts at the beginning
   * @param next receives the next key
   * @return 0, or -ENOENT after the last
   */
  public int nextKey(byte @Nullable [] key, byte[] next) {
    checkKey(next);
    Entry from = null;
    if (key != null) {
      checkKey(key);
      from = find(key, 0);
    }
    Entry found = from == null ? null : from.next;
    int bucket = from == null ? 0 : bucket(from.key, 0) + 1;
    while (found == null && bucket < buckets.length()) {
      found = buckets.get(bucket++);
    }
    if (found == null) {
      return Errno.ENOENT.negative();
    }
    System.arraycopy(found.key, 0, next, 0, keySize);
    return 0;
  }

  /**
   * Removes all keys, as destroying the map does: the sockets can be put into a sockarray, and lose
   * the programs that they inherited here. Who only wants the memory back drops the map.
   */
  public synchronized void clear() {
    for (int bucket = 0; bucket < buckets.length(); bucket++) {
      for (Entry entry = buckets.get(bucket); entry != null; entry = entry.next) {
        entry.socket.removeCloseListener(entry.link);
        entry.socket.programs().release(entry.link);
      }
      buckets.set(bucket, null);
    }
    size = 0;
  }

  /** Called when a socket closes that the entry held when it was told to listen. */
  private synchronized void closed(Link link, Socket socket) {
    // By now the key may be gone, or lead to another socket.
    Entry entry = find(link.key, 0);
    if (entry != null && entry.link == link && entry.socket == socket) {
      unlink(entry);
    }
  }

  private void unlink(Entry entry) {
    int bucket = bucket(entry.key, 0);
    Entry before = null;
    for (Entry at = buckets.get(bucket); at != null && at != entry; at = at.next) {
      before = at;
    }
    if (before == null) {
      buckets.set(bucket, entry.next);
    } else {
      before.next = entry.next;
    }
    size--;
  }

  private @Nullable Entry find(byte[] bytes, int offset) {
    Entry entry = buckets.get(bucket(bytes, offset));
    while (entry != null
        && !Arrays.equals(entry.key, 0, keySize, bytes, offset, offset + keySize)) {
      entry = entry.next;
    }
    return entry;
  }

  private int bucket(byte[] bytes, int offset) {
    int hash = 0;
    for (int i = offset; i < offset + keySize; i++) {
      hash = (hash ^ (bytes[i] & 0xff)) * 0x0100_0193; // FNV-1
    }
    hash ^= hash >>> 15;
    return (hash * 0x2c1b_3c6d >>> 12) & (buckets.length() - 1);
  }
}
