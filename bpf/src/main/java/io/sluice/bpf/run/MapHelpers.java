package io.sluice.bpf.run;

import io.sluice.steering.Errno;
import io.sluice.steering.Socket;
import io.sluice.steering.map.ArrayMap;
import io.sluice.steering.map.ArrayOfMaps;
import io.sluice.steering.map.BpfMap;
import io.sluice.steering.map.HashOfMaps;
import io.sluice.steering.map.HashTable;
import io.sluice.steering.map.LpmTrie;
import io.sluice.steering.map.PerLoopArray;
import io.sluice.steering.map.PerLoopHash;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Maps as programs use them: by keys and values in their memory. A map that is known when the
 * program is compiled is a constant, and only the line of its kind is left.
 */
public final class MapHelpers {
  private MapHelpers() {}

  /** bpf_map_lookup_elem: a live value, a socket, a map, or null. */
  public static @Nullable Object lookup(
      Run run, @Nullable Object map, @Nullable Object key, long offset) {
    Object found = find(run, map, key, offset);
    if (run.isTraced() && map instanceof BpfMap it) {
      run.trace().lookedUp(it, copy(key, offset, it.keySize()), found != null);
    }
    return found;
  }

  private static @Nullable Object find(
      Run run, @Nullable Object map, @Nullable Object key, long offset) {
    if (map instanceof ArrayMap it) {
      return it.lookup(indexOf(key, offset));
    }
    if (map instanceof SockMap it) {
      return it.lookup(indexOf(key, offset));
    }
    if (map instanceof HashTable it) {
      return inHash(run, it, key, offset);
    }
    if (map instanceof LpmTrie it) {
      return it.lookup(bytes(run, key, offset, it.keySize()), start(key, offset, it.keySize()));
    }
    return inOther(run, map, key, offset);
  }

  private static @Nullable Object inHash(
      Run run, HashTable map, @Nullable Object key, long offset) {
    return switch (map.keySize()) {
      case Integer.BYTES -> map.lookup(Memory.load4(key, offset));
      case Long.BYTES -> map.lookup(Memory.load8(key, offset));
      default -> {
        int size = map.keySize();
        yield map.lookup(bytes(run, key, offset, size), start(key, offset, size));
      }
    };
  }

  private static @Nullable Object inOther(
      Run run, @Nullable Object map, @Nullable Object key, long offset) {
    return switch (map) {
      case SockHash it -> {
        int size = it.keySize();
        yield it.lookup(bytes(run, key, offset, size), start(key, offset, size));
      }
      case PerLoopArray it -> it.lookup(indexOf(key, offset), run.loop());
      case PerLoopHash it -> it.lookup(copy(key, offset, it.keySize()), run.loop());
      case ArrayOfMaps<?> it -> it.lookup(indexOf(key, offset));
      case HashOfMaps<?> it -> it.lookup(copy(key, offset, it.keySize()));
      case null, default -> throw Trap.nullPointer();
    };
  }

  /** bpf_map_update_elem. */
  public static long update(
      Run run,
      @Nullable Object map,
      @Nullable Object key,
      long keyOffset,
      @Nullable Object value,
      long valueOffset,
      long flags) {
    if (map instanceof ArrayMap it) {
      return it.update(indexOf(key, keyOffset), copy(value, valueOffset, it.valueSize()), flags);
    }
    if (!(map instanceof BpfMap it)) {
      throw Trap.nullPointer();
    }
    if (map instanceof SockMap sockets) {
      return sockets.update(indexOf(key, keyOffset), (Socket) value, flags);
    }
    byte[] keyBytes = copy(key, keyOffset, it.keySize());
    if (map instanceof SockHash sockets) {
      return sockets.update(keyBytes, (Socket) value, flags);
    }
    byte[] valueBytes = copy(value, valueOffset, it.valueSize());
    return switch (it) {
      case HashTable hash -> hash.update(keyBytes, valueBytes, flags);
      case LpmTrie trie -> trie.update(keyBytes, valueBytes, flags);
      case PerLoopArray array ->
          array.update(indexOf(key, keyOffset), run.loop(), valueBytes, flags);
      case PerLoopHash hash -> hash.update(keyBytes, run.loop(), valueBytes, flags);
      default -> Errno.EINVAL.negative();
    };
  }

  /** bpf_map_delete_elem. */
  public static long delete(Run run, @Nullable Object map, @Nullable Object key, long offset) {
    return switch (map) {
      case HashTable it -> it.delete(copy(key, offset, it.keySize()));
      case LpmTrie it -> it.delete(copy(key, offset, it.keySize()));
      case PerLoopHash it -> it.delete(copy(key, offset, it.keySize()));
      case SockMap it -> it.delete(indexOf(key, offset));
      case SockHash it -> it.delete(copy(key, offset, it.keySize()));
      case null -> throw Trap.nullPointer();
      default -> Errno.EINVAL.negative();
    };
  }

  private static int indexOf(@Nullable Object key, long offset) {
    return (int) Memory.load4(key, offset);
  }

  /** An array that has the bytes: memory's own, or a copy of them from 0 on. */
  private static byte[] bytes(Run run, @Nullable Object base, long offset, int length) {
    if (base instanceof byte[] own) {
      return own;
    }
    byte[] to = run.scratch(length);
    Memory.copyOut(base, offset, to, 0, length);
    return to;
  }

  /** Where in {@link #bytes} they begin. */
  private static int start(@Nullable Object base, long offset, int length) {
    if (!(base instanceof byte[] own)) {
      return 0;
    }
    if (offset < 0 || offset > own.length - length) {
      throw Trap.outOfRange();
    }
    return (int) offset;
  }

  private static byte[] copy(@Nullable Object base, long offset, int length) {
    if (base instanceof byte[] own) {
      int start = start(base, offset, length);
      return Arrays.copyOfRange(own, start, start + length);
    }
    byte[] to = new byte[length];
    Memory.copyOut(base, offset, to, 0, length);
    return to;
  }
}
