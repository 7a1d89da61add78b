package io.sluice.bpf.run;

import io.sluice.steering.Errno;
import io.sluice.steering.Socket;
import io.sluice.steering.map.ArrayMap;
import io.sluice.steering.map.BpfMap;
import io.sluice.steering.map.HashTable;
import io.sluice.steering.map.LpmTrie;
import io.sluice.steering.map.PerLoopArray;
import io.sluice.steering.map.PerLoopHash;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** Maps from outside of programs: what bpftool does with the kernel's. */
public final class MapEntries {
  private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

  private MapEntries() {}

  /** A key and what is under it, as bytes in hexadecimal. */
  public record Entry(String key, String value) {}

  /**
   * Puts a value under a key.
   *
   * @return 0 or a negative errno; EINVAL if the lengths don't fit, or it is no map of memory
   */
  public static int update(Object map, byte[] key, byte[] value) {
    if (!(map instanceof BpfMap it)
        || key.length != it.keySize()
        || value.length != it.valueSize()) {
      return Errno.EINVAL.negative();
    }
    return switch (it) {
      case ArrayMap array -> array.update(index(key), value, 0);
      case HashTable hash -> hash.update(key, value, 0);
      case LpmTrie trie -> trie.update(key, value, 0);
      case PerLoopArray array -> array.update(index(key), 0, value, 0);
      case PerLoopHash hash -> hash.update(key, 0, value, 0);
      default -> Errno.EINVAL.negative();
    };
  }

  /**
   * Puts a socket under a number, which is the key's little-endian value.
   *
   * @return 0 or a negative errno; EINVAL if it is no map of sockets
   */
  public static int update(Object map, int key, Socket socket) {
    return switch (map) {
      case SockMap sockets -> sockets.update(key, socket);
      case SockHash sockets when sockets.keySize() >= Integer.BYTES ->
          sockets.update(
              ByteBuffer.allocate(sockets.keySize())
                  .order(ByteOrder.LITTLE_ENDIAN)
                  .putInt(key)
                  .array(),
              socket);
      default -> Errno.EINVAL.negative();
    };
  }

  /** All entries of a map of memory, in its order; of per-CPU maps, those of all CPUs. */
  public static List<Entry> all(Object map, int most) {
    List<Entry> entries = new ArrayList<>();
    if (!(map instanceof BpfMap it)) {
      return entries;
    }
    byte[] key = null;
    byte[] next = new byte[it.keySize()];
    int index = -1;
    while (entries.size() < most) {
      switch (it) {
        case ArrayMap array -> {
          index = array.nextKey(index);
          byte[] value = new byte[array.valueSize()];
          if (index < 0 || array.lookupCopy(index, value) != 0) {
            return entries;
          }
          entries.add(new Entry(hex(bytes(index)), hex(value)));
        }
        case PerLoopArray array -> {
          index = array.nextKey(index);
          byte[] value = new byte[array.totalValueSize()];
          if (index < 0 || array.lookupCopy(index, value) != 0) {
            return entries;
          }
          entries.add(new Entry(hex(bytes(index)), hex(value)));
        }
        case HashTable hash -> {
          byte[] value = new byte[hash.valueSize()];
          if (hash.nextKey(key, next) != 0) {
            return entries;
          }
          key = next.clone();
          if (hash.lookupCopy(key, value) == 0) {
            entries.add(new Entry(hex(key), hex(value)));
          }
        }
        case LpmTrie trie -> {
          byte[] value = new byte[trie.valueSize()];
          if (trie.nextKey(key, next) != 0) {
            return entries;
          }
          key = next.clone();
          if (trie.lookupCopy(key, value) == 0) {
            entries.add(new Entry(hex(key), hex(value)));
          }
        }
        default -> {
          return entries;
        }
      }
    }
    return entries;
  }

  private static String hex(byte[] bytes) {
    return HEX.formatHex(bytes);
  }

  private static int index(byte[] key) {
    return ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).getInt();
  }

  private static byte[] bytes(int index) {
    return ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(index).array();
  }
}
